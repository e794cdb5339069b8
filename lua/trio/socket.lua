--- trio.socket: names of hosts and services.

local dns = require "anyrun.dns"
local errors = require "anyrun.errors"
local guard = require "trio.guard"

---@class trio.socket
local socket = { gaierror = errors.gaierror }

--- Looks up addresses, in a thread where that is not done at once.
---@param host? string a name or an address; nil: this machine
---@param port? integer|string a number, or a service's name
---@param opts? table `family`, `type`, `proto`, `flags`
---@return table[] entries `{family, type, proto, canonname, address}`, where the
--- address is `{host, port}` or, of IPv6, `{host, port, flow, scope}`
---Checkpoint: always.
---Raises: gaierror (an OSError) when there is none.
---@usage local entries = trio.socket.getaddrinfo("localhost", 80)
function socket.getaddrinfo(host, port, opts)
  guard.needs_trio "socket.getaddrinfo"
  return dns.raw(host, port, opts)
end

--- Looks up the names of an address.
---@param address table `{host, port}`
---@param flags? integer|string|table
---@return string host
---@return string service
---Checkpoint: always.
---Raises: gaierror (an OSError) when there is none.
---@usage local host, service = trio.socket.getnameinfo({ "127.0.0.1", 80 })
function socket.getnameinfo(address, flags)
  guard.needs_trio "socket.getnameinfo"
  return dns.getnameinfo(address, flags)
end

return socket
