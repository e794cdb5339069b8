--- Trio's events, locks, semaphores, limiters, conditions.
local t = require "harness"
local trio = require "trio"
local idle = trio.testing.wait_all_tasks_blocked

t.test("[TR-EV-01 D-44] an event is set once", function()
  local event, n = trio.Event(), 0
  trio.open_nursery(function(nursery)
    for _ = 1, 2 do
      nursery:start_soon(function()
        t.eq(event:wait(), nil)
        n = n + 1
      end)
    end
    idle()
    t.eq(event:statistics().tasks_waiting, 2)
    event:set()
  end)
  t.eq(n, 2)
  t.ok(event:is_set())
  t.eq(event.clear, nil)
end)

for _, name in ipairs{"Lock", "StrictFIFOLock"} do
  local new = trio[name]
  t.test(("[TR-LOCK-01 TR-LOCK-05 TR-LOCK-06 D-40 D-41] %s has an owner"):format(name), function()
    local lock = new()
    t.raises("RuntimeError", lock.release, lock)
    do
      local _ <close> = lock:acquire()
      t.raises("RuntimeError", lock.acquire, lock)
      t.raises("RuntimeError", lock.acquire_nowait, lock)
      local s = lock:statistics()
      t.eq({s.locked, s.owner, s.tasks_waiting}, {true, trio.lowlevel.current_task(), 0})
      t.match(tostring(lock), "%f[%w]locked, 0 waiting")
      trio.open_nursery(function(nursery)
        nursery:start_soon(function() t.raises("RuntimeError", lock.release, lock) end)
      end)
    end
    t.match(tostring(lock), "unlocked")
    t.no(lock:locked())
  end)

  t.test(("[TR-LOCK-02 TR-LOCK-03 TR-LOCK-06] %s is handed on in order"):format(name), function()
    local lock, log = new(), t.log()
    trio.open_nursery(function(nursery)
      lock:acquire()
      for i = 1, 3 do
        nursery:start_soon(function()
          local _ <close> = lock:acquire()
          log(i)
        end)
        idle()
      end
      lock:release()
      t.raises(trio.WouldBlock, lock.acquire_nowait, lock)
    end)
    t.eq(log.items, {1, 2, 3})
  end)

  t.test(("[TR-LOCK-04 D-42] %s breaks when its owner ends"):format(name), function()
    local lock, refused = new(), 0
    trio.open_nursery(function(nursery)
      nursery:start_soon({function()
        lock:acquire()
        idle()
      end, name = "owner"})
      while not lock:locked() do trio.lowlevel.checkpoint() end
      for _ = 1, 2 do
        nursery:start_soon(function()
          local err = t.raises(trio.BrokenResourceError, lock.acquire, lock)
          t.match(tostring(err), "owner")
          refused = refused + 1
        end)
      end
    end)
    t.eq(refused, 2)
    t.raises(trio.BrokenResourceError, lock.acquire, lock)
  end)
end

t.test("[TR-SEM-01 TR-SEM-02 D-45] a semaphore", function()
  t.raises("bad argument #1", trio.Semaphore)
  t.raises("bad argument #1", trio.Semaphore, 1.5)
  t.raises("ValueError", trio.Semaphore, -1)
  t.raises("ValueError", trio.Semaphore, 2, {max_value = 1})
  local semaphore = trio.Semaphore(1, {max_value = 1})
  t.raises("ValueError", semaphore.release, semaphore)
  t.eq({semaphore.value, semaphore.max_value}, {1, 1})
  trio.open_nursery(function(nursery)
    semaphore:acquire()
    t.raises(trio.WouldBlock, semaphore.acquire_nowait, semaphore)
    nursery:start_soon(function() local _ <close> = semaphore:acquire() end)
    idle()
    semaphore:release()
    t.eq(semaphore.value, 0)
  end)
  t.eq(semaphore.value, 1)
end)

