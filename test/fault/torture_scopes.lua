--- Torture: groups, scopes and handles, cancelled at each of their waits.
local anyio = require "anyio"
local t = require "harness"
local each_checkpoint = require("fault.checkpoints").each_checkpoint
local checkpoint = anyio.lowlevel.checkpoint
--- A value that counts itself in `state.open`.
local function resource(state)
  state.open = state.open + 1
  return setmetatable({}, {__close = function() state.open = state.open - 1 end})
end

local function wait(n)
  for _ = 1, n or 2 do checkpoint() end
end

local function new_state() return {open = 0, children = 0, steps = {}} end
--- Run `case` and check that it was hit, and that each attempt left the task
-- that drives it as it was.
local function torture(title, case)
  t.test(title, {slow = true}, function()
    case.setup = case.setup or new_state
    local check, living = case.check, #anyio.get_running_tasks()
    function case.check(state, outcome)
      t.eq(state.open, 0, "resources left open")
      t.eq(state.children, 0, "children left")
      t.eq(anyio.current_effective_deadline(), math.huge)
      t.no(anyio.get_current_task():has_pending_cancellation())
      if check then check(state, outcome) end
    end
    function case.after()
      t.eq(#anyio.get_running_tasks(), living, "tasks left")
    end
    t.ok(each_checkpoint(case) >= (case.hits or 3), "too few places were hit")
    checkpoint()
  end)
end

--- A child that counts itself while it lives.
local function child(state, n)
  local _ <close> = resource(state)
  state.children = state.children + 1
  local _ <close> = setmetatable({}, {__close = function()
    state.children = state.children - 1
  end})
  wait(n)
end

torture("a group waits for its children, wherever its host is cancelled", {
  body = function(state)
    local _ <close> = resource(state)
    anyio.create_task_group(function(tg)
      for i = 1, 3 do tg:start_soon(child, state, i) end
      wait()
    end)
    t.eq(state.children, 0, "the block was left before its children ended")
    wait()
    state.finished = true
  end,
  check = function(state, outcome) t.eq(state.finished or false, outcome.ended or false) end,
})

torture("groups in groups in children", {
  body = function(state)
    local function level(depth)
      local _ <close> = resource(state)
      anyio.create_task_group(function(tg)
        tg:start_soon(child, state, depth)
        if depth > 0 then tg:start_soon(level, depth - 1) end
        wait(1)
      end)
    end
    level(3)
    t.eq(state.children, 0)
  end,
})

torture("a child that cleans up behind a shield always finishes its cleanup", {
  body = function(state)
    anyio.create_task_group(function(tg)
      for _ = 1, 2 do
        tg:start_soon(function()
          local _ <close> = setmetatable({}, {__close = function()
            anyio.CancelScope({shield = true}, function()
              wait()
              state.open = state.open - 1
            end)
          end})
          state.open = state.open + 1
          wait(4)
        end)
      end
      wait(1)
    end)
  end,
})

torture("a shielded block is finished once it was begun", {
  body = function(state)
    wait(1)
    local ok, err = pcall(anyio.CancelScope, {shield = true}, function()
      state.open = state.open + 1
      anyio.create_task_group(function(tg)
        tg:start_soon(wait, 2)
        wait(2)
      end)
      state.open = state.open - 1
    end)
    -- a native cancellation goes through shields
    if not ok then state.open = 0 error(err, 0) end
    wait(1)
  end,
})

torture("start either starts the child or ends it", {
  body = function(state)
    anyio.create_task_group(function(tg)
      local value, handle = tg:start(function(task_status)
        local _ <close> = resource(state)
        wait()
        task_status:started "value"
        state.started = true
        wait(2)
        return "result"
      end)
      t.eq(value, "value")
      t.ok(state.started)
      state.result = handle:await()
    end)
  end,
  check = function(state, outcome)
    if outcome.ended then t.eq(state.result, "result") end
  end,
})

torture("start whose child shields its way to started", {
  body = function(state)
    anyio.create_task_group(function(tg)
      tg:start(function(task_status)
        local _ <close> = resource(state)
        anyio.CancelScope({shield = true}, function() wait(3) end)
        task_status:started()
        wait(1)
      end)
      wait(1)
    end)
  end,
})

torture("cancelling a waiter on a handle does not cancel the task", {
  partners = {function(state)
    anyio.create_task_group(function(tg)
      state.handle = tg:start_soon(function()
        wait(6)
        state.done = true
        return "result"
      end)
    end)
  end},
  body = function(state)
    while not state.handle do checkpoint() end
    t.eq(state.handle:await(), "result")
    state.handle:wait()
  end,
  check = function(state)
    anyio.CancelScope({shield = true}, function()
      while not state.handle do checkpoint() end
      state.handle:wait()
    end)
    t.ok(state.done)
    t.eq(state.handle.status, "FINISHED")
  end,
})

torture("a handle's cancel ends its task only, also when the canceller is cancelled", {
  body = function(state)
    local sibling
    anyio.create_task_group(function(tg)
      local victim = tg:start_soon(child, state, 100)
      sibling = tg:start_soon(child, state, 3)
      wait(1)
      victim:cancel()
      victim:wait()
      t.eq(victim.status, "CANCELLED")
    end)
    t.eq(sibling.status, "FINISHED")
  end,
})

torture("of nested scopes the one that was cancelled catches", {
  body = function(state)
    local inner
    local outer = anyio.CancelScope(function(outer)
      local _ <close> = resource(state)
      inner = anyio.CancelScope(function(scope)
        local _ <close> = resource(state)
        wait()
        scope:cancel()
        wait()
        t.fail("the inner scope was cancelled")
      end)
      t.ok(inner.cancelled_caught)
      wait()
      outer:cancel()
      wait()
      t.fail("the outer scope was cancelled")
    end)
    t.ok(outer.cancelled_caught)
    wait()
  end,
})

torture("an expired scope reports itself whatever else happens", {
  body = function(state)
    local scope = anyio.move_on_after(0, function()
      local _ <close> = resource(state)
      anyio.create_task_group(function(tg)
        tg:start_soon(child, state, 3)
        wait()
      end)
    end)
    t.ok(scope.cancelled_caught)
    wait()
    local ok, err = pcall(anyio.fail_after, 0, function()
      local _ <close> = resource(state)
      checkpoint()
    end)
    t.no(ok)
    state.timeout = anyio.isinstance(err, anyio.TimeoutError)
    if not state.timeout then error(err, 0) end
  end,
  check = function(state, outcome) t.eq(state.timeout or false, outcome.ended or false) end,
})

torture("a failing child's error is never lost, and never alone", {
  may_fail = true,
  body = function(state)
    anyio.create_task_group(function(tg)
      tg:start_soon(child, state, 10)
      tg:start_soon(function()
        wait(2)
        state.raised = true
        error(anyio.ValueError("from the child"))
      end)
      wait(5)
    end)
  end,
  check = function(state, outcome)
    if not state.raised then
      t.ok(outcome.cancelled)
      return
    end
    -- trio keeps the outer scope's cancellations beside it
    local _, rest = outcome.error:split(anyio.get_cancelled_exc_class())
    t.isa(rest, anyio.ExceptionGroup)
    t.eq(#rest:leaves(), 1)
    t.eq(rest:leaves()[1].message, "from the child")
  end,
})

torture("a body that swallows every cancellation is asked again and ends by itself", {
  body = function(state)
    local swallowed = 0
    for _ = 1, 6 do
      if not pcall(checkpoint) then swallowed = swallowed + 1 end
    end
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        for _ = 1, 4 do pcall(checkpoint) end
      end)
      pcall(wait, 2)
    end)
    state.swallowed = swallowed
  end,
  check = function(state, outcome)
    if not outcome.hit or outcome.cancelled then return end
    if outcome.how == "native" then t.ok(state.swallowed <= 1) end
  end,
})

torture("scopes in coroutines of the script", {
  body = function(state)
    local generator = coroutine.wrap(function()
      for i = 1, 3 do
        anyio.CancelScope(function()
          local _ <close> = resource(state)
          wait(1)
        end)
        coroutine.yield(i)
      end
    end)
    for i in generator do
      state.steps[#state.steps + 1] = i
      wait(1)
      if i == 3 then break end
    end
  end,
  check = function(state, outcome)
    if outcome.ended then t.eq(state.steps, {1, 2, 3}) end
  end,
})
