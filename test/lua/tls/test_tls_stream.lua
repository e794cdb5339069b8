--- TLS streams over plain streams in memory.
local anyio = require "anyio"
local peers = require "tlspeers"
local ssl = require "ssl"
local t = require "harness"
local tls = require "anyio.streams.tls"

local TLSAttribute, TLSStream = tls.TLSAttribute, tls.TLSStream

local function receive_all(stream, n)
  local parts, got = {}, 0
  while got < n do
    parts[#parts + 1] = stream:receive()
    got = got + #parts[#parts]
  end
  return table.concat(parts)
end

t.test("[TLS-01 TLS-02] what is sent arrives, over a stream of items", function()
  local near, far = peers.pair()
  local seen = {}
  local spy = setmetatable({send = function(_, data)
    seen[#seen + 1] = data
    near:send(data)
  end}, {__index = function(_, key)
    return function(_, ...) return near[key](near, ...) end
  end})
  local client, server = peers.session{transports = {spy, far}}
  client:send "a secret word"
  t.eq(server:receive(), "a secret word")
  server:send "and back"
  t.eq(client:receive(), "and back")
  t.no(table.concat(seen):find("secret", 1, true))
  peers.close(client, server)
end)

t.test("[TLS-01] large data, both ways at once", function()
  local client, server = peers.session{size = 1}
  local data = {}
  for i = 1, 40000 do data[i] = string.pack("<I4", i * 2654435761 % 2^32 // 1 | 0) end
  data = table.concat(data) .. "odd"
  peers.together(function() client:send(data) end,
    function() server:send(data) end,
    function() t.ok(receive_all(client, #data) == data) end,
    function() t.ok(receive_all(server, #data) == data) end)
  peers.close(client, server)
end)

t.test("[TLS-03] a client with a host name, a server without one", function()
  local near, far = peers.pair()
  local server
  local client = peers.together(function()
    return TLSStream.wrap(near,
      {hostname = "localhost", ssl_context = peers.client_context()})
  end, function()
    server = TLSStream.wrap(far, {ssl_context = peers.server_context()})
  end)
  t.eq(client:extra(TLSAttribute.server_side), false)
  t.eq(server:extra(TLSAttribute.server_side), true)
  peers.close(client, server)
end)

t.test("[TLS-04] an international host name is checked in its ASCII form", function()
  local asked
  local context = peers.server_context()
  context.sni_callback = function(_, name) asked = name end
  local client, server = peers.session{hostname = "Faß.example", server = context}
  t.eq(asked, "xn--fa-hia.example")
  t.eq(client:extra(TLSAttribute.ssl_object).server_hostname, "Faß.example")
  peers.close(client, server)
end)

t.test("[TLS-05 ST-03] max_bytes limits what is received, and is at least 1", function()
  local client, server = peers.session()
  client:send "abcdef"
  t.eq(server:receive(2), "ab")
  t.eq(server:receive(1), "c")
  t.eq(server:receive(10), "def")
  local err = t.raises(anyio.ValueError, server.receive, server, 0)
  t.eq(err.message, "max_bytes must be a positive integer")
  t.raises(anyio.ValueError, server.receive, server, -1)
  peers.close(client, server)
end)

t.test("[TLS-06 TA-04] attributes, those of the wrapped stream among them", function()
  local Peer = anyio.TypedAttributeSet("Peer", {"name"})
  local near, far = peers.pair()
  function near.extra_attributes() return {[Peer.name] = function() return "near" end} end
  local client, server = peers.session{transports = {near, far}}
  local function both(key) return client:extra(key), server:extra(key) end
  t.eq(client:extra(Peer.name), "near")
  t.eq({both(TLSAttribute.tls_version)}, {"TLSv1.3", "TLSv1.3"})
  t.eq({both(TLSAttribute.server_side)}, {false, true})
  t.eq({both(TLSAttribute.standard_compatible)}, {true, true})
  t.eq({both(TLSAttribute.alpn_protocol)}, {})
  t.eq(client:extra(TLSAttribute.shared_ciphers), nil)
  t.ok(#server:extra(TLSAttribute.shared_ciphers) > 1)
  local cipher, other = both(TLSAttribute.cipher)
  t.eq(cipher, other)
  t.match(cipher[1], "^TLS_")
  t.eq({cipher[2], math.type(cipher[3])}, {"TLSv1.3", "integer"})
  local here, there = both(TLSAttribute.channel_binding_tls_unique)
  t.eq(here, there)
  t.ok(#here >= 12)
  t.eq(server:extra(TLSAttribute.peer_certificate), nil)
  t.eq(client:extra(TLSAttribute.peer_certificate).subject.commonName, "localhost")
  t.eq(client:extra(TLSAttribute.peer_certificate_binary):byte(), 0x30)
  local object = client:extra(TLSAttribute.ssl_object)
  t.isa(object, ssl.SSLObject)
  t.eq(object:version(), "TLSv1.3")
  t.eq(client:extra(TLSAttribute.ssl_object).context.protocol, "TLS_CLIENT")
  peers.close(client, server)
end)

t.test("[TLS-07] unwrap gives the plain stream back, and what came after", function()
  local near, far = peers.pair()
  local client, server = peers.session{transports = {near, far}}
  client:send "hello"
  t.eq(server:receive(), "hello")
  local plain, rest = peers.together(function() return client:unwrap() end, function()
    local other = server:unwrap()
    other:send "plain words"
  end)
  t.ok(plain == near)
  if rest == "" then rest = plain:receive() end
  t.eq(rest, "plain words")
  plain:send "and an answer"
  t.eq(far:receive(), "and an answer")
  t.raises(anyio.ClosedResourceError, client.send, client, "x")
  t.raises(anyio.ClosedResourceError, client.receive, client)
end)

t.test("[TLS-07] unwrap: what came in the same chunk as the end is not lost", function()
  local near, far = peers.pair()
  local client, server = peers.session{transports = {near, far}}
  local held = {}
  local send = far.send
  function far.send(_, data) held[#held + 1] = data end
  local plain, rest = peers.together(function() return client:unwrap() end, function()
    server:unwrap()
    held[#held + 1] = "plain words"
    send(far, table.concat(held))
  end)
  t.eq(rest, "plain words")
  plain:aclose()
end)

t.test("[TLS-08] ALPN: the server's first protocol that the client offers", function()
  local client_context, server_context = peers.client_context(), peers.server_context()
  client_context:set_alpn_protocols{"dummy1", "dummy2"}
  server_context:set_alpn_protocols{"dummy3", "dummy2", "dummy1"}
  local client, server = peers.session{client = client_context, server = server_context}
  t.eq(client:extra(TLSAttribute.alpn_protocol), "dummy2")
  t.eq(server:extra(TLSAttribute.alpn_protocol), "dummy2")
  peers.close(client, server)
  server_context:set_alpn_protocols{"other"}
  client, server = peers.session{client = client_context, server = server_context}
  t.eq(client:extra(TLSAttribute.alpn_protocol), nil)
  peers.close(client, server)
end)

for _, version in ipairs{"TLSv1_2", "TLSv1_3"} do
  t.test("[TLS-09 TLS-10] the end of the session and of the connection, " .. version, function()
    for _, standard in ipairs{true, false} do
      local context = peers.server_context()
      context.maximum_version = version
      local client, server = peers.session{server = context, standard_compatible = standard}
      t.eq(client:extra(TLSAttribute.tls_version), (version:gsub("_", ".")))
      server:send "last words"
      server.transport_stream:aclose()
      t.eq(client:receive(), "last words")
      for _ = 1, 2 do
        local err = t.raises(standard and anyio.BrokenResourceError or anyio.EndOfStream,
          client.receive, client)
        if standard then t.isa(err.cause, ssl.SSLEOFError) end
      end
      client:aclose()
      t.raises(anyio.ClosedResourceError, client.receive, client)
      t.raises(anyio.ClosedResourceError, client.send, client, "x")
    end
  end)

  t.test("[TLS-10] after the peer's clean end receive says so, again and again, "
    .. version, function()
    local context = peers.server_context()
    context.maximum_version = version
    local client, server = peers.session{server = context}
    client:send "bye"
    peers.together(function()
      local chunks = {}
      for chunk in server do chunks[#chunks + 1] = chunk end
      t.eq(chunks, {"bye"})
      t.raises(anyio.EndOfStream, server.receive, server)
      t.raises(anyio.EndOfStream, server.receive, server)
      server:aclose()
    end, function() client:aclose() end)
  end)
end

t.test("[TLS-09] not standard compatible: one's own close does without the end", function()
  local near, far = peers.pair()
  local client, server = peers.session{transports = {near, far},
    standard_compatible = false}
  client:aclose()
  t.raises(anyio.EndOfStream, far.receive, far)
  t.raises(anyio.EndOfStream, server.receive, server)
  server:aclose()
end)

t.test("[TLS-11 ST-05] there is no send_eof, with a text of its own below 1.3", function()
  local context = peers.server_context()
  context.maximum_version = ssl.TLSVersion.TLSv1_2
  local client, server = peers.session{server = context}
  local err = t.raises(anyio.NotImplementedError, client.send_eof, client)
  t.eq(err.message, "send_eof() requires at least TLSv1.3; current session uses TLSv1.2")
  peers.close(client, server)
  client, server = peers.session()
  err = t.raises(anyio.NotImplementedError, client.send_eof, client)
  t.eq(err.message, "send_eof() has not yet been implemented for TLS streams")
  peers.close(client, server)
end)

t.test("[TLS-12] contexts do not ignore an unexpected end", function()
  t.eq(ssl.create_default_context().options & ssl.OP_IGNORE_UNEXPECTED_EOF, 0)
  t.eq(ssl.SSLContext().options & ssl.OP_IGNORE_UNEXPECTED_EOF, 0)
end)

t.test("[TLS-14] aclose waits for the peer's end, then closes what is below", function()
  local near, far = peers.pair()
  local client, server = peers.session{transports = {near, far}}
  local order = {}
  peers.together(function()
    client:aclose()
    order[#order + 1] = "client closed"
  end, function()
    anyio.wait_all_tasks_blocked()
    order[#order + 1] = "client waits"
    server:aclose()
  end)
  t.eq(order, {"client waits", "client closed"})
  t.raises(anyio.ClosedResourceError, near.receive, near)
  client:aclose()
end)

t.test("[TLS-14] aclose that is cancelled closes what is below, and says so", function()
  local near, far = peers.pair()
  local client = peers.session{transports = {near, far}}
  local scope = anyio.CancelScope(function(scope)
    peers.together(function() client:aclose() end, function()
      anyio.wait_all_tasks_blocked()
      scope:cancel()
    end)
  end)
  t.ok(scope.cancelled_caught)
  t.raises(anyio.ClosedResourceError, near.receive, near)
  far:aclose()
end)

t.test("[TLS-14] aclose where the peer just went away: all is closed, the error goes on",
  function()
  local near, far = peers.pair()
  local client = peers.session{transports = {near, far}}
  far:aclose()
  t.raises(anyio.BrokenResourceError, client.aclose, client)
  t.raises(anyio.ClosedResourceError, near.receive, near)
end)

t.test("a stream is closed at the end of its scope, and iterated", function()
  local near, far = peers.pair()
  local client, server = peers.session{transports = {near, far}}
  local got = {}
  peers.together(function()
    local stream <close> = client
    stream:send "one"
  end, function()
    local stream <close> = server
    for chunk in stream do got[#got + 1] = chunk end
  end)
  t.eq(got, {"one"})
  t.raises(anyio.ClosedResourceError, near.receive, near)
end)

t.test("an empty send sends nothing and checks for cancellation", function()
  local client, server = peers.session()
  client:send ""
  client:send "x"
  t.eq(server:receive(), "x")
  local scope = anyio.CancelScope(function(scope)
    scope:cancel()
    client:send ""
  end)
  t.ok(scope.cancelled_caught)
  peers.close(client, server)
end)

t.test("TLS over TLS", function()
  local outer_client, outer_server = peers.session()
  local client, server = peers.session{transports = {outer_client, outer_server}}
  client:send "deep"
  t.eq(server:receive(), "deep")
  peers.close(client, server)
end)

t.test("wrong arguments", function()
  local near = peers.pair()
  local ok, err = pcall(TLSStream.wrap)
  t.no(ok)
  t.match(tostring(err), "bad argument #1 to 'wrap'")
  t.raises(anyio.TypeError, TLSStream.wrap, near, {host = "x"})
  ok, err = pcall(TLSStream.wrap, near, {ssl_context = {}})
  t.no(ok)
  t.match(tostring(err), "SSLContext expected")
  err = t.raises(anyio.ValueError, TLSStream.wrap, near, {server_side = false})
  t.match(err.message, "check_hostname needs a host name")
  err = t.raises(anyio.ValueError, TLSStream.wrap, near, {server_side = true,
    ssl_context = peers.client_context()})
  t.eq(err.message, "a context for clients (PROTOCOL_TLS_CLIENT) cannot make the "
    .. "session of a server")
  t.raises(anyio.ValueError, TLSStream.wrap, near, {hostname = "a b"
    .. "\u{e4}"})
  local client, server = peers.session()
  ok, err = pcall(client.send, client, 5)
  t.no(ok)
  t.match(tostring(err), "bad argument #1 to 'send' %(string expected")
  peers.close(client, server)
end)
