--- Trio's memory channels.
local t = require "harness"
local trio = require "trio"
local idle = trio.testing.wait_all_tasks_blocked
local open = trio.open_memory_channel

t.test("[TR-CH-01] the size is a whole number or infinity", function()
  t.raises("bad argument #1", open, "1")
  t.raises("TypeError", open, 1.0)
  t.raises("ValueError", open, -1)
  local send, receive = open(math.huge)
  t.match(tostring(send), "^<MemorySendChannel: 0 of inf buffered>$")
  t.match(tostring(receive), "^<MemoryReceiveChannel")
end)

t.test("[TR-CH-02 TR-CH-03 TR-CH-04] waiting for room, or not", function()
  local send, receive = open(0)
  t.raises(trio.WouldBlock, send.send_nowait, send, 1)
  t.raises(trio.WouldBlock, receive.receive_nowait, receive)
  local sent = false
  trio.open_nursery(function(nursery)
    nursery:start_soon(function()
      send:send(1)
      sent = true
    end)
    idle()
    t.no(sent)
    t.eq(receive:receive(), 1)
  end)
  t.ok(sent)
  local s, r = open(math.huge)
  for i = 1, 100 do s:send(i) end
  t.eq(r:statistics().current_buffer_used, 100)
  trio.CancelScope(function(scope)
    scope:cancel()
    t.raises(trio.Cancelled, s.send, s, 1)
  end)
end)

t.test("[TR-CH-05] a waiting receiver owns the next value", function()
  local send, receive = open(1)
  local got
  trio.open_nursery(function(nursery)
    nursery:start_soon(function() got = receive:receive() end)
    idle()
    send:send_nowait(1)
    send:send_nowait(2)
    t.eq(receive:receive_nowait(), 2)
  end)
  t.eq(got, 1)
end)

t.test("[TR-CH-06 TR-CH-07] closing; one's own closed end", function()
  local send, receive = open(0)
  trio.CancelScope(function(scope)
    scope:cancel()
    send:close()
    send:close()
    t.raises(trio.Cancelled, send.aclose, send)
  end)
  for _, name in ipairs{"send", "send_nowait", "clone"} do
    t.raises(trio.ClosedResourceError, send[name], send, 1)
  end
  receive:aclose()
  receive:aclose()
  for _, name in ipairs{"receive", "receive_nowait", "clone"} do
    t.raises(trio.ClosedResourceError, receive[name], receive)
  end
end)

t.test("[TR-CH-07 TR-CH-10 TR-CH-11] closing a clone wakes who waits on it, and only those", function()
  local send, receive = open(0)
  local send2, receive2 = send:clone(), receive:clone()
  local woken = t.log()
  trio.open_nursery(function(nursery)
    nursery:start_soon(function()
      t.raises(trio.ClosedResourceError, send.send, send, 1)
      woken "send"
    end)
    nursery:start_soon(function() send2:send(2) end)
    idle()
    send:close()
    idle()
    t.eq(woken.items, {"send"})
    t.eq(receive:receive(), 2)
    nursery:start_soon(function()
      t.raises(trio.ClosedResourceError, receive.receive, receive)
      woken "receive"
    end)
    nursery:start_soon(function() t.eq(receive2:receive(), 3) end)
    idle()
    receive:close()
    idle()
    t.eq(woken.items, {"send", "receive"})
    send2:send(3)
  end)
end)

t.test("[TR-CH-08 TR-CH-12] receivers drain what is left, then EndOfChannel", function()
  local send, receive = open(3)
  for i = 1, 3 do send:send_nowait(i) end
  send:close()
  t.eq(receive:receive(), 1)
  local rest = {}
  for value in receive do rest[#rest + 1] = value end
  t.eq(rest, {2, 3})
  t.raises(trio.EndOfChannel, receive.receive, receive)
  t.raises(trio.EndOfChannel, receive.receive_nowait, receive)
end)

t.test("[TR-CH-09] without receivers sending fails, and the buffer is dropped", function()
  local send, receive = open(1)
  send:send_nowait "lost"
  trio.open_nursery(function(nursery)
    nursery:start_soon(function() t.raises(trio.BrokenResourceError, send.send, send, 2) end)
    idle()
    receive:close()
  end)
  t.raises(trio.BrokenResourceError, send.send_nowait, send, 3)
  t.eq(send:statistics().current_buffer_used, 0)
end)

t.test("[TR-CH-10 D-46] a side is closed when all its clones are", function()
  local send, receive = open(1)
  local clone = receive:clone()
  receive:close()
  send:send(1)
  t.eq(clone:receive(), 1)
  clone:close()
  t.raises(trio.BrokenResourceError, send.send, send, 2)
end)

t.test("[TR-CH-13] a cancelled wait leaves the channel as it was", function()
  local send, receive = open(1)
  trio.move_on_after(0.001, function() receive:receive() end)
  send:send_nowait(1)
  trio.move_on_after(0.001, function() send:send(2) end)
  t.eq(receive:receive_nowait(), 1)
  t.raises(trio.WouldBlock, receive.receive_nowait, receive)
end)

t.test("[TR-CH-14] statistics", function()
  local send, receive = open(2)
  local clone = send:clone()
  send:send_nowait(1)
  clone:send_nowait(2)
  receive:receive()
  t.eq(receive:statistics(), {current_buffer_used = 1, max_buffer_size = 2,
    open_send_channels = 2, open_receive_channels = 1, tasks_waiting_send = 0,
    tasks_waiting_receive = 0, peak_buffer_used = 2})
end)

t.test("[TR-CH-15] an end that is collected is not closed", function()
  local receive = select(2, open(1))
  collectgarbage()
  collectgarbage()
  t.eq(receive:statistics().open_send_channels, 1)
end)

t.test("[TR-CHK-05] each step of a loop over a channel is a checkpoint, the last one, too", function()
  local send, receive = open(2)
  send:send_nowait(1)
  local switches = 0
  trio.open_nursery(function(nursery)
    nursery:start_soon(function()
      while true do
        trio.lowlevel.checkpoint()
        switches = switches + 1
      end
    end)
    send:close()
    local before = switches
    for _ in receive do before = switches end
    t.ok(switches >= before)
    trio.CancelScope(function(scope)
      scope:cancel()
      t.raises(trio.Cancelled, function()
        for _ in receive do t.fail "an item" end
      end)
    end)
    nursery.cancel_scope:cancel()
  end)
end)
