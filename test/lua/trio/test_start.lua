--- nursery:start: the handshake of a starting task.
local anyio = require "anyio"
local t = require "harness"
local trio = require "trio"
local open_nursery = trio.open_nursery
local blocked = trio.testing.wait_all_tasks_blocked
local raise = error

t.test("[TR-START-01 D-61] start returns what the task was started with, and nothing else",
  function()
    open_nursery(function(nursery)
      local function child(a, b, task_status)
        task_status:started(a + b)
        trio.sleep(0)
      end
      t.eq(table.pack(nursery:start(child, 1, 2)), {3, n = 1})
      t.eq(nursery:start(function(task_status) task_status:started() end), nil)
      t.eq(nursery:start({child, name = "named"}, 3, 4), 7)
    end)
  end)

t.test("[TR-START-02] start waits for started; then the task goes on in the nursery", function()
  local log = t.log()
  open_nursery(function(nursery)
    nursery:start(function(task_status)
      trio.sleep(0)
      log "starting"
      task_status:started()
      trio.sleep(0.01)
      log "running"
    end)
    log "started"
    t.eq(#nursery.child_tasks, 1)
  end)
  t.eq(log.items, {"starting", "started", "running"})
end)

t.test("[TR-START-03 TR-START-04] an error before started comes out of start alone", function()
  open_nursery(function(nursery)
    local cause = anyio.LookupError("cause")
    local err = anyio.ValueError("early", {cause = cause})
    local got = t.raises(anyio.ValueError, nursery.start, nursery, function()
      trio.sleep(0)
      raise(err)
    end)
    t.ok(rawequal(got, err), "not grouped")
    t.ok(rawequal(got.cause, cause))
    trio.sleep(0)
    t.no(nursery.cancel_scope.cancel_called)
  end)
end)

t.test("[TR-START-05 TR-START-13] a task that ends without started is a RuntimeError", function()
  open_nursery(function(nursery)
    local err = t.raises(anyio.RuntimeError, nursery.start, nursery, function() end)
    t.match(tostring(err), "[Cc]hild exited without calling task_status.started%(%)")
  end)
end)

t.test("[TR-START-06] started may be called once", function()
  open_nursery(function(nursery)
    nursery:start(function(task_status)
      task_status:started(1)
      t.raises(anyio.RuntimeError, task_status.started, task_status, 2)
    end)
  end)
end)

t.test("[TR-START-07] when start is cancelled the task is, and started does nothing any more",
  function()
    local log = t.log()
    local scope = trio.CancelScope(function(scope)
      open_nursery(function(nursery)
        scope:cancel()
        nursery:start(function(task_status)
          log "runs"
          local _, err = pcall(trio.sleep_forever)
          task_status:started()
          raise(err)
        end)
        log "never"
      end)
    end)
    t.eq(log.items, {"runs"})
    t.ok(scope.cancelled_caught)
  end)

t.test("[TR-START-08] in a cancelled start a task without a checkpoint starts normally", function()
  trio.CancelScope(function(scope)
    open_nursery(function(nursery)
      scope:cancel()
      t.eq(nursery:start(function(task_status) task_status:started(7) end), 7)
    end)
  end)
end)

t.test("[TR-START-08] in a cancelled start a task that fails after started makes start fail",
  function()
    trio.CancelScope(function(scope)
      open_nursery(function(nursery)
        scope:cancel()
        t.raises(anyio.ValueError, nursery.start, nursery, function(task_status)
          task_status:started()
          raise(anyio.ValueError())
        end)
      end)
    end)
  end)

t.test("[TR-START-09] a pending start keeps the nursery open", function()
  local log = t.log()
  open_nursery(function(helper)
    open_nursery(function(nursery)
      helper:start_soon(function()
        nursery:start(function(task_status)
          trio.sleep(0.01)
          task_status:started()
          blocked()
          log "child ends"
        end)
      end)
      blocked()
    end)
    log "nursery left"
  end)
  t.eq(log.items, {"child ends", "nursery left"})
end)

t.test("[TR-START-10] sleeping children that move into a cancelled nursery are cancelled",
  function()
    local raised
    open_nursery(function(nursery)
      nursery:start(function(task_status)
        open_nursery(function(inner)
          inner:start_soon(function()
            t.raises(trio.Cancelled, trio.sleep_forever)
            raised = true
          end)
          blocked()
          nursery.cancel_scope:cancel()
          t.no(raised)
          task_status:started()
        end)
      end)
    end)
    t.ok(raised)
  end)

t.test("[TR-START-11] TASK_STATUS_IGNORED lets the function be called directly", function()
  local function child(task_status)
    task_status:started("value")
    task_status:started("again")
    return "done"
  end
  t.eq(child(trio.TASK_STATUS_IGNORED), "done")
  t.eq(tostring(trio.TASK_STATUS_IGNORED), "TASK_STATUS_IGNORED")
end)

t.test("[TR-START-12] eventual_parent_nursery is the target until started", function()
  open_nursery(function(nursery)
    nursery:start(function(task_status)
      local task = trio.lowlevel.current_task()
      t.ok(task.eventual_parent_nursery == nursery)
      task_status:started()
      t.eq(task.eventual_parent_nursery, nil)
      t.ok(task.parent_nursery == nursery)
    end)
  end)
end)

t.test("[TR-START-02] an error after started belongs to the nursery", function()
  local group = t.group(function()
    open_nursery(function(nursery)
      nursery:start(function(task_status)
        task_status:started()
        trio.sleep(0)
        raise(anyio.ValueError("late"))
      end)
      t.raises(trio.Cancelled, trio.sleep_forever)
    end)
  end)
  t.isa(group.exceptions[1], anyio.ValueError)
end)
