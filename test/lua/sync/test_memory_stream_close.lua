--- Memory object streams: closing an end, and cancelling who waits.
local anyio = require "anyio"
local t = require "harness"
local open = anyio.create_memory_object_stream

local function close(...)
  for _, s in ipairs{...} do s:close() end
end

t.test("[MS-09] a closed end can only be closed", function()
  local send, receive = open(1)
  close(send, receive)
  t.raises(anyio.ClosedResourceError, send.send_nowait, send, 1)
  t.raises(anyio.ClosedResourceError, send.send, send, 1)
  t.raises(anyio.ClosedResourceError, send.clone, send)
  t.raises(anyio.ClosedResourceError, receive.receive_nowait, receive)
  t.raises(anyio.ClosedResourceError, receive.receive, receive)
  t.raises(anyio.ClosedResourceError, receive.clone, receive)
end)

t.test("[MS-10] what was sent is received before the end", function()
  local send, receive = open(2)
  send:send_nowait(1)
  send:send_nowait(2)
  send:close()
  t.eq(receive:receive(), 1)
  t.eq(receive:receive_nowait(), 2)
  t.raises(anyio.EndOfStream, receive.receive, receive)
  t.raises(anyio.EndOfStream, receive.receive_nowait, receive)
  receive:close()
end)

t.test("[MS-11] sending to nobody raises BrokenResourceError", function()
  local send, receive = open(1)
  receive:close()
  t.raises(anyio.BrokenResourceError, send.send, send, 1)
  t.raises(anyio.BrokenResourceError, send.send_nowait, send, 1)
  send:close()
end)

t.test("[MS-12] closing the last sender wakes receivers with EndOfStream", function()
  local send, receive = open()
  local clone = send:clone()
  anyio.create_task_group(function(tg)
    for _ = 1, 2 do
      tg:start_soon(function() t.raises(anyio.EndOfStream, receive.receive, receive) end)
    end
    anyio.wait_all_tasks_blocked()
    send:close()
    t.eq(receive:statistics().tasks_waiting_receive, 2)
    clone:close()
    t.eq(receive:statistics().tasks_waiting_receive, 0)
  end)
  receive:close()
end)

t.test("[MS-13] closing the last receiver wakes senders with BrokenResourceError", function()
  for _, item in ipairs{"item", false} do
    local send, receive = open()
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        t.raises(anyio.BrokenResourceError, send.send, send, item)
      end)
      anyio.wait_all_tasks_blocked()
      receive:close()
    end)
    send:close()
  end
end)

t.test("[MS-14] a receiver that closes after it took the item breaks nothing", function()
  local send, receive = open()
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      t.eq(receive:receive(), "hello")
      receive:close()
    end)
    anyio.wait_all_tasks_blocked()
    send:send "hello"
  end)
  send:close()
end)

t.test("[MS-15] closing the end one waits on does not wake", function()
  local send, receive = open()
  anyio.create_task_group(function(tg)
    tg:start_soon(function() send:send "late" end)
    anyio.wait_all_tasks_blocked()
    send:close()
    anyio.wait_all_tasks_blocked()
    t.eq(receive:statistics().tasks_waiting_send, 1)
    t.eq(receive:receive(), "late")
  end)
  t.raises(anyio.EndOfStream, receive.receive, receive)
  receive:close()
end)

t.test("[MS-16 MS-17] clones share one end, which is open while one of them is", function()
  local send, receive = open(10)
  local send2, receive2 = send:clone(), receive:clone()
  send:close()
  send2:send(1)
  send2:send(2)
  t.eq(receive:receive(), 1)
  receive:close()
  t.eq(receive2:receive(), 2)
  t.raises(anyio.WouldBlock, receive2.receive_nowait, receive2)
  send2:close()
  t.raises(anyio.EndOfStream, receive2.receive, receive2)
  receive2:close()
end)

t.test("[MS-17] an original left open keeps the loop of the other end going", function()
  local send, receive = open(1)
  local clone = send:clone()
  clone:send(1)
  clone:close()
  local got = 0
  local scope = anyio.move_on_after(0.1, function()
    for _ in receive do got = got + 1 end
  end)
  t.eq(got, 1)
  t.ok(scope.cancelled_caught)
  close(send, receive)
end)

