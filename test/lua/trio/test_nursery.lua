--- Nurseries: who waits for whom, and what becomes of errors.
local anyio = require "anyio"
local t = require "harness"
local trio = require "trio"
local open_nursery = trio.open_nursery
local blocked = trio.testing.wait_all_tasks_blocked
local raise = error

t.test("[TR-NUR-01] a nursery is no <close> value: the error shows the body form", function()
  local ok, err = pcall(function()
    local nursery <close> = open_nursery() -- luacheck: ignore
  end)
  t.no(ok)
  t.isa(err, anyio.RuntimeError)
  t.match(tostring(err), "function%(%w+%) ... end")
end)

t.test("[TR-NUR-01] without a body open_nursery returns what is called with it", function()
  local manager = open_nursery {strict_exception_groups = false}
  local value = manager(function(nursery)
    nursery:start_soon(trio.sleep, 0)
    return "value"
  end)
  t.eq(value, "value")
  t.raises(anyio.TypeError, open_nursery, {strict = true}, print)
end)

t.test("[TR-NUR-02] leaving waits for every child; a return cancels none of them", function()
  local log = t.log()
  local function body()
    return open_nursery(function(nursery)
      for i = 1, 3 do
        nursery:start_soon(function()
          for _ = 1, i do trio.lowlevel.checkpoint() end
          log(i)
        end)
      end
      log "body"
      return "early"
    end)
  end
  t.eq(body(), "early")
  t.eq(log.items, {"body", 1, 2, 3})
end)

