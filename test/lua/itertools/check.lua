--- What the tests of the itertools share.

local anyio = require "anyio"
local t = require "harness"
local task = require "_anyrun.task"

local check = {}

--- An iterator that waits before each item and at the end.
function check.async(list)
  local i = 0
  return function()
    anyio.sleep(0)
    i = i + 1
    return list[i]
  end
end

--- A stream of the items, all sent already.
function check.stream(list)
  local send, receive = anyio.create_memory_object_stream(math.huge)
  for _, item in ipairs(list) do send:send_nowait(item) end
  send:close()
  return receive
end

-- The values of a step: one as it is, several as a list, nil for none.
local function values_of(value, ...)
  if value == nil or select("#", ...) == 0 then return value end
  return {value, ...}
end

--- Everything an iterator gives, at most `limit` steps; several values of a
--- step as a list.
function check.all(step, limit)
  local items = {}
  while #items < (limit or 1000) do
    local item = values_of(step())
    if item == nil then break end
    items[#items + 1] = item
  end
  return items
end

-- Others may run, and a cancellation be raised, while `step` goes on.
local function is_checkpoint(step, title)
  local cancel, schedule = task.points(task.current())
  step()
  local cancel_now, schedule_now = task.points(task.current())
  t.ok(schedule_now > schedule, title .. " lets others run")
  t.ok(cancel_now > cancel, title .. " can be cancelled")
end

local function is_cancelled_in(step, title)
  anyio.CancelScope(function(scope)
    scope:cancel()
    local ok, err = pcall(step)
    t.no(ok, title .. " raises where it is cancelled")
    t.isa(err, anyio.get_cancelled_exc_class())
  end)
end

--- Each step is a checkpoint, the one that finds the end too; a step that is
--- cancelled before anything was taken loses nothing. `make` makes the iterator
--- anew; `endless`: only some steps are looked at.
function check.checkpoints(title, make, endless)
  local want = check.all(make(), endless and 6)
  local steps = #want + (endless and 0 or 1)
  local got, step = {}, make()
  for i = 1, steps do
    is_checkpoint(function() got[i] = values_of(step()) end, title .. ", step " .. i)
  end
  t.eq(got, want, title)
  got, step = {}, make()
  for i = 1, steps do
    is_cancelled_in(step, title .. ", step " .. i)
    got[i] = values_of(step())
  end
  t.eq(got, want, title .. ", cancelled before each step")
end

return check
