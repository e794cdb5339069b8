--- to_process: functions in worker processes.
local anyio = require "anyio"
local t = require "harness"
local to_process = anyio.to_process
local run_sync = to_process.run_sync

local function pid()
  local f = io.open "/proc/self/stat"
  local n = f:read "n"
  f:close()
  return n
end

t.test("[PRC-01] a process is used again", function()
  local first = run_sync(pid)
  t.ok(first ~= pid())
  t.eq(run_sync(pid), first)
  t.eq(run_sync(pid), first)
end)

t.test("[PRC-02 PRC-03] the search path and upvalues go along", function()
  local before = package.path
  package.path = "./nowhere/?.lua;" .. before
  local path = run_sync(function() return package.path end)
  package.path = before
  t.eq(path, "./nowhere/?.lua;" .. before)
  local function add(a) return function(b) return a + b end end
  t.eq(run_sync(add(40), 2), 42)
  t.eq(run_sync(string.rep, "ab", 2), "abab")
end)

t.test("[PRC-04] errors come back as themselves", function()
  local MyError = anyio.exception("MyError", anyio.ValueError)
  local ok, err = anyio.pcall(run_sync, function() error(MyError "mine") end)
  t.ok(not ok and anyio.isinstance(err, MyError))
  t.eq(err.message, "mine")
  t.ok(err.traceback:find("in a worker process", 1, true))
  t.raises("plain", run_sync, function() error("plain", 0) end)
end)

t.test("[PRC-05] its standard streams are the null device", function()
  t.eq(run_sync(function()
    print "disturbs nobody"
    io.stderr:write(("x"):rep(2000000))
    return io.read "a"
  end), "")
end)

t.test("[PRC-06] in a cancelled scope no process is started", function()
  local scope = anyio.CancelScope()
  scope(function()
    scope:cancel()
    run_sync(pid)
    t.fail "not cancelled"
  end)
  t.ok(scope.cancelled_caught)
end)

t.test("[PRC-07] a cancellation kills the process, if it may", function()
  local first = run_sync(pid)
  local scope = anyio.move_on_after(0.05, function()
    run_sync({function() while true do end end, cancellable = true})
    t.fail "not cancelled"
  end)
  t.ok(scope.cancelled_caught)
  t.ok(run_sync(pid) ~= first)
end)

t.test("[PRC-08] by default it waits", function()
  local scope, got = anyio.CancelScope(), nil
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      scope(function()
        got = run_sync(function()
          local n = 0
          for i = 1, 2000000 do n = n + i end
          return n
        end)
        anyio.lowlevel.checkpoint()
        t.fail "not cancelled"
      end)
    end)
    anyio.wait_all_tasks_blocked()
    scope:cancel()
  end)
  t.eq(got, 2000001000000)
  t.ok(scope.cancelled_caught)
end)

t.test("[PRC-09] processes that were idle for long are ended", function()
  local first = run_sync(pid)
  local time = require "_anyrun.time"
  local real = time.monotonic
  local ids, names = {}, {os.tmpname(), os.tmpname()}
  anyio.create_task_group(function(tg)
    for i = 1, 2 do
      tg:start_soon(function()
        ids[i] = run_sync({function(mine, other)
          os.remove(mine)
          while os.rename(other, other) do end -- until the other one has begun
          return pid()
        end, limiter = anyio.CapacityLimiter(1)}, names[i], names[3 - i])
      end)
    end
  end)
  t.ok(ids[1] ~= ids[2] and (ids[1] == first or ids[2] == first))
  function time.monotonic() return real() + 1000 end
  local kept = run_sync(pid)
  time.monotonic = real
  t.ok(kept == ids[1] or kept == ids[2])
  t.eq(run_sync(pid), kept)
end)

