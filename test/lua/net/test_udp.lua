--- UDP sockets, connected and not.
local anyio = require "anyio"
local t = require "harness"
local net = require "net"

local A = anyio.abc.SocketAttribute

local function open(opts)
  return anyio.create_udp_socket(opts or {local_host = "127.0.0.1"})
end

local function port_of(socket) return socket:extra(A.local_port) end

local function connect(to, opts)
  return anyio.create_connected_udp_socket("127.0.0.1", port_of(to), opts)
end

t.test("[UDP-01] packets arrive whole, and say where from", function()
  local a <close> = open()
  local b <close> = open()
  t.isa(a, anyio.abc.UDPSocket)
  a:sendto("hello", "127.0.0.1", port_of(b))
  a:send("you", "127.0.0.1", port_of(b))
  t.eq({b:receive()}, {"hello", "127.0.0.1", port_of(a)})
  t.eq({b:receive()}, {"you", "127.0.0.1", port_of(a)})
  a:sendto("", "127.0.0.1", port_of(b))
  t.eq({b:receive()}, {"", "127.0.0.1", port_of(a)})
  local big = ("x"):rep(60000)
  a:sendto(big, "127.0.0.1", port_of(b))
  t.ok((b:receive()) == big)
end)

t.test("[UDP-02] a loop gets packets", function()
  local a <close> = open()
  local b <close> = open()
  for i = 1, 3 do a:sendto(tostring(i), "127.0.0.1", port_of(b)) end
  local got = {}
  for data, host, port in b do
    t.eq({host, port}, {"127.0.0.1", port_of(a)})
    got[#got + 1] = data
    if #got == 3 then break end
  end
  t.eq(got, {"1", "2", "3"})
  local c <close> = connect(b)
  c:send "4"
  local _, host, port = b:receive()
  b:sendto("5", host, port)
  c:send "6"
  b:sendto("7", host, port)
  got = {}
  for data in c do
    got[#got + 1] = data
    if #got == 2 then break end
  end
  t.eq(got, {"5", "7"})
end)

t.test("[UDP-03] attributes; remote ones only when connected", function()
  local a <close> = open()
  t.eq(a:extra(A.family), "AF_INET")
  t.eq(a:extra(A.local_address), {"127.0.0.1", port_of(a)})
  t.eq(math.type(a:extra(A.raw_socket)), "integer")
  t.raises(anyio.TypedAttributeLookupError, a.extra, a, A.remote_address)
  t.raises(anyio.TypedAttributeLookupError, a.extra, a, A.remote_port)
  local c <close> = connect(a)
  t.eq(c:extra(A.remote_address), {"127.0.0.1", port_of(a)})
  t.eq(c:extra(A.remote_port), port_of(a))
  t.ok(port_of(c) > 0)
end)

t.test("[UDP-04] neither family nor host", function()
  t.isa(t.raises('Either "family" or "local_host" must be given', anyio.create_udp_socket),
    anyio.ValueError)
  t.raises(anyio.ValueError, open, {family = "AF_UNIX"})
  t.raises("unknown option", open, {hots = "x"})
end)

t.test("[UDP-05] without a host it is bound to some port on all interfaces", function()
  for family, any in pairs{AF_INET = "0.0.0.0", AF_INET6 = "::"} do
    local a <close> = open{family = family}
    t.eq(a:extra(A.local_address)[1], any)
    t.ok(port_of(a) > 0)
    t.eq(a:extra(A.family), family)
  end
end)

t.test("[UDP-06] reuse_port lets two share a port", function()
  local a <close> = open{local_host = "127.0.0.1", reuse_port = true}
  local b <close> = open{local_host = "127.0.0.1", local_port = port_of(a), reuse_port = true}
  t.eq(port_of(a), port_of(b))
  t.eq(t.raises(anyio.OSError, open, {local_host = "127.0.0.1", local_port = port_of(a)}).code,
    "EADDRINUSE")
  local c <close> = connect(a, {reuse_port = true})
  local d <close> = anyio.create_connected_udp_socket("127.0.0.1", 9,
    {local_port = port_of(c), reuse_port = true})
  t.eq(port_of(c), port_of(d))
end)

for _, kind in ipairs{"plain", "connected"} do
  local function make()
    local peer = open()
    return kind == "plain" and open() or connect(peer), peer
  end

  t.test(("[UDP-07 UDP-08] %s: a second receiver is refused; closing wakes the first"):format(
    kind), function()
    local socket, peer = make()
    local _ <close> = socket
    local _ <close> = peer
    anyio.create_task_group(function(tg)
      tg:start_soon(function() t.raises(anyio.ClosedResourceError, socket.receive, socket) end)
      anyio.wait_all_tasks_blocked()
      t.match(t.raises(anyio.BusyResourceError, socket.receive, socket).message,
        "reading from")
      socket:aclose()
    end)
    t.raises(anyio.ClosedResourceError, socket.receive, socket)
    t.raises(anyio.ClosedResourceError, socket.send, socket, "x", "127.0.0.1", 1)
  end)

  t.test(("[UDP-09] %s: the port is free when aclose returns"):format(kind), function()
    local socket, peer = make()
    local port = port_of(socket)
    socket:aclose()
    peer:aclose()
    local again <close> = open{local_host = "127.0.0.1", local_port = port}
    t.eq(port_of(again), port)
  end)

  t.test(kind .. ": a cancelled receive loses no packet", function()
    local socket, peer = make()
    local _ <close> = socket
    local _ <close> = peer
    local scope = anyio.move_on_after(0.01, function() socket:receive() end)
    t.ok(scope.cancelled_caught)
    peer:sendto("kept", "127.0.0.1", port_of(socket))
    t.eq((socket:receive()), "kept")
  end)
end

t.test("[UDP-10] connected: packets of others do not arrive", function()
  local a <close> = open()
  local stranger <close> = open()
  local c <close> = connect(a, {local_host = "127.0.0.1"})
  stranger:sendto("no", "127.0.0.1", port_of(c))
  c:send "hello"
  local data, host, port = a:receive()
  t.eq(data, "hello")
  a:sendto("yes", host, port)
  t.eq({c:receive()}, {"yes"})
end)

t.test("[UDP-11] descriptors of another's making", function()
  local bound = net.descriptor("datagram", "AF_INET", function(s) s:_bind("127.0.0.1", 0) end)
  local a <close> = anyio.abc.UDPSocket.from_socket(bound)
  local joined = net.descriptor("datagram", "AF_INET", function(s)
    s:_connect("127.0.0.1", port_of(a))
  end)
  local c <close> = anyio.abc.ConnectedUDPSocket.from_socket(joined)
  c:send "x"
  local data, host, port = a:receive()
  t.eq(data, "x")
  a:sendto("y", host, port)
  t.eq({c:receive()}, {"y"})
  local fresh = net.descriptor("datagram", "AF_INET")
  t.raises("the socket must be bound to a local address", anyio.abc.UDPSocket.from_socket, fresh)
  t.raises("the socket must be connected", anyio.abc.ConnectedUDPSocket.from_socket, fresh)
  net.close(fresh)
  local stream = net.descriptor("stream", "AF_INET", function(s) s:_bind("127.0.0.1", 0) end)
  t.raises("expected SOCK_DGRAM, got SOCK_STREAM", anyio.abc.UDPSocket.from_socket, stream)
  net.close(stream)
end)

t.test("[UDP-11] a connected one as a plain one: packets have their senders", function()
  local peer <close> = open()
  local joined = net.descriptor("datagram", "AF_INET", function(s)
    s:_connect("127.0.0.1", port_of(peer))
  end)
  local a <close> = anyio.abc.UDPSocket.from_socket(joined)
  peer:sendto("x", "127.0.0.1", port_of(a))
  t.eq({a:receive()}, {"x", "127.0.0.1", port_of(peer)})
  local other <close> = open()
  a:sendto("y", "127.0.0.1", port_of(other))
  t.eq({other:receive()}, {"y", "127.0.0.1", port_of(a)})
end)

t.test("[UDP-11] a socket of another family is refused, and stays the caller's", function()
  local path = net.abstract()
  local unix = net.descriptor("datagram", "AF_UNIX", function(s)
    s:_bind(path)
    s:_connect(path)
  end)
  for _, class in ipairs { "UDPSocket", "ConnectedUDPSocket" } do
    t.isa(t.raises("address family mismatch: expected AF_INET or AF_INET6, got AF_UNIX",
      anyio.abc[class].from_socket, unix), anyio.ValueError)
  end
  net.close(unix)
end)

t.test("[UDP-12] connected, and nobody is there: the next call says so", function()
  local gone = open()
  local c <close> = connect(gone)
  gone:aclose()
  c:send "x"
  local err = t.raises(anyio.BrokenResourceError, c.receive, c)
  t.eq(err.cause.code, "ECONNREFUSED")
  c:send "y"
  anyio.wait_readable(c)
  t.raises(anyio.BrokenResourceError, c.send, c, "z")
end)

t.test("[UDP-13] packets wait in the kernel; none is dropped here", function()
  local a <close> = open()
  local b <close> = open()
  for i = 1, 150 do a:sendto(tostring(i), "127.0.0.1", port_of(b)) end
  for i = 1, 150 do t.eq((b:receive()), tostring(i)) end
end)

t.test("[UDP-01] a packet goes to a name as well", function()
  local a <close> = open()
  local b <close> = open()
  local _ <close> = net.names {
    there = {{"AF_INET6", "::1"}, {"AF_INET", "127.0.0.1"}}, ["no-v4"] = {},
  }
  a:sendto("sendto", "there", port_of(b))
  t.eq((b:receive()), "sendto")
  a:send("send", "there", port_of(b))
  t.eq((b:receive()), "send")
  t.raises("'no-v4' has no address of AF_INET", a.sendto, a, "x", "no-v4", 1)
  t.raises("name.invalid: ", function()
    getmetatable(_).__close()
    a:sendto("x", "name.invalid", 1)
  end)
  local scope = anyio.move_on_after(0, function() a:sendto("x", "there", port_of(b)) end)
  t.ok(scope.cancelled_caught)
end)

t.test("[UDP-04] an address must be of the family that is asked for", function()
  local wanted <const> = "'127.0.0.1' is an address of AF_INET, where one of AF_INET6 is needed"
  t.isa(t.raises(wanted, anyio.create_udp_socket,
    {local_host = "127.0.0.1", family = "AF_INET6"}), anyio.ValueError)
  t.raises(wanted, anyio.create_connected_udp_socket, "127.0.0.1", 9,
    {family = "AF_INET6"})
end)

t.test("where a packet goes must be an address that the socket can reach", function()
  local a <close> = open()
  t.isa(t.raises("'::1' is no IPv4 address in digits", a.sendto, a, "x", "::1", 1),
    anyio.ValueError)
  t.raises("a port is a number from 0 to 65535", a.sendto, a, "x", "127.0.0.1", 65536)
  t.raises("string expected", a.sendto, a, "x")
end)
