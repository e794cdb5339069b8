--- A wait that was refused left its primitive as if it had been waited for.
--
-- In a comparator of table.sort no task can be suspended. A semaphore's unit,
-- a limiter's token and a place in a barrier were taken before that was asked,
-- and a condition's lock was released: none came back. Forty such calls of
-- to_thread.run_sync, and every later one waited for ever.

local anyio = require "anyio"
local t = require "harness"

local function refused(f, ...)
  local args, err = table.pack(...), nil
  table.sort({2, 1}, function(a, b)
    local _
    _, err = pcall(f, table.unpack(args, 1, args.n))
    return a < b
  end)
  t.eq(tostring(err), "RuntimeError: cannot await inside 'table.sort' "
    .. "(a C function that cannot be suspended)")
end

t.test("a refused acquire takes no unit, token or lock", function()
  local semaphore, lock = anyio.Semaphore(1), anyio.Lock()
  refused(semaphore.acquire, semaphore)
  t.eq(semaphore.value, 1)
  refused(lock.acquire, lock)
  t.no(lock:locked())
  local limiter = anyio.CapacityLimiter(1)
  refused(limiter.acquire, limiter)
  t.eq(limiter.borrowed_tokens, 0)
  limiter:acquire_on_behalf_of("somebody")
  refused(limiter.acquire, limiter)
  t.eq(limiter:statistics().tasks_waiting, 0)
  limiter:release_on_behalf_of("somebody")
  limiter:acquire()
  limiter:release()
end)

t.test("nor does a refused call of a thread or a process", function()
  local limiters = {
    anyio.to_thread.current_default_thread_limiter(),
    anyio.to_process.current_default_process_limiter(),
    anyio.to_interpreter.current_default_interpreter_limiter(),
  }
  refused(anyio.to_thread.run_sync, math.abs, 1)
  refused(anyio.to_process.run_sync, math.abs, 1)
  refused(anyio.to_interpreter.run_sync, math.abs, 1)
  for _, limiter in ipairs(limiters) do t.eq(limiter.borrowed_tokens, 0) end
end)

t.test("a refused wait for a condition keeps its lock", function()
  local condition = anyio.Condition()
  condition:acquire()
  refused(condition.wait, condition)
  condition:notify()
  condition:release()
end)

if t.backend == "asyncio" then
  local asyncio = require "asyncio"
  t.test("asyncio: a condition keeps its lock, a barrier its places", function()
    local condition, barrier = asyncio.Condition(), asyncio.Barrier(2)
    condition:acquire()
    refused(condition.wait, condition)
    condition:release()
    refused(barrier.wait, barrier)
    t.eq(barrier.n_waiting, 0)
  end)
else
  local trio = require "trio"
  t.test("trio: semaphores and limiters", function()
    local semaphore, limiter = trio.Semaphore(1), trio.CapacityLimiter(1)
    refused(semaphore.acquire, semaphore)
    refused(limiter.acquire, limiter)
    t.eq({semaphore.value, limiter.borrowed_tokens}, {1, 0})
  end)
end
