--- Listening over TCP: where, for whom, and serving.
local anyio = require "anyio"
local t = require "harness"
local net = require "net"
local stapled = require "anyio.streams.stapled"

local A = anyio.abc.SocketAttribute

local function listen(opts)
  opts = opts or {local_host = "127.0.0.1"}
  return anyio.create_tcp_listener(opts)
end

local function port_of(listener) return listener:extra(A.local_port) end

t.test("[TCP-27 TCP-28] a MultiListener, whose listeners accept streams", function()
  local all <close> = listen()
  t.isa(all, stapled.MultiListener)
  local one = all.listeners[1]
  t.isa(one, anyio.abc.SocketListener)
  t.eq(one:extra(A.family), "AF_INET")
  t.eq(one:extra(A.local_address), {"127.0.0.1", port_of(all)})
  t.eq(math.type(one:extra(A.raw_socket)), "integer")
  t.eq({one:extra(A.remote_address, "none"), one:extra(A.remote_port, nil)}, {"none"})
  t.raises(anyio.TypedAttributeLookupError, one.extra, one, A.remote_address)
  local client <close> = anyio.connect_tcp("127.0.0.1", port_of(all))
  local server <close> = one:accept()
  t.isa(server, anyio.abc.SocketStream)
  t.isa(server, anyio.abc.ByteStream)
  t.eq(server:extra(A.remote_port), client:extra(A.local_port))
end)

t.test("[TCP-29] addresses may be used again; the backlog has a limit", function()
  local all <close> = listen{local_host = "127.0.0.1", backlog = 1 << 30}
  t.eq(all.listeners[1]:_get "reuse_address", 1)
  local port = port_of(all)
  local client = anyio.connect_tcp("127.0.0.1", port)
  all.listeners[1]:accept():aclose()
  client:aclose()
  all:aclose()
  local again <close> = listen{local_host = "127.0.0.1", local_port = port}
  t.eq(port_of(again), port)
end)

t.test("[TCP-30] reuse_port lets a second one listen on the port", function()
  local first <close> = listen{local_host = "127.0.0.1", reuse_port = true}
  local port = port_of(first)
  local second <close> = listen{local_host = "127.0.0.1", local_port = port, reuse_port = true}
  t.eq(port_of(second), port)
  local err = t.raises(anyio.OSError, listen, {local_host = "127.0.0.1", local_port = port})
  t.eq(err.code, "EADDRINUSE")
  t.match(tostring(err), "cannot bind to 127%.0%.0%.1:" .. port)
end)

