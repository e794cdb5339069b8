--- CapacityLimiter: tokens, each lent to one borrower.
local anyio = require "anyio"
local t = require "harness"
local checkpoint = anyio.lowlevel.checkpoint

t.test("[SY-47] how many tokens there may be", function()
  t.raises("bad argument #1 to 'CapacityLimiter'", anyio.CapacityLimiter, "1")
  t.raises("bad argument #1 to 'CapacityLimiter'", anyio.CapacityLimiter, 1.0)
  t.raises(anyio.ValueError, anyio.CapacityLimiter, -1)
  t.eq(anyio.CapacityLimiter(0).total_tokens, 0)
  t.eq(anyio.CapacityLimiter(math.huge).available_tokens, math.huge)
  local limiter = anyio.CapacityLimiter(1)
  t.raises("total_tokens", function() limiter.total_tokens = 1.5 end)
  t.raises(anyio.ValueError, function() limiter.total_tokens = -1 end)
  t.eq(limiter.total_tokens, 1)
  local none = anyio.CapacityLimiter(0)
  t.raises(anyio.WouldBlock, none.acquire_nowait, none)
end)

t.test("[SY-48 SY-61] tokens add up", function()
  local limiter = anyio.CapacityLimiter(2)
  anyio.with(limiter, function()
    t.eq({limiter.total_tokens, limiter.borrowed_tokens, limiter.available_tokens}, {2, 1, 1})
    local s = limiter:statistics()
    t.eq({s.borrowed_tokens, s.total_tokens, #s.borrowers, s.tasks_waiting}, {1, 2, 1, 0})
  end)
  t.eq(limiter.borrowed_tokens, 0)
  t.raises(anyio.RuntimeError, function() limiter.borrowed_tokens = 1 end)
end)

t.test("[SY-49] there are never more holders than tokens", function()
  local limiter, holders = anyio.CapacityLimiter(2), 0
  anyio.create_task_group(function(tg)
    for _ = 1, 10 do
      tg:start_soon(function()
        local _ <close> = limiter:acquire()
        holders = holders + 1
        t.ok(holders <= 2)
        checkpoint()
        holders = holders - 1
      end)
    end
  end)
  t.eq(limiter.borrowed_tokens, 0)
end)

t.test("[SY-50 SY-51] one token each, and only one's own is given back", function()
  local limiter = anyio.CapacityLimiter(2)
  t.raises(anyio.RuntimeError, limiter.release, limiter)
  limiter:acquire()
  t.raises(anyio.RuntimeError, limiter.acquire, limiter)
  t.raises(anyio.RuntimeError, limiter.acquire_nowait, limiter)
  anyio.create_task_group(function(tg)
    tg:start_soon(function() t.raises(anyio.RuntimeError, limiter.release, limiter) end)
  end)
  limiter:release()
end)

t.test("[SY-52 SY-53] tokens on behalf of other objects", function()
  local limiter, a, b = anyio.CapacityLimiter(1), {}, "b"
  t.eq(limiter:acquire_on_behalf_of_nowait(a), limiter)
  t.eq(limiter:statistics().borrowers, {a})
  t.raises(anyio.WouldBlock, limiter.acquire_on_behalf_of_nowait, limiter, b)
  t.raises(anyio.WouldBlock, limiter.acquire_nowait, limiter)
  t.raises(anyio.RuntimeError, limiter.acquire_on_behalf_of, limiter, a)
  t.raises(anyio.RuntimeError, limiter.release_on_behalf_of, limiter, b)
  anyio.create_task_group(function(tg)
    tg:start_soon(function() limiter:acquire_on_behalf_of(b) end)
    anyio.wait_all_tasks_blocked()
    limiter:release_on_behalf_of(a)
    t.eq(limiter:statistics().borrowers, {b})
  end)
  limiter:release_on_behalf_of(b)
  t.raises("bad argument #1", limiter.acquire_on_behalf_of, limiter, nil)
end)

t.test("[SY-54] a released token is the waiter's at once", function()
  local limiter = anyio.CapacityLimiter(1)
  anyio.create_task_group(function(tg)
    limiter:acquire()
    tg:start_soon(function() local _ <close> = limiter:acquire() end)
    anyio.wait_all_tasks_blocked()
    limiter:release()
    t.eq(limiter.borrowed_tokens, 1)
    t.raises(anyio.WouldBlock, limiter.acquire_nowait, limiter)
  end)
  t.eq(limiter.borrowed_tokens, 0)
end)

t.test("[SY-55 SY-56 SY-57] more tokens wake waiters in order; fewer take none away", function()
  local limiter, log, go = anyio.CapacityLimiter(1), t.log(), anyio.Event()
  anyio.create_task_group(function(tg)
    limiter:acquire()
    for i = 1, 5 do
      tg:start_soon(function()
        local _ <close> = limiter:acquire()
        log(i)
        go:wait()
      end)
      anyio.wait_all_tasks_blocked()
    end
    t.eq(limiter:statistics().tasks_waiting, 5)
    limiter.total_tokens = 2
    anyio.wait_all_tasks_blocked()
    t.eq(log.items, {1})
    limiter.total_tokens = 4
    t.eq(limiter.borrowed_tokens, 4)
    anyio.wait_all_tasks_blocked()
    t.eq(#log.items, 3)
    limiter.total_tokens = 1
    t.eq(limiter.available_tokens, -3)
    limiter:release()
    t.eq(limiter.borrowed_tokens, 3)
    limiter.total_tokens = 6
    anyio.wait_all_tasks_blocked()
    t.eq(#log.items, 5)
    limiter:acquire()
    limiter:release()
    go:set()
  end)
  table.sort(log.items)
  t.eq(log.items, {1, 2, 3, 4, 5})
end)

t.test("[SY-58] a cancelled waiter passes its token on", function()
  for _, release_first in ipairs{true, false} do
    local limiter, got = anyio.CapacityLimiter(1), false
    anyio.create_task_group(function(tg)
      limiter:acquire()
      local first = tg:create_task(function()
        local _ <close> = limiter:acquire()
        checkpoint()
        t.fail "not cancelled"
      end)
      anyio.wait_all_tasks_blocked()
      tg:start_soon(function()
        local _ <close> = limiter:acquire()
        got = true
      end)
      anyio.wait_all_tasks_blocked()
      if release_first then limiter:release() end
      first:cancel()
      if not release_first then limiter:release() end
    end)
    t.ok(got)
    t.eq(limiter.borrowed_tokens, 0)
  end
end)

t.test("[SY-58 SY-59] so does one that is cancelled natively", {backend = "asyncio"}, function()
  local asyncio = require "asyncio"
  local limiter, got = anyio.CapacityLimiter(1), false
  limiter:acquire()
  local first = asyncio.create_task(function() limiter:acquire() end)
  anyio.wait_all_tasks_blocked()
  local second = asyncio.create_task(function()
    local _ <close> = limiter:acquire()
    got = true
  end)
  anyio.wait_all_tasks_blocked()
  limiter:release()
  first:cancel()
  t.raises(anyio.Cancelled, first.await, first)
  anyio.fail_after(3, function() second:await() end)
  t.ok(got)
  t.eq(limiter.borrowed_tokens, 0)
end)
