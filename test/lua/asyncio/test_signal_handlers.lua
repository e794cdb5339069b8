--- Signal handlers of an event loop.

local anyio = require "anyio"
local asyncio = require "asyncio"
local t = require "harness"

local popen = require("_anyrun.stock").io.popen -- lets nobody run meanwhile

local plain = { plain = true }

local function raise(name)
  popen(("kill -%s $PPID"):format((name:gsub("^SIG", "")))):close()
end

t.test("[AS-SIG-01 D-54] a handler is called as a callback of the loop, with its arguments", function()
  local loop = asyncio.get_running_loop()
  local future = loop:create_future()
  loop:add_signal_handler("SIGUSR1", function(a, b)
    local ok = pcall(asyncio.current_task)
    future:set_result { a, b, ok }
  end, 1, "x")
  raise "SIGUSR1"
  t.eq(future:await(), { 1, "x", true })
  t.ok(loop:remove_signal_handler "SIGUSR1")
end)

t.test("[AS-SIG-01] a handler takes the place of an earlier one", function()
  local loop = asyncio.get_running_loop()
  local future = loop:create_future()
  loop:add_signal_handler("SIGUSR1", function() t.fail "the first one" end)
  raise "SIGUSR1"
  loop:add_signal_handler("SIGUSR1", function() future:set_result "second" end)
  t.eq(future:await(), "second")
  t.ok(loop:remove_signal_handler "SIGUSR1")
end)

t.test("[AS-SIG-02] what cannot be is refused", function()
  local loop = asyncio.get_running_loop()
  local function f() end
  t.raises(anyio.TypeError, loop.add_signal_handler, loop, "SIGUSR1", 1)
  t.raises(anyio.ValueError, loop.add_signal_handler, loop, "SIGNONE", f)
  t.raises(anyio.ValueError, loop.add_signal_handler, loop, 100, f)
  t.raises(anyio.RuntimeError, loop.add_signal_handler, loop, "SIGKILL", f)
  t.raises("name or number of a signal expected", loop.add_signal_handler, loop, {}, f)
  t.no(loop:remove_signal_handler "SIGKILL")
end)

t.test("[AS-SIG-03] removing says whether there was a handler", function()
  local loop = asyncio.get_running_loop()
  t.no(loop:remove_signal_handler "SIGUSR1")
  loop:add_signal_handler("SIGUSR1", print)
  t.ok(loop:remove_signal_handler "SIGUSR1")
  t.no(loop:remove_signal_handler "SIGUSR1")
end)

t.test("[AS-SIG-03] a closed loop has no handlers left", plain, function()
  asyncio.run(function()
    asyncio.get_running_loop():add_signal_handler("SIGINT", print)
  end)
  t.raises(anyio.KeyboardInterrupt, asyncio.run, function()
    raise "SIGINT"
    asyncio.sleep(1)
  end)
end)

t.test("[AS-SIG-04 UV-17] a handler of SIGINT replaces what control-C does", plain, function()
  local n = 0
  t.eq(asyncio.run(function()
    local loop = asyncio.get_running_loop()
    local future = loop:create_future()
    loop:add_signal_handler("SIGINT", function()
      n = n + 1
      if n == 2 then future:set_result "twice" else raise "SIGINT" end
    end)
    raise "SIGINT"
    return future:await()
  end), "twice")
end)

t.test("a handler given to a loop that does not run yet", plain, function()
  local loop = asyncio.new_event_loop()
  local seen
  loop:add_signal_handler("SIGUSR1", function()
    seen = true
    loop:stop()
  end)
  loop:call_soon(raise, "SIGUSR1")
  loop:run_forever()
  t.ok(seen)
  loop:close()
end)

t.test("[UV-14] uvloop keeps SIGCHLD for itself", plain, function()
  asyncio.run(function()
    local loop = asyncio.get_running_loop()
    t.raises(anyio.RuntimeError, loop.add_signal_handler, loop, "SIGCHLD", print)
  end, { loop_factory = require("uvloop").new_event_loop })
end)

t.test("the error of a handler is reported, and the loop goes on", function()
  local loop = asyncio.get_running_loop()
  local future = loop:create_future()
  loop:set_exception_handler(function(_, context) future:set_result(context) end)
  loop:add_signal_handler("SIGUSR1", function() error "oops" end)
  raise "SIGUSR1"
  t.match(tostring(future:await().exception), "oops")
  loop:remove_signal_handler "SIGUSR1"
end)
