-- Code that cannot wait, like a plain script, uses an event loop that runs in a
-- thread of its own. What is called through the portal is copied to it; what
-- cannot be copied (a channel, here) stays there, and is referred to.
local anyio = require "anyio"

local function produce(send, n)
  for i = 1, n do
    sleep(0.001)
    send:send(i * i)
  end
  send:close()
  return "produced"
end

anyio.from_thread.start_blocking_portal(function(portal)
  print("the loop is " .. portal:call(current_async_library))
  local send, receive = portal:call(anyio.create_memory_object_stream)
  local future = portal:start_task_soon(produce, send, 3)
  for _ = 1, 3 do print(portal:call(receive.receive, receive)) end
  print(future:result())
  portal:call(receive.close, receive)
end)

-- Output:
-- the loop is BACKEND
-- 1
-- 4
-- 9
-- produced
