--- Trio's SSLStream and SSLListener, over streams in memory.
local peers = require "tlspeers"
local ssl = require "ssl"
local t = require "harness"
local trio = require "trio"

-- Two ends of a trio stream: chunks go through memory channels.
local Half = {}
Half.__index = Half

local function pair(size)
  local a_send, b_receive = trio.open_memory_channel(size or math.huge)
  local b_send, a_receive = trio.open_memory_channel(size or math.huge)
  return setmetatable({out = a_send, into = a_receive}, Half),
    setmetatable({out = b_send, into = b_receive}, Half)
end

function Half:send_all(data)
  if self.closed then error(trio.ClosedResourceError "closed", 0) end
  self.sends = (self.sends or 0) + 1
  self.out:send(data)
end

function Half:receive_some()
  local ok, data = pcall(self.into.receive, self.into)
  if ok then return data end
  if data.class == trio.EndOfChannel then return "" end
  error(data, 0)
end

function Half:wait_send_all_might_not_block()
  self.waited = true
  trio.lowlevel.checkpoint()
end

function Half:send_eof() self.out:close() end

function Half:aclose()
  self.closed = (self.closed or 0) + 1
  self.out:close()
  self.into:close()
  trio.lowlevel.checkpoint()
end

local function streams(opts)
  opts = opts or {}
  local near, far = pair(opts.size)
  return trio.SSLStream(near, opts.client or peers.client_context(),
    {server_hostname = opts.hostname or "localhost", https_compatible = opts.https}),
    trio.SSLStream(far, opts.server or peers.server_context(),
      {server_side = true, https_compatible = opts.https}), near, far
end

local together = peers.together

t.test("the handshake is done when it is first needed", function()
  local client, server, near = streams()
  t.eq(near.sends, nil)
  together(function() client:send_all "hello" end,
    function() t.eq(server:receive_some(), "hello") end)
  together(function() t.eq(client:receive_some(2), "ba") end,
    function() server:send_all "back" end)
  t.eq(client:receive_some(), "ck")
  t.eq(client:version(), "TLSv1.3")
  t.eq(client:getpeercert().subject.commonName, "localhost")
  client:aclose()
  t.eq(server:receive_some(), "")
  t.eq(server:receive_some(), "")
  server:aclose()
end)

t.test("do_handshake from several tasks at once does one", function()
  local client, server, near = streams()
  together(function() client:do_handshake() end, function() client:do_handshake() end,
    function() server:do_handshake() end, function() server:do_handshake() end)
  local sends = near.sends
  client:do_handshake()
  t.eq(near.sends, sends)
  client:aclose()
  server:aclose()
end)

t.test("what only the handshake tells raises NeedHandshakeError before", function()
  local client, server = streams()
  for _, name in ipairs{"version", "cipher", "getpeercert", "selected_alpn_protocol",
    "get_channel_binding", "compression", "shared_ciphers", "session_reused"} do
    local err = t.raises(trio.NeedHandshakeError, function() return client[name] end)
    t.match(err.message, name)
  end
  t.eq(client.server_side, false)
  t.eq(client.server_hostname, "localhost")
  t.eq(client:pending(), 0)
  t.isa(client.context, ssl.SSLContext)
  together(function() client:do_handshake() end, function() server:do_handshake() end)
  t.eq(client:selected_alpn_protocol(), nil)
  t.eq(client:get_channel_binding(), server:get_channel_binding())
  t.eq(client.nonsense, nil)
  client:aclose()
  server:aclose()
end)

t.test("a failed check breaks the stream, with the TLS error as cause", function()
  local client, server = streams{hostname = "other.example"}
  together(function()
    local err = t.raises(trio.BrokenResourceError, client.do_handshake, client)
    t.isa(err.cause, ssl.SSLCertVerificationError)
    t.match(err.message, "hostname mismatch, for 'other.example'")
    err = t.raises(trio.BrokenResourceError, client.send_all, client, "x")
    t.isa(err.cause, ssl.SSLCertVerificationError)
    t.raises(trio.BrokenResourceError, client.receive_some, client)
    client:aclose()
  end, function()
    t.raises(trio.BrokenResourceError, server.receive_some, server)
    server:aclose()
  end)
end)

