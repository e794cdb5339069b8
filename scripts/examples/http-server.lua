-- A small HTTP server: GET / says hello, POST /echo gives the body back, every
-- client in a task of its own, connections kept alive.
--   anyrun http-server.lua 8080        curl http://localhost:8080/
local anyio = require "anyio"
local buffered = anyio.streams.buffered

local function respond(stream, status, body)
  stream:send(("HTTP/1.1 %s\r\nContent-Type: text/plain\r\n"
    .. "Content-Length: %d\r\n\r\n%s"):format(status, #body, body))
end

local function read_head(stream)
  local head = stream:receive_until("\r\n\r\n", 65536)
  local method, path = head:match "^(%u+) (%S+) HTTP/1%.[01]\r\n"
  local headers = {}
  for name, value in (head .. "\r\n"):gmatch "\r\n([%w-]+):%s*([^\r\n]*)" do
    headers[name:lower()] = value
  end
  return method, path, headers
end

-- One request and its answer; false when the client wants no other.
local function serve_one(stream)
  local method, path, headers = read_head(stream)
  if method == nil then
    respond(stream, "400 Bad Request", "what?\n")
    return false
  end
  local body = stream:receive_exactly(tonumber(headers["content-length"]) or 0)
  if path == "/" then
    respond(stream, "200 OK", "hello\n")
  elseif path == "/echo" and method == "POST" then
    respond(stream, "200 OK", body)
  else
    respond(stream, "404 Not Found", path .. " is not here\n")
  end
  return (headers.connection or ""):lower() ~= "close"
end

local function serve(stream)
  local client <close> = buffered.BufferedByteStream(stream)
  local ok, err = anyio.pcall(function() repeat until not serve_one(client) end)
  local theirs = { anyio.IncompleteRead, anyio.BrokenResourceError,
    anyio.DelimiterNotFound } -- what clients do wrong
  if not ok and not anyio.isinstance(err, theirs) then error(err, 0) end
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
