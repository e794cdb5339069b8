-- Fetches a page over HTTP or HTTPS, and gives up after ten seconds. Without an
-- address it fetches one from a server of its own.
--   anyrun http-get.lua https://example.org/
local anyio = require "anyio"

local function fetch(url)
  local scheme, host, port, path = url:match "^(https?)://([^:/]+):?(%d*)(.*)$"
  if not scheme then error("no such address: " .. url, 0) end
  local tls = scheme == "https"
  local server <close> = anyio.connect_tcp(host,
    tonumber(port) or tls and 443 or 80,
    { tls = tls, tls_standard_compatible = false })
  server:send(("GET %s HTTP/1.0\r\nHost: %s\r\n\r\n"):format(
    path == "" and "/" or path, host))
  local answer = {}
  for chunk in server do answer[#answer + 1] = chunk end
  local head, body = table.concat(answer):match "^(.-)\r\n\r\n(.*)$"
  return head, body
end

local function page(stream)
  local client <close> = stream
  client:receive()
  client:send "HTTP/1.0 200 OK\r\nServer: anyrun\r\n\r\nhello from here\n"
end

local function show(url)
  local _, head, body = anyio.fail_after(10, function() return fetch(url) end)
  print(head:match "^[^\r\n]*")
  io.write(body)
end

run(function()
  if arg[1] then return show(arg[1]) end
  local listener <close> = anyio.create_tcp_listener { local_host = "127.0.0.1" }
  local port = listener:extra(anyio.abc.SocketAttribute.local_port)
  anyio.create_task_group(function(tg)
    tg:start_soon(listener.serve, listener, page)
    show(("http://127.0.0.1:%d/"):format(port))
    tg.cancel_scope:cancel()
  end)
end)

-- Output:
-- HTTP/1.0 200 OK
-- hello from here
