--- The report of a deadlock says who holds what is waited for.
local anyio = require "anyio"
local t = require "harness"

t.test("[SY-22] a cycle of locks is named with the owners", {plain = true}, function()
  local err = t.raises(anyio.DeadlockError, t.run, function()
    local a, b = anyio.Lock(), anyio.Lock()
    local function take(first, second)
      local _ <close> = first:acquire()
      anyio.lowlevel.checkpoint()
      anyio.lowlevel.checkpoint()
      local _ <close> = second:acquire()
    end
    anyio.create_task_group(function(tg)
      tg:start_soon({take, name = "left"}, a, b)
      tg:start_soon({take, name = "right"}, b, a)
    end)
  end)
  t.match(tostring(err), "'left' waits for lock <Lock: locked, 1 waiting, held by 'right'>")
  t.match(tostring(err), "'right' waits for lock <Lock: locked, 1 waiting, held by 'left'>")
end)

t.test("[MS-24] a stream shows which of its ends are open", {plain = true}, function()
  local err = t.raises(anyio.DeadlockError, t.run, function()
    local send, receive = anyio.create_memory_object_stream()
    receive:receive()
    send:close()
  end)
  t.match(tostring(err), "an item from a stream <MemoryObjectReceiveStream: 0 of 0 buffered, 1 sending")
end)
