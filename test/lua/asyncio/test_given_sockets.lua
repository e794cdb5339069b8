--- Sockets that are given to a server, a connection, an endpoint; races of calls.

local anyio = require "anyio"
local asyncio = require "asyncio"
local net = require "net"
local peers = require "tlspeers"
local t = require "harness"

local ValueError = anyio.ValueError
local HOST <const> = "127.0.0.1"

local function test(title, fn) t.test(title, { backend = "asyncio" }, fn) end
local function loop() return asyncio.get_running_loop() end

local function refused(text, method, ...)
  local err = t.raises(ValueError, loop()[method], loop(), ...)
  t.match(err.message, text)
end

test("a socket that is given is of the kind that is needed, and alone", function()
  local tcp <close> = asyncio.socket()
  local udp <close> = asyncio.socket("AF_INET", "SOCK_DGRAM")
  local unix <close> = asyncio.socket "AF_UNIX"
  local P <const> = asyncio.Protocol
  local stream = "a socket of SOCK_STREAM was expected, got <Socket"
  local path = "a socket of AF_UNIX and SOCK_STREAM was expected, got <Socket"
  refused(stream, "create_connection", P, nil, nil, { sock = udp })
  refused(stream, "create_server", P, nil, nil, { sock = udp })
  refused(path, "create_unix_connection", P, nil, { sock = tcp })
  refused(path, "create_unix_server", P, nil, { sock = tcp })
  refused("a socket of SOCK_DGRAM was expected", "create_datagram_endpoint", P, { sock = tcp })
  refused("host/port and sock can not be specified at the same time", "create_server", P, HOST, 0,
    { sock = tcp })
  refused("host/port and sock can not be specified", "create_connection", P, HOST, 1, { sock = tcp })
  refused("either path or sock must be specified", "create_unix_server", P, "/x", { sock = unix })
  refused("local_addr can not be used when sock is specified", "create_datagram_endpoint", P,
    { sock = udp, local_addr = { HOST, 0 } })
  t.raises("(option 'sock': asyncio.Socket expected, got number)", loop().create_server, loop(), P,
    nil, nil, { sock = 5 })
end)

test("what is about TLS alone is refused without it", function()
  local P <const> = asyncio.Protocol
  for _, name in ipairs { "ssl_handshake_timeout", "ssl_shutdown_timeout" } do
    local text = name .. " is only meaningful with ssl"
    refused(text, "create_connection", P, HOST, 1, { [name] = 1 })
    refused(text, "create_unix_connection", P, "/x", { [name] = 1 })
    refused(text, "create_server", P, HOST, 0, { [name] = 1 })
    refused(text, "create_unix_server", P, "/x", { [name] = 1 })
  end
end)

-- A listener, and both ends of a connection to it.
local function connected(body)
  local listener <close> = asyncio.socket()
  listener:bind { HOST, 0 }
  listener:listen()
  local a <close> = asyncio.socket()
  loop():sock_connect(a, listener:getsockname())
  local b <close> = loop():sock_accept(listener)
  body(a, b)
end

test("an address, a host that is none is said at the caller's line", function()
  local function bad_argument(what, name, ...)
    local _, err = pcall(loop()[name], loop(), asyncio.Protocol, ...)
    t.match(tostring(err), "bad argument #%d to '" .. name .. "' %(" .. what)
  end
  for _, bad in ipairs { "localhost", { 5 }, { "localhost", 1.5 } } do
    bad_argument("option 'local_addr': {host, port} expected", "create_connection", HOST, 1,
      { local_addr = bad })
  end
  for _, name in ipairs { "local_addr", "remote_addr" } do
    bad_argument("option '" .. name .. "': {host, port} or a path expected",
      "create_datagram_endpoint", { [name] = { {}, 1 } })
  end
  bad_argument("string expected, got number", "create_server", { HOST, 5 }, 0)
  refused("list of hosts is empty", "create_server", asyncio.Protocol, {}, 0)
  refused("neither path nor sock was specified", "create_unix_connection",
    asyncio.Protocol)
end)

