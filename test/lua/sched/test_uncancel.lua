--- asyncio's cancel count beside cancel scopes, and native cancellation in general.
local anyio = require "anyio"
local t = require "harness"
local new_gate = require "gate"
local checkpoint = anyio.lowlevel.checkpoint

--- Test `body` in a task of its own, so that its cancel count is its own.
local function asyncio_test(title, body)
  t.test(title, {backend = "asyncio"}, function()
    local asyncio = require "asyncio"
    local task = asyncio.create_task(function()
      body(asyncio, asyncio.current_task())
    end)
    task:await()
  end)
end

local function raises_cancelled(f, ...)
  return t.raises(anyio.get_cancelled_exc_class(), f, ...)
end

asyncio_test("[CS-62 T01] a native cancellation is delivered once; swallowed, the task runs on",
  function(asyncio)
    local log = t.log()
    local task = asyncio.create_task(function()
      raises_cancelled(anyio.sleep_forever)
      log("swallowed")
      checkpoint()
      anyio.sleep(0.001)
      log("went on")
      return "value"
    end)
    anyio.wait_all_tasks_blocked()
    task:cancel()
    t.eq(task:await(), "value")
    t.eq(log.items, {"swallowed", "went on"})
    t.no(task:cancelled())
  end)

asyncio_test("[CS-63 DBG-08] after its delivery cleanup sees no pending cancellation",
  function(_, task)
    task:cancel()
    t.ok(anyio.get_current_task():has_pending_cancellation())
    raises_cancelled(checkpoint)
    t.no(anyio.get_current_task():has_pending_cancellation())
    checkpoint()
    task:uncancel()
  end)

asyncio_test("[CS-64 T18] a scope never swallows a native cancellation and leaves it counted",
  function(_, task)
    local scope
    raises_cancelled(anyio.CancelScope, function(s)
      scope = s
      task:cancel()
      checkpoint()
    end)
    t.no(scope.cancelled_caught)
    t.eq(task:cancelling(), 1)
    t.eq(task:uncancel(), 0)
  end)

asyncio_test("[CS-65 T18] a scope's own cancellation, swallowed, leaves the count at 0",
  function(_, task)
    anyio.CancelScope(function(scope)
      scope:cancel()
      checkpoint()
    end)
    t.eq(task:cancelling(), 0)
    anyio.CancelScope(function(scope)
      scope:cancel()
      for _ = 1, 4 do raises_cancelled(checkpoint) end
      checkpoint()
    end)
    t.eq(task:cancelling(), 0)
  end)

asyncio_test("[CS-66 T18] of scope and native cancellation the native one wins",
  function(_, task)
    local scope
    raises_cancelled(anyio.CancelScope, function(s)
      scope = s
      s:cancel()
      task:cancel()
      checkpoint()
    end)
    t.ok(scope.cancel_called)
    t.no(scope.cancelled_caught)
    t.eq(task:cancelling(), 1)
    task:uncancel()
  end)

asyncio_test("[CS-67] a fresh error caused by the scope's is swallowed by the scope",
  function(asyncio, task)
    task:cancel()
    raises_cancelled(checkpoint)
    local scope = anyio.CancelScope(function(s)
      s:cancel()
      local err = raises_cancelled(checkpoint)
      error(asyncio.CancelledError("fresh", {cause = err}))
    end)
    t.ok(scope.cancelled_caught)
    t.eq(task:cancelling(), 1)
    task:uncancel()
  end)

asyncio_test("[CS-68 T18] cancelled through an inner scope, the count is 0 after the outer",
  function(_, task)
    anyio.CancelScope(function(outer)
      anyio.CancelScope(function()
        outer:cancel()
        checkpoint()
      end)
    end)
    t.eq(task:cancelling(), 0)
  end)

