--- Every stream there is, held against its contract.
local anyio = require "anyio"
local contracts = require "lua.streams.contracts"
local buffered = require "anyio.streams.buffered"
local memory = require "lua.streams.memory_listener"
local stapled = require "anyio.streams.stapled"
local t = require "harness"
local text = require "anyio.streams.text"

local ITEMS <const> = {{1}, "two", false}

for _, size in ipairs{0, 1, math.huge} do
  contracts.object_stream("a memory stream of " .. size, function()
    return anyio.create_memory_object_stream(size)
  end, ITEMS)
end

contracts.object_stream("StapledObjectStream", memory.object_pair, ITEMS, {both_ways = true})

contracts.byte_stream("StapledByteStream", memory.byte_pair, {both_ways = true})

contracts.byte_stream("BufferedByteReceiveStream", function()
  local send, receive = anyio.create_memory_object_stream(3)
  local Sender = anyio.abc.ByteSendStream "Sender"
  function Sender.send(_, data) send:send(data) end
  function Sender.aclose() send:close() end
  return Sender(), buffered.BufferedByteReceiveStream(receive)
end)

contracts.byte_stream("BufferedByteStream", function()
  local a, b = memory.byte_pair()
  return buffered.BufferedByteStream(a), buffered.BufferedByteStream(b)
end, {both_ways = true})

local TEXTS <const> = {"one", "zwei \u{e4}\u{20ac}", "\u{1f600}"}

contracts.object_stream("TextSendStream, TextReceiveStream", function()
  local send, receive = anyio.create_memory_object_stream(3)
  return text.TextSendStream(send), text.TextReceiveStream(receive)
end, TEXTS)

for _, encoding in ipairs{"utf-8", "utf-16", "utf-7", "gb18030"} do
  contracts.object_stream("TextStream in " .. encoding, function()
    local a, b = memory.object_pair()
    return text.TextStream(a, {encoding = encoding}), text.TextStream(b, {encoding = encoding})
  end, TEXTS, {both_ways = true})
end

contracts.listener("a listener made of the contract", function()
  local listener = memory.Listener()
  return listener, function() return listener:connect() end
end)

contracts.listener("MultiListener", function()
  local parts, next_one = {memory.Listener(), memory.Listener()}, 0
  return stapled.MultiListener(parts), function()
    next_one = next_one % 2 + 1
    return parts[next_one]:connect()
  end
end)

-- The classes themselves -------------------------------------------------------

local NAMES <const> = {
  "ByteReceiveStream", "ByteSendStream", "ByteStream", "ByteStreamConnectable", "Listener",
  "ObjectReceiveStream", "ObjectSendStream", "ObjectStream", "ObjectStreamConnectable",
  "UnreliableObjectReceiveStream", "UnreliableObjectSendStream", "UnreliableObjectStream",
}
local METHODS <const> = {
  receive = "Receive", send = "Send", send_eof = "^%a+Stream$", aclose = "", serve = "Listener",
  connect = "Connectable",
}

t.test("[ST-01] a contract's methods say what a class does not define", {plain = true}, function()
  for _, name in ipairs(NAMES) do
    local Mine = anyio.abc[name]("Mine")
    for method in pairs(METHODS) do
      local value = Mine()
      if value[method] then
        t.match(tostring(t.raises(anyio.NotImplementedError, value[method], value, "x")),
          "Mine does not define " .. method)
      end
    end
  end
  local both = anyio.abc.ObjectStream "Both"()
  for _, method in ipairs{"receive", "send", "send_eof", "aclose", "extra"} do
    t.ok(both[method], method)
  end
  t.no(both.connect)
  t.no(anyio.abc.ByteReceiveStream "R"().send, "a stream of one way")
end)

t.test("[ST-01] the two families, reliable and unreliable", {plain = true}, function()
  local function is(name, other)
    return anyio.isinstance(anyio.abc[name]("X")(), anyio.abc[other])
  end
  t.ok(is("ObjectStream", "UnreliableObjectStream"))
  t.ok(is("ObjectStream", "ObjectReceiveStream"))
  t.ok(is("ObjectStream", "ObjectSendStream"))
  t.ok(is("ObjectStream", "UnreliableObjectSendStream"))
  t.ok(is("ByteStream", "ByteReceiveStream"))
  t.ok(is("ByteStream", "ByteSendStream"))
  t.ok(is("Listener", "AsyncResource"))
  t.no(is("UnreliableObjectStream", "ObjectStream"))
  t.no(is("UnreliableObjectReceiveStream", "ObjectReceiveStream"))
  t.no(is("ByteStream", "ObjectStream"))
  t.no(is("ObjectReceiveStream", "ObjectSendStream"))
  t.no(is("ByteStreamConnectable", "AsyncResource"))
end)

t.test("[ST-01] a class of one's own is completed by the contract", function()
  local Countdown = {left = 3}
  function Countdown:receive()
    if self.left == 0 then error(anyio.EndOfStream()) end
    self.left = self.left - 1
    return self.left
  end
  function Countdown:aclose() self.closed = true end
  anyio.abc.ObjectReceiveStream(Countdown)
  local got = {}
  do
    local stream <close> = setmetatable({}, Countdown)
    t.isa(stream, anyio.abc.ObjectReceiveStream)
    t.isa(stream, anyio.abc.AsyncResource)
    for item in stream do got[#got + 1] = item end
    t.no(rawget(stream, "closed"))
    t.eq(stream:extra(anyio.typed_attribute(), "none"), "none")
    Countdown.seen = stream
  end
  t.eq(got, {2, 1, 0})
  t.ok(Countdown.seen.closed)
end)

t.test("[ST-02] an error that is no end of the stream leaves the loop", function()
  local Broken = anyio.abc.ByteReceiveStream "Broken"
  function Broken.receive() error(anyio.BrokenResourceError "gone") end
  t.raises(anyio.BrokenResourceError, function()
    for _ in Broken() do t.fail "an item" end
  end)
end)

t.test("what tells what a value is", function()
  anyio.create_task_group(function(tg)
    t.isa(tg, anyio.abc.TaskGroup)
    local status = tg:start(function(task_status)
      t.isa(task_status, anyio.abc.TaskStatus)
      task_status:started(task_status)
    end)
    t.isa(status, anyio.abc.TaskStatus)
  end)
  t.isa(anyio.TASK_STATUS_IGNORED, anyio.abc.TaskStatus)
  t.isa(anyio.Lock(), anyio.abc.Lock)
  t.no(anyio.isinstance({}, anyio.abc.TaskGroup))
  t.eq(anyio.abc.no_such_name, nil)
end)
