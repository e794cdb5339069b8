--- Connecting over TCP: one address, and many.
local anyio = require "anyio"
local t = require "harness"
local net = require "net"

local A = anyio.abc.SocketAttribute

local function listen(host, opts)
  opts = opts or {}
  opts.local_host = host
  return anyio.create_tcp_listener(opts)
end

t.test("[TCP-20 CONN-08] one address refused: its error is the cause", function()
  local err = t.raises(anyio.ConnectionFailed, anyio.connect_tcp, "127.0.0.1",
    net.free_port())
  t.isa(err, anyio.OSError)
  t.eq(err.message, "All connection attempts failed")
  t.eq(err.cause.code, "ECONNREFUSED")
  t.match(tostring(err.cause), "cannot connect to 127%.0%.0%.1:%d+: Connection refused")
end)

t.test("[TCP-20 TCP-21] several refused: a group with one for each", function()
  local _ <close> = net.names{both = {{"AF_INET", "127.0.0.1"}, {"AF_INET6", "::1"}}}
  local err = t.raises(anyio.ConnectionFailed, anyio.connect_tcp, "both",
    net.free_port(), {happy_eyeballs_delay = 0.01})
  t.isa(err.cause, anyio.ExceptionGroup)
  t.eq(#err.cause.exceptions, 2)
  for _, one in ipairs(err.cause.exceptions) do t.eq(one.code, "ECONNREFUSED") end
end)

t.test("a head start that is no number is refused at once", function()
  t.isa(t.raises("happy_eyeballs_delay must not be NaN", anyio.connect_tcp,
    "127.0.0.1", 1, {happy_eyeballs_delay = 0 / 0}), anyio.ValueError)
end)

t.test("[CONN-01] IPv6 first, then IPv4, then in turn", function()
  local _ <close> = net.names{many = {
    {"AF_INET", "127.0.0.1"}, {"AF_INET", "127.0.0.2"}, {"AF_INET6", "::1"},
    {"AF_INET", "127.0.0.3"}, {"AF_INET6", "::ffff:127.0.0.9"},
  }}
  local order = {}
  for _, to in ipairs(require("anyrun.dial").resolve("many", 80)) do
    order[#order + 1] = to.host
  end
  t.eq(order, {"::1", "127.0.0.1", "::ffff:127.0.0.9", "127.0.0.2", "127.0.0.3"})
end)

t.test("[CONN-02] the next address is tried when the one before has failed", function()
  local listener <close> = listen "127.0.0.1"
  local _ <close> = net.names{both = {{"AF_INET", "127.0.0.1"}, {"AF_INET6", "::1"}}}
  anyio.fail_after(5, function()
    local stream <close> = anyio.connect_tcp("both", listener:extra(A.local_port),
      {happy_eyeballs_delay = 60})
    t.eq(stream:extra(A.remote_address)[1], "127.0.0.1")
  end)
end)

local function connect_within(seconds, host, port, opts)
  local _, stream = anyio.fail_after(seconds, function()
    return anyio.connect_tcp(host, port, opts)
  end)
  return stream
end

-- The port of a listener whose queue is full: it answers nobody. What fills it
-- is closed with the second value.
local function deaf_listener(host)
  local listener = anyio.create_tcp_listener{local_host = host, backlog = 0}
  local port = listener:extra(A.local_port)
  local held = {listener}
  for _ = 1, 20 do
    local scope, stream = anyio.move_on_after(0.1, function()
      return anyio.connect_tcp(host, port)
    end)
    if scope.cancelled_caught then
      return port, setmetatable({}, {__close = function()
        for _, one in ipairs(held) do one:aclose() end
      end})
    end
    held[#held + 1] = stream
  end
  t.fail "the listener's queue is never full"
end

t.test("[CONN-02] or when its head start is over; the first goes on", function()
  local port, deaf = deaf_listener "127.0.0.2"
  local _ <close> = deaf
  local listener <close> = listen("127.0.0.3", {local_port = port})
  local _ <close> = net.names{
    many = {{"AF_INET", "127.0.0.2"}, {"AF_INET", "127.0.0.3"}},
  }
  local stream <close> = connect_within(5, "many", port, {happy_eyeballs_delay = 0.02})
  local server <close> = listener.listeners[1]:accept()
  stream:send "x"
  t.eq(server:receive(), "x")
  t.eq(stream:extra(A.remote_address)[1], "127.0.0.3")
end)

t.test("[CONN-03] the first success ends the other attempts", function()
  local port, deaf = deaf_listener "127.0.0.2"
  local _ <close> = deaf
  local listener <close> = listen("127.0.0.3", {local_port = port})
  local before = net.sockets()
  local _ <close> = net.names{many = {
    {"AF_INET", "127.0.0.2"}, {"AF_INET", "127.0.0.2"}, {"AF_INET", "127.0.0.3"},
    {"AF_INET", "127.0.0.3"},
  }}
  local stream = connect_within(5, "many", port, {happy_eyeballs_delay = 0})
  stream:aclose()
  listener.listeners[1]:accept():aclose()
  local scope = anyio.move_on_after(0.05, function()
    listener.listeners[1]:accept():aclose() -- perhaps one more had succeeded
  end)
  t.ok(scope)
  t.eq(net.sockets(), before)
end)

t.test("a connect that is cancelled leaves no descriptor", function()
  local port, deaf = deaf_listener "127.0.0.2"
  local _ <close> = deaf
  local before = net.sockets()
  local scope = anyio.move_on_after(0.01, function()
    anyio.connect_tcp("127.0.0.2", port)
  end)
  t.ok(scope.cancelled_caught)
  local _ <close> = net.names{
    many = {{"AF_INET", "127.0.0.2"}, {"AF_INET", "127.0.0.2"}},
  }
  scope = anyio.move_on_after(0.05, function()
    anyio.connect_tcp("many", port, {happy_eyeballs_delay = 0.01})
  end)
  t.ok(scope.cancelled_caught)
  t.eq(net.sockets(), before)
end)

t.test("[CONN-04] for an address nothing is looked up", function()
  local _ <close> = net.names{}
  local listener <close> = listen "::1"
  local stream <close> = anyio.connect_tcp("::1", listener:extra(A.local_port))
  t.eq(stream:extra(A.family), "AF_INET6")
  t.eq(stream:extra(A.remote_address)[1], "::1")
end)

t.test("names are looked up", function()
  local listener <close> = listen "localhost"
  local stream <close> = anyio.connect_tcp("localhost", listener:extra(A.local_port))
  t.eq(stream:extra(A.remote_port), listener:extra(A.local_port))
end)

t.test("[TCP-22] of local_host's addresses one is taken that fits the other end", function()
  local listener <close> = listen("127.0.0.1")
  local port = listener:extra(A.local_port)
  local _ <close> = net.names {
    me = {{"AF_INET6", "::1"}, {"AF_INET", "127.0.0.7"}},
  }
  local client <close> = anyio.connect_tcp("127.0.0.1", port, {local_host = "me"})
  t.eq(client:extra(A.local_address)[1], "127.0.0.7")
  t.isa(t.raises("'::1' is an address of AF_INET6, where one of AF_INET is needed",
    anyio.connect_tcp, "127.0.0.1", port, {local_host = "::1"}), anyio.ValueError)
end)

t.test("[TCP-22] local_host and local_port bind before connecting", function()
  local listener <close> = listen "127.0.0.1"
  local port = listener:extra(A.local_port)
  local mine = net.free_port()
  local stream <close> = anyio.connect_tcp("127.0.0.1", port,
    {local_host = "127.0.0.5", local_port = mine})
  local server <close> = listener.listeners[1]:accept()
  t.eq(stream:extra(A.local_port), mine)
  t.eq(server:extra(A.remote_address), {"127.0.0.5", mine})
  local other <close> = anyio.connect_tcp("127.0.0.1", port, {local_host = "127.0.0.6"})
  local peer <close> = listener.listeners[1]:accept()
  t.eq(peer:extra(A.remote_address)[1], "127.0.0.6")
  t.eq(other:extra(A.local_address)[1], "127.0.0.6")
end)

t.test("what is wrong with an argument is said", function()
  t.raises("bad argument #1 to 'connect_tcp' (string expected, got no value)",
    anyio.connect_tcp)
  t.raises("bad argument #2 to 'connect_tcp' (integer expected, got string)",
    anyio.connect_tcp, "127.0.0.1", "80")
  t.raises("unknown option 'tsl' to 'connect_tcp'", anyio.connect_tcp, "127.0.0.1",
    80, {tsl = true})
  t.raises(anyio.ValueError, anyio.connect_tcp, "127.0.0.1", 70000)
end)

t.test("a connect in a cancelled scope connects to nobody", function()
  local listener <close> = listen "127.0.0.1"
  local port = listener:extra(A.local_port)
  local scope = anyio.CancelScope(function(s)
    s:cancel()
    anyio.connect_tcp("127.0.0.1", port)
  end)
  t.ok(scope.cancelled_caught)
  local waited = anyio.move_on_after(0.02, function()
    listener.listeners[1]:accept()
  end)
  t.ok(waited.cancelled_caught)
end)
