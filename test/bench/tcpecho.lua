--- What one request of an echo server over TCP costs it, with 50 connections.
-- Arguments and unit: see shared/tcpload.lua. Beside it: a server in C, and the
-- native streams of both backends (native/tcpecho.lua).
local anyio = require "anyio"
local load = dofile "test/bench/shared/tcpload.lua"

local function echo(accepted)
  local stream <close> = accepted
  anyio.pcall(function()
    for chunk in stream do stream:send(chunk) end
  end)
end

anyio.create_task_group(function(tg)
  local listener <close> = anyio.create_tcp_listener{local_host = "127.0.0.1"}
  tg:start_soon(listener.serve, listener, echo, tg)
  load(listener:extra(anyio.abc.SocketAttribute.local_port))
  tg.cancel_scope:cancel()
end)
