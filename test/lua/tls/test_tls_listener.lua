--- TLS listeners and connectables over listeners and connectables in memory.
local abc = require "anyio.abc"
local anyio = require "anyio"
local class = require "anyrun.class"
local peers = require "tlspeers"
local ssl = require "ssl"
local t = require "harness"
local tls = require "anyio.streams.tls"

local TLSAttribute, TLSListener = tls.TLSAttribute, tls.TLSListener

-- Accepts what is put into it.
local Memory = class.new("MemoryListener", abc.Listener)

function Memory:_init()
  self.send, self.incoming = anyio.create_memory_object_stream(10)
end

function Memory:serve(handler, task_group)
  for stream in self.incoming do task_group:start_soon(handler, stream) end
end

function Memory:connect()
  local near, far = peers.pair()
  self.send:send(far)
  return near
end

function Memory:aclose()
  self.send:close()
  self.incoming:close()
end

-- Serves in a task group around the body.
local function serving(listener, handler, body)
  anyio.create_task_group(function(tg)
    tg:start_soon(listener.serve, listener, handler, tg)
    body(tg)
    listener:aclose()
  end)
end

local function echo(stream)
  local held <close> = stream
  for chunk in held do held:send(chunk) end
end

t.test("[TLS-15] a connection's handler gets a TLS stream", function()
  local plain = Memory()
  local listener = TLSListener(plain, peers.server_context())
  serving(listener, echo, function()
    local stream = tls.TLSConnectable(plain, {hostname = "localhost",
      ssl_context = peers.client_context()}):connect()
    t.isa(stream, tls.TLSStream)
    stream:send "hello"
    t.eq(stream:receive(), "hello")
    stream:aclose()
  end)
end)

t.test("[TLS-15 TLS-16] a failed handshake closes that connection only; the hook hears of it",
  function()
  local plain = Memory()
  local listener = TLSListener(plain, peers.server_context())
  local failures, handled = {}, 0
  function listener.handle_handshake_error(exc, stream)
    failures[#failures + 1] = exc
    stream:aclose()
  end
  serving(listener, function(stream)
    handled = handled + 1
    stream:aclose()
  end, function()
    local bad = plain:connect()
    bad:send "GET / HTTP/1.0\r\n\r\n"
    t.raises(anyio.EndOfStream, bad.receive, bad)
    local good = tls.TLSConnectable(plain, {hostname = "localhost",
      ssl_context = peers.client_context()}):connect()
    good:aclose()
  end)
  t.eq(handled, 1)
  t.eq(#failures, 1)
  t.isa(failures[1], ssl.SSLError)
end)

t.test("[TLS-15] the standard hook closes the connection, says why, and goes on", function()
  local plain = Memory()
  local listener = TLSListener(plain, peers.server_context())
  serving(listener, echo, function()
    local bad = plain:connect()
    bad:send_eof()
    t.raises(anyio.EndOfStream, function() while true do bad:receive() end end)
    anyio.wait_all_tasks_blocked()
  end)
end)

t.test("[TLS-15] a handshake has a time limit, 30 seconds when nothing is said",
  {mock_clock = true, backend = "trio"}, function()
  local plain = Memory()
  local listener = TLSListener(plain, peers.server_context())
  t.eq(listener.handshake_timeout, 30)
  local failure, at
  function listener.handle_handshake_error(exc, stream)
    failure, at = exc, anyio.current_time()
    stream:aclose()
  end
  local start = anyio.current_time()
  serving(listener, echo, function()
    local silent = plain:connect()
    t.raises(anyio.EndOfStream, silent.receive, silent)
  end)
  t.isa(failure, anyio.TimeoutError)
  t.near(at - start, 30, 0.01)
end)

t.test("[TLS-15] a shorter time limit", function()
  local plain = Memory()
  local listener = TLSListener(plain, peers.server_context(), {handshake_timeout = 0.01})
  local failure
  function listener.handle_handshake_error(exc, stream)
    failure = exc
    stream:aclose()
  end
  serving(listener, echo, function()
    local silent = plain:connect()
    t.raises(anyio.EndOfStream, silent.receive, silent)
  end)
  t.isa(failure, anyio.TimeoutError)
end)

t.test("[TLS-16] cancellation and exits go on from the standard hook, others do not", function()
  local function hooked(exc)
    local near, far = peers.pair()
    local ok, err = pcall(TLSListener.handle_handshake_error, exc, near)
    t.raises(anyio.ClosedResourceError, near.receive, near)
    far:aclose()
    return ok, err
  end
  local exit = anyio.SystemExit(3)
  local ok, err = hooked(exit)
  t.no(ok)
  t.ok(err == exit)
  local cancelled
  anyio.CancelScope(function(scope)
    scope:cancel()
    local _
    _, cancelled = pcall(anyio.sleep, 0)
  end)
  ok, err = hooked(cancelled)
  t.no(ok)
  t.ok(err == cancelled)
  t.ok((hooked(ssl.SSLError "as a test writes it")))
end)

t.test("[TLS-16] a cancelled handshake of a listener closes the connection", function()
  local plain = Memory()
  local listener = TLSListener(plain, peers.server_context())
  local silent
  anyio.create_task_group(function(tg)
    tg:start_soon(listener.serve, listener, echo, tg)
    silent = plain:connect()
    anyio.wait_all_tasks_blocked()
    tg.cancel_scope:cancel()
  end)
  t.raises(anyio.EndOfStream, silent.receive, silent)
  silent:aclose()
  listener:aclose()
end)

t.test("[TLS-06] a listener has one attribute; a task spec may stand for the handler", function()
  local plain = Memory()
  local listener <close> = TLSListener(plain, peers.server_context(),
    {standard_compatible = false})
  t.eq(listener:extra(TLSAttribute.standard_compatible), false)
  t.raises(anyio.TypedAttributeLookupError, listener.extra, listener, TLSAttribute.cipher)
  local name
  serving(listener, {function(stream)
    name = anyio.get_current_task().name
    stream:aclose()
  end, name = "a handler"}, function()
    local stream = tls.TLSConnectable(plain, {hostname = "localhost",
      ssl_context = peers.client_context(), standard_compatible = false}):connect()
    t.eq(stream:extra(TLSAttribute.standard_compatible), false)
    stream:aclose()
    anyio.wait_all_tasks_blocked()
  end)
  t.eq(name, "a handler")
  t.raises(anyio.TypeError, TLSListener, plain, peers.server_context(), {timeout = 1})
end)

t.test("[TLS-17] a connectable closes the plain stream when the handshake fails", function()
  local near, far = peers.pair()
  local connectable = tls.TLSConnectable({connect = function() return near end},
    {hostname = "localhost", ssl_context = peers.client_context()})
  t.isa(connectable, abc.ByteStreamConnectable)
  far:send "no TLS at all"
  t.raises(ssl.SSLError, connectable.connect, connectable)
  t.raises(anyio.ClosedResourceError, near.receive, near)
  far:aclose()
end)

t.test("[TLS-17] a connectable makes a safe context when none is given", function()
  local connectable = tls.TLSConnectable({connect = error}, {hostname = "localhost"})
  t.eq(connectable.ssl_context.verify_mode, ssl.CERT_REQUIRED)
  t.eq(connectable.standard_compatible, true)
  t.raises(anyio.TypeError, tls.TLSConnectable, {}, {host = "localhost"})
end)
