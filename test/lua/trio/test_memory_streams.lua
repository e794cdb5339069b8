--- trio's streams in memory, and the checks that any stream must pass.

local anyio = require "anyio"
local trio = require "trio"
local testing = trio.testing
local t = require "harness"

local function test(title, opts, fn)
  if not fn then opts, fn = {}, opts end
  opts.backend = "trio"
  t.test(title, opts, fn)
end

-- Streams of which one direction is full: whoever sends has to wait.
local function clogged()
  return testing.lockstep_stream_pair()
end

test("[TR-TEST-10] a memory send stream keeps what is sent into it", function()
  local s = testing.MemorySendStream()
  t.raises(trio.WouldBlock, s.get_data_nowait, s)
  testing.assert_checkpoints(function() s:send_all "123" end)
  t.eq(s:get_data_nowait(1), "1")
  s:send_all "456"
  t.eq(s:get_data_nowait(), "23456")
  trio.open_nursery(function(nursery)
    nursery:start_soon(function() t.eq(s:get_data(2), "ab") end)
    testing.wait_all_tasks_blocked()
    s:send_all "abc"
  end)
  t.eq(s:get_data(), "c")
  t.raises(anyio.ValueError, s.get_data, s, 0)
  t.raises("bad argument #1 to 'get_data_nowait'", s.get_data_nowait, s, "x")
  testing.assert_no_checkpoints(function() s:close() end)
  t.eq(s:get_data(), "")
  t.eq(s:get_data_nowait(), "")
  t.raises(trio.ClosedResourceError, s.send_all, s, "x")
  t.raises(trio.ClosedResourceError, s.send_all, s, "")
  t.raises(trio.ClosedResourceError, s.wait_send_all_might_not_block, s)
end)

test("[TR-TEST-10] hooks are called, and may wait", function()
  local log = t.log()
  local s = testing.MemorySendStream {
    send_all_hook = function() trio.sleep(0) log "send_all" end,
    wait_send_all_might_not_block_hook = function() log "wait" end,
    close_hook = function() log "close" end,
  }
  s:send_all "x"
  s:wait_send_all_might_not_block()
  s:aclose()
  local r = testing.MemoryReceiveStream {
    receive_some_hook = function() trio.sleep(0) log "receive_some" end,
    close_hook = function() log "close" end,
  }
  r:put_data "y"
  t.eq(r:receive_some(), "y")
  r:aclose()
  t.eq(log.items, { "send_all", "wait", "close", "receive_some", "close" })
  t.raises("unknown option 'hook'", testing.MemorySendStream, { hook = print })
end)

test("[TR-TEST-10] a memory receive stream gives what is put there", function()
  local r = testing.MemoryReceiveStream()
  r:put_data "abc"
  t.eq(r:receive_some(1), "a")
  t.eq(testing.assert_checkpoints(function() return r:receive_some() end), "bc")
  trio.open_nursery(function(nursery)
    nursery:start_soon(function() t.eq(r:receive_some(), "d") end)
    testing.wait_all_tasks_blocked()
    r:put_data "d"
  end)
  r:put_data "e"
  r:put_eof()
  t.eq(r:receive_some(), "e")
  t.eq(r:receive_some(), "")
  t.raises(trio.ClosedResourceError, r.put_data, r, "x")
  r:close()
  t.raises(trio.ClosedResourceError, r.receive_some, r)
end)

test("[TR-TEST-10] the pump carries bytes, the end of them, and says what broke", function()
  local s, r = testing.MemorySendStream(), testing.MemoryReceiveStream()
  t.eq(testing.memory_stream_pump(s, r), false)
  s:send_all "abc"
  t.eq(testing.memory_stream_pump(s, r, { max_bytes = 1 }), true)
  t.eq(r:receive_some(), "a")
  t.eq(testing.memory_stream_pump(s, r), true)
  s:close()
  t.eq(testing.memory_stream_pump(s, r), true)
  t.eq(r:receive_some(), "bc")
  t.eq(r:receive_some(), "")
  s, r = testing.MemorySendStream(), testing.MemoryReceiveStream()
  s:send_all "x"
  r:close()
  t.raises(trio.BrokenResourceError, testing.memory_stream_pump, s, r)
end)

