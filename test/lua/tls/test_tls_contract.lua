--- TLS streams and listeners, held against the contracts of all streams.
local contracts = require "lua.streams.contracts"
local memory = require "lua.streams.memory_listener"
local peers = require "tlspeers"
local tls = require "anyio.streams.tls"

-- Without a closing handshake: either end may go first, as the contract has it.
-- There is no send_eof to be checked (TLS-11).
contracts.byte_stream("TLSStream", function()
  return peers.session{standard_compatible = false}
end)

contracts.listener("TLSListener", function()
  local plain = memory.Listener()
  local secure = tls.TLSListener(plain, peers.server_context(),
    {standard_compatible = false})
  return secure, function()
    return tls.TLSStream.wrap(plain:connect(), {hostname = "localhost",
      ssl_context = peers.client_context(), standard_compatible = false})
  end
end)
