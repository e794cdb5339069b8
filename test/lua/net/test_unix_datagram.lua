--- UNIX datagram sockets, connected and not.
local anyio = require "anyio"
local t = require "harness"
local net = require "net"

local A = anyio.abc.SocketAttribute

local function open(path) return anyio.create_unix_datagram_socket{local_path = path} end

local function connect(path, own)
  return anyio.create_connected_unix_datagram_socket(path, {local_path = own})
end

t.test("[UDG-01] packets arrive whole, and say where from, whatever the path", function()
  net.folder(function(folder)
    for _, path in ipairs{folder .. "/a", folder .. "/\xff\xfe", net.abstract()} do
      local a <close> = open(path)
      local b <close> = open(folder .. "/b")
      t.isa(a, anyio.abc.UNIXDatagramSocket)
      b:sendto("hello", path)
      t.eq({a:receive()}, {"hello", folder .. "/b"})
      a:send("back", folder .. "/b")
      t.eq({b:receive()}, {"back", path})
    end
  end)
end)

t.test("[UDG-02] a loop gets packets", function()
  local path = net.abstract()
  local a <close> = open(path)
  local c <close> = connect(path, net.abstract())
  for i = 1, 3 do c:send(tostring(i)) end
  local n = 0
  for data, from in a do
    n = n + 1
    t.eq({data, from}, {tostring(n), c:extra(A.local_address)})
    if n == 3 then break end
  end
  local got = {}
  for i = 1, 2 do a:sendto(tostring(i), c:extra(A.local_address)) end
  for data in c do
    got[#got + 1] = data
    if #got == 2 then break end
  end
  t.eq(got, {"1", "2"})
end)

t.test("[UDG-03] attributes", function()
  local path = net.abstract()
  local a <close> = open(path)
  t.eq({a:extra(A.family), a:extra(A.local_address)}, {"AF_UNIX", path})
  t.eq(math.type(a:extra(A.raw_socket)), "integer")
  for _, key in ipairs{A.remote_address, A.local_port, A.remote_port} do
    t.raises(anyio.TypedAttributeLookupError, a.extra, a, key)
  end
  local c <close> = connect(path)
  t.eq(c:extra(A.remote_address), path)
  t.raises(anyio.TypedAttributeLookupError, c.extra, c, A.remote_port)
end)

t.test("[UDG-04] without a path it has no name", function()
  local path = net.abstract()
  local a <close> = open(path)
  local b <close> = anyio.create_unix_datagram_socket()
  b:sendto("x", path)
  t.eq({a:receive()}, {"x", ""})
  t.eq(b:extra(A.local_address), "")
  t.isa(t.raises("must not be empty", a.sendto, a, "y", ""), anyio.ValueError)
end)

t.test("[UDG-05] a socket at the path makes way; permissions", function()
  net.folder(function(folder)
    local path = folder .. "/s"
    for _ = 1, 2 do
      local a <close> = anyio.create_unix_datagram_socket{
        local_path = path, local_mode = tonumber("600", 8),
      }
      t.eq(a:extra(A.local_address), path)
      local pipe = io.popen("stat -c %a " .. path)
      t.eq(pipe:read "l", "600")
      pipe:close()
    end
  end)
end)

for _, kind in ipairs{"plain", "connected"} do
  t.test(("[UDG-06 UDG-07] %s: a second receiver is refused; closing wakes the first")
    :format(kind), function()
    local path = net.abstract()
    local _ <close> = open(path)
    local socket <close> = kind == "plain" and open(net.abstract()) or connect(path)
    anyio.create_task_group(function(tg)
      tg:start_soon(function() t.raises(anyio.ClosedResourceError, socket.receive, socket) end)
      anyio.wait_all_tasks_blocked()
      t.raises(anyio.BusyResourceError, socket.receive, socket)
      socket:aclose()
    end)
    t.raises(anyio.ClosedResourceError, socket.receive, socket)
    t.raises(anyio.ClosedResourceError, socket.send, socket, "x", path)
  end)
end

t.test("[UDG-08] connected: data only", function()
  local path, own = net.abstract(), net.abstract()
  local a <close> = open(path)
  local c <close> = connect(path, own)
  c:send "x"
  t.eq({a:receive()}, {"x", own})
  a:sendto("y", own)
  t.eq({c:receive()}, {"y"})
end)

t.test("[UDG-09] descriptors of another's making", function()
  local path = net.abstract()
  local a <close> = open(path)
  local fresh = net.descriptor("datagram", "AF_UNIX")
  local b <close> = anyio.abc.UNIXDatagramSocket.from_socket(fresh)
  b:sendto("x", path)
  t.eq((a:receive()), "x")
  local joined = net.descriptor("datagram", "AF_UNIX", function(s) s:_connect(path) end)
  local c <close> = anyio.abc.ConnectedUNIXDatagramSocket.from_socket(joined)
  c:send "y"
  t.eq((a:receive()), "y")
  local inet = net.descriptor("datagram", "AF_INET")
  t.raises("expected AF_UNIX, got AF_INET", anyio.abc.UNIXDatagramSocket.from_socket, inet)
  net.close(inet)
  local lone = net.descriptor("datagram", "AF_UNIX")
  t.raises("must be connected", anyio.abc.ConnectedUNIXDatagramSocket.from_socket, lone)
  net.close(lone)
end)

t.test("a packet of any size arrives whole", function()
  local path = net.abstract()
  local a <close> = open(path)
  local c <close> = connect(path)
  local big = ("0123456789"):rep(15000)
  c:send(big)
  t.ok((a:receive()) == big)
end)

t.test("a full queue is waited for, connected or not", function()
  local path = net.abstract()
  local a <close> = open(path)
  local senders = {anyio.create_unix_datagram_socket(), connect(path)}
  for _, s in ipairs(senders) do
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        for i = 1, 1000 do s:send(tostring(i), path) end
      end)
      for i = 1, 1000 do t.eq((a:receive()), tostring(i)) end
    end)
    s:aclose()
  end
end)

t.test("nobody at the path", function()
  local a <close> = anyio.create_unix_datagram_socket()
  local err = t.raises(anyio.BrokenResourceError, a.sendto, a, "x", net.abstract())
  t.eq(err.cause.code, "ECONNREFUSED")
  local before = net.sockets()
  t.raises(anyio.OSError, connect, net.abstract())
  t.eq(net.sockets(), before)
end)

t.test("a packet that cannot be sent: the error says where to", function()
  local a <close> = anyio.create_unix_datagram_socket()
  local err = t.raises(anyio.BrokenResourceError, a.sendto, a, "x", "/no/such/socket")
  t.eq(err.message, "cannot send to /no/such/socket: No such file or directory")
  t.eq(err.cause.code, "ENOENT")
  local udp <close> = anyio.create_udp_socket { local_host = "127.0.0.1" }
  err = t.raises(anyio.BrokenResourceError, udp.sendto, udp, ("x"):rep(65508),
    "127.0.0.1", 9)
  t.eq(err.message, "cannot send to 127.0.0.1:9: Message too long")
end)
