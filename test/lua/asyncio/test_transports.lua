--- Transports and protocols, servers, plain sockets.

local anyio = require "anyio"
local asyncio = require "asyncio"
local t = require "harness"

local OSError, RuntimeError, ValueError =
  anyio.OSError, anyio.RuntimeError, anyio.ValueError
local HOST <const> = "127.0.0.1"
local BIG <const> = ("0123456789abcdef"):rep(1 << 18) -- 4 MiB

local function test(title, opts, fn)
  if not fn then opts, fn = {}, opts end
  opts.backend = "asyncio"
  t.test(title, opts, fn)
end

local function loop() return asyncio.get_running_loop() end

-- A protocol that writes down what it hears; `made` is done when it is told of
-- its transport, `lost` when that is over.
local function recorder(extra)
  local mine = setmetatable({ log = {}, data = "", made = loop():create_future(),
    lost = loop():create_future() }, asyncio.Protocol)
  local function note(name) mine.log[#mine.log + 1] = name end
  function mine:connection_made(transport)
    note "made"
    self.transport = transport
    self.made:set_result(transport)
  end
  function mine:data_received(data)
    if self.log[#self.log] ~= "data" then note "data" end
    self.data = self.data .. data
  end
  function mine:eof_received() note "eof" end
  function mine:connection_lost(err)
    note "lost"
    self.lost:set_result(err or false)
  end
  function mine:pause_writing() note "pause" end
  function mine:resume_writing() note "resume" end
  for name, f in pairs(extra or {}) do mine[name] = f end
  return mine
end

-- A client and a server's connection, both recorders.
local function pair(body, server_extra, client_extra)
  local server_side
  local server <close> = loop():create_server(function()
    server_side = recorder(server_extra)
    return server_side
  end, HOST, 0)
  local port = server.sockets[1]:getsockname()[2]
  local transport, client = loop():create_connection(function()
    return recorder(client_extra)
  end, HOST, port)
  while not server_side do asyncio.sleep(0) end
  server_side.made:await()
  body(client, server_side, server)
  transport:close()
  server_side.transport:close()
  client.lost:await()
  server_side.lost:await()
end

test("[AS-PRO-01] a protocol hears of its connection in order, each once", function()
  pair(function(client, server)
    client.transport:write "hello"
    client.transport:write "!"
    while #server.data < 6 do asyncio.sleep(0) end
    client.transport:close()
    t.eq(server.lost:await(), false)
    t.eq(client.lost:await(), false)
    t.eq(server.data, "hello!")
    t.eq(server.log, { "made", "data", "eof", "lost" })
    t.eq(client.log, { "made", "lost" })
  end)
end)

test("[AS-PRO-02] a protocol that keeps it open writes on after the end", function()
  pair(function(client, server)
    client.transport:write "question"
    client.transport:write_eof()
    t.raises(RuntimeError, client.transport.write, client.transport, "x")
    while server.log[#server.log] ~= "eof" do asyncio.sleep(0) end
    server.transport:write "answer"
    server.transport:close()
    client.lost:await()
    t.eq(client.data, "answer")
    t.eq(server.data, "question")
  end, { eof_received = function(self)
    self.log[#self.log + 1] = "eof"
    return true
  end })
end)

test("[AS-PRO-03] write sends at once and keeps the rest", function()
  pair(function(client, server)
    server.transport:pause_reading()
    client.transport:write "small"
    t.eq(client.transport:get_write_buffer_size(), 0)
    client.transport:write(BIG)
    t.ok(client.transport:get_write_buffer_size() > 0)
    client.transport:writelines { "one", "two" }
    server.transport:resume_reading()
    while #server.data < 5 + #BIG + 6 do asyncio.sleep(0) end
    t.eq(server.data == "small" .. BIG .. "onetwo", true)
    t.eq(client.transport:get_write_buffer_size(), 0)
  end)
end)

test("[AS-PRO-03] what is no string is refused", function()
  pair(function(client)
    local err = t.raises(anyio.TypeError, client.transport.write, client.transport, 5)
    t.match(err.message, "must be a string, not number")
    client.transport:write ""
  end)
end)

test("[AS-PRO-03] writes after the end are dropped", function()
  pair(function(client)
    client.transport:abort()
    for _ = 1, 8 do client.transport:write "x" end
    t.eq(client.transport:get_write_buffer_size(), 0)
  end)
end)

test("[AS-PRO-04 UV-20] the water marks tell the protocol once a crossing", function()
  pair(function(client, server)
    t.eq({ client.transport:get_write_buffer_limits() }, { 16384, 65536 })
    client.transport:set_write_buffer_limits { high = 1000 }
    t.eq({ client.transport:get_write_buffer_limits() }, { 250, 1000 })
    client.transport:set_write_buffer_limits { low = 10 }
    t.eq({ client.transport:get_write_buffer_limits() }, { 10, 40 })
    t.raises(ValueError, client.transport.set_write_buffer_limits, client.transport,
      { high = 1, low = 2 })
    server.transport:pause_reading()
    client.transport:write(BIG)
    client.transport:write(BIG)
    t.eq(client.log, { "made", "pause" })
    server.transport:resume_reading()
    while #server.data < 2 * #BIG do asyncio.sleep(0) end
    t.eq(client.log, { "made", "pause", "resume" })
  end)
end)

test("[UV-20] uvloop's low mark is lower until it is set", { plain = true }, function()
  asyncio.run(function()
    pair(function(client)
      t.eq({ client.transport:get_write_buffer_limits() }, { 16, 65536 })
    end)
  end, { loop_factory = require("uvloop").new_event_loop })
end)

test("[AS-PRO-05] pausing and resuming twice is harmless", function()
  pair(function(client, server)
    local transport = server.transport
    t.eq(transport:is_reading(), true)
    transport:pause_reading()
    transport:pause_reading()
    t.eq(transport:is_reading(), false)
    client.transport:write "x"
    for _ = 1, 20 do asyncio.sleep(0) end
    t.eq(server.data, "")
    transport:resume_reading()
    transport:resume_reading()
    while server.data == "" do asyncio.sleep(0) end
    t.eq(server.data, "x")
  end)
end)

test("[AS-PRO-07] an error of data_received ends that connection, and is reported", function()
  local reported = {}
  loop():set_exception_handler(function(_, context)
    reported[#reported + 1] = context
  end)
  pair(function(client, server)
    client.transport:write "x"
    local err = server.lost:await()
    t.match(err, "no such thing")
    client.lost:await()
    t.eq(#reported, 1)
    t.match(reported[1].message, "data_received%(%) call failed")
    t.eq(reported[1].transport, server.transport)
    t.eq(reported[1].protocol, server)
  end, { data_received = function() error "no such thing" end })
end)

test("[AS-PRO-09] close sends what was written, abort drops it", function()
  pair(function(client, server)
    client.transport:write(BIG)
    client.transport:close()
    t.eq(client.transport:is_closing(), true)
    server.lost:await()
    t.eq(#server.data, #BIG)
  end)
  pair(function(client, server)
    client.transport:write(BIG)
    client.transport:abort()
    t.eq(client.transport:get_write_buffer_size(), 0)
    t.eq(client.lost:await(), false)
    server.lost:await()
    t.ok(#server.data < #BIG)
  end)
end)

test("what is known of a connection", function()
  pair(function(client, server)
    local name = client.transport:get_extra_info "sockname"
    t.eq(name, server.transport:get_extra_info "peername")
    t.eq(name[1], HOST)
    t.eq(client.transport:get_extra_info "nothing", nil)
    t.eq(client.transport:get_extra_info("nothing", 5), 5)
    t.eq(client.transport:get_extra_info "socket":getsockname(), name)
    t.eq(client.transport:get_protocol(), client)
    t.eq(client.transport:can_write_eof(), true)
    t.match(tostring(client.transport), "^<Transport open>$")
  end)
end)

test("another protocol takes over", function()
  pair(function(client, server)
    local other = recorder()
    server.transport:set_protocol(other)
    client.transport:write "for the other"
    while other.data == "" do asyncio.sleep(0) end
    t.eq(other.data, "for the other")
    server.transport:set_protocol(server)
  end)
end)

test("[AS-STR-14] addresses are tried in turn; several failures make one error", function()
  local unused <close> = asyncio.socket()
  unused:bind { HOST, 0 }
  local port = unused:getsockname()[2]
  local err = t.raises(OSError, loop().create_connection, loop(), recorder, HOST, port)
  t.eq(err.code, "ECONNREFUSED")
  t.match(err.message, HOST)
  local dns = require "anyrun.dns"
  local real = dns.getaddrinfo
  function dns.getaddrinfo()
    local entry = { "AF_INET", "SOCK_STREAM", 6, "", { HOST, port } }
    local other = { "AF_INET", "SOCK_STREAM", 6, "", { "127.0.0.2", port } }
    return { entry, other }
  end
  local ok, fault = pcall(function()
    err = t.raises(OSError, loop().create_connection, loop(), recorder, "two", port)
    t.match(err.message, "^Multiple exceptions: .*127%.0%.0%.1.*, .*127%.0%.0%.2")
    local group = t.raises(anyio.ExceptionGroup, loop().create_connection, loop(),
      recorder, "two", port, { all_errors = true })
    t.eq(#group.exceptions, 2)
    err = t.raises(OSError, loop().create_connection, loop(), recorder, "two", port,
      { happy_eyeballs_delay = 1000 })
    t.match(err.message, "^Multiple exceptions: ")
  end)
  dns.getaddrinfo = real
  if not ok then error(fault, 0) end
end)

test("[AS-STR-14 D-67] with a delay the addresses are tried staggered", function()
  local accepted
  local server <close> = loop():create_server(function()
    accepted = recorder()
    return accepted
  end, HOST, 0)
  local transport, client = loop():create_connection(recorder, "localhost",
    server.sockets[1]:getsockname()[2], { happy_eyeballs_delay = 0.25 })
  transport:write "x"
  transport:close()
  client.lost:await()
  while not accepted or accepted.data == "" do asyncio.sleep(0) end
  accepted.lost:await()
end)

test("create_connection binds to a local address, or takes a socket", function()
  local got
  local server <close> = loop():create_server(function()
    got = recorder()
    return got
  end, HOST, 0)
  local port = server.sockets[1]:getsockname()[2]
  local transport, client = loop():create_connection(recorder, HOST, port,
    { local_addr = { "127.0.0.3", 0 } })
  t.eq(transport:get_extra_info "sockname"[1], "127.0.0.3")
  transport:close()
  client.lost:await()
  local sock = asyncio.socket()
  loop():sock_connect(sock, { "localhost", port })
  transport, client = loop():create_connection(recorder, nil, nil, { sock = sock })
  transport:write "x"
  while got.data == "" do asyncio.sleep(0) end
  transport:close()
  client.lost:await()
  t.raises(ValueError, loop().create_connection, loop(), recorder, HOST, port,
    { sock = sock })
  t.raises(ValueError, loop().create_connection, loop(), recorder)
  t.raises("unknown option 'scok'", loop().create_connection, loop(), recorder, HOST,
    port, { scok = sock })
end)

test("a server on a port that is taken says which", function()
  local server <close> = loop():create_server(recorder, HOST, 0)
  local port = server.sockets[1]:getsockname()[2]
  local err = t.raises(OSError, loop().create_server, loop(), recorder, HOST, port)
  t.eq(err.code, "EADDRINUSE")
  t.match(err.message, "error while attempting to bind on address %('127.0.0.1', "
    .. port)
  t.raises(ValueError, loop().create_server, loop(), recorder)
end)

test("[AS-STR-13] a server starts, serves, closes, waits for its connections", function()
  local client_side
  local server = loop():create_server(recorder, HOST, 0, { start_serving = false })
  t.eq(server:is_serving(), false)
  server:start_serving()
  server:start_serving()
  t.eq(server:is_serving(), true)
  t.eq(server:get_loop(), loop())
  local port = server.sockets[1]:getsockname()[2]
  client_side = select(2, loop():create_connection(recorder, HOST, port))
  while next(server._clients) == nil do asyncio.sleep(0) end
  local waiting = asyncio.create_task(server.wait_closed, server)
  asyncio.sleep(0)
  server:close()
  server:close()
  t.eq(#server.sockets, 0)
  asyncio.sleep(0)
  t.eq(waiting:done(), false)
  server:close_clients()
  waiting:await()
  client_side.lost:await()
  server:wait_closed()
  t.raises(RuntimeError, server.serve_forever, server)
end)

test("[AS-STR-13] serve_forever closes when it is cancelled, and waits for the last", function()
  local server = loop():create_server(recorder, HOST, 0, { start_serving = false })
  local port = server.sockets[1]:getsockname()[2]
  local task = asyncio.create_task(server.serve_forever, server)
  asyncio.sleep(0)
  t.raises(RuntimeError, server.serve_forever, server)
  local _, client = loop():create_connection(recorder, HOST, port)
  while next(server._clients) == nil do asyncio.sleep(0) end
  task:cancel()
  asyncio.sleep(0)
  t.eq(server:is_serving(), false)
  t.eq(task:done(), false)
  server:abort_clients()
  t.raises(asyncio.CancelledError, task.await, task)
  t.eq(next(server._clients), nil)
  client.lost:await()
end)

test("[AS-STR-13] serve_forever that is cancelled twice waits no more", function()
  local server = loop():create_server(recorder, HOST, 0)
  local task = asyncio.create_task(server.serve_forever, server)
  local transport, client = loop():create_connection(recorder, HOST,
    server.sockets[1]:getsockname()[2])
  while next(server._clients) == nil do asyncio.sleep(0) end
  for _ = 1, 2 do
    task:cancel()
    asyncio.sleep(0)
  end
  t.raises(asyncio.CancelledError, task.await, task)
  t.ok(next(server._clients))
  transport:close()
  client.lost:await()
  server:wait_closed()
end)

test("[AS-STR-15 D-65] out of descriptors it is reported and tried again", { slow = true }, function()
  local reported = {}
  loop():set_exception_handler(function(_, context)
    reported[#reported + 1] = context
  end)
  local server <close> = loop():create_server(recorder, HOST, 0)
  local sock = server.sockets[1]
  local class = getmetatable(sock)
  local real, calls = class._accept_now, 0
  function class._accept_now(self)
    calls = calls + 1
    if calls > 1 then return real(self) end
    error(OSError("cannot accept: Too many open files", { code = "EMFILE" }), 0)
  end
  local _, client = loop():create_connection(recorder, HOST, sock:getsockname()[2])
  while #reported == 0 do asyncio.sleep(0) end
  t.match(reported[1].message, "out of system resource")
  t.eq(reported[1].exception.code, "EMFILE")
  t.eq(next(server._clients), nil)
  local before = loop():time()
  while next(server._clients) == nil do asyncio.sleep(0.01) end
  t.ok(loop():time() - before > 0.5)
  class._accept_now = real
  server:close_clients()
  client.lost:await()
end)

test("[AS-STR-16] a UNIX server's file goes with it, unless it is another's", function()
  local path = os.tmpname()
  os.remove(path)
  local first = loop():create_unix_server(recorder, path)
  local second = loop():create_unix_server(recorder, path)
  first:close()
  local transport, client = loop():create_unix_connection(recorder, path)
  t.eq(transport:get_extra_info "peername", path)
  transport:close()
  client.lost:await()
  second:close()
  t.eq(io.open(path), nil)
  t.raises(OSError, loop().create_unix_connection, loop(), recorder, path)
  local third = loop():create_unix_server(recorder, path, { cleanup_socket = false })
  third:close()
  local err = t.raises(OSError, loop().create_unix_connection, loop(), recorder, path)
  t.eq(err.code, "ECONNREFUSED")
  os.remove(path)
  first:wait_closed()
  second:wait_closed()
end)

test("[AS-STR-16] so does that of a socket it was given, gone or not", function()
  local path = os.tmpname()
  for _, gone in ipairs { false, true } do
    os.remove(path)
    local sock = asyncio.socket "AF_UNIX"
    sock:bind(path)
    local server = loop():create_unix_server(recorder, nil, { sock = sock })
    if gone then os.remove(path) end
    server:close()
    t.eq(io.open(path), nil)
    server:wait_closed()
  end
end)

-- Descriptors ----------------------------------------------------------------------

test("[AS-LOOP-20] a descriptor's callback is called while it is ready", function()
  local a, b = asyncio.socket(), asyncio.socket()
  a:bind { HOST, 0 }
  a:listen()
  b:_connect_now(HOST, a:getsockname()[2])
  local calls = 0
  local done = loop():create_future()
  loop():add_reader(a, function(x)
    calls = calls + 1
    if calls == 3 then done:set_result(x) end
  end, "arg")
  t.eq(done:await(), "arg")
  t.eq(loop():remove_reader(a), true)
  t.eq(loop():remove_reader(a), false)
  t.eq(loop():remove_writer(a), false)
  local before = calls
  for _ = 1, 10 do asyncio.sleep(0) end
  t.eq(calls, before)
  local writable = loop():create_future()
  loop():add_writer(b:fileno(), function() end)
  loop():add_writer(b:fileno(), function()
    loop():remove_writer(b)
    writable:set_result(true)
  end)
  t.eq(writable:await(), true)
  a:close()
  b:close()
  t.eq(a:fileno(), -1)
  t.raises(ValueError, loop().add_reader, loop(), a, print)
  t.raises("bad argument #1 to 'add_reader'", loop().add_reader, loop(), "x", print)
  t.raises(anyio.TypeError, loop().add_reader, loop(), 0, 5)
end)

test("[AS-LOOP-20] a socket that is closed while it is watched calls nobody", function()
  for _ = 1, 3 do -- the system gives the same number again
    local a = asyncio.socket("AF_INET", "SOCK_DGRAM")
    a:bind { HOST, 0 }
    local calls = 0
    loop():add_reader(a, function() calls = calls + 1 end)
    loop():add_writer(a, function() calls = calls + 1 end)
    asyncio.sleep(0)
    a:close()
    calls = 0
    for _ = 1, 5 do asyncio.sleep(0) end
    t.eq(calls, 0)
  end
end)

test("[UV-21] a transport's descriptor is its own", function()
  pair(function(client)
    local sock = client.transport:get_extra_info "socket"
    local err = t.raises(RuntimeError, loop().add_reader, loop(), sock, print)
    t.match(err.message, "is used by <Transport")
    t.raises(RuntimeError, loop().add_writer, loop(), sock:fileno(), print)
  end)
end)

test("[AS-PRO-08] plain sockets: accept, connect, receive, send", function()
  local listener <close> = asyncio.socket()
  listener:bind { HOST, 0 }
  listener:listen()
  local accepted = asyncio.create_task(loop().sock_accept, loop(), listener)
  local client <close> = asyncio.socket()
  loop():sock_connect(client, listener:getsockname())
  local server <close>, address = accepted:await()
  t.eq(address, client:getsockname())
  loop():sock_sendall(client, "hello")
  t.eq(loop():sock_recv(server, 100), "hello")
  local sending = asyncio.create_task(loop().sock_sendall, loop(), client, BIG)
  local parts, size = {}, 0
  while size < #BIG do
    local part = loop():sock_recv(server, 1 << 20)
    parts[#parts + 1], size = part, size + #part
  end
  sending:await()
  t.eq(table.concat(parts) == BIG, true)
  client:close()
  t.eq(loop():sock_recv(server, 10), "")
  t.raises(anyio.ClosedResourceError, loop().sock_recv, loop(), client, 10)
  t.raises("asyncio.Socket expected", loop().sock_recv, loop(), 5, 10)
end)

test("[AS-PRO-08] a cancelled call of a plain socket loses nothing", function()
  local listener <close> = asyncio.socket()
  listener:bind { HOST, 0 }
  listener:listen()
  local accepting = asyncio.create_task(loop().sock_accept, loop(), listener)
  asyncio.sleep(0)
  accepting:cancel()
  t.raises(asyncio.CancelledError, accepting.await, accepting)
  local client <close> = asyncio.socket()
  loop():sock_connect(client, listener:getsockname())
  local server <close> = loop():sock_accept(listener)
  local reading = asyncio.create_task(loop().sock_recv, loop(), server, 10)
  asyncio.sleep(0)
  t.raises(anyio.BusyResourceError, loop().sock_recv, loop(), server, 10)
  reading:cancel()
  loop():sock_sendall(client, "kept")
  t.raises(asyncio.CancelledError, reading.await, reading)
  t.eq(loop():sock_recv(server, 10), "kept")
end)

test("options of plain sockets, and of a transport's", function()
  local sock <close> = asyncio.socket()
  sock:setsockopt("SOL_SOCKET", "SO_REUSEADDR", 1)
  t.eq(sock:getsockopt("SOL_SOCKET", "SO_REUSEADDR"), 1)
  pair(function(client)
    client = client.transport:get_extra_info "socket"
    client:setsockopt("SOL_SOCKET", "SO_KEEPALIVE", true)
    t.eq(client:getsockopt("SOL_SOCKET", "SO_KEEPALIVE"), 1)
  end)
  t.raises(ValueError, sock.setsockopt, sock, "SOL_SOCKET", "SO_X", 1)
end)

test("plain datagram sockets", function()
  local a <close> = asyncio.socket("AF_INET", "SOCK_DGRAM")
  local b <close> = asyncio.socket("AF_INET", "SOCK_DGRAM")
  a:bind { HOST, 0 }
  b:bind { HOST, 0 }
  loop():sock_sendto(a, "ping", b:getsockname())
  local data, from = loop():sock_recvfrom(b, 100)
  t.eq(data, "ping")
  t.eq(from, a:getsockname())
end)

test("the socket of a descriptor", function()
  local a <close> = asyncio.socket()
  local err = t.raises(OSError, asyncio.socket_from_fd, 99999)
  t.eq(err.code, "EBADF")
  t.match(tostring(a), "^<Socket fd=%d+>$")
  t.raises("AF_X", asyncio.socket, "AF_X")
end)

test("what is wrong with an address, a descriptor is said at the caller's line", function()
  local here <const> = "^[^:]*test_transports%.lua:%d+: bad argument #"
  local a <close> = asyncio.socket()
  local u <close> = asyncio.socket "AF_UNIX"
  local function check(wanted, f)
    local ok, err = pcall(f) -- the text is looked at
    t.no(ok)
    t.match(tostring(err), here .. wanted)
  end
  for _, address in ipairs { {}, { HOST }, { HOST, "80" }, { 1, 80 }, "/path" } do
    check("1 to 'bind' %({host, port} expected, got ", function() a:bind(address) end)
    check("2 to 'sock_connect' %({host, port} expected, got ", function()
      loop():sock_connect(a, address)
    end)
    check("3 to 'sock_sendto' %({host, port} expected, got ", function()
      loop():sock_sendto(a, "x", address)
    end)
  end
  check("1 to 'bind' %(string expected, got table", function() u:bind { HOST, 0 } end)
  check("1 to 'add_reader' %(integer expected, got string", function()
    loop():add_reader("0", print)
  end)
  for _, fd in ipairs { -1, 1 << 32 } do
    t.raises("invalid file descriptor " .. fd, loop().add_writer, loop(), fd, print)
  end
  t.raises("invalid file descriptor 4294967296", asyncio.socket_from_fd, 1 << 32)
end)

test("sock_recv of no bytes waits for none", function()
  local listener <close> = asyncio.socket()
  listener:bind { HOST, 0 }
  listener:listen()
  local client <close> = asyncio.socket()
  loop():sock_connect(client, listener:getsockname())
  t.eq(loop():sock_recv(client, 0), "")
end)

-- Datagrams ---------------------------------------------------------------------------

local function packets()
  local mine = setmetatable({ got = {}, errors = {}, lost = loop():create_future() },
    asyncio.DatagramProtocol)
  function mine:connection_made(transport) self.transport = transport end
  function mine:datagram_received(data, from) self.got[#self.got + 1] = { data, from } end
  function mine:error_received(err) self.errors[#self.errors + 1] = err end
  function mine:connection_lost(err) self.lost:set_result(err or false) end
  return mine
end

test("datagrams arrive with their sender's address", function()
  local server, incoming = loop():create_datagram_endpoint(packets,
    { local_addr = { HOST, 0 } })
  local name = server:get_extra_info "sockname"
  local client, answers = loop():create_datagram_endpoint(packets,
    { remote_addr = name })
  client:sendto "one"
  client:sendto("two", name)
  t.raises(ValueError, client.sendto, client, "x", { HOST, 1 })
  t.raises(anyio.TypeError, client.sendto, client, 5)
  while #incoming.got < 2 do asyncio.sleep(0) end
  local peer = client:get_extra_info "sockname"
  t.eq(incoming.got, { { "one", peer }, { "two", peer } })
  server:sendto("back", incoming.got[1][2])
  while #answers.got < 1 do asyncio.sleep(0) end
  t.eq(answers.got, { { "back", name } })
  t.raises("bad argument #2 to 'sendto'", server.sendto, server, "x")
  server:close()
  t.eq(incoming.lost:await(), false)
  -- nobody is there any more: the system says so
  client:sendto "three"
  while #answers.errors < 1 do asyncio.sleep(0) end
  t.eq(answers.errors[1].code, "ECONNREFUSED")
  client:abort()
  answers.lost:await()
  t.raises(ValueError, loop().create_datagram_endpoint, loop(), packets, {})
end)

test("datagrams over a UNIX socket", function()
  local path = os.tmpname()
  os.remove(path)
  local server, incoming = loop():create_datagram_endpoint(packets,
    { local_addr = path })
  local client = loop():create_datagram_endpoint(packets, { family = "AF_UNIX" })
  client:sendto("hello", path)
  while #incoming.got < 1 do asyncio.sleep(0) end
  t.eq(incoming.got[1][1], "hello")
  client:close()
  server:close()
  incoming.lost:await()
  os.remove(path)
end)
