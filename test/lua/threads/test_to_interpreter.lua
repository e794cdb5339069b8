--- to_interpreter: functions in Lua states apart.
local anyio = require "anyio"
local t = require "harness"
local to_interpreter = anyio.to_interpreter
local run_sync = to_interpreter.run_sync

t.test("[INT-01] a state is used again, and is none of the worker threads'", function()
  run_sync(function() COUNT = (COUNT or 0) + 1 end) -- luacheck: ignore
  local first = run_sync(function() return COUNT end) -- luacheck: ignore
  t.eq(run_sync(function() COUNT = COUNT + 1; return COUNT end), first + 1) -- luacheck: ignore
  t.eq(anyio.to_thread.run_sync(function() return COUNT end), nil) -- luacheck: ignore
end)

t.test("[INT-02] upvalues go along", function()
  local function add(a) return function(b, c) return a + b, c end end
  t.eq({run_sync(add(1), 2, "x")}, {3, "x"})
end)

t.test("[INT-03] errors come back as themselves; failures of the state do not", function()
  t.raises(anyio.ValueError, run_sync, function() error(anyio.ValueError "no") end)
  package.loaded["no.such.module"] = {x = 1}
  local m = require "no.such.module"
  local ok, err = anyio.pcall(run_sync, function() return m end)
  package.loaded["no.such.module"] = nil
  t.eq({ok, err.name}, {false, "BrokenWorkerInterpreter"})
  t.ok(tostring(err.cause):find "not found")
end)

t.test("[INT-04] a token for each processor", function()
  local limiter = to_interpreter.current_default_interpreter_limiter()
  t.ok(limiter.total_tokens >= 1)
  t.eq(run_sync({function() return 1 end, limiter = anyio.CapacityLimiter(1)}), 1)
  t.raises("unknown option", run_sync, {print, cancellable = true})
  t.eq(select(3, require("_anyrun.thread").counts "interpreter"), 30) -- seconds idle
end)

t.test("[INT-05] it cannot react to a cancellation, nor call back", function()
  local scope, got = anyio.CancelScope(), nil
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      scope(function()
        got = run_sync(function()
          local n = 0
          for i = 1, 2000000 do n = n + i end
          local _, err = pcall(require("anyio").from_thread.check_cancelled)
          return err.name
        end)
        anyio.lowlevel.checkpoint()
        t.fail "not cancelled"
      end)
    end)
    anyio.wait_all_tasks_blocked()
    scope:cancel()
  end)
  t.eq(got, "NoEventLoopError")
  local list = {1, 2}
  run_sync(function(l) l[3] = 3 end, list)
  t.eq(list, {1, 2})
end)

t.test("control-C ends the wait for it, not the function", {plain = true}, function()
  local fifo, kill = os.tmpname(), nil
  os.execute(("rm %s && mkfifo %s"):format(fifo, fifo))
  local ok, err = pcall(t.run, function()
    kill = io.popen "sleep 0.05; kill -INT $PPID"
    run_sync(function() io.open(fifo):close() end) -- waits until somebody writes
  end)
  kill:close()
  t.eq({ok, err.name}, {false, "KeyboardInterrupt"})
  t.eq(t.run(function() return run_sync(function() return 1 end) end), 1)
  io.open(fifo, "w"):close()
  os.remove(fifo)
end)
