--- Our ends of TLS against those of the program `openssl`, over TCP.
local anyio = require "anyio"
local buffered = require "anyio.streams.buffered"
local peers = require "tlspeers"
local ssl = require "ssl"
local t = require "harness"
local tls = require "anyio.streams.tls"

local TLSAttribute = tls.TLSAttribute
local file = peers.file

-- Runs `openssl s_server` around body(port, process).
local function s_server(arguments, body)
  local command = {"openssl", "s_server", "-accept", "127.0.0.1:0", "-naccept", "1"}
  local name = arguments.certificate or "server"
  for _, word in ipairs{"-cert", file(name .. ".pem"), "-key", file(name .. ".key"),
    table.unpack(arguments)} do
    command[#command + 1] = word
  end
  local process = anyio.open_process(command, {stderr = anyio.STDOUT})
  local lines = buffered.BufferedByteReceiveStream(process.stdout)
  local port
  repeat
    port = lines:receive_until("\n", 10000):match "^ACCEPT .*:(%d+)$"
  until port
  local ok, err = pcall(body, math.tointeger(tonumber(port)), process)
  if process.returncode == nil then process:kill() end
  process:aclose()
  if not ok then error(err, 0) end
end

local function connect(port, opts)
  opts = opts or {}
  return anyio.connect_tcp("127.0.0.1", port, {
    tls_hostname = opts.hostname or "localhost",
    ssl_context = opts.context or peers.client_context(),
  })
end

for _, version in ipairs{"1_2", "1_3"} do
  t.test("[TLS-01] our client, openssl's server, TLS " .. version, function()
    s_server({"-rev", "-tls" .. version}, function(port)
      local stream <close> = connect(port)
      t.eq(stream:extra(TLSAttribute.tls_version), "TLSv" .. version:gsub("_", "."))
      t.eq(stream:extra(anyio.abc.SocketAttribute.remote_port), port)
      stream:send "hello\n"
      local lines = buffered.BufferedByteReceiveStream(stream)
      t.eq(lines:receive_until("\n", 100), "olleh")
      -- it keeps a line until it was sent whole: much data in many records
      local line = ("0123456789abcdef"):rep(600)
      for _ = 1, 5 do
        stream:send(line .. "\n")
        t.eq(lines:receive_until("\n", 20000), line:reverse())
      end
    end)
  end)

  t.test("[TLS-09] openssl's server is killed: broken, not ended, TLS " .. version, function()
    s_server({"-rev", "-tls" .. version}, function(port, process)
      local stream = connect(port)
      stream:send "x\n"
      t.eq(stream:receive(), "x\n")
      process:kill()
      t.raises(anyio.BrokenResourceError, stream.receive, stream)
      stream:aclose()
    end)
  end)

  t.test("[TLS-10] openssl's server ends the session, TLS " .. version, function()
    s_server({"-rev", "-tls" .. version}, function(port)
      local stream = connect(port)
      stream:send "CLOSE\n"
      t.raises(anyio.EndOfStream, stream.receive, stream)
      stream:aclose()
    end)
  end)

  t.test("[TLS-08] openssl's server: ALPN, a client's certificate, TLS " .. version, function()
    s_server({"-rev", "-tls" .. version, "-alpn", "h2,http/1.1", "-Verify", "1",
      "-verify_return_error", "-CAfile", file "ca.pem"}, function(port)
      local context = peers.client_context "client"
      context:set_alpn_protocols{"http/1.1", "h2"}
      local stream <close> = connect(port, {context = context})
      t.eq(stream:extra(TLSAttribute.alpn_protocol), "h2")
      stream:send "shown\n"
      t.eq(stream:receive(), "nwohs\n")
    end)
  end)

  t.test("openssl's server is shown no certificate and says so, TLS " .. version, function()
    s_server({"-rev", "-tls" .. version, "-Verify", "1", "-CAfile", file "ca.pem"},
      function(port)
      local err = t.raises(ssl.SSLError, function()
        local stream = connect(port)
        local ok, result = pcall(stream.receive, stream)
        anyio.aclose_forcefully(stream)
        t.no(ok)
        error(result, 0)
      end)
      t.match(err.message, "the peer refused: .*")
    end)
  end)
end

for name, pattern in pairs{other = "hostname mismatch, for 'localhost'",
  expired = "certificate has expired", self = "self%-signed certificate"} do
  t.test("[TLS-13] openssl's server, refused: " .. name, function()
    s_server({"-rev", certificate = name}, function(port)
      local err = t.raises(ssl.SSLCertVerificationError, connect, port)
      t.match(err.message, pattern)
    end)
  end)
end

-- Serves with `handler` while `openssl s_client` talks to it; what that wrote,
-- and its status.
local function s_client(context, handler, arguments, input)
  local listener = anyio.create_tcp_listener{local_host = "127.0.0.1"}
  local port = listener:extra(anyio.abc.SocketAttribute.local_port)
  local secure = tls.TLSListener(listener, context,
    {standard_compatible = arguments.standard_compatible})
  local failures, result = {}, nil
  function secure.handle_handshake_error(exc, stream)
    failures[#failures + 1] = exc
    anyio.aclose_forcefully(stream)
  end
  local command = {"openssl", "s_client", "-connect", "127.0.0.1:" .. port,
    "-servername", "localhost", "-CAfile", arguments.root or file "ca.pem",
    "-verify_return_error", table.unpack(arguments)}
  anyio.create_task_group(function(tg)
    tg:start_soon(secure.serve, secure, handler, tg)
    result = anyio.run_process(command,
      {input = input or "", check = false, stderr = anyio.STDOUT})
    tg.cancel_scope:cancel()
  end)
  listener:aclose()
  return result.stdout, result.returncode, failures
end

local function shout(stream)
  local held <close> = stream
  for chunk in held do held:send(chunk:upper()) end
end

for _, version in ipairs{"1_2", "1_3"} do
  t.test("[TLS-15] our server, openssl's client, TLS " .. version, function()
    local context = peers.server_context()
    context:set_alpn_protocols{"two", "one"}
    local seen
    local out, status, failures = s_client(context, function(stream)
      seen = {stream:extra(TLSAttribute.tls_version), stream:extra(TLSAttribute.alpn_protocol)}
      stream:send(stream:receive():upper())
      stream:aclose()
    end, {"-tls" .. version, "-alpn", "one,two", "-ign_eof"}, "hello\n")
    t.eq(failures, {})
    t.eq(seen, {"TLSv" .. version:gsub("_", "."), "two"})
    t.match(out, "\nHELLO\n")
    t.match(out, "Verification: OK")
    -- the session was ended before the connection was
    t.no(out:find("unexpected eof", 1, true))
    t.eq(status, 0)
  end)

  t.test("[TLS-09] our server just closes: openssl's client complains, TLS " .. version,
    function()
    local out, status = s_client(peers.server_context(), function(stream)
      stream:send(stream:receive():upper())
      stream:aclose()
    end, {"-tls" .. version, "-ign_eof", standard_compatible = false}, "hello\n")
    t.match(out, "\nHELLO\n")
    t.match(out, "unexpected eof")
    t.eq(status, 1)
  end)

  t.test("openssl's client shows a certificate, TLS " .. version, function()
    local context = peers.server_context()
    context.verify_mode = ssl.CERT_REQUIRED
    context:load_verify_locations{cafile = file "ca.pem"}
    local name
    local _, status, failures = s_client(context, function(stream)
      name = stream:extra(TLSAttribute.peer_certificate).subject.commonName
      stream:aclose()
    end, {"-tls" .. version, "-cert", file "client.pem", "-key", file "client.key", "-ign_eof"})
    t.eq(failures, {})
    t.eq(name, "a client")
    t.eq(status, 0)
  end)
end

t.test("[TLS-15] openssl's client refuses our certificate: the listener hears why", function()
  local _, status, failures = s_client(peers.server_context(), shout,
    {root = file "other-ca.pem"})
  t.eq(status, 1)
  t.eq(#failures, 1)
  t.isa(failures[1], ssl.SSLError)
  t.match(failures[1].message, "the peer refused: .*unknown ca")
end)

t.test("openssl's client asks for new keys, and sends them", function()
  local listener = anyio.create_tcp_listener{local_host = "127.0.0.1"}
  local port = listener:extra(anyio.abc.SocketAttribute.local_port)
  anyio.create_task_group(function(tg)
    local secure = tls.TLSListener(listener, peers.server_context())
    tg:start_soon(secure.serve, secure, shout, tg)
    local process = anyio.open_process({"openssl", "s_client", "-connect",
      "127.0.0.1:" .. port, "-tls1_3"}, {stderr = anyio.STDOUT})
    local lines = buffered.BufferedByteReceiveStream(process.stdout)
    -- "K" and "k" are commands, where they are all there is to read
    for _, pair in ipairs{{"one", "ONE"}, {"K", "KEYUPDATE"}, {"two", "TWO"},
      {"k", "KEYUPDATE"}, {"three", "THREE"}} do
      process.stdin:send(pair[1] .. "\n")
      repeat until lines:receive_until("\n", 10000) == pair[2]
    end
    process.stdin:aclose()
    process:wait()
    process:aclose()
    tg.cancel_scope:cancel()
  end)
  listener:aclose()
end)
