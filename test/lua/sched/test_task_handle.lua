local t = require "harness"
local anyio = require "anyio"
local checkpoint = require("anyio.lowlevel").checkpoint
local wait_all_tasks_blocked = require("anyio.testing").wait_all_tasks_blocked

local group, scope = anyio.create_task_group, anyio.CancelScope
local ValueError = anyio.ValueError

local function returns(...)
  checkpoint()
  return ...
end

local function fails() error(ValueError "broken") end

t.test("[TG-63] start_soon, create_task and start give a handle", function()
  group(function(tg)
    local handles = {tg:start_soon(returns, 1), tg:create_task(returns, 2),
      select(2, tg:start(function(status) status:started() return 3 end))}
    for i, handle in ipairs(handles) do t.eq(handle:await(), i) end
  end)
end)

t.test("[TG-64] awaiting a handle gives what the task returned", function()
  group(function(tg)
    t.eq(tg:create_task(returns, "value"):await(), "value")
    t.eq(table.pack(tg:create_task(returns, 1, nil, 3):await()),
      {1, nil, 3, n = 3})
    t.eq(select("#", tg:create_task(returns):await()), 0)
  end)
end)

t.test("[TG-64] several tasks may await one handle", function()
  local sum = 0
  group(function(tg)
    local handle = tg:create_task(returns, 7)
    for _ = 1, 3 do
      tg:start_soon(function()
        local value = handle:await()
        sum = sum + value
      end)
    end
  end)
  t.eq(sum, 21)
end)

