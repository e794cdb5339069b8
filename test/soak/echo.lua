--- An echo server under load, for scripts/soak.
--   anyrun echo.lua server anyio|native      prints its port, serves for ever
--   anyrun echo.lua clients PORT SECONDS     load; prints how many exchanges
-- Clients come and go: they end as they should, hang up in the middle, are
-- cancelled while they wait, or say nothing at all.

local anyio = require "anyio"

local CLIENTS <const> = 50
local LEFT <const> = { anyio.BrokenResourceError, anyio.ConnectionFailed }

-- Servers ---------------------------------------------------------------------

local function say_port(port)
  print("port " .. port)
  io.stdout:flush()
end

local function serve_anyio()
  local listener <close> = anyio.create_tcp_listener { local_host = "127.0.0.1" }
  say_port(listener:extra(anyio.abc.SocketAttribute.local_port))
  listener:serve(function(stream)
    local client <close> = stream
    local ok, err = anyio.pcall(function()
      for chunk in client do client:send(chunk) end
    end)
    if not ok and not anyio.isinstance(err, LEFT) then error(err, 0) end
  end)
end

local function serve_trio()
  local trio = require "trio"
  local listeners = trio.open_tcp_listeners(0, { host = "127.0.0.1" })
  say_port(listeners[1].socket:getsockname()[2])
  trio.serve_listeners(function(stream)
    local ok, err = anyio.pcall(function()
      for chunk in stream do stream:send_all(chunk) end
    end)
    if not ok and not anyio.isinstance(err, LEFT) then error(err, 0) end
  end, listeners)
end

local function serve_asyncio()
  local asyncio = require "asyncio"
  local server = asyncio.start_server(function(reader, writer)
    local ok, err = anyio.pcall(function()
      while true do
        local data = reader:read(65536)
        if data == "" then break end
        writer:write(data)
        writer:drain()
      end
    end)
    writer:close()
    if not ok and not anyio.isinstance(err, anyio.OSError) then error(err, 0) end
  end, "127.0.0.1", 0)
  say_port(server.sockets[1]:getsockname()[2])
  server:serve_forever()
end

-- Clients -----------------------------------------------------------------------

local exchanges = 0
local sizes = { 1, 64, 1024, 10240, 102400 }

local function receive_all(stream, n)
  while n > 0 do n = n - #stream:receive(n) end
end

local function exchange(stream)
  local data = ("x"):rep(sizes[math.random(#sizes)])
  anyio.create_task_group(function(tg)
    tg:start_soon(stream.send, stream, data)
    receive_all(stream, #data)
  end)
  exchanges = exchanges + 1
end

local endings = {
  function(stream) -- as it should be
    stream:send_eof()
    for _ in stream do end -- luacheck: ignore
  end,
  function() end, -- hangs up
  function(stream) stream:send(("x"):rep(100000)) end, -- with its answer unread
  function(stream) anyio.move_on_after(0.001, function() stream:receive() end) end,
  function(stream) -- cancelled in the middle of a big one
    anyio.move_on_after(0.005, function() while true do exchange(stream) end end)
  end,
}

local function client(port, until_when)
  while anyio.current_time() < until_when do
    local ok, err = anyio.pcall(function()
      local stream <close> = anyio.connect_tcp("127.0.0.1", port)
      for _ = 1, math.random(0, 50) do exchange(stream) end
      endings[math.random(#endings)](stream)
    end)
    if not ok and not anyio.isinstance(err, LEFT)
      and not anyio.isinstance(err, anyio.ExceptionGroup) then
      error(err, 0)
    end
  end
end

local function load(port, seconds)
  local until_when = anyio.current_time() + seconds
  anyio.create_task_group(function(tg)
    for _ = 1, CLIENTS do tg:start_soon(client, port, until_when) end
  end)
  print(exchanges)
end

run(function()
  if arg[1] == "clients" then
    load(tonumber(arg[2]), tonumber(arg[3]))
  elseif arg[2] == "native" then
    local native = current_async_library() == "trio" and serve_trio or serve_asyncio
    native()
  else
    serve_anyio()
  end
end)
