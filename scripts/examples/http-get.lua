-- Fetches a page over HTTP or HTTPS, and gives up after ten seconds. Without an
-- address it fetches one from a server of its own.
--   anyrun http-get.lua https://example.org/
local anyio = require "anyio"

-- http://host/path, https://[::1]:8443?query
local function parse(url)
  local scheme, site, path = url:match "^(https?)://([^/?#]+)([^#]*)"
  if not scheme then error("no such address: " .. url, 0) end
  local host, port = site:match "^%[(.*)%]:?(%d*)$"
  if not host then host, port = site:match "^([^:]+):?(%d*)$" end
  if not host then error("no such host: " .. site, 0) end
  if path:sub(1, 1) ~= "/" then path = "/" .. path end
  local tls = scheme == "https"
  return host, tonumber(port) or tls and 443 or 80, tls, site, path
end

local function fetch(url)
  local host, port, tls, site, path = parse(url)
  local server <close> = anyio.connect_tcp(host, port,
    { tls = tls, tls_standard_compatible = false })
  server:send(("GET %s HTTP/1.0\r\nHost: %s\r\n\r\n"):format(path, site))
  local answer = {}
  for chunk in server do answer[#answer + 1] = chunk end
  local head, body = table.concat(answer):match "^(HTTP/.-)\r\n\r\n(.*)$"
  if not head then error(site .. " does not speak HTTP", 0) end
  local length = head:lower():match "\r\ncontent%-length: *(%d+)"
  if length and #body < tonumber(length) then error("the page is cut off", 0) end
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