asyncio_test("[CS-69 T18] an inner scope hands its debt to the outer one", function(_, task)
  local inner, between
  local outer = anyio.CancelScope(function(outer)
    outer:cancel()
    local ok, err = pcall(anyio.CancelScope, function(scope)
      inner = scope
      scope:cancel()
      anyio.sleep_forever()
    end)
    t.no(ok)
    between = task:cancelling()
    error(err, 0)
  end)
  t.ok(between > 0, "still counted between the scopes")
  t.eq(task:cancelling(), 0)
  t.no(inner.cancelled_caught)
  t.ok(outer.cancelled_caught)
end)

asyncio_test("[CS-70 T18] cancellations of children do not count for the host",
  function(_, task)
    raises_cancelled(anyio.create_task_group, function(tg)
      tg:start(function(task_status)
        anyio.create_task_group(function(inner)
          inner:start_soon(anyio.sleep_forever)
          anyio.wait_all_tasks_blocked()
          task_status:started()
        end)
      end)
      task:cancel()
    end)
    t.eq(task:cancelling(), 1)
    task:uncancel()
  end)

asyncio_test("[CS-71 T18] two native cancels of a host that waits stay counted, the latest leaves",
  function(asyncio)
    local gate = new_gate()
    local task = asyncio.create_task(function()
      anyio.create_task_group(function(tg)
        tg:start_soon(function()
          anyio.CancelScope({shield = true}, function() gate:wait() end)
        end)
      end)
    end)
    anyio.wait_all_tasks_blocked()
    task:cancel("native 1")
    anyio.wait_all_tasks_blocked()
    task:cancel("native 2")
    gate:open()
    local err = raises_cancelled(task.await, task)
    t.eq(task:cancelling(), 2)
    t.eq(err.message, "native 2")
  end)

asyncio_test("[CS-72 T18] a host cancelled because a child failed has count 0 after the group",
  function(_, task)
    local group = t.group(anyio.create_task_group, function(tg)
      tg:start_soon(function() error(anyio.ValueError("dummy")) end)
      anyio.sleep_forever()
    end)
    t.eq(#group.exceptions, 1)
    t.eq(group.exceptions[1].message, "dummy")
    t.eq(task:cancelling(), 0)
    group = t.group(anyio.create_task_group, function(tg)
      tg:start_soon(function() error(anyio.ValueError("dummy")) end)
    end)
    t.eq(#group.exceptions, 1)
    t.eq(task:cancelling(), 0)
  end)

asyncio_test("[CS-65] deadlines leave the count at 0, too", function(_, task)
  anyio.move_on_after(0, checkpoint)
  t.eq(task:cancelling(), 0)
  anyio.move_on_after(0.002, anyio.sleep_forever)
  t.eq(task:cancelling(), 0)
  t.raises(anyio.TimeoutError, anyio.fail_after, 0.002, anyio.sleep_forever)
  t.eq(task:cancelling(), 0)
end)

asyncio_test("[CS-65] a scope that is cancelled and left without a checkpoint leaves no debt",
  function(_, task)
    anyio.CancelScope(function(scope) scope:cancel() end)
    t.eq(task:cancelling(), 0)
    checkpoint()
    t.eq(task:cancelling(), 0)
  end)

asyncio_test("[CS-61] scopes interrupt waits on native futures", function(asyncio)
  local woke = false
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      asyncio.get_running_loop():create_future():await()
      woke = true
    end)
    tg.cancel_scope:cancel()
  end)
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      anyio.CancelScope(function()
        asyncio.get_running_loop():create_future():await()
        woke = true
      end)
      woke = true
    end)
    anyio.wait_all_tasks_blocked()
    tg.cancel_scope:cancel()
  end)
  t.no(woke)
end)

asyncio_test("[CS-02] a host run by a native task is hit twice like any other", function(asyncio)
  local done = asyncio.create_task(function()
    anyio.CancelScope(function(scope)
      scope:cancel()
      raises_cancelled(checkpoint)
      raises_cancelled(checkpoint)
    end)
    return "done"
  end):await()
  t.eq(done, "done")
end)
