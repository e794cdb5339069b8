--- asyncio's locks, events, conditions, semaphores, barriers.
local anyio = require "anyio"
local asyncio = require "asyncio"
local t = require "harness"
local idle = anyio.wait_all_tasks_blocked
local task = asyncio.create_task

t.test("[AS-LOCK-01 D-40] a lock has no owner", function()
  local lock = asyncio.Lock()
  t.raises(anyio.RuntimeError, lock.release, lock)
  t.eq(lock:acquire(), lock)
  t.ok(lock:locked())
  task(function() lock:release() end):await()
  t.no(lock:locked())
  do local _ <close> = lock:acquire() end
  t.no(lock:locked())
end)

t.test("[AS-LOCK-02 D-26 D-41] a free lock is no switch; waiters in order; twice is for ever", function()
  local lock, log = asyncio.Lock(), t.log()
  local other = task(function() log "other" end)
  for _ = 1, 3 do local _ <close> = lock:acquire() end
  t.eq(log.items, {})
  other:await()
  lock:acquire()
  t.ok(anyio.move_on_after(0.01, function() lock:acquire() end).cancelled_caught)
  local tasks = {}
  for i = 1, 3 do
    tasks[i] = task(function()
      local _ <close> = lock:acquire()
      log(i)
    end)
    idle()
  end
  lock:release()
  tasks[3]:await()
  t.eq(log.items, {"other", 1, 2, 3})
end)

t.test("[AS-LOCK-03] a cancelled waiter passes the lock on", function()
  for _, release_first in ipairs{true, false} do
    local lock = asyncio.Lock()
    lock:acquire()
    local first = task(function() lock:acquire() end)
    idle()
    local second = task(function() local _ <close> = lock:acquire() end)
    idle()
    if release_first then lock:release() end
    first:cancel()
    if not release_first then lock:release() end
    second:await()
    t.raises(anyio.Cancelled, first.await, first)
    t.no(lock:locked())
  end
end)

t.test("[AS-EV-01 AS-EV-02 D-44] an event is set and cleared", function()
  local event, log = asyncio.Event(), t.log()
  local tasks = {}
  for i = 1, 3 do
    tasks[i] = task(function() log(event:wait() and i) end)
  end
  idle()
  event:set()
  event:clear()
  t.no(event:is_set())
  tasks[3]:await()
  t.eq(log.items, {1, 2, 3})
  event:set()
  local other = task(function() log "other" end)
  t.eq(event:wait(), true)
  t.eq(#log.items, 3)
  other:await()
end)

t.test("[AS-COND-01 D-43] anybody's lock will do, but there must be one", function()
  local condition = asyncio.Condition()
  t.raises(anyio.RuntimeError, condition.wait, condition)
  t.raises(anyio.RuntimeError, condition.notify, condition)
  t.raises(anyio.RuntimeError, condition.notify_all, condition)
  t.raises("Lock expected", asyncio.Condition, 1)
  condition:acquire()
  task(function() condition:notify() end):await()
  condition:release()
  local value, got
  local waiter = task(function()
    local _ <close> = condition:acquire()
    got = condition:wait_for(function() return value end)
  end)
  idle()
  do
    local _ <close> = condition:acquire()
    value = 5
    condition:notify(1)
  end
  waiter:await()
  t.eq(got, 5)
  t.no(condition:locked())
end)

t.test("[AS-COND-02] a cancelled wait has the lock again; its notification is not lost", function()
  for _, notify_first in ipairs{true, false} do
    local condition, log = asyncio.Condition(), t.log()
    local function waiter(name)
      local _ <close> = condition:acquire()
      local ok = pcall(condition.wait, condition)
      t.ok(condition:locked())
      log(name .. (ok and " notified" or " cancelled"))
    end
    local first = task(waiter, "first")
    idle()
    local second = task(waiter, "second")
    idle()
    condition:acquire()
    if notify_first then condition:notify() end
    first:cancel()
    if not notify_first then condition:notify() end
    idle()
    t.eq(log.items, {})
    condition:release()
    first:await()
    second:await()
    table.sort(log.items)
    t.eq(log.items, {"first cancelled", "second notified"})
  end
end)

t.test("[AS-SEM-01 AS-SEM-02 D-45] semaphores", function()
  t.raises(anyio.ValueError, asyncio.Semaphore, -1)
  local semaphore, log = asyncio.Semaphore(), t.log()
  semaphore:acquire()
  t.ok(semaphore:locked())
  local tasks = {}
  for i = 1, 3 do
    tasks[i] = task(function()
      semaphore:acquire()
      log(i)
    end)
  end
  idle()
  semaphore:release()
  tasks[2]:cancel()
  semaphore:release()
  tasks[3]:await()
  t.eq(log.items, {1, 3})
  for _ = 1, 5 do semaphore:release() end
  t.no(semaphore:locked())
  local bounded = asyncio.BoundedSemaphore(1)
  t.raises(anyio.ValueError, bounded.release, bounded)
  do local _ <close> = bounded:acquire() end
end)

t.test("[AS-BAR-01] a barrier releases a round together, and again", function()
  t.raises(anyio.ValueError, asyncio.Barrier, 0)
  local barrier = asyncio.Barrier(3)
  for _ = 1, 2 do
    local seen, tasks = {}, {}
    for i = 1, 3 do
      tasks[i] = task(function() seen[barrier:wait()] = true end)
    end
    for i = 1, 3 do tasks[i]:await() end
    t.eq(seen, {[0] = true, true, true})
    t.eq(barrier.n_waiting, 0)
  end
  t.eq(anyio.with(asyncio.Barrier(1), function(index) return index end), 0)
end)

t.test("[AS-BAR-02] reset and abort", function()
  local barrier = asyncio.Barrier(2)
  local waiter = task(function()
    t.raises(asyncio.BrokenBarrierError, barrier.wait, barrier)
  end)
  idle()
  t.eq(barrier.n_waiting, 1)
  barrier:reset()
  waiter:await()
  t.no(barrier.broken)
  waiter = task(function()
    t.raises(asyncio.BrokenBarrierError, barrier.wait, barrier)
  end)
  idle()
  barrier:abort()
  waiter:await()
  t.ok(barrier.broken)
  t.raises(asyncio.BrokenBarrierError, barrier.wait, barrier)
  barrier:reset()
  local a = task(function() return barrier:wait() end)
  t.eq(asyncio.wait_for(function() return barrier:wait() end, 3) + a:await(), 1)
end)

t.test("[AS-BAR-03] who comes while a round is leaving waits for the next", function()
  local barrier, log = asyncio.Barrier(2), t.log()
  local a = task(function() log("a" .. barrier:wait()) end)
  idle()
  local b = task(function()
    log("b" .. barrier:wait())
    log("b" .. barrier:wait())
  end)
  a:await()
  idle()
  t.eq(barrier.n_waiting, 1)
  barrier:wait()
  b:await()
  t.eq(#log.items, 3)
end)

t.test("[AS-BAR-02] a waiter that is cancelled leaves its place", function()
  local barrier = asyncio.Barrier(2)
  local a = task(function() barrier:wait() end)
  idle()
  a:cancel()
  t.raises(anyio.Cancelled, a.await, a)
  t.eq(barrier.n_waiting, 0)
end)
