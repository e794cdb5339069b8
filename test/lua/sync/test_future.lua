--- Future: a value or an error, once.
local anyio = require "anyio"
local t = require "harness"


t.test("[SY-63] a value wakes all who wait, and stays", function()
  local future = anyio.Future()
  anyio.create_task_group(function(tg)
    for _ = 1, 3 do
      tg:start_soon(function() t.eq(future:await(), "value") end)
    end
    tg:start_soon(function() future:wait() t.eq(future.return_value, "value") end)
    anyio.wait_all_tasks_blocked()
    t.eq(future:statistics().tasks_waiting, 4)
    future.return_value = "value"
  end)
  t.eq(future:await(), "value")
  t.eq(future:await(), "value")
  t.eq(future.exception, nil)
  for _, value in ipairs{false, 0} do
    local other = anyio.Future()
    other.return_value = value
    t.eq(other:await(), value)
  end
  local none = anyio.Future()
  none.return_value = nil
  t.eq(none.status, "FINISHED")
  t.eq(none:await(), nil)
end)

t.test("[SY-64] an error arrives as the cause of FutureFailed", function()
  local future, err = anyio.Future(), anyio.ValueError "wrong"
  future.exception = err
  t.eq(future.status, "FAILED")
  t.eq(t.raises(anyio.FutureFailed, future.await, future).cause, err)
  t.eq(t.raises(anyio.FutureFailed, function() return future.return_value end).cause, err)
  t.eq(future.exception, err)
end)

t.test("[SY-65] a cancelled future raises FutureCancelled everywhere", function()
  local future = anyio.Future()
  anyio.create_task_group(function(tg)
    tg:start_soon(function() t.raises(anyio.FutureCancelled, future.await, future) end)
    anyio.wait_all_tasks_blocked()
    future:cancel()
  end)
  t.eq(future.status, "CANCELLED")
  t.raises(anyio.FutureCancelled, future.await, future)
  t.raises(anyio.FutureCancelled, function() return future.return_value end)
  t.raises(anyio.FutureCancelled, function() return future.exception end)
  t.raises(anyio.FutureCancelled, function() future.return_value = 1 end)
  t.raises(anyio.FutureCancelled, function() future.exception = "e" end)
end)

t.test("[SY-66 SY-67] a future is settled once; cancelling it later does nothing", function()
  local finished, failed = anyio.Future(), anyio.Future()
  finished.return_value = 1
  failed.exception = "wrong"
  for _, future in ipairs{finished, failed} do
    t.raises(anyio.FutureAlreadyFinished, function() future.return_value = 2 end)
    t.raises(anyio.FutureAlreadyFinished, function() future.exception = 2 end)
    future:cancel()
  end
  t.eq(finished:await(), 1)
  t.eq(failed.exception, "wrong")
end)

t.test("[SY-68] reading a pending future raises FutureNotFinished", function()
  local future = anyio.Future()
  t.raises(anyio.FutureNotFinished, function() return future.return_value end)
  t.raises(anyio.FutureNotFinished, function() return future.exception end)
end)

t.test("[SY-69] cancelling one that waits leaves the others", function()
  local future, got = anyio.Future(), 0
  anyio.create_task_group(function(tg)
    local first = tg:create_task(function() future:await() end)
    tg:start_soon(function() got = future:await() end)
    anyio.wait_all_tasks_blocked()
    first:cancel()
    anyio.wait_all_tasks_blocked()
    t.eq(future.status, "PENDING")
    t.eq(future:statistics().tasks_waiting, 1)
    future.return_value = 5
  end)
  t.eq(got, 5)
end)

t.test("[SY-63] awaiting a settled future is a checkpoint", function()
  local future = anyio.Future()
  future.return_value = 1
  anyio.CancelScope(function(scope)
    scope:cancel()
    t.raises(anyio.Cancelled, future.await, future)
  end)
end)

t.test("[SY-70] the text shows status and name", function()
  t.eq(tostring(anyio.Future()), "<Future: PENDING>")
  local future = anyio.Future{name = "answer"}
  future.return_value = 42
  t.eq(tostring(future), "<Future: 'answer', FINISHED>")
  t.eq(future.name, "answer")
end)