t.test("a handshake that was cancelled leaves the stream broken", function()
  local client, _, near = streams()
  local scope = trio.CancelScope(function(scope)
    together(function() client:do_handshake() end, function()
      trio.testing.wait_all_tasks_blocked()
      scope:cancel()
    end)
  end)
  t.ok(scope.cancelled_caught)
  t.raises(trio.BrokenResourceError, client.do_handshake, client)
  t.raises(trio.BrokenResourceError, client.send_all, client, "x")
  client:aclose()
  t.eq(near.closed, 1)
  t.raises(trio.ClosedResourceError, client.send_all, client, "x")
  client:aclose()
  t.eq(near.closed, 1)
end)

t.test("two senders, two receivers: BusyResourceError; both ways at once is fine", function()
  local client, server = streams{size = 0}
  together(function() client:do_handshake() end, function() server:do_handshake() end)
  together(function()
    trio.testing.wait_all_tasks_blocked()
    local err = t.raises(trio.BusyResourceError, client.receive_some, client)
    t.eq(err.message, "another task is currently receiving data on this SSLStream")
    err = t.raises(trio.BusyResourceError, client.send_all, client, "b")
    t.eq(err.message, "another task is currently sending data on this SSLStream")
    t.raises(trio.BusyResourceError, client.unwrap, client)
    t.raises(trio.BusyResourceError, client.wait_send_all_might_not_block, client)
    t.eq(server:receive_some(), "a")
    server:send_all "c"
  end, function() client:send_all "a" end,
    function() t.eq(client:receive_some(), "c") end)
  together(function() client:aclose() end, function()
    t.eq(server:receive_some(), "")
    server:aclose()
  end)
end)

t.test("unwrap gives the stream back, and what came after", function()
  local client, server, near, far = streams()
  together(function()
    client:send_all "x"
    local plain, trailing = client:unwrap()
    t.ok(plain == near)
    t.eq(client.transport_stream, nil)
    if trailing == "" then trailing = plain:receive_some() end
    t.eq(trailing, "plain")
    t.raises(trio.ClosedResourceError, client.send_all, client, "x")
    t.raises(trio.ClosedResourceError, client.unwrap, client)
    client:aclose()
    t.eq(near.closed, nil)
  end, function()
    t.eq(server:receive_some(), "x")
    t.eq(server:receive_some(), "")
    local plain = server:unwrap()
    t.ok(plain == far)
    plain:send_all "plain"
  end)
end)

t.test("aclose says goodbye and does not wait for the answer", function()
  local client, server = streams()
  together(function() client:do_handshake() end, function() server:do_handshake() end)
  client:aclose()
  t.eq(server:receive_some(), "")
  server:aclose()
end)

t.test("a connection that just ends: broken, or with https_compatible the end", function()
  for _, https in ipairs{false, true} do
    local client, server, _, far = streams{https = https}
    together(function() client:do_handshake() end, function() server:do_handshake() end)
    server:send_all "last"
    far:send_eof()
    t.eq(client:receive_some(), "last")
    for _ = 1, 2 do
      if https then
        t.eq(client:receive_some(), "")
        break
      end
      local err = t.raises(trio.BrokenResourceError, client.receive_some, client)
      t.isa(err.cause, ssl.SSLEOFError)
    end
    client:aclose()
  end
end)

t.test("https_compatible: an end before the handshake is an end of data", function()
  local client, _, _, far = streams{https = true}
  far:send_eof()
  t.eq(client:receive_some(), "")
  client:aclose()
end)

t.test("https_compatible: aclose says nothing", function()
  local client, server, near = streams{https = true}
  together(function() client:do_handshake() end, function() server:do_handshake() end)
  local sends = near.sends
  client:aclose()
  t.eq(near.sends, sends)
  t.eq(server:receive_some(), "")
  server:aclose()
end)

t.test("errors of the stream below come through", function()
  local client, _, near = streams()
  function near.send_all() error(trio.BrokenResourceError "gone", 0) end
  local err = t.raises(trio.BrokenResourceError, client.do_handshake, client)
  t.eq(err.message, "gone")
  client:aclose()
end)