t.test("[TR-NUR-03 TR-EXC-01 D-17] a child's error cancels the rest and comes out in a group",
  function()
    local stopped
    local group = t.group(function()
      open_nursery(function(nursery)
        nursery:start_soon(function()
          t.raises(trio.Cancelled, trio.sleep_forever)
          stopped = true
        end)
        nursery:start_soon(function() raise(anyio.ValueError("bad")) end)
      end)
    end)
    t.ok(stopped)
    t.isa(group, anyio.ExceptionGroup)
    t.eq(group.message, "Exceptions from Trio nursery")
    t.eq(#group.exceptions, 1)
    t.isa(group.exceptions[1], anyio.ValueError)
  end)

t.test("[TR-NUR-04] errors of the body and of a child are in one group", function()
  local group = t.group(function()
    open_nursery(function(nursery)
      nursery:start_soon(function()
        t.raises(trio.Cancelled, trio.sleep_forever)
        raise(anyio.LookupError("child"))
      end)
      blocked()
      raise(anyio.ValueError("body"))
    end)
  end)
  t.eq(#group.exceptions, 2)
  t.ok(group:subgroup(anyio.LookupError))
  t.ok(group:subgroup(anyio.ValueError))
end)

t.test("[TR-NUR-05] a child's error wakes the parent that waits in the body", function()
  local woken
  t.group(function()
    open_nursery(function(nursery)
      nursery:start_soon(function() raise(anyio.ValueError()) end)
      t.raises(trio.Cancelled, trio.sleep_forever)
      woken = true
      trio.sleep(0)
    end)
  end)
  t.ok(woken)
end)

t.test("[TR-NUR-06 TR-NUR-14 D-60] start_soon returns nothing; results of children are discarded",
  function()
    open_nursery(function(nursery)
      t.eq(select("#", nursery:start_soon(function() return "result" end)), 0)
      nursery:start_soon({trio.sleep, name = "sleeper"}, 0)
    end)
  end)

t.test("[TR-NUR-07] tasks can be added while the nursery waits for its last child", function()
  local log = t.log()
  open_nursery(function(nursery)
    nursery:start_soon(function()
      blocked()
      nursery:start_soon(function() log "late" end)
    end)
  end)
  t.eq(log.items, {"late"})
end)

t.test("[TR-NUR-08] a nursery that was left takes no more tasks", function()
  local kept
  open_nursery(function(nursery) kept = nursery end)
  t.raises(anyio.RuntimeError, kept.start_soon, kept, trio.sleep, 0)
  t.raises(anyio.RuntimeError, kept.start, kept, trio.sleep, 0)
end)

t.test("[TR-NUR-09 D-04 D-21] a task started in a cancelled nursery runs to its first checkpoint",
  function()
    local log = t.log()
    open_nursery(function(nursery)
      nursery.cancel_scope:cancel()
      nursery:start_soon(function()
        log "runs"
        trio.lowlevel.checkpoint()
        log "never"
      end)
    end)
    t.eq(log.items, {"runs"})
  end)

t.test("[TR-NUR-10] children are in the scopes around the nursery, not around start_soon",
  function()
    local scope, finished
    open_nursery(function(nursery)
      scope = trio.CancelScope(function(inner)
        nursery:start_soon(function()
          for _ = 1, 3 do trio.lowlevel.checkpoint() end
          finished = true
        end)
        inner:cancel()
        trio.sleep_forever()
      end)
    end)
    t.ok(scope.cancelled_caught)
    t.ok(finished)
  end)

t.test("[TR-NUR-11] cancelling the nursery's scope ends body and children, silently", function()
  local ended = 0
  local scope
  open_nursery(function(nursery)
    scope = nursery.cancel_scope
    for _ = 1, 3 do
      nursery:start_soon(function()
        t.raises(trio.Cancelled, trio.sleep_forever)
        ended = ended + 1
        trio.sleep(0)
      end)
    end
    blocked()
    scope:cancel()
    trio.sleep_forever()
  end)
  t.eq(ended, 3)
  t.ok(scope.cancelled_caught)
end)

t.test("[TR-NUR-12 D-11] a cancellation while waiting at the end is no error of the nursery's own",
  function()
    local scope = trio.CancelScope(function(scope)
      open_nursery(function(nursery)
        nursery:start_soon(function()
          trio.CancelScope({shield = true}, function()
            scope:cancel()
            trio.sleep(0.01)
          end)
        end)
      end)
    end)
    t.ok(scope.cancel_called)
    t.no(scope.cancelled_caught)
  end)

t.test("[TR-NUR-15] a nursery shows its parent and its living children", function()
  local kept
  local me = trio.lowlevel.current_task()
  open_nursery(function(nursery)
    kept = nursery
    local child
    t.eq(nursery.child_tasks, {})
    nursery:start_soon(function()
      child = trio.lowlevel.current_task()
      t.ok(child.parent_nursery == nursery)
      trio.sleep(0)
    end)
    t.eq(#nursery.child_tasks, 1)
    blocked()
    t.ok(child)
    t.eq(nursery.child_tasks, {})
    t.ok(nursery.parent_task == me)
  end)
  t.ok(kept.parent_task == me, "after it was left too")
  t.match(tostring(kept), "^<Nursery")
end)

t.test("[TR-NUR-16] other tasks may start tasks in a nursery", function()
  local log = t.log()
  open_nursery(function(outer)
    open_nursery(function(inner)
      inner:start_soon(function()
        outer:start_soon(function()
          blocked()
          log "outer's"
        end)
        log "inner's"
      end)
    end)
    log "inner left"
  end)
  t.eq(log.items, {"inner's", "inner left", "outer's"})
end)

t.test("[TR-NUR-20] the open nurseries of a task are listed, outer first", function()
  local me = trio.lowlevel.current_task()
  t.eq(#me.child_nurseries, 0)
  open_nursery(function(first)
    open_nursery(function(second)
      t.eq(#me.child_nurseries, 2)
      t.ok(me.child_nurseries[1] == first)
      t.ok(me.child_nurseries[2] == second)
    end)
    t.eq(#me.child_nurseries, 1)
  end)
  t.eq(#me.child_nurseries, 0)
end)

t.test("[D-13] there is no way to start a user's task without a nursery", function()
  t.eq(trio.create_task, nil)
  t.eq(trio.spawn, nil)
end)

t.test("[D-15 TR-EXC-09] an error that nobody awaits still comes out of the nursery", function()
  local group = t.group(function()
    open_nursery(function(nursery)
      nursery:start_soon(function() raise("plain", 0) end)
      trio.sleep(0.001)
    end)
  end)
  t.eq(group.exceptions[1], "plain")
end)

t.test("[D-16] when one of two tasks fails the other is cancelled", function()
  local other_ended
  t.group(function()
    open_nursery(function(nursery)
      nursery:start_soon(function()
        trio.sleep(0.05)
        other_ended = true
      end)
      nursery:start_soon(function() raise(anyio.ValueError()) end)
    end)
  end)
  t.no(other_ended)
end)

t.test("[D-70] a failing nursery interrupts a child that swallows at each checkpoint",
  function()
    local hits = 0
    local before = trio.current_time()
    t.group(function()
      open_nursery(function(nursery)
        nursery:start_soon(function()
          for _ = 1, 10 do
            t.raises(trio.Cancelled, trio.sleep, 1)
            hits = hits + 1
          end
        end)
        trio.sleep(0)
        raise(anyio.ValueError())
      end)
    end)
    t.eq(hits, 10)
    t.ok(trio.current_time() - before < 1)
  end)
