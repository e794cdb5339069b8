--- Trio's SSLStream over trio's own memory streams: what goes wrong, and ends.

local anyio = require "anyio"
local net = require "net"
local peers = require "tlspeers"
local ssl = require "ssl"
local t = require "harness"
local trio = require "trio"

local together = peers.together

local function test(title, fn) t.test(title, { backend = "trio" }, fn) end

local function wrap_pair(near, far, client_opts, server_opts)
  client_opts, server_opts = client_opts or {}, server_opts or {}
  return trio.SSLStream(near, client_opts.context or peers.client_context(),
    { server_hostname = client_opts.hostname or "localhost",
      https_compatible = client_opts.https_compatible }),
    trio.SSLStream(far, peers.server_context(),
      { server_side = true, https_compatible = server_opts.https_compatible })
end

local function memory_ssl_pair(client_opts, server_opts)
  local near, far = trio.testing.memory_stream_pair()
  return wrap_pair(near, far, client_opts, server_opts)
end

local function shake(client, server)
  together(function() client:do_handshake() end, function() server:do_handshake() end)
end

local function broken_pair(...)
  local client, server = memory_ssl_pair(...)
  shake(client, server)
  return client, server
end

local KeyError <const> = anyio.exception("KeyError", anyio.LookupError)
local function bad_hook() error(KeyError "hook") end

local function checkpoints(f, ...)
  local args = table.pack(...)
  return trio.testing.assert_checkpoints(function()
    return f(table.unpack(args, 1, args.n))
  end)
end

test("every operation has a checkpoint, also where nothing has to be waited for", function()
  local client, server = memory_ssl_pair()
  shake(client, server)
  checkpoints(client.do_handshake, client)
  checkpoints(client.wait_send_all_might_not_block, client)
  checkpoints(client.send_all, client, "")
  checkpoints(client.send_all, client, "xxx")
  for _ = 1, 3 do t.eq(checkpoints(server.receive_some, server, 1), "x") end
  checkpoints(client.aclose, client)
  checkpoints(client.aclose, client)
  t.eq(checkpoints(server.receive_some, server), "")
  checkpoints(server.aclose, server)
end)

test("the fields of a stream are its session's, and stay", function()
  local client, server = memory_ssl_pair()
  t.eq(client.server_side, false)
  t.eq(client.server_hostname, "localhost")
  t.eq(client.asdf, nil)
  t.raises("server_side", function() client.server_side = true end)
  t.raises("server_hostname", function() client.server_hostname = "x" end)
  t.raises("the context can only be set by an sni_callback", function()
    client.context = ssl.create_default_context()
  end)
  trio.aclose_forcefully(client)
  trio.aclose_forcefully(server)
end)

test("closed at both ends: nothing more can be done, closing again can", function()
  local client, server = memory_ssl_pair()
  local below = client.transport_stream
  together(function() client:aclose() end, function()
    t.eq(server:receive_some(10), "")
    t.eq(server:receive_some(10), "")
    server:aclose()
  end)
  t.raises(trio.ClosedResourceError, below.send_all, below, "123")
  client:aclose()
  t.raises(trio.ClosedResourceError, server.send_all, server, "123")
  t.raises(trio.ClosedResourceError, client.receive_some, client, 10)
  t.raises(trio.ClosedResourceError, client.unwrap, client)
  t.raises(trio.ClosedResourceError, client.do_handshake, client)
  t.raises(trio.ClosedResourceError, client.wait_send_all_might_not_block, client)
end)

test("a send that fails in the middle leaves the stream broken, to be closed once", function()
  local client, server = broken_pair()
  client.transport_stream.send_stream.send_all_hook = bad_hook
  t.raises(KeyError, client.send_all, client, "x")
  t.raises(trio.BrokenResourceError, client.wait_send_all_might_not_block, client)
  t.raises(trio.BrokenResourceError, client.send_all, client, "x")
  local closed = 0
  local function close_hook() closed = closed + 1 end
  client.transport_stream.send_stream.close_hook = close_hook
  client.transport_stream.receive_stream.close_hook = close_hook
  client:aclose()
  t.eq(closed, 2)
  trio.aclose_forcefully(server)
end)