test("a for loop gives what comes, until the end", function()
  local s, r = testing.memory_stream_one_way_pair()
  trio.open_nursery(function(nursery)
    nursery:start_soon(function()
      for i = 1, 3 do
        s:send_all(tostring(i))
        testing.wait_all_tasks_blocked()
      end
      s:aclose()
    end)
    local got = {}
    for chunk in r do got[#got + 1] = chunk end
    t.eq(got, { "1", "2", "3" })
  end)
end)

test("[TR-TEST-12 TR-TEST-10] memory streams pass the checks of streams", function()
  testing.check_one_way_stream(testing.memory_stream_one_way_pair)
  testing.check_half_closeable_stream(testing.memory_stream_pair)
end)

test("[TR-TEST-12 TR-TEST-10] lockstep streams pass the checks, clogged as they are", function()
  testing.check_one_way_stream(testing.lockstep_stream_one_way_pair,
    testing.lockstep_stream_one_way_pair)
  testing.check_two_way_stream(testing.lockstep_stream_pair, clogged)
end)

test("[TR-TEST-12] a stream that breaks a promise is found out", function()
  local function broken(change)
    return function()
      local s, r = testing.memory_stream_one_way_pair()
      change(s, r)
      return s, r
    end
  end
  local function caught(text, change)
    local err = t.raises(text, testing.check_one_way_stream, broken(change))
    t.eq(err.name, "AssertionError")
  end
  caught("receive_some(1): got 'X'", function(_, r)
    local receive = r.receive_some
    function r:receive_some(n) return receive(self, n):upper() end
  end)
  caught("receive_some(0)", function(_, r)
    local receive = r.receive_some
    function r:receive_some(n) return n == 0 and "" or receive(self, n) end
  end)
  caught("did not yield", function(s) function s:send_all() end end)
  caught("send_all when closed: nothing was raised", function(s)
    local send = s.send_all
    function s:send_all(data)
      if self._outgoing.closed then trio.sleep(0) else send(self, data) end
    end
  end)
  t.raises("bad argument #1 to 'check_one_way_stream'", testing.check_one_way_stream)
end)

test("[TR-IO-08] a stapled stream joins a sending and a receiving one", function()
  local s, r = testing.MemorySendStream(), testing.MemoryReceiveStream()
  local stream = trio.StapledStream(s, r)
  t.eq(stream.send_stream, s)
  t.eq(stream.receive_stream, r)
  testing.assert_checkpoints(function() stream:send_all "foo" end)
  t.eq(s:get_data_nowait(), "foo")
  stream:wait_send_all_might_not_block()
  r:put_data "bar"
  t.eq(stream:receive_some(), "bar")
  stream:send_eof()
  t.eq(s:get_data_nowait(), "")
  stream:aclose()
  t.raises(trio.ClosedResourceError, stream.receive_some, stream)
  t.raises("bad argument #2 to 'StapledStream'", trio.StapledStream, s)
end)

test("[TR-IO-08] send_eof is the sending stream's own where it has one", function()
  local log = t.log()
  local s = testing.MemorySendStream()
  function s:send_eof() log(self) end
  trio.StapledStream(s, testing.MemoryReceiveStream()):send_eof()
  t.eq(log.items[1], s)
end)

test("[TR-IO-08] closing closes both even if the first cannot be closed", function()
  local s, r = testing.MemorySendStream(), testing.MemoryReceiveStream()
  s.close_hook = function() error("no", 0) end
  t.raises("no", function() trio.StapledStream(s, r):aclose() end)
  t.raises(trio.ClosedResourceError, r.receive_some, r)
end)

test("[TR-IO-09 TR-CHK-10] closing by force closes without waiting", function()
  local steps = t.log()
  local closer = trio.abc.AsyncResource "Closer"
  function closer:aclose()
    steps "begin"
    local ok, err = pcall(trio.sleep, 10)
    steps(not ok and anyio.isinstance(err, trio.Cancelled))
    if not ok then error(err, 0) end
  end
  trio.aclose_forcefully(setmetatable({}, closer))
  t.eq(steps.items, { "begin", true })
  local s = testing.MemorySendStream()
  testing.assert_checkpoints(function() trio.aclose_forcefully(s) end)
  t.raises(trio.ClosedResourceError, s.send_all, s, "x")
end)

test("a contract says which method a class lacks", function()
  for class, methods in pairs {
    AsyncResource = { "aclose" }, Listener = { "accept", "aclose" },
    SendStream = { "send_all", "wait_send_all_might_not_block", "aclose" },
    ReceiveStream = { "receive_some" }, Stream = { "send_all", "receive_some" },
    HalfCloseableStream = { "send_eof" },
  } do
    local mine = setmetatable({}, trio.abc[class] "Mine")
    for _, method in ipairs(methods) do
      local err = t.raises(anyio.NotImplementedError, mine[method], mine)
      t.eq(err.message, "Mine does not define " .. method)
    end
  end
end)
