-- A TLS stream whose receive had raised that the connection was reset tried the
-- closing handshake all the same when it was closed: a handler that had dealt
-- with the error raised another one as it left, and ended its server.

local anyio = require "anyio"
local peers = require "tlspeers"
local t = require "harness"

-- A stream that breaks when it is told to.
local function fragile(stream)
  local mine = { broken = false }
  function mine:receive()
    if self.broken then error(anyio.BrokenResourceError "reset", 0) end
    return stream:receive()
  end
  function mine:send(data)
    if self.broken then error(anyio.BrokenResourceError "gone", 0) end
    return stream:send(data)
  end
  function mine:aclose()
    self.closed = true
    stream:aclose()
  end
  return mine
end

t.test("a TLS stream that is known to be broken is closed without a word", function()
  local near, far = peers.pair()
  near = fragile(near)
  local client = peers.session { transports = { near, far } }
  near.broken = true
  t.raises(anyio.BrokenResourceError, client.receive, client)
  client:aclose()
  t.ok(near.closed)
  far:aclose()
end)