test("TLS over TLS", function()
  local client_1, server_1 = memory_ssl_pair()
  local client, server = wrap_pair(client_1, server_1)
  together(function()
    client:send_all "hi"
    t.eq(client:receive_some(10), "bye")
    client:aclose()
  end, function()
    t.eq(server:receive_some(10), "hi")
    server:send_all "bye"
    t.eq(server:receive_some(10), "")
    server:aclose()
  end)
end)

test("closed by force: broken for the other side, or, https_compatible, the end", function()
  local client, server = broken_pair()
  trio.aclose_forcefully(client)
  t.raises(trio.BrokenResourceError, server.receive_some, server, 10)
  t.raises(trio.BrokenResourceError, server.send_all, server, "xxxxxxxxxx")
  server:aclose()
  local both = { https_compatible = true }
  client, server = broken_pair(both, both)
  trio.aclose_forcefully(client)
  t.eq(server:receive_some(10), "")
  t.raises(trio.BrokenResourceError, server.send_all, server, "xxxxxxxxxx")
  server:aclose()
  client, server = broken_pair(both)
  together(function() client:aclose() end, function()
    local err = t.raises(trio.BrokenResourceError, server.receive_some, server, 10)
    t.isa(err.cause, ssl.SSLEOFError)
  end)
  server:aclose()
  client, server = memory_ssl_pair(both, both)
  together(function() client:aclose() end,
    function() t.eq(server:receive_some(10), "") end)
  server:aclose()
end)

test("a handshake that fails while closing is heard of; the stream below is closed", function()
  local client, server = memory_ssl_pair { context = ssl.create_default_context() }
  together(function() t.raises(trio.BrokenResourceError, client.aclose, client) end,
    function() t.raises(trio.BrokenResourceError, server.do_handshake, server) end)
  t.raises(trio.ClosedResourceError, client.send_all, client, "x")
  server:aclose()
end)

test("an error of closing the stream below comes once", function()
  local client, server = broken_pair()
  local count, before = 0, client.transport_stream.send_stream.close_hook
  client.transport_stream.send_stream.close_hook = function()
    before()
    count = count + 1
    bad_hook()
  end
  t.raises(KeyError, client.aclose, client)
  t.eq(count, 1)
  trio.aclose_forcefully(server)
end)

test("an error of the stream below during the handshake is raised, then it is broken", function()
  local client, server = memory_ssl_pair()
  client.transport_stream.send_stream.send_all_hook = bad_hook
  t.raises(KeyError, client.do_handshake, client)
  t.raises(trio.BrokenResourceError, client.do_handshake, client)
  trio.aclose_forcefully(client)
  trio.aclose_forcefully(server)
  client, server = memory_ssl_pair()
  client.transport_stream.receive_stream.receive_some_hook = bad_hook
  trio.open_nursery(function(nursery)
    nursery:start_soon(function()
      t.raises(KeyError, client.do_handshake, client)
      nursery.cancel_scope:cancel()
    end)
    nursery:start_soon(server.do_handshake, server)
  end)
  t.raises(trio.BrokenResourceError, client.do_handshake, client)
  trio.aclose_forcefully(client)
  trio.aclose_forcefully(server)
end)

test("what comes right after the session's end is handed back by unwrap", function()
  local client, server = broken_pair()
  local near, far = client.transport_stream, server.transport_stream
  local sequence = trio.testing.Sequencer()
  together(function()
    local hook
    sequence(0, function()
      hook = near.send_stream.send_all_hook
      near.send_stream.send_all_hook = nil
    end)
    t.eq(client:receive_some(1), "")
    t.eq(client.transport_stream, near)
    local raw, trailing = client:unwrap()
    t.eq(raw, near)
    t.eq(trailing, "")
    t.eq(client.transport_stream, nil)
    raw:send_all "trailing"
    near.send_stream.send_all_hook = hook
    hook()
  end, function()
    sequence(1, function() end)
    local raw, trailing = server:unwrap()
    t.eq(raw, far)
    t.eq(trailing, "trailing")
    t.eq(server.transport_stream, nil)
  end)
  near:aclose()
  far:aclose()
end)

