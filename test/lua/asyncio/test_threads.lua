--- Threads in asyncio's own terms.
local anyio = require "anyio"
local asyncio = require "asyncio"
local t = require "harness"
local ref = anyio.lowlevel.ref

t.test("[AS-THR-01] to_thread, with a copy of the context", {backend = "asyncio"}, function()
  local var = require("contextvars").ContextVar "v"
  var:set "mine"
  t.eq({asyncio.to_thread(function(a) return a, var:get() end, 1)}, {1, "mine"})
  t.raises("boom", asyncio.to_thread, function() error("boom", 0) end)
  t.raises("bad argument #1", asyncio.to_thread, 5)
end)

t.test("[AS-THR-02 D-49 D-50] cancelled, it leaves; the run waits for the thread",
  {backend = "asyncio", plain = true}, function()
  local path = os.tmpname()
  asyncio.run(function()
    t.raises(anyio.TimeoutError, asyncio.wait_for, function()
      asyncio.to_thread(function(p)
        for _ = 1, 3000000 do end
        local f = io.open(p, "w")
        f:write "done"
        f:close()
      end, path)
    end, 0.001)
    t.eq(#asyncio.all_tasks(), 1)
  end)
  local f = io.open(path)
  t.eq(f:read "a", "done")
  f:close()
  os.remove(path)
end)

t.test("[AS-LOOP-18 D-51] the executor", {backend = "asyncio"}, function()
  local loop = asyncio.get_running_loop()
  t.eq(loop:run_in_executor(nil, math.max, 1, 7):await(), 7)
  t.raises(anyio.TypeError, loop.run_in_executor, loop, {}, print)
  t.raises(anyio.TypeError, loop.set_default_executor, loop, {})
  t.raises("bad argument #2", loop.run_in_executor, loop, nil, 5)
  local n = math.min(32, require("_anyrun.peer").cpus() + 4)
  local running, most, list = 0, 0, {}
  local function enter() running = running + 1; most = math.max(most, running) end
  local function leave() running = running - 1 end
  local remote = loop
  for i = 1, 3 * n do
    list[i] = loop:run_in_executor(nil, function(l, a, b)
      l:call_soon_threadsafe(a)
      l:call_soon_threadsafe(b)
    end, remote, ref(enter), ref(leave))
  end
  for _, future in ipairs(list) do future:await() end
  t.ok(most <= n)
  local name = loop:run_in_executor(nil, function()
    return require("threading").current_thread().name
  end):await()
  t.ok(name:find "^asyncio_%d+$", name)
end)

-- Each job says that it is there and waits to be released.
local function jobs_of(loop, pool, n)
  local job = {inside = 0, most = 0, list = {}}
  function job.enter() job.inside = job.inside + 1; job.most = math.max(job.most, job.inside) end
  function job.leave() job.inside = job.inside - 1 end
  for i = 1, n do
    job.list[i] = loop:run_in_executor(pool, function(l, enter, leave)
      local a = require "asyncio"
      a.run_coroutine_threadsafe(enter, l):result()
      a.run_coroutine_threadsafe(leave, l):result()
      return require("threading").current_thread().name
    end, loop, ref(job.enter), ref(job.leave))
  end
  return job
end

t.test("[AS-LOOP-18] an executor of one's own", {backend = "asyncio"}, function()
  local loop = asyncio.get_running_loop()
  local pool = asyncio.ThreadPoolExecutor{max_workers = 2, thread_name_prefix = "mine"}
  local job = jobs_of(loop, pool, 8)
  for i = 1, 8 do t.ok(job.list[i]:await():find "^mine_%d$") end
  t.ok(job.most <= 2)
  t.raises("boom", function()
    loop:run_in_executor(pool, function() error("boom", 0) end):await()
  end)
  job = jobs_of(loop, pool, 5)
  pool:shutdown()
  t.eq(job.inside, 0)
  for i = 1, 5 do t.ok(job.list[i]:done()) end
  t.raises("cannot schedule new futures after shutdown", loop.run_in_executor, loop, pool, print)
  t.raises("max_workers must be greater than 0", asyncio.ThreadPoolExecutor, {max_workers = 0})
  t.raises("unknown option", asyncio.ThreadPoolExecutor, {workers = 1})
end)

t.test("[AS-LOOP-18] a job that is cancelled while it waits is not begun", {backend = "asyncio"}, function()
  local loop, log = asyncio.get_running_loop(), t.log()
  local pool = asyncio.ThreadPoolExecutor{max_workers = 1}
  local list = {}
  for i = 1, 3 do
    list[i] = loop:run_in_executor(pool, function(l, add, n)
      require("asyncio").run_coroutine_threadsafe(add, l, n):result()
    end, loop, ref(log), i)
  end
  list[2]:cancel()
  pool:shutdown()
  t.eq(log.items, {1, 3})
  t.eq({list[2]:cancelled(), list[3]:done()}, {true, true})
end)

t.test("[AS-LOOP-18 AS-LOOP-19] only a thread pool may be the default one", {backend = "asyncio"}, function()
  local loop = asyncio.get_running_loop()
  t.raises("executor must be ThreadPoolExecutor instance", loop.set_default_executor, loop, {})
  loop:set_default_executor(asyncio.ThreadPoolExecutor{max_workers = 1, thread_name_prefix = "single"})
  local job = jobs_of(loop, nil, 4)
  for i = 1, 4 do t.ok(job.list[i]:await():find "^single_%d$") end
  t.eq(job.most, 1)
  t.ok(asyncio.to_thread(function() return require("threading").current_thread().name end):find "^single")
  loop:shutdown_default_executor()
  t.raises("Executor shutdown has been called", loop.run_in_executor, loop, nil, print)
end)

t.test("[AS-THR-02] a run waits for what its executors have, and a pool serves the next run",
  {backend = "asyncio", plain = true}, function()
  local pool, list = asyncio.ThreadPoolExecutor{max_workers = 1}, nil
  for _ = 1, 2 do
    asyncio.run(function()
      list = jobs_of(asyncio.get_running_loop(), pool, 3).list
      t.eq(#asyncio.all_tasks(), 1)
    end)
    for i = 1, 3 do t.ok(list[i]:done()) end
  end
  do local _ <close> = pool end
  t.raises("after shutdown", asyncio.run, function()
    asyncio.get_running_loop():run_in_executor(pool, print)
  end)
end)

t.test("[AS-LOOP-19] shutting the executor down", {backend = "asyncio"}, function()
  local loop = asyncio.get_running_loop()
  local future = loop:run_in_executor(nil, function()
    local n = 0
    for i = 1, 1000000 do n = n + i end
    return n
  end)
  loop:shutdown_default_executor()
  asyncio.sleep(0)
  t.eq(future:result(), 500000500000)
  t.raises("Executor shutdown has been called", loop.run_in_executor, loop, nil, print)
  t.raises("Executor shutdown has been called", asyncio.to_thread, print)
end)

t.test("[AS-LOOP-19] with too little time", {backend = "asyncio"}, function()
  local loop = asyncio.get_running_loop()
  local go = false
  local future = loop:run_in_executor(nil, function(l, release)
    local a = require "asyncio"
    while not a.run_coroutine_threadsafe(release, l):result() do end
  end, loop, ref(function() return go end))
  loop:shutdown_default_executor(0.001)
  t.ok(not future:done())
  go = true
  future:await()
end)

t.test("[AS-THR-03] tasks started from another thread", {backend = "asyncio"}, function()
  local loop = asyncio.get_running_loop()
  local cancelled = false
  local function wait()
    local ok, err = pcall(asyncio.sleep, 1000)
    cancelled = not ok
    error(err, 0)
  end
  local got = {asyncio.to_thread(function(l, w)
    local a = require "asyncio"
    local value = a.run_coroutine_threadsafe(function(x) a.sleep(0) return x + 1 end, l, 4):result()
    local future = a.run_coroutine_threadsafe(w, l)
    local _, err = pcall(future.result, future, 0.01)
    future:cancel()
    local _, err2 = pcall(a.run_coroutine_threadsafe(error, l, "e", 0).result,
      a.run_coroutine_threadsafe(error, l, "e", 0))
    local _, err3 = pcall(a.run_coroutine_threadsafe, 5, l)
    return value, err.name, future:cancelled(), err2, tostring(err3):find "bad argument #1" ~= nil
  end, loop, ref(wait))}
  t.eq(got, {5, "TimeoutError", true, "e", true})
  while not cancelled do asyncio.sleep(0) end
  t.raises("event loop expected", asyncio.run_coroutine_threadsafe, print, {})
end)

t.test("[AS-LOOP-09] callbacks from another thread", {backend = "asyncio"}, function()
  local loop, log = asyncio.get_running_loop(), t.log()
  local future = loop:create_future()
  local cancelled = asyncio.to_thread(function(l, add, f)
    for i = 1, 5 do l:call_soon_threadsafe(add, i) end
    local handle = l:call_soon_threadsafe(add, "never")
    handle:cancel()
    l:call_soon_threadsafe(f.set_result, f, "done")
    return handle:cancelled()
  end, loop, ref(log), future)
  t.eq(future:await(), "done")
  if cancelled then t.eq(log.items, {1, 2, 3, 4, 5}) end
end)

t.test("[AS-DBG-03 UV-13] the rest of a loop is for its own thread", {backend = "asyncio"}, function()
  local loop = asyncio.get_running_loop()
  local got = asyncio.to_thread(function(l)
    local list = {tostring(l)}
    for i, method in ipairs{"call_soon", "call_later", "call_at", "create_task", "stop",
      "run_in_executor"} do
      local _, err = pcall(l[method], l, print)
      list[i + 1] = err.name .. ": " .. err.message
    end
    return list
  end, loop)
  for i = 2, 7 do t.ok(got[i]:find "RuntimeError: Non%-thread%-safe operation", got[i]) end
  local other = asyncio.new_event_loop()
  t.raises("only a loop that runs", asyncio.to_thread, print, other)
  other:close()
end)

t.test("[AS-LOOP-09] another thread stops a loop by its own methods", {backend = "asyncio", plain = true}, function()
  local loop, seen = asyncio.new_event_loop(), nil
  loop:call_soon(function()
    local worker = require("threading").Thread(function(l, tell)
      l:call_soon_threadsafe(tell, l, l:time() > 0, l:is_closed())
      l:call_soon_threadsafe(l.stop, l)
    end, loop, ref(function(l, ...)
      seen = {l == loop, loop == l, ...}
      l:call_soon(l.create_future, l)
    end))
    worker:start()
  end)
  loop:run_forever()
  t.eq(seen, {true, true, true, false})
  loop:close()
end)

t.test("[AS-THR-03 AS-LOOP-17] the task factory makes tasks for other threads, too", {backend = "asyncio"}, function()
  local loop, made, reported = asyncio.get_running_loop(), 0, nil
  loop:set_task_factory(function(l, target, ...)
    made = made + 1
    if made > 1 then error(anyio.ValueError "no task") end
    return asyncio.eager_task_factory(l, target, ...)
  end)
  loop:set_exception_handler(function(_, context) reported = context.exception.name end)
  local got, err = asyncio.to_thread(function(l)
    local a = require "asyncio"
    local value = a.run_coroutine_threadsafe(function(x) a.sleep(0) return x end, l, 5):result()
    local failed = a.run_coroutine_threadsafe(function() end, l)
    return value, select(2, pcall(failed.result, failed)).name
  end, loop)
  loop:set_task_factory(nil)
  asyncio.sleep(0)
  t.eq({got, err, made, reported}, {5, "ValueError", 2, "ValueError"})
end)

t.test("the loop of a run that is over", {backend = "asyncio", plain = true}, function()
  local remote
  asyncio.run(function()
    remote = asyncio.to_thread(function(l) return l end, asyncio.get_running_loop())
  end)
  t.raises("Event loop is closed", remote.call_soon_threadsafe, remote, print)
  t.raises("Event loop is closed", asyncio.run_coroutine_threadsafe, print, remote)
  t.ok(remote:is_closed())
end)