test("[AS-PRO-08] a call may follow one that was cancelled just before", function()
  connected(function(a, b)
    local task = asyncio.create_task(loop().sock_recv, loop(), a, 1024)
    asyncio.sleep(0)
    task:cancel()
    asyncio.create_task(loop().sock_sendall, loop(), b, "GET")
    t.eq(loop():sock_recv(a, 1024), "GET")
    t.eq(task:cancelled(), true)
    a:setsockopt("SOL_SOCKET", "SO_SNDBUF", 1024)
    local size = 8192
    while size >= 1 do
      while a:_send_now((" "):rep(size)) == true do end
      size = size // 2
    end
    task = asyncio.create_task(loop().sock_sendall, loop(), a, "hello")
    asyncio.sleep(0)
    task:cancel()
    local receiving = asyncio.create_task(function()
      local all = ""
      while true do
        local data = loop():sock_recv(b, 8192)
        if data == "" then return all end
        all = all .. data:gsub(" ", "")
      end
    end)
    loop():sock_sendall(a, "world")
    a:_shut_sending()
    t.eq(receiving:await(), "world")
  end)
end)

test("[AS-PRO-08] connecting that was cancelled can be tried again", function()
  local listener <close> = asyncio.socket()
  listener:bind { HOST, 0 }
  local a <close> = asyncio.socket()
  local task = asyncio.create_task(loop().sock_connect, loop(), a, listener:getsockname())
  asyncio.sleep(0)
  task:cancel()
  listener:listen()
  local done, err
  for _ = 1, 3 do -- the system may tell of the first attempt
    done, err = anyio.pcall(loop().sock_connect, loop(), a, listener:getsockname())
    if done then break end
    t.eq(err.code, "ECONNREFUSED")
  end
  t.eq(done, true)
  t.eq(a:getpeername(), listener:getsockname())
end)

test("a connection that was accepted elsewhere gets a transport, also with TLS", function()
  connected(function(a, b)
    local got = loop():create_future()
    local protocol = setmetatable({}, asyncio.Protocol)
    function protocol:data_received(data) got:set_result(data) end -- luacheck: ignore 212
    local transport, same = loop():connect_accepted_socket(function() return protocol end, b)
    t.eq(same, protocol)
    loop():sock_sendall(a, "hello")
    t.eq(got:await(), "hello")
    transport:write "back"
    t.eq(loop():sock_recv(a, 10), "back")
    transport:close()
    t.eq(loop():sock_recv(a, 10), "")
  end)
  local listener <close> = asyncio.socket()
  listener:bind { HOST, 0 }
  listener:listen()
  local client = asyncio.create_task(function()
    local reader, writer = asyncio.open_connection(HOST, listener:getsockname()[2],
      { ssl = peers.client_context(), server_hostname = "localhost" })
    local line = reader:readline()
    writer:close()
    return line
  end)
  local secure = loop():connect_accepted_socket(asyncio.Protocol, (loop():sock_accept(listener)),
    { ssl = peers.server_context() })
  secure:write "secret\n"
  t.eq(client:await(), "secret\n")
  secure:close()
  local udp <close> = asyncio.socket("AF_INET", "SOCK_DGRAM")
  refused("a socket of SOCK_STREAM was expected", "connect_accepted_socket", asyncio.Protocol, udp)
end)

test("a factory that makes no protocol is told so, and nothing is left open", function()
  local before = net.sockets()
  local server <close> = loop():create_server(asyncio.Protocol, HOST, 0)
  local port = server.sockets[1]:getsockname()[2]
  local text = "a protocol factory must return a protocol, a table, not "
  t.raises(text .. "nil", loop().create_connection, loop(), function() end, HOST, port)
  t.raises(text .. "a number", loop().create_datagram_endpoint, loop(), function() return 5 end,
    { local_addr = { HOST, 0 } })
  server:close()
  server:wait_closed()
  t.eq(net.sockets(), before)
  t.raises(anyio.RuntimeError, server.start_serving, server)
end)
