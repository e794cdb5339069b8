--- Streams and listeners of sockets, held against their contracts.
local anyio = require "anyio"
local contracts = require "lua.streams.contracts"
local stapled = require "anyio.streams.stapled"

-- Two connected streams, by a listener that is closed again.
local function pair_by(open, connect)
  return function()
    local listener <close> = open()
    local send, receive = anyio.create_memory_object_stream(1)
    local a, b
    anyio.create_task_group(function(tg)
      tg:start_soon(listener.serve, listener, function(stream) send:send(stream) end)
      a = connect(listener)
      b = receive:receive()
      tg.cancel_scope:cancel()
    end)
    send:close()
    receive:close()
    return a, b
  end
end

local function open_tcp() return anyio.create_tcp_listener{local_host = "127.0.0.1"} end

local function connect_tcp(listener)
  return anyio.connect_tcp("127.0.0.1", listener:extra(anyio.abc.SocketAttribute.local_port))
end

contracts.byte_stream("a TCP stream", pair_by(open_tcp, connect_tcp), {both_ways = true})

contracts.listener("a TCP listener", function()
  local listener = open_tcp()
  return listener, function() return connect_tcp(listener) end
end)

-- A listener of a path that is removed when it is closed.
local function open_unix()
  local path = os.tmpname()
  os.remove(path)
  local listener = stapled.MultiListener{anyio.create_unix_listener(path)}
  function listener.aclose(self)
    stapled.MultiListener.aclose(self)
    os.remove(path)
  end
  return listener, function() return anyio.connect_unix(path) end
end

contracts.byte_stream("a UNIX stream", pair_by(open_unix, function(listener)
  return anyio.connect_unix(listener:extra(anyio.abc.SocketAttribute.local_address))
end), {both_ways = true})

contracts.listener("a UNIX listener", open_unix)
