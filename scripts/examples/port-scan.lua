-- Which ports of a host are open? Fifty are asked at a time, and each has one
-- second to answer. Without a host: three of its own, of which one is closed.
--   anyrun port-scan.lua localhost 1 1024
local anyio = require "anyio"

local function is_open(host, port)
  local scope = anyio.move_on_after(1, function()
    anyio.connect_tcp(host, port):aclose()
  end)
  return not scope.cancelled_caught
end

local function scan(host, ports)
  local limit = anyio.CapacityLimiter(50)
  local open = {}
  anyio.create_task_group(function(tg)
    for _, port in ipairs(ports) do
      tg:start_soon(function()
        local _ <close> = limit:acquire()
        open[port] = select(2, anyio.pcall(is_open, host, port)) == true
      end)
    end
  end)
  return open
end

local function range(first, last)
  local ports = {}
  for port = first, last do ports[#ports + 1] = port end
  return ports
end

run(function()
  if arg[1] then
    anyio.getaddrinfo(arg[1]) -- a host that nobody knows is an error
    local ports = range(tonumber(arg[2]) or 1, tonumber(arg[3]) or 1024)
    local open = scan(arg[1], ports)
    for _, port in ipairs(ports) do
      if open[port] then print(port) end
    end
    return
  end
  local listeners, ports = {}, {}
  for i = 1, 3 do
    listeners[i] = anyio.create_tcp_listener { local_host = "127.0.0.1" }
    ports[i] = listeners[i]:extra(anyio.abc.SocketAttribute.local_port)
  end
  listeners[2]:aclose()
  local open = scan("127.0.0.1", ports)
  for i = 1, 3 do print(i, open[ports[i]] and "open" or "closed") end
  listeners[1]:aclose()
  listeners[3]:aclose()
end)

-- Output:
-- 1	open
-- 2	closed
-- 3	open
