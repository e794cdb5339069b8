--- TLS streams under cancellation, and used by two tasks at once.
local anyio = require "anyio"
local peers = require "tlspeers"
local ssl = require "ssl"
local t = require "harness"
local tls = require "anyio.streams.tls"

local function of_version(version)
  local context = peers.server_context()
  context.maximum_version = version
  return context
end

-- Wraps a plain stream: `gate(data)` is called before each send of it.
local function gated(stream, gate)
  return setmetatable({send = function(_, data)
    gate(data)
    stream:send(data)
  end}, {__index = function(_, key)
    return function(_, ...) return stream[key](stream, ...) end
  end})
end

-- Cancels the body after the n-th turn of another task.
local function cancelled_after(n, body)
  return anyio.CancelScope(function(scope)
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        for _ = 1, n do anyio.lowlevel.checkpoint() end
        scope:cancel()
      end)
      body()
      tg.cancel_scope:cancel()
    end)
  end)
end

t.test("a receive that is cancelled anywhere loses nothing", function()
  local client, server = peers.session{size = 0}
  local data = {}
  for i = 1, 300 do data[i] = ("%05d|"):format(i) end
  local got = {}
  peers.together(function()
    local n, turns = 0, 0
    while n < 300 * 6 do
      turns = (turns + 1) % 7
      cancelled_after(turns, function()
        local chunk = client:receive(7)
        got[#got + 1] = chunk
        n = n + #chunk
      end)
    end
  end, function()
    for i = 1, 300, 3 do server:send(table.concat(data, "", i, i + 2)) end
  end)
  t.eq(table.concat(got), table.concat(data))
  peers.close(client, server)
end)

t.test("a send in a scope that is cancelled already does nothing: the stream is whole", function()
  local client, server = peers.session()
  local scope = anyio.CancelScope(function(scope)
    scope:cancel()
    client:send "never sent"
  end)
  t.ok(scope.cancelled_caught)
  client:send "sent"
  t.eq(server:receive(), "sent")
  peers.close(client, server)
end)

t.test("after a send that was cut off: none follows, what comes is received, closing is quiet",
  function()
  local near, far = peers.pair(0)
  local client, server = peers.session{transports = {near, far}}
  cancelled_after(5, function() client:send(("x"):rep(100000)) end)
  local err = t.raises(anyio.BrokenResourceError, client.send, client, "more")
  t.match(err.message, "was cut off before")
  peers.together(function() t.eq(client:receive(), "still heard") end,
    function() server:send "still heard" end)
  client:aclose()
  t.raises(anyio.ClosedResourceError, near.send, near, "x")
  -- nothing of it reached the peer, who sees that it was cut off
  t.raises(anyio.BrokenResourceError, server.receive, server)
  server:aclose()
end)

t.test("two receives, two sends at once: the second is refused, the first goes on", function()
  local client, server = peers.session{size = 0}
  peers.together(function()
    anyio.wait_all_tasks_blocked()
    local err = t.raises(anyio.BusyResourceError, client.receive, client)
    t.eq(err.message, "This resource is already being read from by another task")
    server:send "for the first"
  end, function() t.eq(client:receive(), "for the first") end)
  peers.together(function()
    anyio.wait_all_tasks_blocked()
    local err = t.raises(anyio.BusyResourceError, client.send, client, "b")
    t.eq(err.message, "This resource is already being written to by another task")
    t.eq(server:receive(), "a")
  end, function() client:send "a" end)
  peers.close(client, server)
end)

t.test("a task that is closed under its receive is told", function()
  local client, server = peers.session()
  peers.together(function()
    anyio.wait_all_tasks_blocked()
    peers.close(client, server)
  end, function() t.raises(anyio.EndOfStream, client.receive, client) end)
  t.raises(anyio.ClosedResourceError, client.receive, client)
end)

t.test("a handshake that is cancelled anywhere leaves the transport to the caller", function()
  for n = 0, 12 do
    local near, far = peers.pair(0)
    local client
    local scope = cancelled_after(n, function()
      peers.together(function()
        client = tls.TLSStream.wrap(near,
          {hostname = "localhost", ssl_context = peers.client_context()})
      end, function()
        tls.TLSStream.wrap(far, {ssl_context = peers.server_context()})
      end)
    end)
    t.ok(scope.cancelled_caught or client)
    near:aclose()
    far:aclose()
  end
end)

for _, version in ipairs{"TLSv1_2", "TLSv1_3"} do
  t.test("new keys while both ends send and receive, " .. version, function()
    -- some room: answers must fit in where nobody receives any more
    local client, server = peers.session{size = 10, server = of_version(version)}
    local piece = ("0123456789"):rep(3000)
    local n = 40
    local function sender(stream, renew)
      return function()
        for i = 1, n do
          if renew and i % 5 == 0 then stream._object._native:update(true) end
          stream:send(piece)
        end
      end
    end
    local function receiver(stream)
      return function()
        local parts, got = {}, 0
        while got < n * #piece do
          parts[#parts + 1] = stream:receive(1000)
          got = got + #parts[#parts]
        end
        t.ok(table.concat(parts) == piece:rep(n))
      end
    end
    -- in TLS 1.2 a client may not ask for another handshake
    peers.together(sender(server, true), receiver(server),
      sender(client, version == "TLSv1_3"), receiver(client))
    peers.close(client, server)
  end)
end

t.test("data is not lost where the answer that is due with it is cut off", function()
  local near, far = peers.pair(0)
  local stuck = false
  local client, server = peers.session{server = of_version "TLSv1_2",
    transports = {gated(near, function()
      if stuck then anyio.sleep_forever() end
    end), far}}
  stuck = true
  server._object._native:update(true) -- the client has to answer
  peers.together(function()
    t.ok(cancelled_after(20, function() client:receive() end).cancelled_caught)
    stuck = false
    t.eq(client:receive(3), "dat")
    t.eq(client:receive(), "a")
  end, function() server:send "data" end)
  t.raises(anyio.BrokenResourceError, client.send, client, "x")
  client:aclose()
  server.transport_stream:aclose()
end)

t.test("a server's handshake does not wait for a client that never reads", function()
  local client, server = peers.session{size = 0}
  peers.together(function() client:send "hello" end, function()
    t.eq(server:receive(), "hello")
  end)
  -- the tickets go out with the first data: only now can a session be resumed
  local object = client:extra(tls.TLSAttribute.ssl_object)
  t.no(object.session and object.session.has_ticket)
  peers.together(function() t.eq(client:receive(), "hi") end,
    function() server:send "hi" end)
  t.ok(object.session.has_ticket)
  peers.close(client, server)
end)

t.test("a session is resumed", function()
  for _, version in ipairs{"TLSv1_2", "TLSv1_3"} do
    local client_context, server_context = peers.client_context(), of_version(version)
    local client, server = peers.session{client = client_context, server = server_context}
    server:send "a ticket comes along"
    client:receive()
    local old = client:extra(tls.TLSAttribute.ssl_object)
    t.eq(old.session_reused, false)
    local session = old.session
    t.isa(session, ssl.SSLSession)
    t.ok(session.timeout > 0 and session.time > 0 and #session.id > 0)
    peers.close(client, server)
    local SSLObject, Engine = ssl.SSLObject, require "anyrun.tls.engine"
    local near, far = peers.pair()
    local object = SSLObject(client_context, false, "localhost")
    object.session = session
    local engine = Engine(object, near, near.receive, near.send)
    peers.together(function() engine:handshake() end, function()
      server = tls.TLSStream.wrap(far, {ssl_context = server_context})
    end)
    t.eq(object.session_reused, true)
    t.eq(server:extra(tls.TLSAttribute.ssl_object).session_reused, true)
    t.eq(object:get_channel_binding(), server:extra(tls.TLSAttribute.channel_binding_tls_unique))
    t.raises(anyio.ValueError, function() object.session = session end)
    t.raises(anyio.ValueError, function()
      server:extra(tls.TLSAttribute.ssl_object).session = session
    end)
  end
end)

t.test("aclose while another task's send is stuck: both end, nothing hangs", function()
  local near, far = peers.pair(0)
  local client = peers.session{transports = {near, far}}
  local scope = anyio.move_on_after(5, function()
    peers.together(function()
      anyio.wait_all_tasks_blocked()
      anyio.aclose_forcefully(client)
    end, function()
      local ok, err = pcall(client.send, client, ("x"):rep(500000))
      t.no(ok)
      t.ok(err)
      far:aclose()
    end, function()
      anyio.wait_all_tasks_blocked()
      far:aclose()
    end)
  end)
  t.no(scope.cancelled_caught)
end)
