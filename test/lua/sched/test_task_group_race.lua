-- A result and a cancellation in the same tick: the first one wins.

local t = require "harness"
local anyio = require "anyio"
local checkpoint = require("anyio.lowlevel").checkpoint
local wait_all_tasks_blocked = require("anyio.testing").wait_all_tasks_blocked

local group = anyio.create_task_group

--- Runs `wait` in a child; when it is blocked, `act(cancel)` in the host. What
-- became of the child: {what wait returned, "cancelled" at the next checkpoint}
-- or {"cancelled"}.
local function race(wait, act)
  local log = t.log()
  group(function(tg)
    local child = tg:start_soon(function()
      local ok, result = pcall(wait)
      if not ok then
        t.isa(result, anyio.get_cancelled_exc_class())
        log "cancelled"
        error(result)
      end
      log(result)
      t.cancelled(checkpoint)
      log "cancelled"
    end)
    wait_all_tasks_blocked()
    act(function() child:cancel() end)
    child:wait()
  end)
  return log.items
end

t.test("[T03 CS-15] an event that is set before the waiter is cancelled",
  function()
    local event = anyio.Event()
    local items = race(function() event:wait() return "set" end, function(cancel)
      event:set()
      cancel()
    end)
    t.eq(items, {"set", "cancelled"})
  end)

t.test("[T03] an event that is set after the waiter was cancelled", function()
  local event = anyio.Event()
  local items = race(function() event:wait() return "set" end, function(cancel)
    cancel()
    event:set()
  end)
  t.eq(items, {"cancelled"})
end)

t.test("[T03 MS-21] an item that is sent before the receiver is cancelled is "
  .. "received", function()
  local sender, receiver = anyio.create_memory_object_stream(0)
  local items = race(function() return receiver:receive() end, function(cancel)
    sender:send_nowait "item"
    cancel()
  end)
  t.eq(items, {"item", "cancelled"})
  sender:close()
  receiver:close()
end)

t.test("[T03 MS-22] an item that is sent after the receiver was cancelled goes "
  .. "to the buffer", function()
  local sender, receiver = anyio.create_memory_object_stream(1)
  local items = race(function() return receiver:receive() end, function(cancel)
    cancel()
    sender:send_nowait "item"
  end)
  t.eq(items, {"cancelled"})
  t.eq(receiver:receive_nowait(), "item")
  sender:close()
  receiver:close()
end)

t.test("[T03 SY-18] a lock that is released before its waiter is cancelled is "
  .. "the waiter's", function()
  local lock = anyio.Lock()
  lock:acquire_nowait()
  local items = race(function()
    lock:acquire()
    lock:release()
    return "acquired"
  end, function(cancel)
    lock:release()
    t.ok(lock:locked(), "handed over")
    cancel()
  end)
  t.eq(items, {"acquired", "cancelled"})
  t.no(lock:locked())
end)

t.test("[T03 SY-19] a lock that is released after its waiter was cancelled goes "
  .. "to the next", function()
  local lock, log = anyio.Lock(), t.log()
  group(function(tg)
    lock:acquire_nowait()
    local first = tg:start_soon(function()
      lock:acquire()
      log "first has it"
    end)
    wait_all_tasks_blocked()
    tg:start_soon(function()
      lock:acquire()
      log "second has it"
      lock:release()
    end)
    wait_all_tasks_blocked()
    first:cancel()
    lock:release()
  end)
  t.eq(log.items, {"second has it"})
  t.no(lock:locked())
end)

t.test("[T03 SY-20] a native cancellation after the release gives the lock back",
  {backend = "asyncio"}, function()
    local asyncio = require "asyncio"
    local lock, log = anyio.Lock(), t.log()
    lock:acquire_nowait()
    local task = asyncio.create_task(function()
      lock:acquire()
      log "has it"
    end)
    wait_all_tasks_blocked()
    lock:release()
    task:cancel()
    t.raises(asyncio.CancelledError, task.await, task)
    t.eq(log.items, {})
    t.no(lock:locked())
  end)

t.test("[T03] a native cancellation after the set loses the result",
  {backend = "asyncio"}, function()
    local asyncio = require "asyncio"
    local event, log = anyio.Event(), t.log()
    local task = asyncio.create_task(function()
      event:wait()
      log "set"
    end)
    wait_all_tasks_blocked()
    event:set()
    task:cancel()
    t.raises(asyncio.CancelledError, task.await, task)
    t.eq(log.items, {})
  end)
