--- uvloop: asyncio on another loop.
local asyncio = require "asyncio"
local uvloop = require "uvloop"
local anyio = require "anyio"
local sniffio = require "sniffio"
local t = require "harness"

local plain = {plain = true}

--- A test whose body is the main task on a loop of uvloop's.
local function on_uvloop(title, f, opts)
  t.test(title, opts or plain, function() uvloop.run(f) end)
end

t.test("[UV-01 UV-02] run is asyncio's with uvloop's loop", plain, function()
  local a, b = uvloop.run(function(x)
    local loop = asyncio.get_running_loop()
    t.isa(loop, uvloop.Loop)
    t.match(tostring(loop), "^<UvLoop running=true")
    asyncio.sleep(0)
    return x, loop:get_debug()
  end, {debug = true}, "argument")
  t.eq({a, b}, {"argument", true})
  asyncio.run(function() t.isa(asyncio.get_running_loop(), uvloop.Loop) end,
    {loop_factory = uvloop.new_event_loop})
  local runner <close> = asyncio.Runner {loop_factory = uvloop.new_event_loop}
  t.isa(runner:get_loop(), uvloop.Loop)
end)

t.test("[UV-01] a factory that makes another loop: TypeError", plain, function()
  local err = t.raises(anyio.TypeError, uvloop.run, function() t.fail("ran") end,
    {loop_factory = asyncio.new_event_loop})
  t.match(err.message, "uvloop")
  t.raises(anyio.TypeError, uvloop.run, function() end, {loop = 1})
  t.raises(anyio.TypeError, uvloop.run, 5)
end)

t.test("[UV-02] AnyIO's run takes it as a loop_factory, or by use_uvloop", plain, function()
  anyio.run(function() t.isa(asyncio.get_running_loop(), uvloop.Loop) end,
    {backend = "asyncio", backend_options = {loop_factory = uvloop.new_event_loop}})
  anyio.run(function() asyncio.sleep(0) end,
    {backend = "asyncio", backend_options = {use_uvloop = true}})
end)

on_uvloop("[UV-03] tasks, futures and groups are asyncio's own", function()
  local task = asyncio.create_task(function() asyncio.sleep(0) return 1 end)
  t.eq(asyncio.gather(task, function() return 2 end):await(), {1, 2})
  t.isa(t.group(asyncio.TaskGroup, function(group)
    group:create_task(error, "x")
    asyncio.sleep(60)
  end), anyio.ExceptionGroup)
  t.raises(asyncio.TimeoutError, asyncio.timeout, 0.01, function() asyncio.sleep(60) end)
  t.raises(asyncio.TimeoutError, asyncio.wait_for, asyncio.Future(), 0.01)
end)

on_uvloop("[UV-05] time counts whole milliseconds", function()
  local loop = asyncio.get_running_loop()
  for _ = 1, 20 do
    local ms = loop:time() * 1000
    t.near(ms, math.floor(ms + 0.5), 1e-4)
    asyncio.sleep(0.0003)
  end
end)

on_uvloop("[UV-06] delays are rounded to milliseconds, less than half of one is none", function()
  local loop, log = asyncio.get_running_loop(), t.log()
  local start = loop:time()
  local when = loop:call_later(0.0104, log, "timer"):when()
  t.near(when * 1000, math.floor(when * 1000 + 0.5), 1e-4)
  t.ok(when - start > 0.0099 and when - start < 1)
  loop:call_later(0.0004, log, "soon")
  asyncio.sleep(0)
  t.eq(log.items, {"soon"})
  asyncio.sleep(0.02)
  t.eq(log.items, {"soon", "timer"})
end)

on_uvloop("[UV-06] a timer is not early in milliseconds", function()
  local loop = asyncio.get_running_loop()
  for _ = 1, 5 do
    local start, future = loop:time(), asyncio.Future()
    loop:call_later(0.003, function() future:set_result(loop:time() - start) end)
    t.ok(future:await() >= 0.0029)
  end
end)

on_uvloop("[UV-07] negative delays keep the order of the calls, endless ones are clamped", function()
  local loop, log = asyncio.get_running_loop(), t.log()
  loop:call_later(-1, log, "-1")
  loop:call_later(-2, log, "-2")
  asyncio.sleep(0)
  t.eq(log.items, {"-1", "-2"})
  local handle = loop:call_later(math.huge, log, "never")
  t.ok(handle:when() < 1e11)
  handle:cancel()
  loop:call_later(1e30, log, "never"):cancel()
  asyncio.sleep(0.002)
  t.eq(#log, 2)
end)

on_uvloop("[UV-08] a due timer runs in the timer phase, before what is queued", function()
  local loop, log = asyncio.get_running_loop(), t.log()
  loop:call_later(0.002, log, "timer")
  local stop = loop:time() + 0.01
  while loop:time() < stop do end
  loop:call_soon(log, "soon")
  asyncio.sleep(0)
  asyncio.sleep(0)
  table.sort(log.items)
  t.eq(log.items, {"soon", "timer"})
end)

on_uvloop("[UV-09] timers of one millisecond fire in the order they were made", function()
  local loop, log = asyncio.get_running_loop(), t.log()
  local when = loop:time() + 0.005
  for i = 1, 5 do loop:call_at(when, log, i) end
  asyncio.sleep(0.02)
  t.eq(log.items, {1, 2, 3, 4, 5})
end)

on_uvloop("[UV-10] call_soon is first come first served, turn by turn", function()
  local loop, log = asyncio.get_running_loop(), t.log()
  loop:call_soon(function()
    log(1)
    loop:call_soon(log, 3)
  end)
  loop:call_soon(log, 2)
  asyncio.sleep(0)
  t.eq(log.items, {1, 2})
  asyncio.sleep(0)
  t.eq(log.items, {1, 2, 3})
end, {plain = true, counts_turns = true})

on_uvloop("[UV-12] slow timers are reported in debug mode too", function()
  local loop, messages = asyncio.get_running_loop(), t.log()
  loop:set_exception_handler(function(_, context) messages(context.message) end)
  loop:set_debug(true)
  loop.slow_callback_duration = 0.05
  loop:call_later(0.001, function()
    local stop = loop:time() + 0.06
    while loop:time() < stop do end
  end)
  asyncio.sleep(0.1)
  loop:set_debug(false)
  t.eq(#messages, 1)
  t.match(messages.items[1], "^Executing <TimerHandle ")
end)

on_uvloop("[SN-14] the detector says asyncio", function()
  t.eq(sniffio.current_async_library(), "asyncio")
end)

t.test("[UV-24] a closed loop drops its timers", plain, function()
  local loop, log = uvloop.new_event_loop(), t.log()
  loop:call_later(0.05, log, "fired")
  loop:run_until_complete(function() asyncio.sleep(0) end)
  loop:close()
  t.ok(loop:is_closed())
  asyncio.run(function() asyncio.sleep(0.07) end)
  t.eq(#log, 0)
  t.raises(anyio.RuntimeError, loop.call_soon, loop, print)
end)
