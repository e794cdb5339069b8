--- Looking up names by asyncio's loop.

local dns = require "anyrun.dns"
local Loop = require("asyncio.loop").Loop

--- Looks up addresses in a thread.
---@param host? string a name or an address; nil: this machine
---@param port? integer|string a number, or a service's name
---@param opts? table `family`, `type`, `proto`, `flags`
---@return table[] entries `{family, type, proto, canonname, address}`, where the
--- address is `{host, port}` or, of IPv6, `{host, port, flow, scope}`
---Checkpoint: always.
---Raises: gaierror (an OSError) when there is none.
---@usage local entries = loop:getaddrinfo("localhost", 80)
function Loop:getaddrinfo(host, port, opts) -- luacheck: ignore 212
  return dns.raw(host, port, opts)
end

--- Looks up the names of an address in a thread.
---@param address table `{host, port}`
---@param flags? integer|string|table
---@return string host
---@return string service
---Checkpoint: always.
---Raises: gaierror (an OSError) when there is none.
---@usage local host, service = loop:getnameinfo({ "127.0.0.1", 80 })
function Loop:getnameinfo(address, flags) -- luacheck: ignore 212
  return dns.getnameinfo(address, flags)
end

return Loop
