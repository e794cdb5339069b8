--- asyncio's streams and transports with TLS.

local anyio = require "anyio"
local asyncio = require "asyncio"
local peers = require "tlspeers"
local ssl = require "ssl"
local t = require "harness"

local HOST <const> = "localhost"
local BIG <const> = ("0123456789abcdef"):rep(1 << 16) -- 1 MiB

local function test(title, fn) t.test(title, { backend = "asyncio" }, fn) end

local function loop() return asyncio.get_running_loop() end

local function echo(reader, writer)
  while true do
    local ok, data = anyio.pcall(reader.read, reader, 65536)
    if not ok or data == "" then break end
    writer:write(data)
    writer:drain()
  end
  writer:close()
end

local function with_server(body, context)
  local server <close> = asyncio.start_server(echo, HOST, 0,
    { ssl = context or peers.server_context() })
  body(server.sockets[1]:getsockname()[2], server)
  server:close_clients()
end

test("a connection over TLS carries bytes both ways", function()
  with_server(function(port)
    local reader, writer = asyncio.open_connection(HOST, port,
      { ssl = peers.client_context() })
    writer:write "hello\n"
    t.eq(reader:readline(), "hello\n")
    local reading = asyncio.create_task(reader.readexactly, reader, #BIG)
    writer:write(BIG)
    writer:drain()
    t.eq(reading:await() == BIG, true)
    t.eq(writer:can_write_eof(), false)
    t.raises(anyio.NotImplementedError, writer.write_eof, writer)
    t.raises(anyio.TypeError, writer.write, writer, 5)
    t.match(tostring(writer), "TLSTransport open")
    writer:close()
    writer:wait_closed()
    t.eq(writer:is_closing(), true)
  end)
end)

test("what is known of a session", function()
  with_server(function(port)
    local _, writer = asyncio.open_connection(HOST, port,
      { ssl = peers.client_context() })
    t.isa(writer:get_extra_info "ssl_object", ssl.SSLObject)
    t.isa(writer:get_extra_info "sslcontext", ssl.SSLContext)
    t.ok(writer:get_extra_info "peercert".subject)
    t.ok(writer:get_extra_info "cipher"[1])
    t.eq(writer:get_extra_info "peername"[2], port)
    t.eq(writer:get_extra_info("nothing", 7), 7)
    writer:close()
    writer:wait_closed()
  end)
end)

test("a certificate that is not trusted, or for another name, is refused", function()
  with_server(function(port)
    local err = t.raises(ssl.SSLCertVerificationError, asyncio.open_connection, HOST,
      port, { ssl = true })
    t.match(err.message, "certificate")
    t.raises(ssl.SSLCertVerificationError, asyncio.open_connection, HOST, port,
      { ssl = peers.client_context(), server_hostname = "other.example" })
    t.raises("server_hostname is only meaningful", asyncio.open_connection, HOST, port,
      { server_hostname = "x" })
    t.raises("option 'ssl'", asyncio.open_connection, HOST, port, { ssl = "yes" })
  end)
end)

test("a peer that does not speak TLS makes the handshake fail", function()
  local server <close> = asyncio.start_server(function(_, writer)
    writer:write "220 hello, this is mail\r\n"
    writer:close()
  end, HOST, 0)
  t.raises(ssl.SSLError, asyncio.open_connection, HOST,
    server.sockets[1]:getsockname()[2], { ssl = peers.client_context() })
  local silent <close> = asyncio.start_server(function(reader, writer)
    reader:read()
    writer:close()
  end, HOST, 0)
  local err = t.raises(asyncio.TimeoutError, asyncio.open_connection, HOST,
    silent.sockets[1]:getsockname()[2],
    { ssl = peers.client_context(), ssl_handshake_timeout = 0.02 })
  t.match(err.message, "handshake")
end)

test("a client that does not speak TLS does not stop the server", function()
  with_server(function(port)
    local reader, writer = asyncio.open_connection(HOST, port)
    writer:write "GET / HTTP/1.0\r\n\r\n"
    reader:read()
    writer:close()
    local again, encrypted = asyncio.open_connection(HOST, port,
      { ssl = peers.client_context() })
    encrypted:write "x"
    t.eq(again:readexactly(1), "x")
    encrypted:close()
    encrypted:wait_closed()
  end)
end)

test("bytes that end before the session does are an error, never an end", function()
  with_server(function(port, server)
    local reader, writer = asyncio.open_connection(HOST, port,
      { ssl = peers.client_context() })
    writer:write "x"
    t.eq(reader:readexactly(1), "x")
    server:abort_clients()
    local err = t.raises(anyio.Exception, reader.read, reader)
    t.ok(anyio.isinstance(err, ssl.SSLError) or anyio.isinstance(err, anyio.OSError))
    writer:close()
  end)
end)

test("the end of the session ends the reader", function()
  local server <close> = asyncio.start_server(function(reader, writer)
    writer:write(reader:readline())
    writer:close()
  end, HOST, 0, { ssl = peers.server_context() })
  local reader, writer = asyncio.open_connection(HOST,
    server.sockets[1]:getsockname()[2], { ssl = peers.client_context() })
  writer:write "bye\n"
  t.eq(reader:read(), "bye\n")
  writer:close()
  writer:wait_closed()
end)

test("a peer that hangs up when it was told the end is no error", function()
  local listener <close> = anyio.create_tcp_listener { local_host = "127.0.0.1" }
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      local stream = anyio.streams.tls.TLSStream.wrap(listener.listeners[1]:accept(),
        { server_side = true, ssl_context = peers.server_context(),
          standard_compatible = false })
      t.eq(stream:receive(), "bye")
      t.raises(anyio.EndOfStream, stream.receive, stream)
      stream:aclose() -- without a word of TLS
    end)
    local _, writer = asyncio.open_connection("127.0.0.1",
      listener:extra(anyio.abc.SocketAttribute.local_port),
      { ssl = peers.client_context(), server_hostname = HOST })
    writer:write "bye"
    writer:close()
    writer:wait_closed()
  end)
