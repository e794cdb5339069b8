--- Cancel a task at each place where it waits, one run of its body per place.
--
-- `each_checkpoint` is called inside a run. It needs nothing but what scripts
-- have: an observer counts scheduler turns and cancels after the n-th, for
-- n = 0, 1, 2 ... until the body ends by itself. Where the debug module
-- `_anyrun.test` has `on_park`, the observer counts the waits of the task
-- under test instead, so that a body that waits for the outside world is hit
-- once per wait, not once per turn.
--
-- On asyncio every place is tried twice: cancelled by a scope around the body
-- (a state, raised again at every later wait) and by the task's own `cancel`
-- (an event, raised once).

local anyio = require "anyio"
local lowlevel = require "anyio.lowlevel"
local sniffio = require "sniffio"
local has_hooks, hooks = pcall(require, "_anyrun.test")

local checkpoints = {}

local function is_cancelled(err)
  return anyio.isinstance(err, anyio.get_cancelled_exc_class())
end

--- What happened to the body: ended, cancelled or failed (then `error`).
local function call_body(body, state, outcome)
  local results = table.pack(pcall(body, state))
  outcome.done = true
  if results[1] then
    outcome.ended, outcome.results = true, table.pack(table.unpack(results, 2, results.n))
  elseif is_cancelled(results[2]) then
    outcome.cancelled = true
  else
    outcome.error = results[2]
  end
end

local victims = {}

--- The task under test, surrounded by a scope: `outcome.cancel()` hits it.
function victims.scope(body, state, outcome)
  anyio.CancelScope(function(scope)
    function outcome.cancel() scope:cancel() end
    call_body(body, state, outcome)
  end)
end

--- The task under test, hit by asyncio's own `task:cancel()`.
function victims.native(body, state, outcome)
  local task = require("asyncio").current_task()
  function outcome.cancel() task:cancel() end
  call_body(body, state, outcome)
  -- A request that came after the last wait must not hit the group's code.
  if task:cancelling() > 0 then
    pcall(anyio.sleep, 0)
    while task:cancelling() > 0 do task:uncancel() end
  end
end

local function count_parks(outcome)
  if not (has_hooks and hooks.on_park) then return end
  outcome.parks = 0
  hooks.on_park(function(task)
    if task == outcome.task and not outcome.done then
      outcome.parks = outcome.parks + 1
    end
  end)
end

local function stop_counting(outcome)
  if outcome.parks then hooks.on_park(nil) end
end

--- Cancel the task under test when it waits for the n-th time; false when its
--- body ended before.
local function observe(outcome)
  local turns = 0
  while not outcome.done and (outcome.parks or turns) < outcome.at do
    lowlevel.checkpoint()
    turns = turns + 1
  end
  if outcome.done then return end
  outcome.hit = true
  outcome.cancel()
end

local function label(outcome)
  local harness = package.loaded.harness
  if harness then
    harness.label = outcome and string.format("cancelled by %s at %s %d",
      outcome.how, outcome.parks and "wait" or "turn", outcome.at)
  end
end

local function attempt(case, how, n)
  local outcome = {how = how, at = n}
  local state = case.setup and case.setup()
  label(outcome)
  anyio.create_task_group(function(tg)
    for _, partner in ipairs(case.partners or {}) do tg:start_soon(partner, state) end
    count_parks(outcome)
    outcome.task = tg:start_soon(victims[how], case.body, state, outcome)
    tg:start_soon(function()
      while not outcome.cancel do lowlevel.checkpoint() end
      observe(outcome)
    end)
    outcome.task:wait()
    stop_counting(outcome)
    if outcome.error ~= nil and not case.may_fail then error(outcome.error, 0) end
    case.check(state, outcome)
    tg.cancel_scope:cancel()
  end)
  if case.after then case.after(state, outcome) end
  label(nil)
  return outcome
end

--- Trio shuffles: a turn of the observer may come before or after that of the
--- task under test, hence several attempts at each place.
local function tries()
  return sniffio.current_async_library() == "trio" and 4 or 1
end

--- Run `case.body` again and again, cancelled at another place each time.
--
-- case: `setup()` makes the state of one attempt; `body(state)` is the code
-- under test, in a task of its own; `partners` is a list of functions of the
-- state, run in tasks beside it and cancelled at the end; `check(state,
-- outcome)` is called when the body has ended, while the partners still live;
-- `after(state, outcome)` when they have ended, too. `limit` (50) is the
-- number of places to try at most; an error of the body is raised unless
-- `may_fail`.
-- outcome: `how` ("scope", "native"), `at`, `hit` (a cancellation was sent),
-- and one of `ended`, `cancelled`, `error`.
---@return integer number of attempts in which a cancellation was sent
function checkpoints.each_checkpoint(case)
  local hits = 0
  local ways = {"scope"}
  if sniffio.current_async_library() == "asyncio" then ways[2] = "native" end
  for _, how in ipairs(ways) do
    for n = 0, case.limit or 50 do
      local hits_here = 0
      for _ = 1, tries() do
        if attempt(case, how, n).hit then hits_here = hits_here + 1 end
      end
      if hits_here == 0 then break end
      hits = hits + hits_here
    end
  end
  return hits
end

return checkpoints