t.test("wait_send_all_might_not_block asks the stream below; an empty send does nothing",
  function()
  local client, server, near = streams()
  together(function() client:do_handshake() end, function() server:do_handshake() end)
  client:wait_send_all_might_not_block()
  t.ok(near.waited)
  local sends = near.sends
  client:send_all ""
  t.eq(near.sends, sends)
  t.raises(trio.ValueError or require("anyio").ValueError, client.receive_some, client, 0)
  client:aclose()
  server:aclose()
  t.raises(trio.ClosedResourceError, client.wait_send_all_might_not_block, client)
end)

t.test("a session is resumed by setting it on the stream", function()
  local context, server_context = peers.client_context(), peers.server_context()
  local client, server = streams{client = context, server = server_context}
  together(function() t.eq(client:receive_some(), "x") end,
    function() server:send_all "x" end)
  local session = client.session
  t.isa(session, ssl.SSLSession)
  client:aclose()
  server:aclose()
  client, server = streams{client = context, server = server_context}
  client.session = session
  together(function() client:do_handshake() end, function() server:do_handshake() end)
  t.eq(client.session_reused, true)
  client:aclose()
  server:aclose()
end)

t.test("SSLListener wraps what is accepted; the handshake comes later", function()
  local near, far = pair()
  local closed
  local listener = trio.SSLListener({accept = function() return far end,
    aclose = function() closed = true end}, peers.server_context())
  local server = listener:accept()
  t.isa(server, trio.SSLStream)
  t.eq(server.server_side, true)
  local client = trio.SSLStream(near, peers.client_context(), {server_hostname = "localhost"})
  together(function() client:send_all "hello" end,
    function() t.eq(server:receive_some(), "hello") end)
  listener:aclose()
  t.ok(closed)
  client:aclose()
  server:aclose()
end)

t.test("a for loop, a scope's end, wrong arguments", function()
  local client, server = streams()
  local got = {}
  together(function()
    local stream <close> = client
    stream:send_all "one"
  end, function()
    local stream <close> = server
    for chunk in stream do got[#got + 1] = chunk end
  end)
  t.eq(got, {"one"})
  local near = pair()
  local ok, err = pcall(trio.SSLStream, near, {})
  t.no(ok)
  t.match(tostring(err), "bad argument #2 to 'SSLStream' %(SSLContext expected")
  ok, err = pcall(trio.SSLStream, near, peers.client_context(), {hostname = "x"})
  t.no(ok)
  t.match(tostring(err), "unknown option 'hostname'")
end)

t.test("an SSLStream keeps what trio's streams promise", {slow = true}, function()
  local context, server_context = peers.client_context(), peers.server_context()
  local function maker()
    local near, far = trio.testing.memory_stream_pair()
    local client = trio.SSLStream(near, context, {server_hostname = "localhost"})
    local server = trio.SSLStream(far, server_context, {server_side = true})
    together(function() client:do_handshake() end, function() server:do_handshake() end)
    return client, server
  end
  trio.testing.check_two_way_stream(maker)
  t.isa(maker(), trio.abc.Stream)
end)

t.test("TLS over TCP: serving and connecting", function()
  trio.open_nursery(function(nursery)
    local listeners = nursery:start(trio.serve_ssl_over_tcp, function(stream)
      for chunk in stream do stream:send_all(chunk:upper()) end
    end, 0, peers.server_context(), {host = "127.0.0.1"})
    t.isa(listeners[1], trio.SSLListener)
    local port = listeners[1].transport_listener.socket:getsockname()[2]
    local stream <close> = trio.open_ssl_over_tcp_stream("127.0.0.1", port,
      {ssl_context = peers.client_context()})
    stream:send_all "hello"
    t.eq(stream:receive_some(), "HELLO")
    local stranger = trio.open_ssl_over_tcp_stream("127.0.0.1", port)
    local err = t.raises(trio.BrokenResourceError, stranger.do_handshake, stranger)
    t.isa(err.cause, ssl.SSLCertVerificationError)
    stranger:aclose()
    nursery.cancel_scope:cancel()
  end)
end)
