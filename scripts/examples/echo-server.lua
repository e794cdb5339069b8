-- An echo server: each client gets back what it sends. With a port it serves
-- until control-C; without one it serves three clients of its own.
--   anyrun echo-server.lua 7777        nc localhost 7777
local anyio = require "anyio"

local function gone() end -- it broke off: the others are served all the same

local function echo(stream)
  local client <close> = stream
  anyio.catch({ [anyio.BrokenResourceError] = gone }, function()
    for chunk in client do client:send(chunk) end
  end)
end

local function ask(port, text)
  local server <close> = anyio.connect_tcp("localhost", port)
  server:send(text)
  server:send_eof()
  for answer in server do print(answer) end
end

run(function()
  local port = tonumber(arg[1]) -- 0: any
  io.stdout:setvbuf "line"
  local listener <close> = anyio.create_tcp_listener { local_port = port }
  if port then
    print("port " .. listener:extra(anyio.abc.SocketAttribute.local_port))
    return listener:serve(echo)
  end
  anyio.create_task_group(function(tg)
    tg:start_soon(listener.serve, listener, echo)
    port = listener:extra(anyio.abc.SocketAttribute.local_port)
    for _, text in ipairs { "one", "two", "three" } do ask(port, text) end
    tg.cancel_scope:cancel()
  end)
end)

-- Output:
-- one
-- two
-- three
