--- Memory object streams: items in order, each exactly once.
local anyio = require "anyio"
local t = require "harness"
local open = anyio.create_memory_object_stream

local function close(...)
  for _, s in ipairs{...} do s:close() end
end

t.test("[MS-01 MS-27] the size of the buffer, outside a run", {plain = true}, function()
  t.raises(anyio.ValueError, open, 1.0)
  t.raises(anyio.ValueError, open, -1)
  t.raises("bad argument #1 to 'create_memory_object_stream'", open, "1")
  local send, receive = open(math.huge)
  t.eq(send:statistics().max_buffer_size, math.huge)
  for i = 1, 100 do send:send_nowait(i) end
  for i = 1, 100 do t.eq(receive:receive_nowait(), i) end
  t.raises(anyio.WouldBlock, receive.receive_nowait, receive)
  close(send, receive)
  send, receive = open()
  t.eq(send:statistics().max_buffer_size, 0)
  t.raises(anyio.WouldBlock, send.send_nowait, send, 1)
  t.raises("bad argument #1 to 'send_nowait' (nil cannot be sent)", function()
    send:send_nowait(nil)
  end)
  t.raises("nil cannot be sent", send.send_nowait, send, nil)
  close(send, receive)
end)

t.test("[MS-02 MS-03] a receiver first, then a sender, without buffer", function()
  local send, receive = open()
  local got = {}
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      for i = 1, 2 do got[i] = receive:receive() end
    end)
    anyio.wait_all_tasks_blocked()
    send:send "hello"
    send:send(false)
  end)
  t.eq(got, {"hello", false})
  close(send, receive)
end)

t.test("[MS-03 MS-05] send_nowait feeds a receiver that waits", function()
  local send, receive = open()
  local got = {}
  anyio.create_task_group(function(tg)
    local function take()
      local item = receive:receive()
      got[#got + 1] = item
    end
    tg:start_soon(take)
    tg:start_soon(take)
    anyio.wait_all_tasks_blocked()
    send:send_nowait(1)
    send:send_nowait(2)
    t.raises(anyio.WouldBlock, send.send_nowait, send, 3)
  end)
  table.sort(got)
  t.eq(got, {1, 2})
  close(send, receive)
end)

t.test("[MS-02 MS-04] send_nowait into the buffer, receive_nowait from it", function()
  local send, receive = open(2)
  send:send_nowait(1)
  send:send_nowait(2)
  t.raises(anyio.WouldBlock, send.send_nowait, send, 3)
  t.eq(receive:receive_nowait(), 1)
  send:send_nowait(3)
  t.eq(receive:receive_nowait(), 2)
  t.eq(receive:receive_nowait(), 3)
  close(send, receive)
end)

t.test("[MS-04] receive_nowait takes from a blocked sender", function()
  local send, receive = open()
  anyio.create_task_group(function(tg)
    tg:start_soon(function() send:send "hello" end)
    anyio.wait_all_tasks_blocked()
    t.eq(receive:receive_nowait(), "hello")
  end)
  close(send, receive)
end)

t.test("[MS-06] and lets the first blocked sender into a full buffer", function()
  local send, receive = open(1)
  send:send_nowait(1)
  anyio.fail_after(3, function()
    anyio.create_task_group(function(tg)
      tg:start_soon(function() send:send(2) end)
      anyio.wait_all_tasks_blocked()
      t.eq(receive:receive_nowait(), 1)
      t.eq(send:statistics().current_buffer_used, 1)
      t.eq(send:statistics().tasks_waiting_send, 0)
    end)
  end)
  t.eq(receive:receive_nowait(), 2)
  close(send, receive)
end)

t.test("[MS-02] many items, producers and consumers, any size", function()
  for _, size in ipairs{0, 1, 7, math.huge} do
    local send, receive = open(size)
    local seen, n = {}, 0
    anyio.create_task_group(function(tg)
      for p = 1, 3 do
        local clone = send:clone()
        tg:start_soon(function()
          local mine <close> = clone
          for i = 1, 50 do mine:send(p * 1000 + i) end
        end)
      end
      send:close()
      for _ = 1, 3 do
        local last = {}
        tg:start_soon(function()
          for item in receive do
            t.no(seen[item])
            seen[item], n = true, n + 1
            local p = item // 1000
            t.ok(item > (last[p] or 0), "the order of one producer")
            last[p] = item
          end
        end)
      end
    end)
    t.eq(n, 150)
    close(receive)
  end
end)

t.test("[MS-07] iterating ends quietly when every sender is closed", function()
  local send, receive = open()
  local got = {}
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      for item in receive do got[#got + 1] = item end
    end)
    for i = 1, 3 do send:send(i) end
    send:close()
  end)
  t.eq(got, {1, 2, 3})
  close(receive)
end)

