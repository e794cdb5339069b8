--- What one request of an echo server over TCP costs it, with 50 connections.
-- arg: bytes of a message, requests, "p99" for how long 99 of 100 took at most.
-- Unit: us of processor time/request, or us. Beside it: a server in C.
local anyio = require "anyio"
local bytes, requests = tonumber(arg[1]) or 64, tonumber(arg[2]) or 100000
local folder = (os.getenv "BUILD" or "build") .. "/bench"
local load, source = folder .. "/tcpload", "test/bench/peers/tcpload.c"
assert(os.execute(("mkdir -p %s && { [ %s -nt %s ] || cc -O2 -o %s %s; }")
  :format(folder, load, source, load, source)))

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
  local used, done, slow = os.clock() - start, client:read("n", "n")
  client:close()
  print(arg[3] == "p99" and ("%.0f us"):format(slow)
    or ("%.2f us/request"):format(used * 1e6 / done))
  tg.cancel_scope:cancel()
end)
