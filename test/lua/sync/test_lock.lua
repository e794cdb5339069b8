--- Lock: one owner, handed on in the order of arrival.
local anyio = require "anyio"
local t = require "harness"
local checkpoint = anyio.lowlevel.checkpoint

t.test("[SY-08] one owner; leaving the scope releases", function()
  local lock, inside = anyio.Lock(), 0
  local function work()
    local _ <close> = lock:acquire()
    inside = inside + 1
    t.eq(inside, 1)
    checkpoint()
    inside = inside - 1
  end
  anyio.create_task_group(function(tg)
    for _ = 1, 5 do tg:start_soon(work) end
  end)
  t.no(lock:locked())
  t.eq(anyio.with(lock, function(entered)
    t.eq(entered, lock)
    t.ok(lock:locked())
    return 7
  end), 7)
  t.no(lock:locked())
end)

t.test("[SY-08 SY-10 SY-22] by hand; statistics name the owner", function()
  local lock = anyio.Lock()
  t.eq(lock:acquire(), lock)
  local s = lock:statistics()
  t.eq(s.locked, true)
  t.eq(s.owner, anyio.get_current_task())
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      t.raises(anyio.WouldBlock, lock.acquire_nowait, lock)
      lock:acquire()
      lock:release()
    end)
    anyio.wait_all_tasks_blocked()
    t.eq(lock:statistics().tasks_waiting, 1)
    t.match(tostring(lock), "locked, 1 waiting")
    lock:release()
  end)
  t.eq(lock:acquire_nowait(), lock)
  lock:release()
  t.eq(lock:statistics(), {locked = false, tasks_waiting = 0})
end)

t.test("[SY-09] the lock goes round in the order of arrival", function()
  local lock, log = anyio.Lock(), t.log()
  anyio.create_task_group(function(tg)
    local _ <close> = lock:acquire()
    for i = 1, 4 do
      tg:start_soon(function()
        local _ <close> = lock:acquire()
        log(i)
      end)
      anyio.wait_all_tasks_blocked()
    end
  end)
  t.eq(log.items, {1, 2, 3, 4})
end)

t.test("[SY-11] acquiring it twice is refused", function()
  for _, fast in ipairs{true, false} do
    local lock = anyio.Lock{fast_acquire = fast}
    local _ <close> = lock:acquire()
    t.raises(anyio.RuntimeError, lock.acquire, lock)
    t.raises(anyio.RuntimeError, lock.acquire_nowait, lock)
    t.ok(lock:locked())
  end
end)

t.test("[SY-12] only the owner may release", function()
  local lock = anyio.Lock()
  t.raises(anyio.RuntimeError, lock.release, lock)
  local _ <close> = lock:acquire()
  anyio.create_task_group(function(tg)
    tg:start_soon(function() t.raises(anyio.RuntimeError, lock.release, lock) end)
  end)
end)

t.test("[SY-13] release passes the lock on at once; nobody gets in between", function()
  local lock, waiter = anyio.Lock()
  anyio.create_task_group(function(tg)
    lock:acquire()
    tg:start_soon(function()
      waiter = anyio.get_current_task()
      local _ <close> = lock:acquire()
    end)
    anyio.wait_all_tasks_blocked()
    lock:release()
    t.eq(lock:statistics().owner, waiter)
    t.raises(anyio.WouldBlock, lock.acquire_nowait, lock)
  end)
end)

-- How often another task ran while `f` did.
local function switches(f)
  local n = 0
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      while true do
        checkpoint()
        n = n + 1
      end
    end)
    checkpoint()
    checkpoint()
    n = 0
    f()
    tg.cancel_scope:cancel()
  end)
  return n
end

t.test("[SY-14 SY-15] taking a free lock lets others run, unless it is fast", function()
  local lock, fast = anyio.Lock(), anyio.Lock{fast_acquire = true}
  t.ok(switches(function()
    for _ = 1, 10 do local _ <close> = lock:acquire() end
  end) >= 5)
  t.eq(switches(function()
    for _ = 1, 10 do local _ <close> = fast:acquire() end
  end), 0)
end)

