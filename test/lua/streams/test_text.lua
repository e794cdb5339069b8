--- Text streams.
local anyio = require "anyio"
local memory = require "lua.streams.memory_listener"
local t = require "harness"
local text = require "anyio.streams.text"

local function receiver(chunks, opts)
  local send, receive = anyio.create_memory_object_stream(math.huge)
  for _, chunk in ipairs(chunks) do send:send_nowait(chunk) end
  send:close()
  return text.TextReceiveStream(receive, opts)
end

-- What a receiver gives until its end; errors as their class's name.
local function read(chunks, opts)
  local stream <close> = receiver(chunks, opts)
  local got = {}
  while true do
    local ok, item = anyio.pcall(stream.receive, stream)
    if not ok and anyio.isinstance(item, anyio.EndOfStream) then return got end
    t.ok(item ~= "", "never an empty string")
    got[#got + 1] = ok and item or item.name .. " " .. item.position
  end
end

local function in_pieces(bytes, size)
  local pieces = {}
  for i = 1, #bytes, size do pieces[#pieces + 1] = bytes:sub(i, i + size - 1) end
  return pieces
end

local MIXED <const> = "a\u{e9}\u{20ac}\u{1f600}z"

t.test("[ST-24] a character split over chunks comes whole with the later one", function()
  t.eq(read{"a\u{e5}"}, {"a\u{e5}"})
  t.eq(read{"a\xc3", "\xa5b"}, {"a", "\u{e5}b"})
  t.eq(read{"\xf0\x9f", "\x98", "\x80"}, {"\u{1f600}"})
  t.eq(read{"", "a", ""}, {"a"})
  for size = 1, #MIXED do
    t.eq(table.concat(read(in_pieces(MIXED, size))), MIXED)
  end
end)

t.test("[ST-24] no cut loses or invents a character, in any encoding", function()
  for _, encoding in ipairs{"utf-16", "utf-16-be", "utf-32", "gb18030", "utf-7"} do
    local send, receive = anyio.create_memory_object_stream(math.huge)
    local sender <close> = text.TextSendStream(send, {encoding = encoding})
    sender:send(MIXED)
    sender:send(MIXED)
    sender:aclose()
    local bytes = {}
    for chunk in receive do bytes[#bytes + 1] = chunk end
    receive:close()
    for size = 1, 7 do
      local got = read(in_pieces(table.concat(bytes), size), {encoding = encoding})
      t.eq(table.concat(got), MIXED .. MIXED, encoding)
    end
  end
end)

t.test("[ST-25] text send encodes, UTF-8 by default", function()
  local send, receive = anyio.create_memory_object_stream(5)
  local utf8 <close> = text.TextSendStream(send)
  utf8:send "\u{e5}"
  t.eq(receive:receive(), "\xc3\xa5")
  local latin = text.TextSendStream(send, {encoding = "iso8859-1"})
  latin:send "\u{e5}"
  t.eq(receive:receive(), "\xe5")
  local utf16 = text.TextSendStream(send, {encoding = "utf-16-le"})
  utf16:send "\u{e5}\u{1f600}"
  t.eq(receive:receive(), "\xe5\x00\x3d\xd8\x00\xde")
  receive:close()
end)

t.test("[ST-26] strict receiving: what is wrong is an error, what is around it is not lost", function()
  t.eq(read{"ab\xffcd"}, {"ab", "UnicodeDecodeError 3", "cd"})
  t.eq(read{"\xff\xfe"}, {"UnicodeDecodeError 1", "UnicodeDecodeError 2"})
  t.eq(read{"a\xe1\x80", "b"}, {"a", "UnicodeDecodeError 2", "b"})
  t.eq(read{"a\xe1\x80", "\xc3\xa5"}, {"a", "UnicodeDecodeError 2", "\u{e5}"})
  t.eq(read{"a\xe1\x80"}, {"a", "UnicodeDecodeError 2"})
  t.eq(read({"a\xe9b"}, {encoding = "ascii"}), {"a", "UnicodeDecodeError 2", "b"})
  local stream <close> = receiver{"x", "\xff"}
  t.eq(stream:receive(), "x")
  local err = t.raises(anyio.UnicodeDecodeError, stream.receive, stream)
  t.eq(err.message, "cannot decode byte 0xff (byte 2 of the stream) as utf-8: "
    .. "it begins no character")
  t.eq({err.encoding, err.position}, {"utf-8", 2})
  t.isa(err, anyio.ValueError)
end)

t.test("[ST-26] replace and ignore, also where the data ends inside a character", function()
  local replace, ignore = {errors = "replace"}, {errors = "ignore"}
  t.eq(read({"a\xffb"}, replace), {"a\u{fffd}b"})
  t.eq(read({"a\xffb"}, ignore), {"ab"})
  t.eq(read({"a\xe1\x80", "b"}, replace), {"a", "\u{fffd}b"})
  t.eq(read({"a\xe1\x80"}, replace), {"a", "\u{fffd}"})
  t.eq(read({"a\xe1\x80"}, ignore), {"a"})
  t.eq(read({"\xff"}, ignore), {})
  t.eq(read({"a\xe9\xe9b"}, {encoding = "ascii", errors = "replace"}), {"a\u{fffd}\u{fffd}b"})
  t.eq(read({"a\0\0\xd8b\0"}, {encoding = "utf-16-le", errors = "replace"}), {"a\u{fffd}b"})
  t.eq(read({"a\0\0\xd8b\0"}, {encoding = "utf-16-le", errors = "ignore"}), {"ab"})
end)

t.test("[ST-26] sending what cannot be encoded", function()
  local send, receive = anyio.create_memory_object_stream(5)
  local function sent(item, opts)
    local stream = text.TextSendStream(send, opts)
    stream:send(item)
    return receive:receive()
  end
  t.eq(sent("a\u{e5}b\xff\u{20ac}", {encoding = "ascii", errors = "replace"}), "a?b??")
  t.eq(sent("a\u{e5}b\xff\u{20ac}", {encoding = "ascii", errors = "ignore"}), "ab")
  t.eq(sent("a\xffb\xc3", {errors = "replace"}), "a?b?")
  t.eq(sent("a\xffb\xc3", {errors = "ignore"}), "ab")
  t.eq(sent("\xffa", {encoding = "utf-16-le", errors = "replace"}), "?\0a\0")
  local strict = text.TextSendStream(send, {encoding = "latin1"})
  local err = t.raises(anyio.UnicodeEncodeError, strict.send, strict, "ab\u{20ac}")
  t.eq(err.message, 'cannot encode byte 3 of the text ("\u{20ac}") as latin1')
  local utf8 = text.TextSendStream(send)
  t.eq(t.raises(anyio.UnicodeEncodeError, utf8.send, utf8, "ab\xff").position, 3)
  t.eq(t.raises(anyio.UnicodeEncodeError, utf8.send, utf8, "ab\xc3").position, 3)
  t.raises(anyio.WouldBlock, receive.receive_nowait, receive)
  send:close()
  receive:close()
end)

t.test("[ST-26] a text that was refused leaves no trace in what is sent next", function()
  local send, receive = anyio.create_memory_object_stream(5)
  local stream <close> = text.TextSendStream(send, {encoding = "iso-2022-jp"})
  t.raises(anyio.UnicodeEncodeError, stream.send, stream, "\u{3042}\u{1f600}")
  stream:send "a"
  t.eq(receive:receive(), "a")
  local marked = text.TextSendStream(send, {encoding = "utf-16"})
  t.raises(anyio.UnicodeEncodeError, marked.send, marked, "a\xff")
  marked:send "a"
  marked:send "a"
  t.eq({#receive:receive(), #receive:receive()}, {4, 2})
  receive:close()
end)

t.test("[ST-26] strict means strict: no surrogate, no overlong form, nothing beyond", {plain = true},
  function()
    local native = require "_anyrun.text"
    for _, encoding in ipairs{"utf-8", "utf-32le", "utf-16be", "gb18030"} do
      local encoder = native.encoder(encoding, "strict")
      local ignoring = native.encoder(encoding, "ignore")
      for _, bad in ipairs{"\xed\xa0\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xf4\x90\x80\x80",
        "\xf8\x88\x80\x80\x80", "\x80", "\xc3"} do
        local _, at = encoder:convert("x" .. bad)
        t.eq(at, 2, encoding)
        t.eq(ignoring:convert("x" .. bad), ignoring:convert "x", encoding)
      end
    end
  end)

t.test("[ST-27] both ways, with the attributes of the wrapped stream", function()
  local Set = anyio.TypedAttributeSet("Set", {"one"})
  local a, b = memory.object_pair()
  function a.extra_attributes() return {[Set.one] = function() return 1 end} end
  local stream <close> = text.TextStream(a, {encoding = "latin1"})
  t.eq(stream:extra(Set.one), 1)
  stream:send "\u{e5}"
  t.eq(b:receive(), "\xe5")
  b:send "\xe4"
  t.eq(stream:receive(), "\u{e4}")
  stream:send_eof()
  t.raises(anyio.EndOfStream, b.receive, b)
  b:aclose()
end)

t.test("[ST-28] TextConnectable gives text streams", function()
  local listener <close> = memory.Listener()
  local Connectable = anyio.abc.ObjectStreamConnectable "Connectable"
  function Connectable.connect() return listener:connect() end
  local connectable = text.TextConnectable(Connectable(), {encoding = "latin1"})
  t.isa(connectable, anyio.abc.ObjectStreamConnectable)
  anyio.create_task_group(function(tg)
    tg:start_soon(listener.serve, listener, function(stream)
      local _ <close> = stream
      stream:send(stream:receive() .. "\xe5")
    end)
    local stream <close> = connectable:connect()
    stream:send "\u{e4}"
    t.eq(stream:receive(), "\u{e4}\u{e5}")
    tg.cancel_scope:cancel()
  end)
end)

t.test("[ST-24] a receive that is cancelled keeps the beginning of a character", function()
  local send, receive = anyio.create_memory_object_stream(5)
  local stream <close> = text.TextReceiveStream(receive)
  send:send "\xc3"
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      anyio.wait_all_tasks_blocked()
      tg.cancel_scope:cancel()
    end)
    stream:receive()
  end)
  send:send "\xa5"
  t.eq(stream:receive(), "\u{e5}")
  send:close()
end)

t.test("[ST-24] what is left after an error is a checkpoint, too", function()
  local stream <close> = receiver{"\xff\xffa"}
  t.raises(anyio.UnicodeDecodeError, stream.receive, stream)
  anyio.CancelScope(function(scope)
    scope:cancel()
    t.cancelled(stream.receive, stream)
  end)
  t.raises(anyio.UnicodeDecodeError, stream.receive, stream)
  t.eq(stream:receive(), "a")
end)

t.test("[ST-26] wrong arguments", function()
  local send, receive = anyio.create_memory_object_stream()
  for _, class in ipairs{text.TextReceiveStream, text.TextSendStream, text.TextStream} do
    for _, name in ipairs{"no-such", "", "ascii//TRANSLIT"} do
      local err = t.raises(anyio.LookupError, class, receive, {encoding = name})
      t.eq(err.message, "unknown encoding: " .. name)
    end
    t.raises("option 'errors': 'strict', 'replace' or 'ignore' expected", class, receive,
      {errors = "loud"})
    t.raises("unknown option 'encodnig'", class, receive, {encodnig = "utf-8"})
    t.raises("bad argument #1 to '" .. class.name .. "'", class, 1)
  end
  local stream = text.TextSendStream(send)
  t.raises("bad argument #1 to 'send' (string expected, got table)", stream.send, stream, {})
  local reading = receiver{{}}
  t.raises(anyio.TypeError, reading.receive, reading)
  reading:aclose()
  send:close()
  receive:close()
end)