t.test("[TCP-31] without a host one socket serves both families", function()
  local all <close> = listen{}
  t.eq(#all.listeners, 1)
  t.eq(all:extra(A.family), "AF_INET6")
  for _, host in ipairs{"127.0.0.1", "::1"} do
    local client <close> = anyio.connect_tcp(host, port_of(all))
    local server <close> = all.listeners[1]:accept()
    client:send "x"
    t.eq(server:receive(), "x")
  end
end)

t.test("[TCP-31] a family alone is only that family", function()
  local all <close> = listen{family = "AF_INET6"}
  t.eq(all:extra(A.family), "AF_INET6")
  t.raises(anyio.ConnectionFailed, anyio.connect_tcp, "127.0.0.1", port_of(all))
  local four <close> = listen{family = "AF_INET"}
  t.eq(four:extra(A.local_address)[1], "0.0.0.0")
  t.raises(anyio.ValueError, listen, {family = "AF_UNIX"})
end)

t.test("[TCP-32] of several addresses all get the same port", function()
  local _ <close> = net.names{both = {{"AF_INET", "127.0.0.1"}, {"AF_INET6", "::1"},
    {"AF_INET", "127.0.0.1"}}}
  local all <close> = listen{local_host = "both"}
  t.eq(#all.listeners, 2)
  t.eq(port_of(all.listeners[1]), port_of(all.listeners[2]))
  t.ok(port_of(all) > 0)
end)

t.test("[TCP-33] a port that is taken elsewhere: the others get to choose", function()
  local _ <close> = net.names{both = {{"AF_INET", "127.0.0.1"}, {"AF_INET", "127.0.0.2"}}}
  local cls = anyio.abc.SocketListener
  local bind, binds = cls._bind, 0
  local function taken(self, host, port)
    binds = binds + 1
    if port ~= 0 and binds <= 2 then
      error(anyio.OSError("taken", {code = "EADDRINUSE"}))
    end
    return bind(self, host, port)
  end
  local before = net.sockets()
  cls._bind = taken
  local all = listen{local_host = "both"}
  cls._bind = bind
  t.eq({all.listeners[1]:extra(A.local_address)[1],
    all.listeners[2]:extra(A.local_address)[1]}, {"127.0.0.2", "127.0.0.1"})
  all:aclose()
  binds = -1000
  cls._bind = taken
  local ok, err = pcall(listen, {local_host = "both"})
  cls._bind = bind
  t.no(ok)
  t.isa(err, anyio.OSError)
  t.match(err.message, "Could not create 2 listeners with a consistent port")
  t.eq(#err.cause.exceptions, 2)
  t.eq(net.sockets(), before)
end)

t.test("[TCP-33] with a port that was asked for there is one attempt", function()
  local _ <close> = net.names{both = {{"AF_INET", "127.0.0.1"}, {"AF_INET", "127.0.0.2"}}}
  local taken <close> = listen{local_host = "127.0.0.2"}
  local before = net.sockets()
  local err = t.raises(anyio.OSError, listen,
    {local_host = "both", local_port = port_of(taken)})
  t.eq(err.code, "EADDRINUSE")
  t.eq(err.cause, nil)
  t.eq(net.sockets(), before)
end)

t.test("[TCP-34 TCP-03] a link-local address is bound with its scope", function()
  local file = io.open "/proc/net/if_inet6"
  local host, scope
  for line in file and file:lines() or function() end do
    local digits, index = line:match "^(fe80%x+) (%x+)"
    if digits then
      host, scope = digits:gsub("%x%x%x%x", "%0:", 7), tonumber(index, 16)
    end
  end
  if file then file:close() end
  if not host then t.skip "no link-local address" end
  local all <close> = listen{local_host = host .. "%" .. scope}
  t.match(all:extra(A.local_address)[1], "^fe80:.*%%" .. scope .. "$")
  local client <close> = anyio.connect_tcp(all:extra(A.local_address)[1], port_of(all))
  t.match(client:extra(A.remote_address)[1], "%%" .. scope .. "$")
  t.raises(anyio.OSError, listen, {local_host = "fe80::1%nosuch"})
end)

t.test("[TCP-35] accept after close", function()
  local all = listen()
  local one = all.listeners[1]
  all:aclose()
  t.raises(anyio.ClosedResourceError, one.accept, one)
  t.match(tostring(one), "<SocketListener: closed>")
end)

t.test("[TCP-36] closing it while it serves ends serve, a group for each level", function()
  local all = listen()
  local err = t.group(function()
    anyio.create_task_group(function(tg)
      tg:start_soon(all.serve, all, function() end)
      anyio.wait_all_tasks_blocked()
      all:aclose()
    end)
  end)
  local levels = 0
  while anyio.isinstance(err, anyio.ExceptionGroup) do
    err, levels = err.exceptions[1], levels + 1
  end
  t.isa(err, anyio.ClosedResourceError)
  t.eq(levels, 3)
end)

t.test("[TCP-37] two accepts at once: the second is refused", function()
  local all <close> = listen()
  local one = all.listeners[1]
  anyio.create_task_group(function(tg)
    tg:start_soon(function() t.cancelled(one.accept, one) end)
    anyio.wait_all_tasks_blocked()
    t.match(t.raises(anyio.BusyResourceError, one.accept, one).message, "accepting")
    tg.cancel_scope:cancel()
  end)
end)

t.test("[TCP-38] the handler may be a task spec; a group must be one", function()
  local multi = anyio.create_tcp_listener {local_host = "127.0.0.1"}
  for _, listener in ipairs {multi, multi.listeners[1]} do
    t.raises("bad argument #2 to 'serve' (task group expected, got table)",
      function() listener:serve(print, {}) end)
    t.raises("bad argument #2 to 'serve' (task group expected, got FILE*)",
      function() listener:serve(print, io.stderr) end)
    t.raises("bad argument #1 to 'serve' (function expected, got number)",
      function() listener:serve(5) end)
    anyio.create_task_group(function(tg)
      tg:start_soon(listener.serve, listener, {function(stream)
        stream:send(anyio.get_current_task().name)
        stream:aclose()
      end, name = "mine"}, tg)
      local client <close> = anyio.connect_tcp("127.0.0.1",
        listener:extra(anyio.abc.SocketAttribute.local_port))
      t.eq(client:receive(), "mine")
      tg.cancel_scope:cancel()
    end)
  end
  multi:aclose()
end)

t.test("an address to listen on must be of the family that is asked for", function()
  t.isa(t.raises("'::1' is an address of AF_INET6, where one of AF_INET is needed",
    anyio.create_tcp_listener, {local_host = "::1", family = "AF_INET"}),
    anyio.ValueError)
end)

t.test("[TCP-38] each connection has a task of its own, in the group given", function()
  local all = listen()
  local names = {}
  anyio.create_task_group(function(tg)
    tg:start_soon(all.serve, all, function(accepted)
      local stream <close> = accepted
      names[#names + 1] = stream:receive()
      stream:send(names[#names]:upper())
    end, tg)
    for _, word in ipairs{"one", "two"} do
      local client <close> = anyio.connect_tcp("127.0.0.1", port_of(all))
      client:send(word)
      t.eq(client:receive(), word:upper())
    end
    tg.cancel_scope:cancel()
  end)
  t.eq(names, {"one", "two"})
  all:aclose()
end)

t.test("[TCP-39] a handler's error ends serve and the other handlers", function()
  local all <close> = listen()
  local cancelled
  local err = t.group(function()
    anyio.create_task_group(function(tg)
      tg:start_soon(all.listeners[1].serve, all.listeners[1], function(accepted)
        local stream <close> = accepted
        if stream:receive() == "fail" then error("failed", 0) end
        cancelled = t.cancelled(stream.receive, stream)
        error(cancelled, 0)
      end)
      local first <close> = anyio.connect_tcp("127.0.0.1", port_of(all))
      first:send "wait"
      anyio.wait_all_tasks_blocked()
      local second <close> = anyio.connect_tcp("127.0.0.1", port_of(all))
      second:send "fail"
      anyio.sleep_forever()
    end)
  end)
  t.eq(err.exceptions[1].exceptions[1], "failed")
  t.ok(cancelled)
end)

t.test("[TCP-40] a bound socket of another's making is taken over", function()
  local port
  local descriptor = net.descriptor("listener", "AF_INET", function(socket)
    socket:_bind("127.0.0.1", 0)
    local _, bound = socket:_local()
    port = bound
  end)
  local listener <close> = anyio.abc.SocketListener.from_socket(descriptor)
  t.eq(listener:extra(A.local_port), port)
  local client <close> = anyio.connect_tcp("127.0.0.1", port)
  local server <close> = listener:accept()
  t.isa(server, anyio.abc.SocketStream)
  client:send "x"
  t.eq(server:receive(), "x")
end)

t.test("[TCP-40] one that is not bound is refused, and stays the caller's", function()
  local descriptor = net.descriptor("listener", "AF_INET")
  t.raises("the socket must be bound to a local address",
    anyio.abc.SocketListener.from_socket, descriptor)
  net.close(descriptor)
end)

t.test("[TCP-40] one that cannot listen is refused, and stays the caller's", function()
  local from_socket = anyio.abc.SocketListener.from_socket
  local all <close> = listen()
  local connected = net.descriptor("stream", "AF_INET", function(socket)
    socket:_connect("127.0.0.1", port_of(all))
  end)
  t.isa(t.raises("the socket is connected, and cannot listen", from_socket, connected),
    anyio.ValueError)
  net.close(connected)
  local port -- another comes to listen on it first
  local bound = net.descriptor("listener", "AF_INET", function(socket)
    socket:_bind("127.0.0.1", 0)
    local _, chosen = socket:_local()
    port = chosen
  end)
  local _ <close> = anyio.create_tcp_listener {
    local_host = "127.0.0.1", local_port = port,
  }
  t.eq(t.raises(anyio.OSError, from_socket, bound).code, "EADDRINUSE")
  collectgarbage()
  net.close(bound)
end)

t.test("[TCP-25] a connected stream of another's making is taken over", function()
  local all <close> = listen()
  local descriptor = net.descriptor("stream", "AF_INET", function(socket)
    socket:_connect("127.0.0.1", port_of(all))
  end)
  local server <close> = all.listeners[1]:accept()
  local stream <close> = anyio.abc.SocketStream.from_socket(descriptor)
  t.eq(stream:extra(A.raw_socket), descriptor)
  stream:send "x"
  t.eq(server:receive(), "x")
  t.raises("belongs to <SocketStream", anyio.abc.SocketStream.from_socket, descriptor)
end)

t.test("[TCP-26] what is wrong with a descriptor is said", function()
  local from_socket = anyio.abc.SocketStream.from_socket
  t.raises("bad argument #1 to 'from_socket' (integer expected, got string)",
    from_socket, "7")
  t.isa(t.raises("there is no descriptor 54321", from_socket, 54321), anyio.ValueError)
  t.isa(t.raises("the descriptor 0 does not refer to a socket", from_socket, 0),
    anyio.ValueError)
  local stream = net.descriptor("stream", "AF_INET")
  t.isa(t.raises("the socket must be connected", from_socket, stream), anyio.ValueError)
  net.close(stream)
  local packets = net.descriptor("datagram", "AF_INET", function(socket)
    socket:_connect("127.0.0.1", 9)
  end)
  t.isa(t.raises("socket type mismatch: expected SOCK_STREAM, got SOCK_DGRAM",
    from_socket, packets), anyio.ValueError)
  net.close(packets)
end)
