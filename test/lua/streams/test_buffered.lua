--- Buffered and stapled streams.
local anyio = require "anyio"
local t = require "harness"
local buffered = require "anyio.streams.buffered"
local memory = require "lua.streams.memory_listener"
local stapled = require "anyio.streams.stapled"

local function source(...)
  local send, receive = anyio.create_memory_object_stream(10)
  for _, chunk in ipairs{...} do send:send(chunk) end
  send:close()
  return receive
end

t.test("[ST-02 ST-06 ST-12] receive_exactly joins chunks; a short end keeps them", function()
  local stream <close> = buffered.BufferedByteReceiveStream(source("abcd", "efgh"))
  t.eq(stream:receive_exactly(6), "abcdef")
  local err = t.raises(anyio.IncompleteRead, stream.receive_exactly, stream, 3)
  t.isa(err.cause, anyio.EndOfStream)
  t.eq(stream.buffer, "gh")
  t.eq(stream:receive(), "gh")
  t.raises(anyio.EndOfStream, stream.receive, stream)
end)

t.test("[ST-07 ST-08] receive_until, also where the delimiter is split", function()
  local stream <close> = buffered.BufferedByteReceiveStream(source("abcd\r", "\nefgh\r\nij"))
  t.eq(stream:receive_until("\r\n", 10), "abcd")
  t.eq(stream:receive_until("\r\n", 10), "efgh")
  t.raises(anyio.IncompleteRead, stream.receive_until, stream, "\r\n", 10)
  t.eq(stream.buffer, "ij")
end)

t.test("[ST-09] no delimiter in max bytes; one that is buffered beyond is found", function()
  local stream <close> = buffered.BufferedByteReceiveStream(source("abcdef", "gh"))
  t.raises(anyio.DelimiterNotFound, stream.receive_until, stream, "|", 4)
  t.eq(stream.buffer, "abcdef")
  stream:feed_data "|"
  t.eq(stream:receive_until("|", 4), "abcdef")
end)

