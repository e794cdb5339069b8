--- Cancel scopes: relative deadlines, what groups lose in them, their text.
local anyio = require "anyio"
local t = require "harness"
local trio = require "trio"
local CancelScope = trio.CancelScope
local checkpoint = trio.lowlevel.checkpoint
local raise = error

local mock = {mock_clock = true}

t.test("[TR-CS-18] a relative deadline counts from the entering, or from now", mock, function()
  local scope = CancelScope{relative_deadline = 3}
  trio.sleep(10)
  local before = trio.current_time()
  scope(function()
    t.eq(scope.deadline, before + 3)
    trio.sleep(1)
    t.eq(scope.relative_deadline, 2)
    scope.relative_deadline = 5
    t.eq(scope.deadline, before + 6)
    trio.sleep_forever()
  end)
  t.ok(scope.cancelled_caught)
  t.eq(trio.current_time(), before + 6)
end)

t.test("[TR-CS-19] before it is entered a scope has one kind of deadline", function()
  local relative = CancelScope{relative_deadline = 3}
  t.raises(anyio.RuntimeError, function() return relative.deadline end)
  t.raises(anyio.RuntimeError, function() relative.deadline = 7 end)
  local absolute = CancelScope{deadline = 3}
  t.raises(anyio.RuntimeError, function() return absolute.relative_deadline end)
  t.raises(anyio.RuntimeError, function() absolute.relative_deadline = 7 end)
end)

t.test("[TR-CS-20] is_relative tells which kind, until the scope is entered", function()
  t.eq(CancelScope{relative_deadline = 3}.is_relative, true)
  t.eq(CancelScope{deadline = 3}.is_relative, false)
  t.eq(CancelScope().is_relative, false)
  CancelScope({relative_deadline = 3}, function(scope) t.eq(scope.is_relative, nil) end)
end)

t.test("[TR-CS-21] both kinds, NaN and a negative relative deadline are ValueErrors", function()
  local nan = 0 / 0
  t.raises(anyio.ValueError, CancelScope, {deadline = 3, relative_deadline = 3})
  t.raises(anyio.ValueError, CancelScope, {deadline = nan})
  t.raises(anyio.ValueError, CancelScope, {relative_deadline = nan})
  t.raises(anyio.ValueError, CancelScope, {relative_deadline = -3})
  t.raises(anyio.ValueError, function() CancelScope().deadline = nan end)
  t.raises(anyio.TypeError, CancelScope, {dedline = 3})
end)

-- A group with errors of a cancelled scope in it: a Cancelled and others.
local function group_with(...)
  local cancelled = t.raises(trio.Cancelled, checkpoint)
  raise(anyio.BaseExceptionGroup("mixed", {cancelled, ...}), 0)
end

t.test("[TR-CS-22] the cancelled scope takes all Cancelled out of a group", function()
  local value_error = anyio.ValueError("kept")
  local scope = CancelScope()
  local group = t.group(scope, function()
    scope:cancel()
    group_with(value_error, anyio.BaseExceptionGroup("deep", {
      t.raises(trio.Cancelled, checkpoint), anyio.LookupError("deep")}))
  end)
  t.ok(scope.cancelled_caught)
  t.eq(#group:leaves(), 2)
  t.ok(rawequal(group:leaves()[1], value_error))
  t.eq(group.message, "mixed")
  t.isa(group, anyio.ExceptionGroup)
  scope = CancelScope(function(inner)
    inner:cancel()
    group_with()
  end)
  t.ok(scope.cancelled_caught, "a group of nothing else vanishes")
end)

t.test("[TR-CS-23] a group without a Cancelled in it is left as it is", function()
  local scope = CancelScope()
  local group = anyio.ExceptionGroup("untouched", {anyio.ValueError()})
  local got = t.group(scope, function()
    scope:cancel()
    raise(group, 0)
  end)
  t.ok(rawequal(got, group))
  t.no(scope.cancelled_caught)
end)

t.test("[TR-CS-24] other errors pass a cancelled scope unchanged", function()
  local err = anyio.ValueError("mine")
  local scope = CancelScope()
  local got = t.raises(anyio.ValueError, scope, function()
    scope:cancel()
    t.raises(trio.Cancelled, checkpoint)
    raise(err)
  end)
  t.ok(rawequal(got, err))
  t.no(scope.cancelled_caught)
end)

t.test("[TR-CS-29] a scope as text says its state, and its deadline from now", mock, function()
  local scope = CancelScope()
  t.match(tostring(scope), "unbound")
  scope(function()
    t.match(tostring(scope), "active")
    scope.deadline = trio.current_time() + 10
    t.match(tostring(scope), "10%.00 seconds from now")
    scope.deadline = trio.current_time() - 10
    t.match(tostring(scope), "10%.00 seconds ago")
    scope:cancel()
    t.match(tostring(scope), "cancelled")
  end)
  t.match(tostring(scope), "exited")
end)

t.test("[TR-CS-30 TR-LL-07] a wait is aborted at most once", function()
  local aborts, value = 0, nil
  trio.open_nursery(function(nursery)
    local task, outer, inner
    nursery:start_soon(function()
      CancelScope(function(scope)
        outer = scope
        CancelScope(function(scope2)
          inner = scope2
          task = trio.lowlevel.current_task()
          value = trio.lowlevel.wait_task_rescheduled(function()
            aborts = aborts + 1
            return trio.lowlevel.Abort.FAILED
          end)
          t.raises(trio.Cancelled, checkpoint)
        end)
      end)
    end)
    trio.testing.wait_all_tasks_blocked()
    inner:cancel()
    outer:cancel()
    nursery.cancel_scope:cancel()
    CancelScope({shield = true}, function()
      for _ = 1, 3 do checkpoint() end
      trio.lowlevel.reschedule(task, true, "value")
    end)
  end)
  t.eq(aborts, 1)
  t.eq(value, "value")
end)

t.test("[TR-CS-31] shielding comes too late for a task that has been cancelled", function()
  local raised
  trio.open_nursery(function(nursery)
    local shield
    nursery:start_soon(function()
      CancelScope(function(scope)
        shield = scope
        t.raises(trio.Cancelled, trio.sleep_forever)
        raised = true
      end)
    end)
    trio.testing.wait_all_tasks_blocked()
    nursery.cancel_scope:cancel()
    shield.shield = true
  end)
  t.ok(raised)
end)

t.test("[D-07] tasks cannot be cancelled, only scopes", function()
  t.eq(trio.lowlevel.current_task().cancel, nil)
end)
