--- to_thread: functions in worker threads.
local anyio = require "anyio"
local t = require "harness"
local to_thread, from_thread = anyio.to_thread, anyio.from_thread
local run_sync = to_thread.run_sync

local first = 0
while arg[first - 1] do first = first - 1 end
local program = os.getenv "ANYRUN" or arg[first]
local sanitized = program:find "[at]san/" and "the sanitizer ends the program there"

-- Blocks its thread until the run tells it to go on, without looking at
-- cancellation.
local function blocked(release)
  return function()
    while not from_thread.run_sync(release) do end
    return "done"
  end
end

t.test("[THR-01] a function runs in a thread, the loop goes on", function()
  local ticks, event = 0, anyio.Event()
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      while not event:is_set() do
        ticks = ticks + 1
        anyio.lowlevel.checkpoint()
      end
    end)
    local function ticked() return ticks end
    local value = run_sync(function(get)
      while from_thread.run_sync(get) < 10 do end
      return 42
    end, anyio.lowlevel.ref(ticked))
    t.eq(value, 42)
    event:set()
  end)
  t.ok(ticks >= 10)
end)

t.test("[THR-01] an error arrives with its class, message and both tracebacks", function()
  local ok, err = anyio.pcall(run_sync, function() error(anyio.ValueError "bad") end)
  t.eq({ok, err.name, err.message}, {false, "ValueError", "bad"})
  t.ok(err.traceback:find("in a worker thread; who waited for it:", 1, true))
  ok, err = anyio.pcall(run_sync, function() error("plain", 0) end)
  t.eq({ok, err}, {false, "plain"})
  ok, err = anyio.pcall(run_sync, function() error({code = 3}) end)
  t.eq({ok, err.code}, {false, 3})
  t.raises("error(nil)", run_sync, function() error() end)
end)

t.test("[THR-02] in a cancelled scope the function never starts", function()
  local scope = anyio.CancelScope()
  local started = false
  scope(function()
    scope:cancel()
    run_sync(function() from_thread.run_sync(function() started = true end) end)
    t.fail "not cancelled"
  end)
  t.ok(scope.cancelled_caught and not started)
end)

t.test("[THR-03 THR-04 T23] a cancelled task waits for its thread, and gets the result", function()
  local scope, got, go = anyio.CancelScope(), nil, false
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      scope(function()
        got = run_sync(blocked(anyio.lowlevel.ref(function() return go end)))
        anyio.lowlevel.checkpoint()
        got = "too far"
      end)
    end)
    anyio.wait_all_tasks_blocked()
    scope:cancel()
    for _ = 1, 5 do anyio.lowlevel.checkpoint() end
    t.eq(got, nil)
    go = true
  end)
  t.eq(got, "done")
  t.ok(scope.cancelled_caught)
end)

t.test("[THR-04] so it is with its error", function()
  local scope, err = anyio.CancelScope(), nil
  scope(function()
    local _
    _, err = anyio.pcall(run_sync, function(s)
      from_thread.run_sync(s.cancel, s)
      error(anyio.ValueError "mine")
    end, scope)
    anyio.lowlevel.checkpoint()
    t.fail "not cancelled"
  end)
  t.eq(err.message, "mine")
end)

t.test("[THR-05 THR-20] an abandoned thread goes on by itself", function()
  local scope, log, go = anyio.CancelScope(), t.log(), false
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      scope(function()
        run_sync({function(release, tell)
          while not from_thread.run_sync(release) do end
          local ok, err = pcall(from_thread.check_cancelled)
          from_thread.run_sync(tell, ok, err.name)
        end, abandon_on_cancel = true},
          anyio.lowlevel.ref(function() return go end), anyio.lowlevel.ref(log))
      end)
      log("left")
    end)
    anyio.wait_all_tasks_blocked()
    scope:cancel()
    anyio.wait_all_tasks_blocked()
    t.eq(log.items, {"left"})
    go = true
    while #log.items < 2 do anyio.sleep(0.001) end
  end)
  t.ok(scope.cancelled_caught)
  t.eq(log.items[2], false)
end)

t.test("[THR-06] the token of an abandoned call", function()
  local limiter, go, scope = anyio.CapacityLimiter(1), false, anyio.CancelScope()
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      scope(function()
        run_sync({blocked(anyio.lowlevel.ref(function() return go end)),
          abandon_on_cancel = true, limiter = limiter})
      end)
    end)
    anyio.wait_all_tasks_blocked()
    scope:cancel()
    anyio.wait_all_tasks_blocked()
    t.eq(limiter.borrowed_tokens, t.backend == "trio" and 1 or 0)
    go = true
    while limiter.borrowed_tokens > 0 do anyio.sleep(0.001) end
  end)
