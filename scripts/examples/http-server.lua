-- A small HTTP server: GET / says hello, POST /echo gives the body back, every
-- client in a task of its own, connections kept alive.
--   anyrun http-server.lua 8080        curl http://localhost:8080/
local anyio = require "anyio"
local buffered = anyio.streams.buffered

local MAX_BODY <const> = 16 << 20 -- bytes

local function respond(stream, request, status, body)
  local head = { "HTTP/1.1 " .. status, "Content-Type: text/plain",
    "Content-Length: " .. #body, request.last and "Connection: close" or nil }
  stream:send(table.concat(head, "\r\n") .. "\r\n\r\n"
    .. (request.method == "HEAD" and "" or body))
end

local function read_head(stream)
  local head = stream:receive_until("\r\n\r\n", 65536) .. "\r\n"
  local method, path, minor = head:match "^(%u+) (%S+) HTTP/1%.(%d)\r\n"
  local headers = {}
  for name, value in head:gmatch "\r\n([%w-]+):[ \t]*([^\r\n]*)" do
    headers[name:lower()] = value
  end
  return { method = method, path = path, headers = headers,
    last = minor ~= "1" or (headers.connection or ""):lower() == "close" }
end

-- The body, or why there will be none.
local function read_body(stream, headers)
  local length = headers["content-length"] or "0"
  if headers["transfer-encoding"] then return nil, "411 Length Required" end
  if not length:find "^%d+$" then return nil, "400 Bad Request" end
  length = tonumber(length)
  if length > MAX_BODY then return nil, "413 Content Too Large" end
  if (headers.expect or ""):lower() == "100-continue" then
    stream:send "HTTP/1.1 100 Continue\r\n\r\n"
  end
  return stream:receive_exactly(length)
end

-- One request and its answer; false when there will be no other.
local function serve_one(stream)
  local request = read_head(stream)
  local method, path = request.method, request.path
  local body, refused = nil, "400 Bad Request"
  if method then body, refused = read_body(stream, request.headers) end
  if refused then
    request.last = true
    respond(stream, request, refused, refused .. "\n")
  elseif path == "/" and (method == "GET" or method == "HEAD") then
    respond(stream, request, "200 OK", "hello\n")
  elseif path == "/echo" and method == "POST" then
    respond(stream, request, "200 OK", body)
  else
    respond(stream, request, "404 Not Found", path .. " is not here\n")
  end
  return not request.last
end

local function gone() end -- what clients do wrong is no harm to the others

local function serve(stream)
  local client <close> = buffered.BufferedByteStream(stream)
  anyio.catch({
    [anyio.IncompleteRead] = gone, [anyio.BrokenResourceError] = gone,
    [anyio.DelimiterNotFound] = gone,
  }, function() repeat until not serve_one(client) end)
end

local function get(port, request)
  local server <close> = anyio.connect_tcp("localhost", port)
  server:send(request)
  server:send_eof()
  local answer = {}
  for chunk in server do answer[#answer + 1] = chunk end
  return table.concat(answer):match "^(.-)\r\n.-\r\n\r\n(.*)$"
end

run(function()
  local port = tonumber(arg[1]) -- 0: any
  io.stdout:setvbuf "line"
  local listener <close> = anyio.create_tcp_listener { local_port = port }
  if port then
    print("port " .. listener:extra(anyio.abc.SocketAttribute.local_port))
    return listener:serve(serve)
  end
  anyio.create_task_group(function(tg)
    tg:start_soon(listener.serve, listener, serve)
    port = listener:extra(anyio.abc.SocketAttribute.local_port)
    local status, body = get(port, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    print(status)
    io.write(body)
    tg.cancel_scope:cancel()
  end)
end)

-- Output:
-- HTTP/1.1 200 OK
-- hello
