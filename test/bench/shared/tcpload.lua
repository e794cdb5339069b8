--- The load on an echo server over TCP: 50 connections ask and wait for the
-- answer. A function of the server's port; it says what a request cost, or how
-- long 99 of 100 took at most.
-- arg: bytes of a message, requests, "p99". Unit: us of processor time/request, or us.
local anyio = require "anyio"
local bytes, requests = tonumber(arg[1]) or 64, tonumber(arg[2]) or 100000
local folder = (os.getenv "BUILD" or "build") .. "/bench"
local program, source = folder .. "/tcpload", "test/bench/peers/tcpload.c"
assert(os.execute(("mkdir -p %s && { [ %s -nt %s ] || cc -O2 -o %s %s; }")
  :format(folder, program, source, program, source)))

return function(port)
  local start = os.clock()
  local client = assert(io.popen(("%s %d 50 %d %d"):format(program, port, bytes, requests)))
  anyio.wait_readable(client)
  local used, done, slow = os.clock() - start, client:read("n", "n")
  client:close()
  print(arg[3] == "p99" and ("%.0f us"):format(slow)
    or ("%.2f us/request"):format(used * 1e6 / done))
end
