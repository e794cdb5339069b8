--- trio's streams and listeners over sockets, and serving.

local anyio = require "anyio"
local trio = require "trio"
local testing = trio.testing
local t = require "harness"

local OSError = anyio.OSError
local HOST <const> = "127.0.0.1"

local function test(title, opts, fn)
  if not fn then opts, fn = {}, opts end
  opts.backend = "trio"
  t.test(title, opts, fn)
end

local function listen()
  return trio.open_tcp_listeners(0, { host = HOST })[1]
end

local function port_of(listener) return listener.socket:getsockname()[2] end

local function tcp_pair()
  local listener <close> = listen()
  local client = trio.open_tcp_stream(HOST, port_of(listener))
  return client, listener:accept()
end

-- Both ends can send no more, not even a byte, as nobody receives.
local function clog(stream)
  for _, piece in ipairs { ("x"):rep(1 << 20), "x" } do
    repeat
      local scope = trio.move_on_after(0.02, function() stream:send_all(piece) end)
    until scope.cancelled_caught
  end
end

local function clogged_pair()
  local client, server = tcp_pair()
  for _, stream in ipairs { client, server } do -- rooms that do not grow
    stream.socket:_set("send_room", 8192)
    stream.socket:_set("receive_room", 8192)
  end
  clog(client)
  clog(server)
  return client, server
end

test("[TR-IO-03 TR-TEST-12] a SocketStream passes the checks of streams", { slow = true },
  function() testing.check_half_closeable_stream(tcp_pair, clogged_pair) end)