t.test("[ST-03 ST-10 ST-11] the buffer first; surplus is kept", function()
  local stream <close> = buffered.BufferedByteReceiveStream(source("abcdef", "gh"))
  stream:feed_data "xy"
  t.eq(stream:receive(1), "x")
  t.eq(stream:receive(5), "y")
  t.eq(stream:receive(4), "abcd")
  t.eq(stream:receive(4), "ef")
  t.raises(anyio.ValueError, stream.receive, stream, 0)
  local rest = {}
  for chunk in stream do rest[#rest + 1] = chunk end
  t.eq(rest, {"gh"})
end)

t.test("[ST-04 ST-14] closed, it cannot be read", function()
  local inner = source "abc"
  local kept = anyio.with(buffered.BufferedByteReceiveStream(inner), function(stream)
    return stream
  end)
  t.raises(anyio.ClosedResourceError, kept.receive, kept)
  t.raises(anyio.ClosedResourceError, kept.receive_exactly, kept, 1)
  t.raises(anyio.ClosedResourceError, inner.receive, inner)
end)

t.test("[ST-06 ST-07] wrong arguments", function()
  local stream <close> = buffered.BufferedByteReceiveStream(source "abc")
  t.raises(anyio.ValueError, stream.receive_exactly, stream, -1)
  t.eq(stream:receive_exactly(0), "")
  t.raises("bad argument #1 to 'receive_exactly'", stream.receive_exactly, stream, "x")
  t.raises(anyio.ValueError, stream.receive_until, stream, "", 10)
  t.raises("bad argument #2 to 'receive_until'", stream.receive_until, stream, "x")
  t.raises("bad argument #1 to 'feed_data'", stream.feed_data, stream, 1)
  t.eq(stream:receive(), "abc")
  local objects <close> = buffered.BufferedByteReceiveStream(source {})
  t.raises(anyio.TypeError, objects.receive, objects)
end)

t.test("[ST-11 ST-12] what is fed while a task waits counts, too", function()
  local send, receive = anyio.create_memory_object_stream(5)
  local stream <close> = buffered.BufferedByteReceiveStream(receive)
  anyio.create_task_group(function(tg)
    tg:start_soon(function() t.eq(stream:receive_until("\r\n", 100), "abcd") end)
    anyio.wait_all_tasks_blocked()
    stream:feed_data "ab"
    send:send "c"
    anyio.wait_all_tasks_blocked()
    t.eq(stream.buffer, "abc")
    stream:feed_data "d\r"
    send:send "\nrest"
  end)
  t.eq(stream.buffer, "rest")
  send:close()
end)

t.test("[ST-06 ST-07] whatever the pieces, the same lines come out", function()
  local state = t.seed
  local function random(n)
    state = (state * 1103515245 + 12345) % 2147483648
    return state // 65536 % n + 1
  end
  for _, delimiter in ipairs{"|", "ab", "aab", "abab"} do
    for _ = 1, 40 do
      local all, pieces = {}, {}
      for i = 1, random(60) do all[i] = ("ab|"):sub(random(3)):sub(1, 1) end
      local rest = table.concat(all)
      local at = 1
      while at <= #rest do
        local n = random(5)
        pieces[#pieces + 1] = rest:sub(at, at + n - 1)
        at = at + n
      end
      local send, receive = anyio.create_memory_object_stream(math.huge)
      for _, piece in ipairs(pieces) do send:send_nowait(piece) end
      send:close()
      local stream <close> = buffered.BufferedByteReceiveStream(receive)
      while true do
        if random(3) == 1 and #rest > 2 then
          t.eq(stream:receive_exactly(2), rest:sub(1, 2))
          rest = rest:sub(3)
        end
        local first, last = rest:find(delimiter, 1, true)
        if not first then break end
        t.eq(stream:receive_until(delimiter, 1000), rest:sub(1, first - 1))
        rest = rest:sub(last + 1)
        if random(4) == 1 and stream.buffer ~= "" then
          t.eq(stream.buffer, rest:sub(1, #stream.buffer))
        end
      end
      t.raises(anyio.IncompleteRead, stream.receive_until, stream, delimiter, 1000)
      t.eq(stream.buffer, rest)
    end
  end
end)

t.test("[ST-15] BufferedConnectable gives buffered streams", function()
  local Connectable = anyio.abc.ByteStreamConnectable "Connectable"
  local other
  function Connectable.connect()
    local a, b = memory.byte_pair()
    other = b
    return a
  end
  local connectable = buffered.BufferedConnectable(Connectable())
  t.isa(connectable, anyio.abc.ByteStreamConnectable)
  local stream <close> = connectable:connect()
  t.isa(stream, buffered.BufferedByteStream)
  other:send "abcd"
  t.eq(stream:receive_exactly(3), "abc")
  stream:send "x"
  t.eq(other:receive(), "x")
  other:aclose()
  t.raises("bad argument #1 to 'BufferedConnectable'", buffered.BufferedConnectable, "x")
end)

local function pair(class)
  local send1, receive1 = anyio.create_memory_object_stream(5)
  local send2, receive2 = anyio.create_memory_object_stream(5)
  return class(send1, receive2), class(send2, receive1)
end

t.test("[ST-13] the full-duplex variant sends straight through", function()
  local a, b = pair(stapled.StapledByteStream)
  local stream = buffered.BufferedByteStream(a)
  stream:send "hello"
  t.eq(b:receive(), "hello")
  b:send "1234"
  t.eq(stream:receive_exactly(2), "12")
  stream:send_eof()
  t.raises(anyio.EndOfStream, b.receive, b)
  b:send "56"
  t.eq(stream:receive_exactly(4), "3456")
  stream:aclose()
  t.raises(anyio.ClosedResourceError, stream.receive, stream)
  b:aclose()
end)

for _, name in ipairs{"StapledByteStream", "StapledObjectStream"} do
  t.test(("[ST-04 ST-05 ST-16 ST-17 ST-18 ST-19] %s"):format(name), function()
    local a, b = pair(stapled[name])
    a:send "hello"
    b:send "back"
    t.eq({a:receive(), b:receive()}, {"back", "hello"})
    a:send_eof()
    a:send_eof()
    t.raises(anyio.ClosedResourceError, a.send, a, "x")
    b:send "still"
    t.eq(a:receive(), "still")
    a:aclose()
    t.raises(anyio.ClosedResourceError, a.receive, a)
    for _ in b do t.fail "an item" end
    b:aclose()
  end)
end

t.test("[ST-03] a stapled byte stream wants at least one byte", function()
  local a, b = pair(stapled.StapledByteStream)
  t.raises(anyio.ValueError, a.receive, a, 0)
  a:aclose()
  b:aclose()
end)

t.test("[ST-20] send_nowait passes through where there is one", function()
  local a, b = pair(stapled.StapledObjectStream)
  a:send_nowait {1}
  t.eq(b:receive(), {1})
  local none = stapled.StapledObjectStream({name = "Plain", aclose = function() end}, b)
  t.match(tostring(t.raises(anyio.NotImplementedError, none.send_nowait, none, 1)), "Plain")
  local failing = stapled.StapledObjectStream({send_nowait = function() error "inside" end}, b)
  t.raises("inside", failing.send_nowait, failing, 1)
  a:aclose()
  b:aclose()
end)

t.test("[ST-21] attributes of both parts, the receiving one wins", function()
  local Set = anyio.TypedAttributeSet("Set", {"one", "two"})
  local function part(values)
    local cls = anyio.TypedAttributeProvider "Part"
    function cls.extra_attributes()
      local getters = {}
      for key, value in pairs(values) do getters[Set[key]] = function() return value end end
      return getters
    end
    return cls()
  end
  local stream = stapled.StapledObjectStream(part{one = "send", two = 2}, part{one = "receive"})
  t.eq(stream:extra(Set.one), "receive")
  t.eq(stream:extra(Set.two), 2)
end)
