-- A connection was reset while one task sent and another was to receive. The
-- system tells that once, and the sender heard of it: to the receiver the
-- connection had ended in good order, as if all had come.

local anyio = require "anyio"
local net = require "net"
local t = require "harness"

local BIG <const> = ("0123456789abcdef"):rep(1 << 19) -- 8 MiB, more than fits

local function reset(body)
  net.tcp_pair(function(client, server)
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        t.raises(anyio.BrokenResourceError, client.send, client, BIG)
      end)
      anyio.wait_all_tasks_blocked()
      server:aclose() -- with all that unread: a reset
    end)
    body(client)
  end)
end

t.test("after a reset that a send told of, receive is broken, and no end", function()
  reset(function(client)
    for _ = 1, 3 do
      local err = t.raises(anyio.BrokenResourceError, client.receive, client)
      t.eq(err.cause.code, "ECONNRESET")
    end
    t.raises(anyio.BrokenResourceError, function() for _ in client do end end)
  end)
end)

t.test("after a reset that a receive told of, the next is broken, too", function()
  net.tcp_pair(function(client, server)
    client:send "unread"
    server:send "kept"
    anyio.wait_readable(server)
    server:aclose()
    local ok, err = anyio.pcall(client.receive, client)
    if ok then -- what came before the reset
      t.eq(err, "kept")
      err = t.raises(anyio.BrokenResourceError, client.receive, client)
    end
    t.isa(err, anyio.BrokenResourceError)
    t.raises(anyio.BrokenResourceError, client.receive, client)
  end)
end)

t.test("a broken pipe is none of that: what had come can be received, to the end",
  function()
    net.tcp_pair(function(client, server)
      server:send "last words"
      client:send_eof()
      t.raises(anyio.BrokenResourceError, client.send, client, "x")
      server:aclose()
      t.eq(net.drain(client), "last words")
      t.raises(anyio.EndOfStream, client.receive, client)
    end)
  end)