t.test("[TR-CAP-01 TR-CAP-02 TR-CAP-03 TR-CAP-05] a capacity limiter", function()
  t.raises("bad argument #1", trio.CapacityLimiter, 1.0)
  t.raises("ValueError", trio.CapacityLimiter, -1)
  t.eq(trio.CapacityLimiter(0).total_tokens, 0)
  local limiter = trio.CapacityLimiter(1)
  limiter:acquire()
  t.raises("RuntimeError", limiter.acquire, limiter)
  t.eq(limiter:statistics().borrowers, {trio.lowlevel.current_task()})
  t.eq({limiter.borrowed_tokens, limiter.available_tokens}, {1, 0})
  limiter:release()
  t.raises("RuntimeError", limiter.release, limiter)
  local who = {}
  limiter:acquire_on_behalf_of(who)
  t.raises(trio.WouldBlock, limiter.acquire_on_behalf_of_nowait, limiter, "other")
  t.raises(trio.WouldBlock, limiter.acquire_nowait, limiter)
  limiter:release_on_behalf_of(who)
end)

t.test("[TR-CAP-04 TR-CAP-06] more tokens wake at once; cancelled waiters leave no trace", function()
  local limiter = trio.CapacityLimiter(0)
  trio.open_nursery(function(nursery)
    nursery:start_soon(function() local _ <close> = limiter:acquire() end)
    trio.move_on_after(0.05, function() limiter:acquire() end)
    t.eq(limiter:statistics().tasks_waiting, 1)
    limiter.total_tokens = 5
    t.eq(limiter.borrowed_tokens, 1)
    limiter.total_tokens = 0
    t.eq(limiter.available_tokens, -1)
  end)
  t.eq(limiter:statistics(),
    {borrowed_tokens = 0, total_tokens = 0, borrowers = {}, tasks_waiting = 0})
  t.eq(next(limiter._wants), nil)
end)

t.test("[TR-COND-01 TR-COND-02 D-43] a condition and its lock", function()
  t.raises("Lock expected", trio.Condition, trio.StrictFIFOLock())
  t.raises("Lock expected", trio.Condition, {})
  local lock = trio.Lock()
  local condition = trio.Condition(lock)
  t.raises("RuntimeError", condition.wait, condition)
  t.raises("RuntimeError", condition.notify, condition)
  t.raises("RuntimeError", condition.notify_all, condition)
  do
    local _ <close> = condition:acquire()
    t.ok(lock:locked() and condition:locked())
  end
  condition:acquire_nowait()
  trio.open_nursery(function(nursery)
    nursery:start_soon(function() t.raises("RuntimeError", condition.notify, condition) end)
  end)
  condition:release()
end)

t.test("[TR-COND-03 TR-COND-04] the notified come one by one; the cancelled hold the lock", function()
  local condition, log = trio.Condition(), t.log()
  trio.open_nursery(function(nursery)
    for i = 1, 3 do
      nursery:start_soon(function()
        local _ <close> = condition:acquire()
        condition:wait()
        log(i)
        trio.lowlevel.checkpoint()
      end)
      idle()
    end
    local scope = trio.CancelScope()
    nursery:start_soon(function()
      scope(function()
        local _ <close> = condition:acquire()
        t.raises(trio.Cancelled, condition.wait, condition)
        t.eq(condition:statistics().lock_statistics.owner, trio.lowlevel.current_task())
        log "cancelled"
      end)
    end)
    idle()
    condition:acquire()
    condition:notify(3)
    t.eq(condition:statistics().tasks_waiting, 1)
    t.eq(condition:statistics().lock_statistics.tasks_waiting, 3)
    condition:release()
    idle()
    t.eq(#log.items, 3)
    scope:cancel()
  end)
  t.eq(log.items, {1, 2, 3, "cancelled"})
end)

t.test("[TR-SCHED-11 D-23] those who wait for an event wake in many orders", {plain = true}, function()
  local orders, n = {}, 0
  t.repeat_runs(40, function()
    local event, log = trio.Event(), {}
    trio.open_nursery(function(nursery)
      for i = 1, 4 do
        nursery:start_soon(function()
          event:wait()
          log[#log + 1] = i
        end)
      end
      idle()
      event:set()
    end)
    orders[table.concat(log)] = true
  end)
  for _ in pairs(orders) do n = n + 1 end
  t.ok(n > 2, n .. " orders")
end)

t.test("[TR-CHK-06] a lock is a checkpoint where it is taken, not where it is left", function()
  local lock = trio.Lock()
  trio.CancelScope(function(scope)
    do
      local _ <close> = lock:acquire()
      scope:cancel()
    end
    t.no(lock:locked())
    t.raises(trio.Cancelled, lock.acquire, lock)
  end)
end)