t.test("[TG-65 TG-66 T16] awaiting a failed task raises TaskFailed, and the "
  .. "group fails as well", function()
  local log = t.log()
  local err = t.group(group, function(tg)
    local handle = tg:create_task(function()
      checkpoint()
      fails()
    end)
    local failed = t.raises(anyio.TaskFailed, handle.await, handle)
    t.no(anyio.isinstance(failed, anyio.TaskCancelled))
    t.isa(failed.cause, ValueError)
    log "TaskFailed first"
    t.cancelled(checkpoint)
    log "then cancelled"
  end)
  t.eq(log.items, {"TaskFailed first", "then cancelled"})
  t.eq(#err.exceptions, 1)
  t.isa(err.exceptions[1], ValueError)
end)

t.test("[TG-66] a sibling that waits on the handle sees TaskFailed, too",
  function()
    local seen = 0
    t.group(group, function(tg)
      local handle = tg:create_task(function()
        wait_all_tasks_blocked()
        fails()
      end)
      for _ = 1, 2 do
        tg:start_soon(function()
          t.raises(anyio.TaskFailed, handle.await, handle)
          seen = seen + 1
        end)
      end
    end)
    t.eq(seen, 2)
  end)

t.test("[TG-65] TaskFailed that nobody caught stands in the group beside its "
  .. "cause", function()
  local err = t.group(group, function(tg)
    tg:create_task(fails):await()
  end)
  t.eq(#err.exceptions, 2)
  t.ok(err:subgroup(ValueError))
  t.ok(err:subgroup(anyio.TaskFailed))
end)

t.test("[TG-67] awaiting a cancelled task raises TaskCancelled", function()
  local handle
  group(function(tg)
    handle = tg:create_task(anyio.sleep_forever)
    wait_all_tasks_blocked()
    handle:cancel()
    t.raises(anyio.TaskCancelled, handle.await, handle)
  end)
  local err = t.raises(anyio.TaskCancelled, handle.await, handle)
  t.isa(err, anyio.TaskFailed)
  t.isa(err.cause, anyio.get_cancelled_exc_class())
end)

t.test("[TG-67] also one that its group has cancelled", function()
  local handle
  group(function(tg)
    handle = tg:create_task(anyio.sleep_forever)
    wait_all_tasks_blocked()
    tg.cancel_scope:cancel()
  end)
  t.raises(anyio.TaskCancelled, handle.await, handle)
end)

t.test("[TG-68] a finished handle may be awaited again and again", function()
  group(function(tg)
    local handle = tg:create_task(returns, "value")
    for _ = 1, 3 do t.eq(handle:await(), "value") end
  end)
end)

t.test("[TG-68 T21] awaiting a finished handle is a checkpoint", function()
  local handle
  group(function(tg) handle = tg:create_task(returns, "value") end)
  scope(function(outer)
    outer:cancel()
    t.cancelled(handle.await, handle)
    t.cancelled(handle.await, handle)
  end)
  t.eq(handle:await(), "value")
  group(function(tg)
    local ran = false
    tg:start_soon(function() ran = true end)
    handle:await()
    handle:await()
    t.ok(ran, "other tasks ran")
  end)
end)

t.test("[TG-69] wait() returns however the task ended", function()
  local returned, cancelled, failed
  t.group(group, function(tg)
    returned = tg:create_task(returns, 1)
    t.eq(select("#", returned:wait()), 0)
    cancelled = tg:create_task(anyio.sleep_forever)
    cancelled:cancel()
    cancelled:wait()
    t.eq(cancelled.status, "CANCELLED")
    failed = tg:create_task(fails)
    t.eq(failed.status, "PENDING")
    failed:wait()
    t.eq(failed.status, "FAILED")
  end)
  returned:wait()
  cancelled:wait()
  failed:wait()
  t.eq(failed.exception.message, "broken")
end)

t.test("[TG-70] cancelling a waiter does not cancel the task", function()
  group(function(tg)
    local release = anyio.Event()
    local handle = tg:create_task(function()
      release:wait()
      return "value"
    end)
    scope(function(outer)
      tg:start_soon(function()
        wait_all_tasks_blocked()
        outer:cancel()
      end)
      handle:await()
    end)
    t.eq(handle.status, "PENDING")
    release:set()
    t.eq(handle:await(), "value")
  end)
end)

t.test("[TG-71] the status of a task that returns", function()
  group(function(tg)
    local handle = tg:create_task(returns)
    t.eq(handle.status, "PENDING")
    handle:await()
    t.eq(handle.status, "FINISHED")
  end)
end)

t.test("[TG-71 TG-74 T16] the status of a task cancelled by its handle",
  function()
    local log, handle = t.log(), nil
    group(function(tg)
      handle = tg:create_task(anyio.sleep_forever)
      tg:start_soon(function()
        anyio.sleep(0)
        anyio.sleep(0)
        log "sibling"
      end)
      wait_all_tasks_blocked()
      handle:cancel()
      t.eq(handle.status, "CANCELLING")
      handle:wait()
      t.eq(handle.status, "CANCELLED")
      checkpoint()
      log "host"
      t.no(tg.cancel_scope.cancel_called)
    end)
    log "behind"
    t.eq(log.items, {"sibling", "host", "behind"})
  end)

t.test("[TG-72 T16] a cancellation of the group does not show in the status",
  function()
    local handle, during
    group(function(tg)
      handle = tg:create_task(function()
        pcall(anyio.sleep_forever)
        during = handle.status
        checkpoint()
      end)
      wait_all_tasks_blocked()
      tg.cancel_scope:cancel()
      t.eq(handle.status, "PENDING")
    end)
    t.eq(during, "PENDING")
    t.eq(handle.status, "CANCELLED")
  end)

t.test("[TG-73 T16] a task that swallows handle:cancel() is FINISHED", function()
  local handle
  group(function(tg)
    handle = tg:create_task(function()
      t.cancelled(anyio.sleep_forever)
      return "in spite of it"
    end)
    wait_all_tasks_blocked()
    handle:cancel()
  end)
  t.eq(handle.status, "FINISHED")
  t.eq(handle.return_value, "in spite of it")
  t.eq(handle:await(), "in spite of it")
end)

t.test("[TG-73] a task that answers handle:cancel() with an error has FAILED",
  function()
    local handle
    local err = t.group(group, function(tg)
      handle = tg:create_task(function()
        t.cancelled(anyio.sleep_forever)
        fails()
      end)
      wait_all_tasks_blocked()
      handle:cancel()
    end)
    t.eq(#err.exceptions, 1)
    t.eq(handle.status, "FAILED")
  end)

t.test("[TG-75 T02] a task cancelled right after spawning runs to its first "
  .. "checkpoint", function()
  local log, handle = t.log(), nil
  group(function(tg)
    handle = tg:create_task(function()
      log "begun"
      checkpoint()
      log "went on"
    end)
    handle:cancel()
  end)
  t.eq(log.items, {"begun"})
  t.eq(handle.status, "CANCELLED")
end)

t.test("[TG-75] handle:cancel() is a state: every later checkpoint raises",
  function()
    group(function(tg)
      local handle = tg:create_task(function()
        for _ = 1, 3 do t.cancelled(checkpoint) end
      end)
      handle:cancel()
    end)
  end)
