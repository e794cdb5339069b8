--- sock_connect on a socket that was connected already did as if it had
--- connected it to the new address.

local asyncio = require "asyncio"
local t = require "harness"

t.test("a socket that is connected cannot be connected again", {backend = "asyncio"}, function()
  local loop = asyncio.get_running_loop()
  local listener <close> = asyncio.socket()
  listener:bind{"127.0.0.1", 0}
  listener:listen()
  local other <close> = asyncio.socket()
  other:bind{"127.0.0.1", 0}
  other:listen()
  local sock <close> = asyncio.socket()
  loop:sock_connect(sock, listener:getsockname())
  local err = t.raises("already connected", loop.sock_connect, loop, sock, other:getsockname())
  t.eq(err.code, "EISCONN")
  t.eq(sock:getpeername(), listener:getsockname())
end)