t.test("[SY-14] a cancellation during the yield does not take the lock away", function()
  local lock, passed = anyio.Lock(), false
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      lock:acquire()
      passed = true
      t.raises(anyio.Cancelled, checkpoint)
      lock:release()
    end)
    while not lock:locked() do checkpoint() end
    tg.cancel_scope:cancel()
  end)
  t.ok(passed)
  t.no(lock:locked())
end)

t.test("[SY-15 SY-16] in a cancelled scope a free lock is not taken", function()
  for _, fast in ipairs{true, false} do
    local lock = anyio.Lock{fast_acquire = fast}
    local scope = anyio.CancelScope(function(scope)
      scope:cancel()
      lock:acquire()
      t.fail "not cancelled"
    end)
    t.ok(scope.cancelled_caught)
    t.no(lock:locked())
  end
end)

t.test("[SY-17] a cancelled waiter never runs the protected code", function()
  for _, release_first in ipairs{true, false} do
    local lock, entered = anyio.Lock(), false
    anyio.create_task_group(function(tg)
      lock:acquire()
      tg:start_soon(function()
        local _ <close> = lock:acquire()
        checkpoint()
        entered = true
      end)
      anyio.wait_all_tasks_blocked()
      if release_first then
        lock:release()
        tg.cancel_scope:cancel()
      else
        tg.cancel_scope:cancel()
        lock:release()
      end
    end)
    t.no(entered)
    t.eq(lock:statistics(), {locked = false, tasks_waiting = 0})
  end
end)

t.test("[SY-18] release skips a waiter that is cancelled and has not run yet", function()
  local lock, log = anyio.Lock(), t.log()
  anyio.create_task_group(function(tg)
    lock:acquire()
    local handle = tg:create_task(function()
      local _ <close> = lock:acquire()
      log "cancelled"
    end)
    anyio.wait_all_tasks_blocked()
    tg:start_soon(function()
      local _ <close> = lock:acquire()
      log "next"
    end)
    anyio.wait_all_tasks_blocked()
    handle:cancel()
    lock:release()
  end)
  t.eq(log.items, {"next"})
end)

t.test("[SY-19] released, then cancelled: the lock is taken first", function()
  local lock, log = anyio.Lock(), t.log()
  anyio.create_task_group(function(tg)
    lock:acquire()
    tg:start_soon(function()
      lock:acquire()
      log(lock:statistics().owner == anyio.get_current_task())
      t.raises(anyio.Cancelled, checkpoint)
      lock:release()
    end)
    anyio.wait_all_tasks_blocked()
    lock:release()
    tg.cancel_scope:cancel()
  end)
  t.eq(log.items, {true})
  t.no(lock:locked())
end)

t.test("[SY-20] a native cancel after the hand-over gives the lock up", {backend = "asyncio"},
  function()
    local lock = anyio.Lock()
    lock:acquire()
    local task = require("asyncio").create_task(function() lock:acquire() end)
    anyio.wait_all_tasks_blocked()
    lock:release()
    task:cancel()
    t.raises(anyio.Cancelled, task.await, task)
    t.eq(lock:statistics(), {locked = false, tasks_waiting = 0})
  end)

t.test("[SY-20 SY-21] and hands it to the next, also during the yield", {backend = "asyncio"},
  function()
    local asyncio = require "asyncio"
    local lock, got = anyio.Lock(), false
    local first = asyncio.create_task(function() lock:acquire() end)
    checkpoint()
    t.ok(lock:locked())
    local second = asyncio.create_task(function()
      local _ <close> = lock:acquire()
      got = true
    end)
    first:cancel()
    t.raises(anyio.Cancelled, first.await, first)
    anyio.fail_after(3, function() second:await() end)
    t.ok(got)
    t.no(lock:locked())
  end)

t.test("[SY-08] an owner that ends with the lock breaks it", function()
  local lock = anyio.Lock()
  anyio.create_task_group(function(tg)
    tg:start_soon{function()
      lock:acquire()
      anyio.wait_all_tasks_blocked()
    end, name = "the culprit"}
    while not lock:locked() do checkpoint() end
    local err = t.raises(anyio.BrokenResourceError, lock.acquire, lock)
    t.match(tostring(err), "the culprit")
  end)
  t.raises(anyio.BrokenResourceError, lock.acquire_nowait, lock)
  t.raises(anyio.BrokenResourceError, lock.acquire, lock)
end)