end)

t.test("[THR-07 AS-THR-02] a native cancellation is not held back", {backend = "asyncio"}, function()
  local asyncio = require "asyncio"
  for _, abandon in ipairs{false, true} do
    local go = false
    local task = asyncio.create_task(function()
      run_sync({blocked(anyio.lowlevel.ref(function() return go end)), abandon_on_cancel = abandon})
    end)
    anyio.wait_all_tasks_blocked()
    task:cancel()
    t.raises(anyio.Cancelled, task.await, task)
    go = true
  end
end)

t.test("[THR-08] the old name of the option warns", function()
  t.eq(run_sync({function() return 1 end, cancellable = true}), 1)
  t.raises("option 'cancellable'", run_sync, {function() end, cancellable = 1})
end)

t.test("options are checked", function()
  t.raises("unknown option 'abandon'", run_sync, {print, abandon = true})
  t.raises("option 'abandon_on_cancel'", run_sync, {print, abandon_on_cancel = 1})
  t.raises("option 'limiter'", run_sync, {print, limiter = {}})
  t.raises("bad argument #1 to 'run_sync'", run_sync, 5)
  t.raises("bad argument #1 to 'run_sync'", run_sync)
end)

t.test("[THR-09] at most as many threads as tokens", function()
  local limiter, running, most = anyio.CapacityLimiter(3), 0, 0
  local function enter()
    running = running + 1
    most = math.max(most, running)
  end
  local function leave() running = running - 1 end
  anyio.create_task_group(function(tg)
    for _ = 1, 12 do
      tg:start_soon(run_sync, {function(a, b)
        from_thread.run_sync(a)
        from_thread.run_sync(b)
      end, limiter = limiter}, anyio.lowlevel.ref(enter), anyio.lowlevel.ref(leave))
    end
  end)
  t.eq(running, 0)
  t.ok(most >= 1 and most <= 3)
  t.eq(to_thread.current_default_thread_limiter().total_tokens, 40)
  t.ok(to_thread.current_default_thread_limiter() == to_thread.current_default_thread_limiter())
end)

t.test("[SY-60] the default limiter has 40 tokens, is the run's own, and can be resized",
  {plain = true}, function()
    local limiter = to_thread.current_default_thread_limiter
    local used = t.run(function()
      t.eq(limiter().total_tokens, 40)
      limiter().total_tokens = 1
      local name = require("threading").current_thread
      local function who() return name().name, os.clock() end
      anyio.create_task_group(function(tg)
        local one = tg:start_soon(run_sync, who)
        local other = tg:start_soon(run_sync, who)
        t.eq(one:await(), other:await()) -- one thread after the other
      end)
      return limiter()
    end)
    t.run(function()
      t.eq(limiter().total_tokens, 40)
      t.no(limiter() == used)
    end)
  end)

t.test("any limiter that takes and gives back will do", function()
  local log = t.log()
  local function takes() log "taken" end
  local function gives() log "given back" end
  local limiter = {acquire = takes, acquire_on_behalf_of = takes}
  t.raises("option 'limiter'", run_sync, {print, limiter = limiter})
  limiter.release, limiter.release_on_behalf_of = gives, gives
  t.eq(run_sync({function() return 1 end, limiter = limiter}), 1)
  t.raises("boom", run_sync, {function() error("boom", 0) end, limiter = limiter})
  t.eq(log.items, {"taken", "given back", "taken", "given back"})
end)

t.test("[THR-10] who borrows the token", function()
  local limiter = anyio.CapacityLimiter(2)
  limiter:acquire()
  if t.backend == "trio" then
    t.eq(run_sync({function() return 1 end, limiter = limiter}), 1)
  else
    t.raises(anyio.RuntimeError, run_sync, {function() end, limiter = limiter})
  end
  limiter:release()
  t.eq(limiter.borrowed_tokens, 0)
end)

t.test("[THR-11] idle threads are used again, the last one first", function()
  local first = run_sync(function() MARK = {}; return tostring(MARK) end) -- luacheck: ignore
  t.eq(run_sync({function() return tostring(MARK) end, limiter = anyio.CapacityLimiter(1)}), first) -- luacheck: ignore
end)

t.test("[THR-16] context variables go along and do not come back", function()
  local ContextVar = require("contextvars").ContextVar
  local var, other = ContextVar("var"), ContextVar("other", {default = "none"})
  var:set("mine")
  t.eq({run_sync(function()
    local seen = var:get()
    var:set("theirs")
    return seen, var:get(), other:get()
  end)}, {"mine", "theirs", "none"})
  t.eq(var:get(), "mine")
  t.eq(run_sync(function() return var:get("unset") end), "mine")
  var:set(nil)
  t.eq(run_sync(function() return tostring(var:get("unset")) end), "nil")
end)

