--- Connectables: where to connect to, noted for later.

local anyio = require "anyio"
local net = require "net"
local t = require "harness"

local port_of = anyio.abc.SocketAttribute.local_port

t.test("[CONN-05] a TCPConnectable connects to its host and port", function()
  local listener <close> = anyio.create_tcp_listener { local_host = "127.0.0.1" }
  local port = listener:extra(port_of)
  local there = anyio.TCPConnectable("127.0.0.1", port)
  t.isa(there, anyio.abc.ByteStreamConnectable)
  t.eq(there.host, "127.0.0.1")
  t.eq(there.port, port)
  t.eq(tostring(there), "<TCPConnectable: 127.0.0.1 port " .. port .. ">")
  for _ = 1, 2 do
    local client <close> = there:connect()
    local server <close> = listener.listeners[1]:accept()
    client:send "hello"
    t.eq(server:receive(), "hello")
  end
end)

t.test("[CONN-05] whom nobody answers raises ConnectionFailed", function()
  local listener = anyio.create_tcp_listener { local_host = "127.0.0.1" }
  local there = anyio.TCPConnectable("127.0.0.1", listener:extra(port_of))
  listener:aclose()
  t.raises(anyio.ConnectionFailed, there.connect, there)
end)

t.test("[CONN-08] whatever the system says is a ConnectionFailed, with that as its cause", function()
  local err = t.raises(anyio.ConnectionFailed, function()
    anyio.UNIXConnectable("/nowhere/socket"):connect()
  end)
  t.isa(err, anyio.OSError)
  t.eq(err.code, "ENOENT")
  t.eq(err.cause.class, anyio.OSError)
  t.eq(err.message, "error connecting to '/nowhere/socket': " .. err.cause.message)
  local port = net.free_port()
  err = t.raises(anyio.ConnectionFailed, function()
    anyio.TCPConnectable("127.0.0.1", port):connect()
  end)
  t.eq(err.message, ("error connecting to 127.0.0.1:%d: All connection attempts failed")
    :format(port))
  t.eq(err.cause.cause.code, "ECONNREFUSED")
  err = t.raises(anyio.ConnectionFailed, function()
    anyio.TCPConnectable("name.invalid", 80):connect()
  end)
  t.match(err.message, "^error connecting to name.invalid:80: ")
  t.eq(err.cause.name, "gaierror")
end)

t.test("[CONN-10] what is no SSLContext is refused before anything is connected", function()
  t.raises("'connect_tcp' (option 'ssl_context': SSLContext expected, got number)",
    anyio.connect_tcp, "127.0.0.1", 1, { ssl_context = 5 })
  t.raises("'as_connectable' (option 'ssl_context': SSLContext expected, got number)",
    anyio.as_connectable, "/x", { tls = true, ssl_context = 5 })
end)

t.test("[CONN-06] a port that is none is refused", function()
  for _, port in ipairs { 0, -1, 65536 } do
    local err = t.raises(anyio.ValueError, anyio.TCPConnectable, "localhost", port)
    t.ok(err.message:find("out of range: " .. port, 1, true))
  end
  anyio.TCPConnectable("localhost", 1)
  anyio.TCPConnectable("localhost", 65535)
  t.raises("bad argument #2 to 'TCPConnectable'", anyio.TCPConnectable, "localhost", "80")
  t.raises("bad argument #1 to 'TCPConnectable'", anyio.TCPConnectable)
end)

t.test("[CONN-07] a UNIXConnectable connects to its path", function()
  local path = os.tmpname()
  os.remove(path)
  local listener <close> = anyio.create_unix_listener(path)
  local there = anyio.UNIXConnectable(path)
  t.eq(there.path, path)
  t.eq(tostring(there), "<UNIXConnectable: " .. path .. ">")
  local client <close> = there:connect()
  local server <close> = listener:accept()
  server:send "hello"
  t.eq(client:receive(), "hello")
  os.remove(path)
  t.raises(anyio.OSError, there.connect, there)
  t.raises("bad argument #1 to 'UNIXConnectable'", anyio.UNIXConnectable)
end)

t.test("[CONN-09 CONN-11] a connectable is returned as it is, whatever the options", function()
  local Mine = anyio.abc.ByteStreamConnectable "Mine"
  local Objects = anyio.abc.ObjectStreamConnectable "Objects"
  for _, there in ipairs {
    anyio.TCPConnectable("localhost", 80), anyio.UNIXConnectable "/x", Mine(), Objects(),
  } do
    t.eq(anyio.as_connectable(there), there)
    t.eq(anyio.as_connectable(there, { tls = true }), there)
  end
end)

t.test("[CONN-09] {host, port} is TCP, a path is UNIX, anything else an error", function()
  local tcp = anyio.as_connectable { "localhost", 80 }
  t.isa(tcp, anyio.TCPConnectable)
  t.eq(tcp.host, "localhost")
  t.eq(tcp.port, 80)
  local unix = anyio.as_connectable "/run/x.sock"
  t.isa(unix, anyio.UNIXConnectable)
  t.eq(unix.path, "/run/x.sock")
  t.raises(anyio.ValueError, anyio.as_connectable, { "localhost", 0 })
  for _, bad in ipairs { 5, true, { "localhost" }, { "localhost", 80, 1 }, { 1, 2 } } do
    local err = t.raises(anyio.TypeError, anyio.as_connectable, bad)
    t.match(err.message, "^cannot convert .+ to a connectable$")
  end
  t.raises("unknown option 'tsl'", anyio.as_connectable, "/x", { tsl = true })
end)

t.test("[CONN-10] with tls it is wrapped, for the host where there is one", function()
  local TLSConnectable = anyio.streams.tls.TLSConnectable
  local tcp = anyio.as_connectable({ "example.org", 443 }, { tls = true })
  t.isa(tcp, TLSConnectable)
  t.isa(tcp.connectable, anyio.TCPConnectable)
  t.eq(tcp.hostname, "example.org")
  t.eq(tcp.standard_compatible, true)
  t.ok(tcp.ssl_context)
  local context = require("ssl").create_default_context()
  local other = anyio.as_connectable({ "example.org", 443 }, {
    tls = true, ssl_context = context, tls_hostname = "other.example",
    tls_standard_compatible = false,
  })
  t.eq(other.ssl_context, context)
  t.eq(other.hostname, "other.example")
  t.eq(other.standard_compatible, false)
  local unix = anyio.as_connectable("/run/x.sock", { tls = true })
  t.isa(unix.connectable, anyio.UNIXConnectable)
  t.eq(unix.hostname, nil)
end)
