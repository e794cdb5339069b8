--- connect_tcp with TLS.
local anyio = require "anyio"
local net = require "net"
local peers = require "tlspeers"
local ssl = require "ssl"
local t = require "harness"
local tls = require "anyio.streams.tls"

local A = anyio.abc.SocketAttribute
local B = tls.TLSAttribute

-- Calls `body(port)` while a TLS server accepts one connection and echoes.
local function serving(context, body)
  local all <close> = anyio.create_tcp_listener{local_host = "127.0.0.1"}
  peers.together(function() body(all:extra(A.local_port)) end, function()
    local plain = all.listeners[1]:accept()
    local ok, stream = anyio.pcall(tls.TLSStream.wrap, plain,
      {server_side = true, ssl_context = context, standard_compatible = false})
    if not ok then return plain:aclose() end
    for chunk in stream do stream:send(chunk) end
    stream:aclose()
  end)
end

for _, way in ipairs{"tls", "ssl_context", "tls_hostname"} do
  t.test(("[TCP-23] option %s gives a TLS stream"):format(way), function()
    local _ <close> = net.names{localhost = {{"AF_INET", "127.0.0.1"}}}
    serving(peers.server_context(), function(port)
      local opts = {
        tls = way == "tls" or nil, tls_standard_compatible = false,
        ssl_context = peers.client_context(),
        tls_hostname = way == "tls_hostname" and "localhost" or nil,
      }
      local host = way == "tls_hostname" and "127.0.0.1" or "localhost"
      local stream <close> = anyio.connect_tcp(host, port, opts)
      t.isa(stream, tls.TLSStream)
      stream:send "hello"
      t.eq(stream:receive(), "hello")
      t.eq(stream:extra(B.standard_compatible), false)
      t.eq(stream:extra(A.remote_port), port)
    end)
  end)
end

t.test("[TCP-23] the name to check is the remote host, passed on as it is", function()
  local seen
  local wrap = tls.TLSStream.wrap
  local _ <close> = net.names{["bücher.example"] = {{"AF_INET", "127.0.0.1"}}}
  local all <close> = anyio.create_tcp_listener{local_host = "127.0.0.1"}
  function tls.TLSStream.wrap(stream, opts)
    seen = opts.hostname
    return stream
  end
  local ok, stream = pcall(anyio.connect_tcp, "bücher.example",
    all:extra(A.local_port), {tls = true})
  tls.TLSStream.wrap = wrap
  t.ok(ok, stream)
  t.eq(seen, "bücher.example")
  stream:aclose()
end)

t.test("[TCP-24] a handshake that fails raises the TLS error and closes the socket", function()
  local before = net.sockets()
  serving(peers.server_context(), function(port)
    local _ <close> = net.names{["other.example"] = {{"AF_INET", "127.0.0.1"}}}
    t.raises(ssl.SSLCertVerificationError, anyio.connect_tcp, "other.example", port,
      {ssl_context = peers.client_context()})
  end)
  t.eq(net.sockets(), before)
end)