t.test("[THR-17 B16 SN-10] in a worker no library is current", function()
  t.eq(run_sync(function()
    local ok, err = pcall(current_async_library)
    return tostring(ok) .. " " .. err.name
  end), "false AsyncLibraryNotFoundError")
  t.eq(run_sync(function()
    local ok, err = pcall(require("anyio").sleep, 0)
    return tostring(ok) .. " " .. err.name
  end), "false NoEventLoopError")
end)

t.test("a worker may start a run of its own", function()
  t.eq(run_sync(function()
    return run(function()
      sleep(0)
      return current_async_library()
    end, {backend = "trio"})
  end), "trio")
end)

t.test("[THR-19 THR-21] a thread may look whether it is to end", function()
  local scope = anyio.CancelScope()
  scope(function()
    run_sync(function(s)
      from_thread.check_cancelled()
      from_thread.run_sync(s.cancel, s)
      for _ = 1, 1000000000 do from_thread.check_cancelled() end
    end, scope)
    t.fail "not cancelled"
  end)
  t.ok(scope.cancelled_caught)
  scope = anyio.CancelScope()
  scope(function()
    local got = select(2, anyio.CancelScope({shield = true})(function()
      return run_sync(function(s)
        from_thread.run_sync(s.cancel, s)
        from_thread.run(anyio.lowlevel.checkpoint)
        from_thread.check_cancelled()
        return "shielded"
      end, scope)
    end))
    t.eq(got, "shielded")
  end)
end)

t.test("[THR-22] outside a worker there is nothing to look at", function()
  t.raises(anyio.NoEventLoopError, from_thread.check_cancelled)
  t.raises(anyio.NoEventLoopError, from_thread.run, anyio.sleep, 0)
  t.raises(anyio.NoEventLoopError, from_thread.run_sync, print)
end)

t.test("os.exit in a worker raises SystemExit where it is waited for", function()
  local ok, err = pcall(run_sync, function() os.exit(3) end)
  t.eq({ok, err.name, err.code}, {false, "SystemExit", 3})
  ok, err = pcall(run_sync, function() os.exit(true) end)
  t.eq({ok, err.name, err.code}, {false, "SystemExit", 0})
  t.eq(run_sync(function() return 1 end), 1)
end)

t.test("a worker that has no memory says so", {skip = sanitized}, function()
  t.raises("not enough memory", run_sync, function()
    return io.stdin:read(1 << 46)
  end)
  t.eq(run_sync(function() return "alive" end), "alive")
end)

t.test("thousands of calls in flight", {slow = true}, function()
  local sum, limiter = 0, anyio.CapacityLimiter(16)
  anyio.create_task_group(function(tg)
    for i = 1, 3000 do
      tg:start_soon(function()
        local got = run_sync({function(n) return n end, limiter = limiter}, i)
        sum = sum + got
      end)
    end
  end)
  t.eq(sum, 3000 * 3001 // 2)
end)

t.test("a run that waits for a thread is not stuck", {plain = true}, function()
  t.eq(t.run(function()
    return run_sync(function()
      local n = 0
      for i = 1, 1000000 do n = n + i end
      return n
    end)
  end), 500000500000)
end)

t.test("a script without a run may use threads", {plain = true}, function()
  local f = assert(io.popen(program .. " --backend=" .. t.backend ..
    [[ -e 'print(require("anyio").to_thread.run_sync(function(x) return x + 1 end, 41))']]))
  t.eq(f:read "a", "42\n")
  f:close()
end)

t.test("[THR-12 THR-13] idle threads end with an asyncio loop, and stay on trio", {plain = true}, function()
  local thread = require "_anyrun.thread"
  t.run(function() run_sync(function() LEFT = true end) end) -- luacheck: ignore
  local _, idle, patience = thread.counts "thread"
  t.eq(idle > 0, t.backend == "trio")
  t.eq(patience, 10)
  thread.dismiss "thread"
  t.eq(select(2, thread.counts "thread"), 0)
  t.eq(t.run(function() return run_sync(function() return LEFT end) end), nil) -- luacheck: ignore
end)

t.test("[THR-14] in a loop that asyncio itself started", {backend = "asyncio", plain = true}, function()
  t.eq(require("asyncio").run(function()
    return run_sync(function() return 5 end)
  end), 5)
end)