t.test("[MS-18] closing is no checkpoint, scoped, and may be repeated", function()
  local send, receive = open(1)
  anyio.CancelScope(function(scope)
    scope:cancel()
    send:aclose()
    send:close()
    receive:aclose()
  end)
  local kept
  do
    local a, b = open()
    local s <close> = a
    local r <close> = b
    kept = s
    r:close()
  end
  t.raises(anyio.ClosedResourceError, kept.send_nowait, kept, 1)
  local s, r = open()
  anyio.with(s, function() end)
  anyio.with(r, function() end)
  t.ok(s:_is_closed())
end)

t.test("[MS-04 MS-19 MS-20] a cancelled wait withdraws", function()
  local send, receive = open()
  anyio.create_task_group(function(tg)
    tg:start_soon(function() receive:receive() end)
    anyio.wait_all_tasks_blocked()
    tg.cancel_scope:cancel()
  end)
  t.raises(anyio.WouldBlock, send.send_nowait, send, "hello")
  anyio.create_task_group(function(tg)
    tg:start_soon(function() send:send "hello" end)
    anyio.wait_all_tasks_blocked()
    tg.cancel_scope:cancel()
  end)
  t.raises(anyio.WouldBlock, receive.receive_nowait, receive)
  close(send, receive)
end)

t.test("[MS-21] handed an item, then cancelled: the item is received", function()
  local send, receive = open()
  local got
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      got = receive:receive()
      t.raises(anyio.Cancelled, anyio.lowlevel.checkpoint)
    end)
    anyio.wait_all_tasks_blocked()
    send:send_nowait "hello"
    tg.cancel_scope:cancel()
  end)
  t.eq(got, "hello")
  close(send, receive)
end)

t.test("[MS-22] cancelled, then sent: the item goes elsewhere", function()
  local send, receive = open(1)
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      receive:receive()
      t.fail "received"
    end)
    anyio.wait_all_tasks_blocked()
    tg.cancel_scope:cancel()
    send:send_nowait "buffered"
  end)
  t.eq(receive:receive_nowait(), "buffered")
  local got
  anyio.create_task_group(function(tg)
    local first = tg:create_task(function() receive:receive() end)
    anyio.wait_all_tasks_blocked()
    tg:start_soon(function() got = receive:receive() end)
    anyio.wait_all_tasks_blocked()
    first:cancel()
    send:send_nowait "next"
  end)
  t.eq(got, "next")
  close(send, receive)
end)

t.test("[MS-23] a native cancel before or after the item loses nothing", {backend = "asyncio"},
  function()
    local asyncio = require "asyncio"
    for _, cancel_first in ipairs{true, false} do
      local send, receive = open(1)
      local task = asyncio.create_task(function() return receive:receive() end)
      anyio.wait_all_tasks_blocked()
      if cancel_first then task:cancel() end
      send:send_nowait "hello"
      if not cancel_first then task:cancel() end
      t.raises(anyio.Cancelled, task.await, task)
      t.eq(receive:receive_nowait(), "hello")
      close(send, receive)
    end
  end)

t.test("[MS-23] the item of one that is cancelled natively is the next one's", {backend = "asyncio"},
  function()
    local asyncio = require "asyncio"
    local send, receive = open()
    local first = asyncio.create_task(function() return receive:receive() end)
    anyio.wait_all_tasks_blocked()
    local second = asyncio.create_task(function() return receive:receive() end)
    anyio.wait_all_tasks_blocked()
    send:send_nowait "hello"
    first:cancel()
    t.eq(second:await(), "hello")
    t.raises(anyio.Cancelled, first.await, first)
    local third = asyncio.create_task(function() return receive:receive() end)
    anyio.wait_all_tasks_blocked()
    send:send_nowait "again"
    third:cancel()
    t.raises(anyio.Cancelled, third.await, third)
    t.eq(receive:receive(), "again")
    close(send, receive)
  end)

t.test("[MS-25] an end that is collected is closed", function()
  local receive = select(2, open())
  collectgarbage()
  collectgarbage()
  t.raises(anyio.EndOfStream, receive.receive, receive)
  receive:close()
end)
