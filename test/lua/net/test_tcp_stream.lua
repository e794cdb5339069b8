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
