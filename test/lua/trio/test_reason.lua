--- Cancelled: who cancelled what, and why.
local anyio = require "anyio"
local t = require "harness"
local trio = require "trio"
local CancelScope = trio.CancelScope
local checkpoint = trio.lowlevel.checkpoint
local raise = error

-- The Cancelled that f(scope) makes a checkpoint raise.
local function cancelled_by(f)
  local err
  CancelScope(function(scope)
    f(scope)
    err = t.raises(trio.Cancelled, checkpoint)
  end)
  return err
end

t.test("[TR-RSN-01 D-08] Cancelled cannot be made, extended, or caught as an Exception", function()
  t.raises(anyio.TypeError, trio.Cancelled)
  t.raises(anyio.TypeError, anyio.exception, "Mine", trio.Cancelled)
  local err = cancelled_by(function(scope) scope:cancel() end)
  t.no(anyio.isinstance(err, anyio.Exception))
  t.isa(err, anyio.get_cancelled_exc_class())
  t.eq(err.name, "Cancelled")
  CancelScope(function(scope)
    scope:cancel()
    local passed = pcall(anyio.pcall, checkpoint)
    t.no(passed, "anyio.pcall lets it pass")
  end)
end)

t.test("[TR-RSN-02 TR-RSN-03 TR-RSN-04 TR-RSN-05 D-09] cancel(reason) tells reason and task",
  function()
    local me = tostring(trio.lowlevel.current_task().name)
    local err = cancelled_by(function(scope) scope:cancel("too hot") end)
    t.eq({err.source, err.reason}, {"explicit", "too hot"})
    t.ok(err.source_task:find(me, 1, true))
    t.eq(tostring(err):match "cancelled due to explicit with reason 'too hot' from task (.*)",
      err.source_task)
    err = cancelled_by(function(scope) scope:cancel() end)
    t.eq(err.reason, nil)
    t.no(tostring(err):find("with reason", 1, true))
  end)

t.test("[TR-RSN-05] a cancel outside a task has no source task", function()
  local err = cancelled_by(function(scope)
    trio.lowlevel.current_trio_token():run_sync_soon(scope.cancel, scope, "by callback")
    t.raises(trio.Cancelled, trio.sleep_forever)
  end)
  t.eq({err.source, err.reason, err.source_task}, {"explicit", "by callback"})
  t.match(tostring(err), "cancelled due to explicit with reason 'by callback'$")
end)

t.test("[TR-RSN-06] a deadline is its own source", {mock_clock = true}, function()
  local function check(err)
    t.eq({err.source, err.reason, err.source_task}, {"deadline"})
    t.match(tostring(err), "cancelled due to deadline$")
  end
  trio.move_on_after(1, function() check(t.raises(trio.Cancelled, trio.sleep_forever)) end)
  trio.move_on_at(-1, function() check(t.raises(trio.Cancelled, checkpoint)) end)
  check(cancelled_by(function(scope) scope.deadline = -math.huge end))
end)

t.test("[TR-RSN-07] a failing child is the source of its siblings' cancellation", function()
  local err, failing
  t.group(function()
    trio.open_nursery(function(nursery)
      nursery:start_soon({function()
        failing = trio.lowlevel.current_task()
        trio.sleep(0)
        raise(anyio.ValueError("boom"))
      end, name = "failing"})
      err = t.raises(trio.Cancelled, trio.sleep_forever)
    end)
  end)
  t.eq(err.source, "nursery")
  t.match(err.reason, "ValueError")
  t.match(err.source_task, "failing")
  t.eq(failing.name, "failing")
end)

t.test("[TR-RSN-08] a failing body is the source of the children's cancellation", function()
  local err
  t.group(function()
    trio.open_nursery(function(nursery)
      nursery:start_soon(function() err = t.raises(trio.Cancelled, trio.sleep_forever) end)
      trio.testing.wait_all_tasks_blocked()
      raise(anyio.ValueError("boom"))
    end)
  end)
  t.eq(err.source, "nursery")
  t.match(err.reason, "[Cc]ode block")
  t.ok(err.source_task:find(trio.lowlevel.current_task().name, 1, true))
end)

t.test("[TR-RSN-09] the first reason stays", {mock_clock = true}, function()
  local err = cancelled_by(function(scope)
    scope:cancel("first")
    scope:cancel("second")
    scope.deadline = -math.huge
  end)
  t.eq({err.source, err.reason}, {"explicit", "first"})
  err = cancelled_by(function(scope)
    scope.deadline = -math.huge
    t.raises(trio.Cancelled, checkpoint)
    scope:cancel("second")
  end)
  t.eq({err.source, err.reason}, {"deadline"})
end)

t.test("[TR-RSN-10] scopes inside tell the reason of the one outside", function()
  local err = cancelled_by(function(scope)
    CancelScope(function()
      trio.open_nursery(function()
        scope:cancel("outer")
        t.eq(t.raises(trio.Cancelled, checkpoint).reason, "outer")
      end)
    end)
  end)
  t.eq(err.reason, "outer")
end)

t.test("[TR-RSN-12] system tasks are told of the shutdown", {plain = true}, function()
  local err
  trio.run(function()
    trio.lowlevel.spawn_system_task(function()
      err = t.raises(trio.Cancelled, trio.sleep_forever)
    end)
    trio.testing.wait_all_tasks_blocked()
  end)
  t.eq(err.source, "shutdown")
  t.match(tostring(err), "cancelled due to shutdown")
end)

t.test("[D-20] a child that cancels itself does not disturb its siblings", function()
  local sibling
  trio.open_nursery(function(nursery)
    nursery:start_soon(function()
      CancelScope(function(scope)
        scope:cancel()
        trio.sleep_forever()
      end)
    end)
    nursery:start_soon(function()
      trio.sleep(0.001)
      sibling = "finished"
    end)
  end)
  t.eq(sibling, "finished")
end)
