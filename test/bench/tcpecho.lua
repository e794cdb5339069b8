--- What one request of an echo server over TCP costs it, with 50 connections.
-- arg: bytes of a message, requests. Unit: us of processor time/request.
local anyio = require "anyio"
local bytes, requests = tonumber(arg[1]) or 64, tonumber(arg[2]) or 100000
local folder = (os.getenv "BUILD" or "build") .. "/bench"
local load = folder .. "/tcpload"
assert(os.execute(("mkdir -p %s && { [ -x %s ] || cc -O2 -o %s test/bench/peers/tcpload.c; }")
  :format(folder, load, load)))

local function echo(accepted)
  local stream <close> = accepted
  anyio.pcall(function()
    for chunk in stream do stream:send(chunk) end
  end)
end

anyio.create_task_group(function(tg)
  local listener <close> = anyio.create_tcp_listener{local_host = "127.0.0.1"}
  local port = listener:extra(anyio.abc.SocketAttribute.local_port)
  tg:start_soon(listener.serve, listener, echo, tg)
  local start = os.clock()
  local client = assert(io.popen(("%s %d 50 %d %d"):format(load, port, bytes, requests)))
  anyio.wait_readable(client)
  local done = client:read "n"
  client:close()
  print(("%.2f us/request"):format((os.clock() - start) * 1e6 / done))
  tg.cancel_scope:cancel()
end)