test("what is busy says so: senders, receivers, waits for room", function()
  local function send(s) s:send_all "x" end
  local function receive(s) s:receive_some(1) end
  local function wait(s) s:wait_send_all_might_not_block() end
  for _, both in ipairs { { send, send }, { receive, receive }, { send, wait }, { wait, wait } } do
    local near, far = trio.testing.lockstep_stream_pair()
    local client = wrap_pair(near, far)
    local err = t.raises(anyio.ExceptionGroup, function()
      trio.open_nursery(function(nursery)
        nursery:start_soon(both[1], client)
        nursery:start_soon(both[2], client)
      end)
    end)
    t.eq(#err.exceptions, 1)
    t.isa(err.exceptions[1], trio.BusyResourceError)
    t.match(err.exceptions[1].message, "another task")
    trio.aclose_forcefully(client)
    trio.aclose_forcefully(far)
  end
end)

test("an SSLListener over TCP; the peer's certificate has its names", function()
  local plain = trio.open_tcp_listeners(0, { host = "127.0.0.1" })[1]
  local listener = trio.SSLListener(plain, peers.server_context(), { https_compatible = true })
  local client = trio.SSLStream(trio.testing.open_stream_to_socket_listener(plain),
    peers.client_context(), { server_hostname = "localhost" })
  t.raises(trio.NeedHandshakeError, function() client:selected_alpn_protocol() end)
  local server = listener:accept()
  shake(client, server)
  t.eq(server:getpeercert(), nil)
  t.eq(client:selected_alpn_protocol(), nil)
  t.eq(client:get_channel_binding(), server:get_channel_binding())
  t.ok(client:get_channel_binding())
  t.eq(client:getpeercert().subjectAltName[1][1], "DNS")
  listener:aclose()
  t.eq(plain.socket:fileno(), -1)
  for _, one in ipairs { client, server } do trio.aclose_forcefully(one) end
end)

test("a context that is not for this side leaves no socket open", function()
  local before = net.sockets()
  local listener = trio.open_ssl_over_tcp_listeners(0, peers.client_context(),
    { host = "127.0.0.1" })[1]
  local port = listener.transport_listener.socket:getsockname()[2]
  t.raises(anyio.ValueError, trio.open_ssl_over_tcp_stream, "127.0.0.1", port,
    { ssl_context = peers.server_context() })
  t.raises(anyio.ValueError, listener.accept, listener)
  listener:aclose()
  t.eq(net.sockets(), before)
end)

test("serving TLS over TCP: a certificate nobody trusts, and a good one", function()
  trio.open_nursery(function(nursery)
    local listeners = nursery:start(trio.serve_ssl_over_tcp, function(stream)
      anyio.pcall(function()
        for data in stream do stream:send_all(data) end
      end)
    end, 0, peers.server_context(), { host = "127.0.0.1" })
    local port = listeners[1].transport_listener.socket:getsockname()[2]
    local function connect(host, context, more)
      local opts = more or {}
      opts.ssl_context = context
      return trio.open_ssl_over_tcp_stream(host, port, opts)
    end
    local stream = connect "localhost"
    t.raises(trio.BrokenResourceError, stream.do_handshake, stream)
    stream:aclose()
    stream = connect("localhost", peers.client_context(),
      { https_compatible = true, happy_eyeballs_delay = 1 })
    stream:send_all "x"
    t.eq(stream:receive_some(1), "x")
    stream:aclose()
    nursery.cancel_scope:cancel()
  end)
end)
