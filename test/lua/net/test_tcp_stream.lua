--- Connections over TCP: what they carry, how they end.
local anyio = require "anyio"
local t = require "harness"
local net = require "net"

t.test("[TCP-01 ST-01] what is sent arrives, both ways", function()
  net.tcp_pair(function(a, b)
    a:send "hello"
    t.eq(b:receive(), "hello")
    b:send "back"
    t.eq(a:receive(), "back")
    a:send ""
    a:send "on"
    t.eq(b:receive(), "on")
  end)
end)

t.test("[TCP-12] one sends and one receives; a second one is refused", function()
  net.tcp_pair(function(a, b)
    anyio.create_task_group(function(tg)
      tg:start_soon(function() t.eq(a:receive(), "x") end)
      tg:start_soon(function() a:send(("y"):rep(10000000)) end)
      anyio.wait_all_tasks_blocked()
      t.eq(t.raises(anyio.BusyResourceError, a.receive, a).message,
        "Another task is already reading from this resource")
      t.eq(t.raises(anyio.BusyResourceError, a.send, a, "z").message,
        "Another task is already writing to this resource")
      b:send "x"
      local got = 0
      while got < 10000000 do got = got + #b:receive() end
    end)
  end)
end)

-- Closing with bytes unread resets the connection.
local function reset(a, b)
  a:send "unread"
  b:_get "no_delay"
  anyio.wait_readable(b)
  b:aclose()
end

t.test("[TCP-17 TCP-18] a reset is an error with its cause, to receive and send", function()
  net.tcp_pair(function(a, b)
    reset(a, b)
    local err = t.raises(anyio.BrokenResourceError, a.receive, a)
    t.isa(err.cause, anyio.OSError)
    t.eq({err.cause.code, err.cause.errno}, {"ECONNRESET", 104})
    t.match(tostring(err.cause), "cannot receive: Connection reset by peer")
  end)
  net.tcp_pair(function(a, b)
    reset(a, b)
    anyio.wait_readable(a)
    local err = t.raises(anyio.BrokenResourceError, a.send, a, "x")
    t.isa(err.cause, anyio.OSError)
  end)
end)

t.test("a reset ends a send that waits", function()
  net.tcp_pair(function(a, b)
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        t.raises(anyio.BrokenResourceError, a.send, a, ("x"):rep(20000000))
      end)
      anyio.wait_all_tasks_blocked()
      b:aclose()
    end)
  end)
end)

t.test("[TCP-03] attributes of both ends", function()
  local A = anyio.abc.SocketAttribute
  net.tcp_pair(function(a, b)
    for _, s in ipairs{a, b} do
      t.eq(s:extra(A.family), "AF_INET")
      t.eq(s:extra(A.local_address), {"127.0.0.1", s:extra(A.local_port)})
      t.eq(s:extra(A.remote_address), {"127.0.0.1", s:extra(A.remote_port)})
      t.ok(math.type(s:extra(A.raw_socket)) == "integer")
    end
    t.eq(a:extra(A.local_port), b:extra(A.remote_port))
    t.eq(a:extra(A.remote_port), b:extra(A.local_port))
    t.match(tostring(a), "^<SocketStream: 127%.0%.0%.1:%d+>$")
  end)
end)

t.test("[TCP-05] small packets are not held back", function()
  net.tcp_pair(function(a, b)
    t.eq({a:_get "no_delay", b:_get "no_delay"}, {1, 1})
  end)
end)

t.test("asyncio's own cancel of a task that has just sent takes nothing back",
  {backend = "asyncio"}, function()
    local asyncio = require "asyncio"
    net.tcp_pair(function(a, b)
      local steps = {}
      local task = asyncio.create_task(function()
        a:send "once"
        steps[#steps + 1] = "sent"
        a:send "never"
      end)
      anyio.lowlevel.checkpoint()
      task:cancel()
      t.raises(asyncio.CancelledError, task.await, task)
      t.eq(steps, {"sent"})
      a:aclose()
      t.eq(net.drain(b), "once")
    end)
  end)

t.test("[TCP-02 ST-04] chunks of every size come whole, whichever came before", function()
  net.tcp_pair(function(a, b)
    local sizes = { 1, 5000, 1087, 1088, 1063, 1064, 4095, 4096, 4097, 1, 65535, 65536,
      600, 30000, 1039, 30000, 1040, 20, 65536 }
    for i, size in ipairs(sizes) do
      local data = ("%07d"):format(i):rep(size // 7 + 1):sub(1, size)
      a:send(data)
      local chunk = b:receive()
      t.ok(chunk == data, "size " .. size)
    end
    a:send(("x"):rep(30000))
    t.eq({ #b:receive(100), #b:receive(10000), #b:receive(), }, { 100, 10000, 19900 })
    a:send(("x"):rep(30000))
    b:receive()
    a:send_eof()
    t.raises(anyio.EndOfStream, b.receive, b) -- after a large one
  end)
end)

t.test("a loop does not hold its last chunk while it waits for the next", function()
  net.tcp_pair(function(a, b)
    anyio.create_task_group(function(tg)
      local seen = {}
      tg:start_soon(function()
        for chunk in b do
          for _ in pairs {} do error "never" end -- another loop's variables
          seen[#seen + 1] = #chunk
        end
        tg:start_soon(a.aclose, a)
      end)
      local function exchange(size)
        a:send(("x"):rep(size))
        anyio.testing.wait_all_tasks_blocked()
        collectgarbage()
        return collectgarbage "count"
      end
      exchange(60000)
      exchange(60000)
      local before = exchange(10)
      t.ok(exchange(60000) - before < 30, "one that was copied is gone")
      t.ok(exchange(60000) - before < 30, "one that was taken over is gone")
      t.eq(seen, { 60000, 60000, 10, 60000, 60000 })
      a:send_eof()
    end)
  end)
end)

t.test("what has grown old while large chunks came is collected, too", function()
  net.tcp_pair(function(a, b)
    local data, recent, most = ("x"):rep(60000), {}, 0
    for i = 1, 3000 do
      a:send(data)
      b:receive()
      recent[i % 30] = ("%05d"):format(i):rep(6000) -- some 30 KB
      most = math.max(most, collectgarbage "count")
    end
    t.eq(#recent, 29)
    t.ok(most < 40000, ("%.0f KB at the most"):format(most))
  end)
end)

t.test("who calls a stream by hand keeps what a loop of his own holds", function()
  net.tcp_pair(function(a, b)
    local large = ("x"):rep(5000)
    a:send(large)
    b:receive()
    local keys = {[large] = true, small = true}
    local n = 0
    for key in pairs(keys) do
      a:send(large)
      t.eq(b(nil, key), large)
      n = n + 1
    end
    t.eq(n, 2)
  end)
end)

t.test("a stream of one run is refused in another", {plain = true}, function()
  local kept
  t.run(function()
    net.tcp_pair(function(a)
      kept = a
      t.raises(anyio.RuntimeError, function() t.run(function() end) end)
    end)
  end)
  t.run(function() t.raises(anyio.ClosedResourceError, kept.receive, kept) end)
end)

t.test("[ST-04] the methods want a stream", function()
  net.tcp_pair(function(a)
    t.raises("socket expected", a.receive, {})
    t.raises("socket expected", a.send, io.stdout, "x")
    local listener <close> = anyio.create_tcp_listener{local_host = "127.0.0.1"}
    t.raises("stream expected", a.receive, listener.listeners[1])
    t.raises("string expected", function() a:send {} end)
  end)
end)
