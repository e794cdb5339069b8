--- The echo server of ../tcpecho.lua on the backend's own streams: asyncio's
-- StreamReader and StreamWriter, trio's SocketStream.
local anyio = require "anyio"
local load = dofile "test/bench/shared/tcpload.lua"

-- The load ends its connections by resetting them: no error here.
local function on_asyncio()
  local asyncio = require "asyncio"
  local server <close> = asyncio.start_server(function(reader, accepted)
    anyio.pcall(function()
      local writer <close> = accepted
      while true do
        local data = reader:read(65536)
        if data == "" then return end
        writer:write(data)
        writer:drain()
      end
    end)
  end, "127.0.0.1", 0)
  load(server.sockets[1]:getsockname()[2])
end

local function echo(stream)
  anyio.pcall(function()
    while true do
      local data = stream:receive_some()
      if data == "" then return end
      stream:send_all(data)
    end
  end)
end

local function on_trio()
  local trio = require "trio"
  trio.open_nursery(function(nursery)
    local listeners = nursery:start(trio.serve_tcp, echo, 0, { host = "127.0.0.1" })
    load(listeners[1].socket:getsockname()[2])
    nursery.cancel_scope:cancel()
  end)
end

if current_async_library() == "asyncio" then on_asyncio() else on_trio() end