end)

test("[AS-STR-11] start_tls goes on with TLS on both sides", function()
  local server <close> = asyncio.start_server(function(reader, writer)
    t.eq(reader:readline(), "STARTTLS\n")
    writer:write "go on\n"
    writer:start_tls(peers.server_context())
    writer:write(reader:readline():upper())
    writer:close()
  end, HOST, 0)
  local reader, writer = asyncio.open_connection(HOST,
    server.sockets[1]:getsockname()[2])
  writer:write "STARTTLS\n"
  t.eq(reader:readline(), "go on\n")
  writer:start_tls(peers.client_context(), { server_hostname = HOST })
  writer:write "secret\n"
  t.eq(reader:read(), "SECRET\n")
  t.ok(writer:get_extra_info "cipher")
  writer:close()
  writer:wait_closed()
end)

test("[AS-STR-11] start_tls that fails closes the connection", function()
  local server <close> = asyncio.start_server(function(_, writer)
    anyio.pcall(writer.start_tls, writer, peers.server_context())
    writer:close()
  end, HOST, 0)
  local _, writer = asyncio.open_connection(HOST, server.sockets[1]:getsockname()[2])
  t.raises(ssl.SSLCertVerificationError, writer.start_tls, writer,
    peers.client_context(), { server_hostname = "other.example" })
  t.eq(writer.transport:is_closing(), true)
  t.raises("bad argument #3 to 'start_tls'", loop().start_tls, loop(), writer.transport,
    {}, {})
end)

test("a transport that is paused keeps what comes for later", function()
  with_server(function(port)
    local got, waiting = "", loop():create_future()
    local protocol = setmetatable({
      data_received = function(_, data)
        got = got .. data
        if #got == #BIG then waiting:set_result(true) end
      end,
    }, asyncio.Protocol)
    local transport = loop():create_connection(function() return protocol end, HOST,
      port, { ssl = peers.client_context() })
    transport:pause_reading()
    t.eq(transport:is_reading(), false)
    transport:writelines { BIG:sub(1, 1000), BIG:sub(1001) }
    for _ = 1, 50 do asyncio.sleep(0) end
    t.eq(got, "")
    transport:resume_reading()
    waiting:await()
    t.eq(got == BIG, true)
    t.eq(transport:get_protocol(), protocol)
    transport:abort()
    asyncio.sleep(0)
  end)
end)

test("a connection that is cancelled during its handshake leaves no socket", function()
  with_server(function(port)
    for steps = 1, 12 do
      local task = asyncio.create_task(asyncio.open_connection, HOST, port,
        { ssl = peers.client_context() })
      for _ = 1, steps do asyncio.sleep(0) end
      task:cancel()
      local ok, _, writer = pcall(task.await, task)
      if ok then
        writer:close()
        writer:wait_closed()
      end
    end
  end)
end)

test("a server's failed handshake is reported in debug mode", function()
  local reported
  loop():set_debug(true)
  loop():set_exception_handler(function(_, context) reported = context end)
  with_server(function(port)
    t.raises(ssl.SSLCertVerificationError, asyncio.open_connection, HOST, port,
      { ssl = peers.client_context(), server_hostname = "other.example" })
    while not reported do asyncio.sleep(0) end
  end)
  loop():set_exception_handler(nil)
  loop():set_debug(false)
  t.eq(reported.message, "SSL handshake failed")
  t.match(reported.exception.message, "the peer refused: ")
end)

test("another handshake of TLS 1.2 loses nothing of what is written meanwhile", function()
  local context = peers.server_context()
  context.maximum_version = ssl.TLSVersion.TLSv1_2
  local server <close> = asyncio.start_server(function(_, writer)
    for i = 1, 20 do
      if i % 5 == 0 then
        writer:get_extra_info("ssl_object")._native:update(true)
      end
      writer:write(BIG:sub(1, 30000))
      writer:drain()
    end
    writer:close()
  end, HOST, 0, { ssl = context })
  local reader, writer = asyncio.open_connection(HOST,
    server.sockets[1]:getsockname()[2], { ssl = peers.client_context() })
  t.eq(reader:read(-1) == BIG:sub(1, 30000):rep(20), true)
  writer:close()
  writer:wait_closed()
end)
