--- What streams of both kinds of sockets do alike.
local anyio = require "anyio"
local t = require "harness"
local net = require "net"

-- A test for each kind, with the ids of the rows that are that kind's.
local function both(tcp_ids, unix_ids, title, body)
  local function named(ids, kind)
    return (ids and ids .. " " or "") .. title .. ", over " .. kind
  end
  t.test(named(tcp_ids, "TCP"), function() net.tcp_pair(body) end)
  t.test(named(unix_ids, "a UNIX socket"), function() net.unix_pair(body) end)
end

both("[TCP-02]", "[UNIX-06]", "more than the kernel's buffers hold passes whole", function(a, b)
  local data = ("0123456789abcdef"):rep(400000)
  anyio.create_task_group(function(tg)
    tg:start_soon(function() a:send(data)  a:send_eof() end)
    tg:start_soon(function() b:send(data)  b:send_eof() end)
    tg:start_soon(function() t.ok(net.drain(a) == data, "what a got") end)
    t.ok(net.drain(b) == data, "what b got")
  end)
end)

both("[TCP-04 ST-03]", "[UNIX-05]",
  "a receive of less than a byte is a value error", function(a, b)
    t.raises(anyio.ValueError, a.receive, a, 0)
    t.raises("bad argument #1 to 'receive'", function() a:receive "x" end)
    b:send "abc"
    t.eq({a:receive(1), a:receive(5)}, {"a", "bc"})
  end)

both("[TCP-06 TCP-10 ST-02]", nil,
  "a loop ends where the data ends; data comes first", function(a, b)
    a:send "last"
    a:aclose()
    local chunks = {}
    for chunk in b do chunks[#chunks + 1] = chunk end
    t.eq(chunks, {"last"})
    t.raises(anyio.EndOfStream, b.receive, b)
  end)

both("[TCP-07 TCP-09]", "[UNIX-07]", "after send_eof the answer still comes", function(a, b)
  a:send "question"
  a:send_eof()
  a:send_eof()
  t.eq(net.drain(b), "question")
  b:send "answer"
  b:aclose()
  t.eq(net.drain(a), "answer")
end)

both("[TCP-08]", nil, "send after send_eof is broken", function(a)
  a:send_eof()
  local err = t.raises(anyio.BrokenResourceError, a.send, a, "x")
  t.eq(err.cause.code, "EPIPE")
end)

both("[TCP-11]", nil, "a timeout interrupts a receive, which loses nothing", function(a, b)
  local scope = anyio.move_on_after(0.01, function() a:receive() end)
  t.ok(scope.cancelled_caught)
  b:send "later"
  t.eq(a:receive(), "later")
end)

both("[TCP-13 TCP-14]", "[UNIX-13]",
  "closing wakes who receives; nothing goes after it", function(a)
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

both("[TCP-15]", nil, "what came before one's own close is gone with it", function(a, b)
  b:send "unread"
  a:aclose()
  t.raises(anyio.ClosedResourceError, a.receive, a)
end)

both("[TCP-16]", nil, "the peer closed: EndOfStream, and sends break in the end", function(a, b)
  b:aclose()
  t.raises(anyio.EndOfStream, a.receive, a)
  t.raises(anyio.BrokenResourceError, function()
    while true do a:send "x" end
  end)
  a:aclose()
  t.raises(anyio.ClosedResourceError, a.receive, a)
  t.raises(anyio.ClosedResourceError, a.send, a, "x")
end)

both(nil, nil, "a close ends a send that waits", function(a)
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      t.raises(anyio.ClosedResourceError, a.send, a, ("x"):rep(20000000))
    end)
    anyio.wait_all_tasks_blocked()
    a:aclose()
  end)
end)

both("[TCP-19]", nil, "closing in a cancelled scope closes, and raises nothing", function(a, b)
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

both("[TCP-19]", nil, "closing lets others run on asyncio only", function(a)
  local ran = false
  anyio.create_task_group(function(tg)
    tg:start_soon(function() ran = true end)
    a:aclose()
    t.eq(ran, t.backend == "asyncio")
  end)
end)

both(nil, nil, "a closed stream can be closed where nothing can be suspended", function(a)
  local list = {2, 1}
  table.sort(list, function(x, y)
    a:aclose()
    return x < y
  end)
  t.match(tostring(a), "closed")
end)

both(nil, nil,
  "sends are checkpoints that raise before anything is sent, not after", function(a, b)
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

both(nil, nil, "what is cancelled was not sent, what was sent is not cancelled", function(a, b)
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