t.test("[MS-08] in a cancelled scope nothing is sent, received or lost", function()
  local send, receive = open(1)
  local scope = anyio.CancelScope(function(scope)
    scope:cancel()
    t.raises(anyio.Cancelled, send.send, send, "x")
  end)
  t.no(scope.cancelled_caught)
  t.raises(anyio.WouldBlock, receive.receive_nowait, receive)
  send:send_nowait "hello"
  anyio.CancelScope(function(s)
    s:cancel()
    t.raises(anyio.Cancelled, receive.receive, receive)
  end)
  t.eq(receive:receive(), "hello")
  close(send, receive)
end)

t.test("[MS-08] sending and receiving let others run", function()
  local send, receive = open(100)
  local n = 0
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      while true do
        anyio.lowlevel.checkpoint()
        n = n + 1
      end
    end)
    for i = 1, 10 do send:send(i) end
    t.ok(n >= 5)
    for _ = 1, 10 do receive:receive() end
    t.ok(n >= 10)
    tg.cancel_scope:cancel()
  end)
  close(send, receive)
end)

t.test("[MS-24] statistics from either end", function()
  local send, receive = open(1)
  local function stats(used, sends, receives, sending, receiving)
    for _, s in ipairs{send, receive} do
      t.eq(s:statistics(), {current_buffer_used = used, max_buffer_size = 1,
        open_send_streams = sends, open_receive_streams = receives,
        tasks_waiting_send = sending, tasks_waiting_receive = receiving})
    end
  end
  stats(0, 1, 1, 0, 0)
  anyio.create_task_group(function(tg)
    tg:start_soon(function() receive:receive() end)
    anyio.wait_all_tasks_blocked()
    stats(0, 1, 1, 0, 1)
    send:send_nowait(1)
    stats(0, 1, 1, 0, 0)
    send:send_nowait(2)
    stats(1, 1, 1, 0, 0)
    tg:start_soon(function() send:send(3) end)
    anyio.wait_all_tasks_blocked()
    stats(1, 1, 1, 1, 0)
    t.eq(receive:receive(), 2)
    stats(1, 1, 1, 0, 0)
    t.eq(receive:receive(), 3)
  end)
  local send2, receive2 = send:clone(), receive:clone()
  stats(0, 2, 2, 0, 0)
  send2:close()
  stats(0, 1, 2, 0, 0)
  receive2:close()
  close(send)
  stats(0, 0, 1, 0, 0)
  close(receive)
  stats(0, 0, 0, 0, 0)
end)

t.test("[MS-26] a stream prints while somebody waits for an item", function()
  local send, receive = open()
  anyio.create_task_group(function(tg)
    tg:start_soon(function() receive:receive() end)
    anyio.wait_all_tasks_blocked()
    t.match(tostring(receive), "^<MemoryObjectReceiveStream: 0 of 0 buffered, 1 sending and 1 receiving open>$")
    t.match(tostring(send), "^<MemoryObjectSendStream")
    send:send_nowait(1)
  end)
  close(send, receive)
  t.match(tostring(send), "closed")
end)