t.test("[PRC-10] a script from standard input, or none, has processes, too", {plain = true}, function()
  local first = 0
  while arg[first - 1] do first = first - 1 end
  local program = os.getenv "ANYRUN" or arg[first]
  local code = [[print(require("anyio").to_process.run_sync(function(x) return x + 1 end, 41))]]
  for _, how in ipairs{"-e '%s'", "- <<'E'\n%s\nE\n"} do
    local f = io.popen(program .. " --backend=" .. t.backend .. " " .. how:format(code))
    t.eq(f:read "a", "42\n")
    f:close()
  end
end)

t.test("[PRC-11] processes end with the run", {plain = true}, function()
  local id = t.run(function() return run_sync(pid) end)
  local f = io.open("/proc/" .. id .. "/stat")
  t.eq(f and f:read "a", nil)
end)

t.test("[PRC-12] a token for each processor", function()
  local limiter = to_process.current_default_process_limiter()
  t.ok(limiter.total_tokens >= 1 and limiter == to_process.current_default_process_limiter())
  t.eq(limiter.borrowed_tokens, 0)
end)

t.test("[PRC-13] a process that dies or talks nonsense", function()
  for _, die in ipairs{
    function() os.exit(3) end,
    function() io.popen("kill -9 $PPID"):close() end,
    function()
      for fd = 3, 20 do
        local f = io.open("/proc/self/fd/" .. fd, "w")
        if f then f:write(("x"):rep(100)) f:close() end
      end
      os.exit(0)
    end,
  } do
    local first = run_sync(pid)
    local ok, err = anyio.pcall(run_sync, die)
    t.eq({ok, err.name}, {false, "BrokenWorkerProcess"})
    t.ok(err.cause)
    t.ok(run_sync(pid) ~= first)
  end
end)

t.test("[PRC-14] what cannot be copied is an error that says where it is", function()
  local before = to_process.current_default_process_limiter().borrowed_tokens
  for _, case in ipairs{
    {"argument 2.config.handle: thread", 1, {config = {handle = coroutine.create(print)}}},
    {"argument 1: Event", anyio.Event()},
    {"argument 1[2]['a b']: thread", {1, {["a b"] = coroutine.create(print)}}},
    {"argument 1 (a key): thread", {[coroutine.create(print)] = 1}},
    {"argument 1 (its metatable).__index.co: thread", setmetatable({}, {__index = {co = coroutine.create(print)}})},
    {"argument 1: a function of C", ("x"):gmatch "."},
    {"argument 1: Reference", anyio.lowlevel.ref{}},
  } do
    t.raises(case[1], run_sync, print, table.unpack(case, 2))
  end
  local co = coroutine.create(print)
  t.raises("function (upvalue 'co'): thread", run_sync, function() return co end)
  t.raises("result 1.co: thread", run_sync, function() return {co = coroutine.create(print)} end)
  t.raises("result 2[true]: FILE*", run_sync, function() return 1, {[true] = io.tmpfile()} end)
  t.raises("error.info.co: thread (it cannot be copied to another process); the error was: "
    .. "ValueError: no good", run_sync, function()
      error(require("anyio").ValueError("no good", {info = {co = coroutine.create(print)}}))
    end)
  t.raises("error: thread", run_sync, function() error(coroutine.create(print)) end)
  local silent = setmetatable({co = co}, {__tostring = function() error "never" end})
  t.raises("error.co: thread", run_sync, function(s) s.co = coroutine.create(print) error(s) end,
    setmetatable({}, {__tostring = getmetatable(silent).__tostring}))
  t.eq(to_process.current_default_process_limiter().borrowed_tokens, before)
end)

t.test("options are checked", function()
  t.raises("unknown option 'abandon_on_cancel'", run_sync, {print, abandon_on_cancel = true})
  t.raises("option 'cancellable'", run_sync, {print, cancellable = 1})
  t.raises("option 'limiter'", run_sync, {print, limiter = 5})
end)

t.test("large things go there and back", {slow = true}, function()
  local text = ("0123456789abcdef"):rep(1 << 19)
  t.ok(run_sync(function(s) return s end, text) == text)
end)
