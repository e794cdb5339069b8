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

t.test("[TCP-02] more than the kernel's buffers hold passes whole", function()
  net.tcp_pair(function(a, b)
    local data = ("0123456789abcdef"):rep(400000)
    anyio.create_task_group(function(tg)
      tg:start_soon(function() a:send(data)  a:send_eof() end)
      tg:start_soon(function() b:send(data)  b:send_eof() end)
      tg:start_soon(function() t.ok(net.drain(a) == data, "what a got") end)
      t.ok(net.drain(b) == data, "what b got")
    end)
  end)
end)

t.test("[TCP-04 ST-03] a receive of less than a byte is a value error", function()
  net.tcp_pair(function(a, b)
    t.raises(anyio.ValueError, a.receive, a, 0)
    t.raises("bad argument #1 to 'receive'", function() a:receive "x" end)
    b:send "abc"
    t.eq({a:receive(1), a:receive(5)}, {"a", "bc"})
  end)
end)

t.test("[TCP-06 TCP-10 ST-02] a loop ends where the data ends; data comes first", function()
  net.tcp_pair(function(a, b)
    a:send "last"
    a:aclose()
    local chunks = {}
    for chunk in b do chunks[#chunks + 1] = chunk end
    t.eq(chunks, {"last"})
    t.raises(anyio.EndOfStream, b.receive, b)
  end)
end)

t.test("[TCP-07 TCP-09] after send_eof the answer still comes", function()
  net.tcp_pair(function(a, b)
    a:send "question"
    a:send_eof()
    a:send_eof()
    t.eq(net.drain(b), "question")
    b:send "answer"
    b:aclose()
    t.eq(net.drain(a), "answer")
  end)
end)

t.test("[TCP-08] send after send_eof is broken", function()
  net.tcp_pair(function(a)
    a:send_eof()
    local err = t.raises(anyio.BrokenResourceError, a.send, a, "x")
    t.eq(err.cause.code, "EPIPE")
  end)
end)

t.test("[TCP-11] a timeout interrupts a receive, which loses nothing", function()
  net.tcp_pair(function(a, b)
    local scope = anyio.move_on_after(0.01, function() a:receive() end)
    t.ok(scope.cancelled_caught)
    b:send "later"
    t.eq(a:receive(), "later")
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

t.test("[TCP-13 TCP-14] closing wakes who receives; nothing goes after it", function()
  net.tcp_pair(function(a)
    anyio.create_task_group(function(tg)
      tg:start_soon(function() t.raises(anyio.ClosedResourceError, a.receive, a) end)
      anyio.wait_all_tasks_blocked()
      a:aclose()
    end)
    a:aclose()
    t.raises(anyio.ClosedResourceError, a.receive, a)
    t.raises(anyio.ClosedResourceError, a.send, a, "x")
    t.raises(anyio.ClosedResourceError, a.send_eof, a)
  end)
end)

t.test("[TCP-15] what came before one's own close is gone with it", function()
  net.tcp_pair(function(a, b)
    b:send "unread"
    a:aclose()
    t.raises(anyio.ClosedResourceError, a.receive, a)
  end)
end)

t.test("[TCP-16] the peer closed: EndOfStream, and sends break in the end", function()
  net.tcp_pair(function(a, b)
    b:aclose()
    t.raises(anyio.EndOfStream, a.receive, a)
    t.raises(anyio.BrokenResourceError, function()
      while true do a:send "x" end
    end)
    a:aclose()
    t.raises(anyio.ClosedResourceError, a.receive, a)
    t.raises(anyio.ClosedResourceError, a.send, a, "x")
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

t.test("a close ends a send that waits", function()
  net.tcp_pair(function(a)
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        t.raises(anyio.ClosedResourceError, a.send, a, ("x"):rep(20000000))
      end)
      anyio.wait_all_tasks_blocked()
      a:aclose()
    end)
  end)
end)

t.test("[TCP-19] closing in a cancelled scope closes, and raises nothing", function()
  net.tcp_pair(function(a, b)
    local after
    local scope = anyio.CancelScope(function(s)
      s:cancel()
      a:aclose()
      after = true
      anyio.aclose_forcefully(b)
    end)
    t.ok(after)
    t.no(scope.cancelled_caught)
    t.match(tostring(a), "closed")
    t.match(tostring(b), "closed")
  end)
end)

t.test("[TCP-19] closing lets others run on asyncio only", function()
  net.tcp_pair(function(a)
    local ran = false
    anyio.create_task_group(function(tg)
      tg:start_soon(function() ran = true end)
      a:aclose()
      t.eq(ran, t.backend == "asyncio")
    end)
  end)
end)

t.test("a closed stream can be closed where nothing can be suspended", function()
  net.tcp_pair(function(a)
    local list = {2, 1}
    table.sort(list, function(x, y)
      a:aclose()
      return x < y
    end)
    t.match(tostring(a), "closed")
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

t.test("sends are checkpoints that raise before anything is sent, not after", function()
  net.tcp_pair(function(a, b)
    anyio.CancelScope(function(scope)
      scope:cancel()
      t.cancelled(a.send, a, "not sent")
    end)
    local others = 0
    anyio.create_task_group(function(tg)
      tg:start_soon(function() others = others + 1 end)
      a:send "se"
      a:send "nt" -- trio: the first turn may be this task's
      t.eq(others, 1)
    end)
    a:aclose()
    t.eq(net.drain(b), "sent")
  end)
end)

t.test("what is cancelled was not sent, what was sent is not cancelled", function()
  net.tcp_pair(function(a, b)
    local sent = 0
    anyio.create_task_group(function(tg)
      local scope = anyio.CancelScope()
      tg:start_soon(function()
        scope(function()
          while sent < 20 do
            a:send "x"
            sent = sent + 1
          end
        end)
      end)
      for _ = 1, 5 do anyio.lowlevel.checkpoint() end
      scope:cancel()
    end)
    t.ok(sent > 0 and sent < 20)
    a:aclose()
    t.eq(#net.drain(b), sent)
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
