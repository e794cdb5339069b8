--- `event.set()`, with a dot, was told of as "attempt to index a nil value
--- (local 'self')" in a file that the script has never heard of.

local anyio = require "anyio"
local net = require "net"
local t = require "harness"

t.test("a method that is called with a dot names the colon", function()
  for object, methods in pairs{
    [anyio.Event()] = {"set", "is_set", "wait", "statistics"},
    [anyio.Semaphore(1)] = {"acquire", "acquire_nowait", "release", "statistics"},
    [anyio.Condition()] = {"acquire", "release", "locked", "wait", "notify", "notify_all"},
    [anyio.CapacityLimiter(1)] = {"acquire", "acquire_nowait", "release", "statistics"},
  } do
    local name = getmetatable(object).__name
    for _, method in ipairs(methods) do
      local ok, err = pcall(function() object[method]() end)
      t.eq(ok, false)
      t.ok(tostring(err):find(("colon.lua:17: bad argument #1 to '%s' (%s expected, got no value: "
        .. "a colon is missing"):format(method, name), 1, true), tostring(err))
    end
  end
end)

-- Whether each of the methods, called with a dot, names the colon: with nothing,
-- and, where it takes something, with that in the object's place.
local function check(object, methods, given)
  for _, method in ipairs(methods) do
    for _, n in ipairs{0, given} do
      local ok, err = pcall(function() object[method](table.unpack({"x"}, 1, n)) end)
      t.eq(ok, false)
      t.match(tostring(err), n == 0 and "got no value: a colon is missing"
        or "got string: perhaps a colon is missing")
    end
  end
end

t.test("so do locks, scopes, groups", function()
  check(anyio.Lock(), {"acquire", "acquire_nowait", "release", "locked", "statistics"})
  check(anyio.CancelScope(), {"cancel"}, 1)
  anyio.create_task_group(function(tg) check(tg, {"start_soon", "start"}, 1) end)
  check(require("asyncio").Lock(), {"acquire", "release", "locked"})
  check(require("trio").Lock(), {"acquire", "acquire_nowait", "statistics"})
  local ok, err = pcall(function() local lock = anyio.Lock() lock.acquire() end)
  t.eq(ok, false)
  t.match(tostring(err), "colon.lua:%d+: bad argument #1 to 'acquire' %(Lock expected, got no "
    .. "value: a colon is missing, it is called as 'object:acquire%(...%)'%)$")
end)

t.test("so do streams", function()
  local send, receive = anyio.create_memory_object_stream(1)
  check(send, {"send", "send_nowait"}, 1)
  check(send, {"clone", "close", "aclose", "statistics"})
  check(receive, {"receive", "receive_nowait"})
  net.tcp_pair(function(a, b)
    check(a, {"send", "receive"}, 1)
    check(a, {"send_eof", "aclose"})
    local buffered = require("anyio.streams.buffered").BufferedByteStream(a)
    check(buffered, {"send", "feed_data", "receive_until"}, 1)
    check(buffered, {"receive", "send_eof", "aclose"})
    local text = require("anyio.streams.text").TextStream(b)
    check(text, {"send"}, 1)
    check(text, {"receive", "send_eof"})
  end)
end)

t.test("so do trio's streams", {backend = "trio"}, function()
  local trio = require "trio"
  local listener <close> = trio.open_tcp_listeners(0, {host = "127.0.0.1"})[1]
  local stream <close> = trio.open_tcp_stream("127.0.0.1", listener.socket:getsockname()[2])
  check(stream, {"send_all"}, 1)
  check(stream, {"receive_some", "send_eof", "wait_send_all_might_not_block", "aclose"})
  local stapled = trio.StapledStream(stream, stream)
  check(stapled, {"send_all"}, 1)
  check(stapled, {"receive_some", "send_eof"})
end)

t.test("so do asyncio's streams", {backend = "asyncio"}, function()
  local asyncio = require "asyncio"
  local server <close> = asyncio.start_server(function(_, writer) writer:close() end,
    "127.0.0.1", 0)
  local reader, writer <close> = asyncio.open_connection("127.0.0.1",
    server.sockets[1]:getsockname()[2])
  check(writer, {"write", "writelines"}, 1)
  check(writer, {"drain", "close", "wait_closed", "is_closing", "write_eof"})
  check(reader, {"read", "readline", "readuntil", "readexactly"})
end)
