--- Threads that are none of a run's.
local anyio = require "anyio"
local t = require "harness"
local threading = require "threading"

local first = 0
while arg[first - 1] do first = first - 1 end
local program = os.getenv "ANYRUN" or arg[first]

local function shell(code)
  local f = assert(io.popen(("%s --backend=%s -e '%s' 2>&1"):format(program, t.backend, code)))
  local out = f:read "a"
  f:close()
  return out
end

t.test("a thread runs and is joined", {plain = true}, function()
  local thread = threading.Thread({function(x) assert(x == 5) end, name = "mine"}, 5)
  t.eq({thread.name, thread:is_alive()}, {"mine", false})
  t.raises("before it is started", thread.join, thread)
  thread:start()
  t.raises("only be started once", thread.start, thread)
  t.eq(thread:join(), true)
  t.eq(thread:is_alive(), false)
  t.eq(threading.current_thread().name, "main")
end)

t.test("[THR-28] it cannot call into a run without a token", function()
  anyio.from_thread.BlockingPortal(function(portal)
    local got, event = {}, anyio.Event()
    local function tell(...) got = {...}; event:set() end
    local thread = threading.Thread(function(p, f)
      local a = require "anyio"
      local _, e1 = pcall(a.from_thread.run, a.sleep, 0)
      local _, e2 = pcall(a.from_thread.run_sync, print)
      local _, e3 = pcall(current_async_library)
      p:call(f, e1.name, e2.name, e3.name)
    end, portal, anyio.lowlevel.ref(tell))
    thread:start()
    event:wait()
    t.eq(got, {"NoEventLoopError", "NoEventLoopError", "AsyncLibraryNotFoundError"})
    thread:join()
  end)
end)

t.test("[B21] with a token it can", function()
  local event, token = anyio.Event(), anyio.lowlevel.current_token()
  local thread = threading.Thread(function(tok, e)
    require("anyio").from_thread.run_sync({e.set, token = tok}, e)
  end, token, event)
  thread:start()
  event:wait()
  thread:join()
end)

t.test("an error is shown, and the program waits for its threads", {plain = true}, function()
  local out = shell [[require("threading").Thread({function() error("oops") end, name = "T"}):start()]]
  t.ok(out:find("Exception in thread T:", 1, true) and out:find("oops", 1, true), out)
  out = shell [[require("threading").Thread(function() os.exit(3) end):start() print "end"]]
  t.eq(out, "end\n")
  out = shell [[require("threading").Thread(function() for i = 1, 3000000 do end print "thread" end):start()]]
  t.eq(out, "thread\n")
end)

t.test("[B21] a worker may wait for a thread", function()
  local token, event = anyio.lowlevel.current_token(), anyio.Event()
  local thread = threading.Thread({function(tok, e)
    anyio.from_thread.run({e.wait, token = tok}, e)
  end, name = "watch"}, token, event)
  t.ok(anyio.to_thread.run_sync(function(x) return x end, thread) == thread)
  thread:start()
  local twin = anyio.to_thread.run_sync(function(x) return x end, thread)
  t.eq({twin == thread, thread == twin, twin.name, twin:is_alive()}, {true, true, "watch", true})
  t.raises("only be started once", twin.start, twin)
  event:set()
  t.eq(anyio.to_thread.run_sync(thread.join, thread), true)
  t.no(twin:is_alive())
end)
