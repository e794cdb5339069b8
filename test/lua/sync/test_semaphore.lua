--- Semaphore: units that are taken, given back, and handed on.
local anyio = require "anyio"
local t = require "harness"
local checkpoint = anyio.lowlevel.checkpoint

t.test("[SY-33 SY-34] acquire takes a unit, release gives it back", function()
  local semaphore = anyio.Semaphore(2)
  anyio.with(semaphore, function() t.eq(semaphore.value, 1) end)
  t.eq(semaphore.value, 2)
  t.eq(semaphore:acquire(), semaphore)
  t.eq(semaphore:acquire_nowait(), semaphore)
  t.eq(semaphore.value, 0)
  t.raises(anyio.WouldBlock, semaphore.acquire_nowait, semaphore)
  semaphore:release()
  semaphore:release()
  t.eq(semaphore.value, 2)
  t.eq(semaphore:statistics(), {tasks_waiting = 0})
end)

t.test("[SY-35] fast_acquire lets nobody run, also when made outside", {plain = true}, function()
  local semaphore = anyio.Semaphore(1, {fast_acquire = true})
  t.run(function()
    local ran = false
    anyio.create_task_group(function(tg)
      tg:start_soon(function() ran = true end)
      do local _ <close> = semaphore:acquire() end
      t.no(ran)
    end)
    anyio.CancelScope(function(scope)
      scope:cancel()
      t.raises(anyio.Cancelled, semaphore.acquire, semaphore)
      t.eq(semaphore.value, 1)
    end)
  end)
end)

t.test("[SY-35] without it, taking a unit is a switch", function()
  local semaphore, ran = anyio.Semaphore(1), false
  anyio.create_task_group(function(tg)
    tg:start_soon(function() ran = true end)
    for _ = 1, 2 do local _ <close> = semaphore:acquire() end
    t.ok(ran)
  end)
end)

t.test("[SY-36 SY-46] a released unit is the waiter's at once", function()
  local semaphore, got = anyio.Semaphore(1), false
  anyio.create_task_group(function(tg)
    semaphore:acquire()
    tg:start_soon(function()
      local _ <close> = semaphore:acquire()
      got = true
    end)
    anyio.wait_all_tasks_blocked()
    t.eq(semaphore:statistics().tasks_waiting, 1)
    semaphore:release()
    t.eq(semaphore.value, 0)
    t.raises(anyio.WouldBlock, semaphore.acquire_nowait, semaphore)
  end)
  t.ok(got)
  t.eq(semaphore.value, 1)
end)

t.test("[SY-37] a cancelled waiter does nothing, and no unit is lost", function()
  for _, release_first in ipairs{true, false} do
    local semaphore, entered = anyio.Semaphore(1), false
    anyio.create_task_group(function(tg)
      semaphore:acquire()
      tg:start_soon(function()
        local _ <close> = semaphore:acquire()
        checkpoint()
        entered = true
      end)
      anyio.wait_all_tasks_blocked()
      if release_first then semaphore:release() end
      tg.cancel_scope:cancel()
      if not release_first then semaphore:release() end
    end)
    t.no(entered)
    t.eq(semaphore.value, 1)
  end
end)

t.test("[SY-38 SY-45] units go to waiters in order, past those that are cancelled", function()
  local semaphore, log = anyio.Semaphore(0), t.log()
  anyio.create_task_group(function(tg)
    local handles = {}
    for i = 1, 4 do
      handles[i] = tg:create_task(function()
        semaphore:acquire()
        log(i)
      end)
      anyio.wait_all_tasks_blocked()
    end
    handles[2]:cancel()
    for _ = 1, 3 do
      semaphore:release()
      anyio.wait_all_tasks_blocked()
    end
  end)
  t.eq(log.items, {1, 3, 4})
  t.eq(semaphore.value, 0)
end)

t.test("[SY-39 SY-40] a native cancel gives the unit to the next", {backend = "asyncio"}, function()
  local asyncio = require "asyncio"
  local semaphore, got = anyio.Semaphore(1), false
  semaphore:acquire()
  local task = asyncio.create_task(function() semaphore:acquire() end)
  anyio.wait_all_tasks_blocked()
  semaphore:release()
  task:cancel()
  t.raises(anyio.Cancelled, task.await, task)
  t.eq(semaphore.value, 1)
  local first = asyncio.create_task(function() semaphore:acquire() end)
  checkpoint()
  t.eq(semaphore.value, 0)
  local second = asyncio.create_task(function()
    local _ <close> = semaphore:acquire()
    got = true
  end)
  first:cancel()
  t.raises(anyio.Cancelled, first.await, first)
  anyio.fail_after(3, function() second:await() end)
  t.ok(got)
  t.eq(semaphore.value, 1)
end)

t.test("[SY-41 SY-42] max_value bounds releases", function()
  t.eq(anyio.Semaphore(0).max_value, nil)
  local semaphore = anyio.Semaphore(1, {max_value = 2})
  t.eq(semaphore.max_value, 2)
  semaphore:release()
  t.raises(anyio.ValueError, semaphore.release, semaphore)
  t.eq(semaphore.value, 2)
end)

t.test("[SY-43] values are checked", function()
  t.raises("bad argument #1 to 'Semaphore'", anyio.Semaphore, "1")
  t.raises("bad argument #1 to 'Semaphore'", anyio.Semaphore, 1.5)
  t.raises(anyio.ValueError, anyio.Semaphore, -1)
  t.raises("max_value", anyio.Semaphore, 1, {max_value = 1.5})
  t.raises(anyio.ValueError, anyio.Semaphore, 2, {max_value = 1})
  t.raises(anyio.TypeError, anyio.Semaphore, 2, {maximum = 1})
end)

t.test("[SY-44] any task may release, and one may hold several", function()
  local semaphore = anyio.Semaphore(2)
  semaphore:acquire()
  semaphore:acquire()
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      semaphore:release()
      semaphore:release()
    end)
  end)
  t.eq(semaphore.value, 2)
end)

t.test("[SY-62] a resource guard has one user at a time", function()
  local guard = anyio.ResourceGuard "reading from"
  anyio.with(guard, function()
    local err = t.raises(anyio.BusyResourceError, guard.enter, guard)
    t.match(tostring(err), "reading from")
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        t.raises(anyio.BusyResourceError, anyio.with, guard, function() end)
      end)
    end)
    t.ok(guard:statistics().held)
  end)
  do local _ <close> = guard:enter() end
  t.no(guard:statistics().held)
  t.match(tostring(t.raises(anyio.BusyResourceError, function()
    local g = anyio.ResourceGuard()
    local _ <close> = g:enter()
    g:enter()
  end)), "using")
end)