test("[TR-IO-03] send_all sends all, in both directions at once", function()
  local client, server = tcp_pair()
  local _ <close> = client
  local other <close> = server
  local big = ("0123456789"):rep(200000)
  local function receive_all(stream)
    local size = 0
    while size < #big do size = size + #stream:receive_some() end
    t.eq(size, #big)
  end
  trio.open_nursery(function(nursery)
    for _, stream in ipairs { client, other } do
      nursery:start_soon(stream.send_all, stream, big)
      nursery:start_soon(receive_all, stream)
    end
  end)
end)

test("[TR-IO-03] a second sender or receiver is refused", function()
  local client, server = clogged_pair()
  local _ <close> = client
  local other <close> = server
  trio.open_nursery(function(nursery)
    nursery:start_soon(client.send_all, client, "x")
    t.ok(other)
    testing.wait_all_tasks_blocked()
    t.raises(trio.BusyResourceError, client.send_all, client, "x")
    t.raises(trio.BusyResourceError, client.wait_send_all_might_not_block, client)
    nursery.cancel_scope:cancel()
  end)
end)

test("[TR-IO-04] the end is an empty string; max_bytes is at least 1", function()
  local client, server = tcp_pair()
  local _ <close> = client
  server:send_all "hello"
  server:send_eof()
  t.eq(client:receive_some(3), "hel")
  t.eq(client:receive_some(), "lo")
  t.eq(client:receive_some(), "")
  t.eq(client:receive_some(1), "")
  t.raises(anyio.ValueError, client.receive_some, client, 0)
  t.raises("bad argument #1 to 'receive_some'", client.receive_some, client, "x")
  t.raises(trio.ClosedResourceError, server.send_all, server, "x")
  client:send_all "still"
  t.eq(server:receive_some(), "still")
  server:aclose()
end)

test("[TR-IO-03] options of a socket have their names in C, or numbers", function()
  local client <close>, server = tcp_pair()
  local _ <close> = server
  t.eq(client:getsockopt("IPPROTO_TCP", "TCP_NODELAY"), 1)
  t.eq(client:getsockopt("SOL_SOCKET", "SO_KEEPALIVE"), 0)
  client:setsockopt("SOL_SOCKET", "SO_KEEPALIVE", true)
  t.eq(client:getsockopt("SOL_SOCKET", "SO_KEEPALIVE"), 1)
  client.socket:setsockopt(1, 9, 0)
  t.eq(client.socket:getsockopt(1, 9), 0)
  client:setsockopt("SOL_SOCKET", "SO_LINGER", string.pack("ii", 1, 5))
  t.eq({ string.unpack("ii", client:getsockopt("SOL_SOCKET", "SO_LINGER", 100)) }, { 1, 5, 9 })
  local err = t.raises(anyio.ValueError, client.setsockopt, client, "SOL_SOKCET", 9, 1)
  t.match(err.message, "unknown level 'SOL_SOKCET' %(known: SOL_SOCKET, .*or a number%)$")
  err = t.raises(anyio.ValueError, client.getsockopt, client, "SOL_SOCKET", "SO_X")
  t.match(err.message, "unknown option 'SO_X' %(known: .*SO_KEEPALIVE, ")
  t.raises("#3 to 'setsockopt' (integer, boolean or string expected, got table)",
    client.setsockopt, client, 1, 9, {})
  err = t.raises(anyio.OSError, client.getsockopt, client, "SOL_SOCKET", 9999)
  t.eq(err.code, "ENOPROTOOPT")
  t.raises(anyio.ValueError, client.getsockopt, client, 1, 9, -1)
  client:aclose()
  t.raises(anyio.ClosedResourceError, client.setsockopt, client, 1, 9, 1)
end)

test("[TR-IO-05] a cancelled send_all may have sent a part", function()
  local client, server = tcp_pair()
  local _ <close> = client
  local other <close> = server
  local big = ("x"):rep(16 << 20)
  local scope = trio.move_on_after(0.05, function() client:send_all(big) end)
  t.eq(scope.cancelled_caught, true)
  client:send_eof()
  local size = 0
  for chunk in other do size = size + #chunk end
  t.ok(size > 0 and size < #big)
end)

test("a stream that is closed in a cancelled scope is closed all the same", function()
  local client, server = tcp_pair()
  local scope = trio.CancelScope()
  scope(function()
    scope:cancel()
    client:aclose()
  end)
  t.eq(scope.cancelled_caught, true)
  t.eq(client.socket:fileno(), -1)
  t.eq(server:receive_some(), "")
  testing.assert_checkpoints(function() server:aclose() end)
  t.raises(trio.ClosedResourceError, server.receive_some, server)
end)

test("[TR-IO-01 D-67] connecting takes the first address that answers", function()
  local listener <close> = listen()
  local stream <close> = trio.open_tcp_stream("localhost", port_of(listener))
  local accepted <close> = listener:accept()
  t.eq(stream.socket:getpeername(), listener.socket:getsockname())
  t.eq(accepted.socket:getpeername(), stream.socket:getsockname())
  local from <close> = trio.open_tcp_stream(HOST, port_of(listener),
    { local_address = "127.0.0.5" })
  t.eq(from.socket:getsockname()[1], "127.0.0.5")
  t.raises("bad argument #2", trio.open_tcp_stream, HOST, "80")
  t.raises("unknown option 'delay'", trio.open_tcp_stream, HOST, 80, { delay = 1 })
end)

-- Addresses as getaddrinfo might give them, for the time of `body`.
local function with_addresses(addresses, body)
  local dns = require "anyrun.dns"
  local real = dns.getaddrinfo
  function dns.getaddrinfo(_, port)
    local entries = {}
    for i, host in ipairs(addresses) do
      entries[i] = { "AF_INET", "SOCK_STREAM", 6, "", { host, port } }
    end
    return entries
  end
  local ok, err = pcall(body) -- passed on below
  dns.getaddrinfo = real
  if not ok then error(err, 0) end
end

test("[TR-IO-01] an attempt that fails starts the next at once", function()
  local listener <close> = listen()
  with_addresses({ "127.0.0.2", "127.0.0.3", HOST }, function()
    local stream <close> = trio.open_tcp_stream("three.example", port_of(listener),
      { happy_eyeballs_delay = 1000 })
    t.eq(stream.socket:getpeername()[1], HOST)
  end)
end)

test("[TR-IO-02] when all fail it is one OSError, its cause the group of them", function()
  local listener = listen()
  local port = port_of(listener)
  listener:aclose()
  with_addresses({ HOST, "127.0.0.2" }, function()
    local err = t.raises(OSError, trio.open_tcp_stream, "two.example", port)
    t.eq(err.message, ("all attempts to connect to two.example:%d failed"):format(port))
    t.isa(err.cause, anyio.ExceptionGroup)
    t.eq(#err.cause.exceptions, 2)
    t.eq(err.cause.exceptions[1].code, "ECONNREFUSED")
  end)
  local err = t.raises(OSError, trio.open_tcp_stream, HOST, port)
  t.eq(#err.cause.exceptions, 1)
  err = t.raises(OSError, trio.open_tcp_stream, "::1", port)
  t.eq(err.message, ("all attempts to connect to [::1]:%d failed"):format(port))
  err = t.raises(OSError, trio.open_tcp_stream, "no-such.invalid", port)
  t.eq(err.name, "gaierror")
end)

test("a UNIX socket is connected to by its path", function()
  local path = os.tmpname()
  os.remove(path)
  local listener <close> = anyio.create_unix_listener(path)
  local stream <close> = trio.open_unix_socket(path)
  local accepted <close> = listener:accept()
  accepted:send "hello"
  t.eq(stream:receive_some(), "hello")
  os.remove(path)
  t.raises(OSError, trio.open_unix_socket, path)
  t.raises("bad argument #1 to 'open_unix_socket'", trio.open_unix_socket)
end)

test("listeners are opened for each address of the host", function()
  local listeners = trio.open_tcp_listeners(0)
  t.ok(#listeners >= 1)
  local hosts = {}
  for _, listener in ipairs(listeners) do
    hosts[#hosts + 1] = listener.socket:getsockname()[1]
    listener:aclose()
  end
  t.ok(table.concat(hosts, " "):find("0.0.0.0", 1, true))
  local taken <close> = listen()
  local err = t.raises(OSError, trio.open_tcp_listeners, port_of(taken), { host = HOST })
  t.eq(err.code, "EADDRINUSE")
  t.raises(trio.ClosedResourceError, listeners[1].accept, listeners[1])
  t.raises("connected stream socket expected", trio.SocketStream, 5)
  t.raises("listening socket expected", trio.SocketListener, {})
end)

test("an address family that this system lacks is left out, but not the last", function()
  local native = require "_anyrun.socket"
  local open, lacking = native.open, { AF_INET = true }
  local function fake(class, kind, family)
    if not lacking[family] then return open(class, kind, family) end
    error(anyio.OSError("nope", { code = "EAFNOSUPPORT", errno = 97 }), 0)
  end
  native.open = fake -- luacheck: ignore 122
  local listeners = trio.open_tcp_listeners(0)
  lacking.AF_INET6 = true
  local ok, err = pcall(trio.open_tcp_listeners, 0)
  native.open = open -- luacheck: ignore 122
  t.eq(#listeners, 1)
  t.eq(listeners[1].socket:getsockname()[1], "::")
  listeners[1]:aclose()
  t.eq({ ok, err.code }, { false, "EAFNOSUPPORT" })
  t.match(err.message, "none of the kinds of socket")
  t.eq(#err.cause:leaves(), 2)
end)

test("a backlog of any size listens", function()
  for _, backlog in ipairs { 1, 99999999, 1 << 32, -1 } do
    local listener <close> = trio.open_tcp_listeners(0, { host = HOST, backlog = backlog })[1]
    local stream <close> = testing.open_stream_to_socket_listener(listener)
    listener:accept():aclose()
    t.isa(stream, trio.SocketStream)
  end
end)

test("[TR-IO-04] what came before the other side closed is received, then its end", function()
  local listener <close> = listen()
  local stream <close> = testing.open_stream_to_socket_listener(listener)
  local far = listener:accept()
  far:send_all "x"
  far:aclose()
  t.eq(stream:receive_some(1), "x")
  t.eq(stream:receive_some(1), "")
end)

test("[TR-IO-06] serve_tcp serves, tells where, and closes what handlers leave open", function()
  local left
  trio.open_nursery(function(nursery)
    local listeners = nursery:start(trio.serve_tcp, function(stream)
      left = stream
      stream:send_all(stream:receive_some():upper())
    end, 0, { host = HOST })
    for _, text in ipairs { "one", "two" } do
      local client <close> = trio.open_tcp_stream(HOST, port_of(listeners[1]))
      client:send_all(text)
      t.eq(client:receive_some(), text:upper())
      t.eq(client:receive_some(), "")
      t.eq(left.socket:fileno(), -1)
    end
    nursery.cancel_scope:cancel()
  end)
end)

test("[TR-IO-06] serve_tcp starts without options, too", function()
  trio.open_nursery(function(nursery)
    local listeners = nursery:start(trio.serve_tcp, function() end, 0)
    t.ok(#listeners > 0)
    nursery.cancel_scope:cancel()
  end)
end)

test("[TR-IO-06 D-66] a handler's error stops the server, and closes its listeners", function()
  local listener = listen()
  local group = t.group(trio.open_nursery, function(nursery)
    nursery:start(trio.serve_listeners, function() error("broken", 0) end, { listener })
    local client <close> = trio.open_tcp_stream(HOST, port_of(listener))
    client:receive_some()
    trio.sleep_forever()
  end)
  t.match(tostring(group:leaves()[1]), "broken")
  t.eq(listener.socket:fileno(), -1)
end)

test("[TR-IO-06] handlers may run in another nursery, which outlives the server", function()
  local listener = listen()
  local log = t.log()
  trio.open_nursery(function(handlers)
    trio.open_nursery(function(nursery)
      nursery:start(trio.serve_listeners, function(stream)
        log(stream:receive_some())
        log(stream:receive_some())
      end, { listener }, { handler_nursery = handlers })
      local client = trio.open_tcp_stream(HOST, port_of(listener))
      client:send_all "before"
      while #log == 0 do trio.sleep(0) end
      nursery.cancel_scope:cancel()
      handlers:start_soon(function()
        client:send_all "after"
        client:aclose()
      end)
    end)
  end)
  t.eq(log.items, { "before", "after" })
end)

-- A listener that fails as the system would, and counts.
local function failing(code, times, listener)
  local fake = trio.abc.Listener "Fake"
  local self = setmetatable({ calls = 0 }, fake)
  function fake.accept(f)
    f.calls = f.calls + 1
    if f.calls <= times then
      error(OSError("cannot accept", { code = code }), 0)
    end
    return listener:accept()
  end
  function fake.aclose(f)
    f.closed = true
    listener:aclose()
  end
  return self
end

test("[TR-IO-07 D-65] out of descriptors it waits and tries again", { mock_clock = true },
  function()
    local stderr = io.stderr
    local said = t.log()
    io.stderr = { write = function(_, text) said(text) end } -- luacheck: ignore
    local client, server = testing.memory_stream_pair()
    local start = trio.current_time()
    trio.open_nursery(function(nursery)
      local fake = failing("EMFILE", 2, {
        accept = function()
          if server then
            local stream = server
            server = nil
            return stream
          end
          trio.sleep_forever()
        end,
        aclose = function() end,
      })
      nursery:start(trio.serve_listeners, function(stream)
        stream:send_all "served"
      end, { fake })
      t.eq(client:receive_some(), "served")
      nursery.cancel_scope:cancel()
    end)
    io.stderr = stderr -- luacheck: ignore
    t.near(trio.current_time() - start, 0.2, 0.01)
    t.eq(#said, 2)
    t.match(said.items[1], "^trio: accept returned EMFILE; retrying in 0%.1 seconds\n$")
  end)

test("[TR-IO-07] any other error of accept stops the server", function()
  local fake = failing("EFAULT", 1, { aclose = function() end })
  local group = t.group(trio.serve_listeners, function() end, { fake })
  t.eq(group:leaves()[1].code, "EFAULT")
  t.eq(fake.closed, true)
end)

test("[TR-IO-07] accept says when the system is out of descriptors", function()
  local listener <close> = listen()
  local class = getmetatable(listener.socket)
  local scope = trio.move_on_after(0.01, function() listener:accept() end)
  t.eq(scope.cancelled_caught, true)
  t.eq(type(class._accept_or_fail), "function")
end)

test("[TR-TEST-11] open_stream_to_socket_listener connects to a listener", function()
  for _, host in ipairs { HOST, "0.0.0.0", "::", "::1" } do
    local ok, listeners = pcall(trio.open_tcp_listeners, 0, { host = host })
    if ok then
      local listener <close> = listeners[1]
      local client <close> = testing.open_stream_to_socket_listener(listener)
      local server <close> = listener:accept()
      client:send_all "x"
      t.eq(server:receive_some(), "x")
    end
  end
end)

-- Descriptors -----------------------------------------------------------------

local lowlevel = trio.lowlevel

test("[TR-LL-13] a descriptor is waited for by one task a direction", function()
  local client, server = tcp_pair()
  local fd = client.socket:fileno()
  local woken = t.log()
  testing.assert_checkpoints(function() lowlevel.wait_writable(fd) end)
  trio.open_nursery(function(nursery)
    nursery:start_soon(function()
      lowlevel.wait_readable(fd)
      woken "readable"
    end)
    testing.wait_all_tasks_blocked()
    t.raises(trio.BusyResourceError, lowlevel.wait_readable, fd)
    lowlevel.wait_writable(fd)
    t.eq(#woken, 0)
    server:send_all "x"
  end)
  t.eq(woken.items, { "readable" })
  lowlevel.wait_readable(client.socket)
  clog(client)
  trio.open_nursery(function(nursery)
    nursery:start_soon(function()
      lowlevel.wait_writable(fd)
      woken "writable"
    end)
    testing.wait_all_tasks_blocked()
    t.raises(trio.BusyResourceError, lowlevel.wait_writable, fd)
    server.socket:_close() -- with unread bytes: the other side is gone
  end)
  t.eq(woken.items, { "readable", "writable" })
  lowlevel.wait_readable(fd)
  client:aclose()
end)

test("[TR-LL-14] notify_closing wakes who waits; a bad descriptor is an OSError", function()
  local client, server = tcp_pair()
  local fd = client.socket:fileno()
  trio.open_nursery(function(nursery)
    nursery:start_soon(function()
      t.raises(trio.ClosedResourceError, lowlevel.wait_readable, fd)
    end)
    testing.wait_all_tasks_blocked()
    lowlevel.notify_closing(fd)
  end)
  client:aclose()
  server:aclose()
  local err = t.raises(OSError, lowlevel.wait_readable, 99999)
  t.eq(err.code, "EBADF")
  t.raises("bad argument #1 to 'wait_readable'", lowlevel.wait_readable, {})
end)
