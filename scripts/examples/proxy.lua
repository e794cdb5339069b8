-- A proxy: bytes go both ways until each side has said its end. Nothing is
-- kept: a slow reader slows down who writes to it.
--   anyrun proxy.lua 8080 example.org 80
local anyio = require "anyio"

local function gone() end -- one side broke off: the other is closed, too

-- The end of one direction is passed on; the other direction goes on.
local function pump(from, to)
  for chunk in from do to:send(chunk) end
  to:send_eof()
end

local function proxy_to(target)
  return function(stream)
    local client <close> = stream
    local ok, server = anyio.pcall(target.connect, target)
    if not ok then return end
    local upstream <close> = server
    anyio.catch({ [anyio.BrokenResourceError] = gone }, function()
      anyio.create_task_group(function(tg)
        tg:start_soon(pump, client, upstream)
        tg:start_soon(pump, upstream, client)
      end)
    end)
  end
end

local function upper(stream)
  local client <close> = stream
  for chunk in client do client:send(chunk:upper()) end
end

local function port_of(listener)
  return listener:extra(anyio.abc.SocketAttribute.local_port)
end

run(function()
  local listener <close> = anyio.create_tcp_listener { local_port = tonumber(arg[1]) }
  if arg[1] then
    io.stdout:setvbuf "line"
    print("port " .. port_of(listener))
    if not arg[3] then error("usage: proxy.lua PORT HOST PORT", 0) end
    local target = anyio.as_connectable { arg[2], math.tointeger(arg[3]) }
    return listener:serve(proxy_to(target))
  end
  local shouter <close> = anyio.create_tcp_listener { local_host = "127.0.0.1" }
  anyio.create_task_group(function(tg)
    tg:start_soon(shouter.serve, shouter, upper)
    local target = anyio.TCPConnectable("127.0.0.1", port_of(shouter))
    tg:start_soon(listener.serve, listener, proxy_to(target))
    local client <close> = anyio.connect_tcp("127.0.0.1", port_of(listener))
    client:send "through the proxy"
    client:send_eof()
    for answer in client do print(answer) end
    tg.cancel_scope:cancel()
  end)
end)

-- Output:
-- THROUGH THE PROXY
