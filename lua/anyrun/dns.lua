--- Looks up names of hosts and services, for all faces.
-- Numbers stand for families, types and flags inside; outside they have their
-- names (`"AF_INET6"`), as all members of enumerations.

local dns_lib = require "_anyrun.dns"
local errors = require "anyrun.errors"
local options = require "anyrun.options"
local time_lib = require "_anyrun.time"

local error, ipairs, math_type = error, ipairs, math.type
local pairs, tonumber, tostring, type = pairs, tonumber, tostring, type

---@class anyrun.dns
local dns = {}

local function value_error(level, text, ...)
  error(errors.ValueError(text:format(...)), level + 1)
end

local MOST <const> = 0x7fffffff -- C's int

-- The number of a name of `rows`; a number stands for itself.
local function number_of(rows, what, value, level)
  if value == nil then return 0 end
  if math_type(value) == "integer" then
    if value >= 0 and value <= MOST then return value end
    value_error(level + 1, "there is no %s %d", what, value)
  end
  local number = rows[value]
  if number then return number end
  local known = {}
  for name in pairs(rows) do known[#known + 1] = name end
  table.sort(known)
  value_error(level + 1, "unknown %s '%s' (known: %s)", what, tostring(value),
    table.concat(known, ", "))
end

-- Flags: a number, a name, or a list of names and numbers.
local function flags_of(rows, value, level)
  if type(value) ~= "table" then
    return number_of(rows, "flag", value, level + 1)
  end
  local sum = 0
  for _, flag in ipairs(value) do
    sum = sum | number_of(rows, "flag", flag, level + 1)
  end
  return sum
end

--- Checks a port.
---@param port integer
---@param level integer whose line the error names
---@return integer port
---Checkpoint: never.
---Raises: ValueError when it is not within 0 and 65535.
---@usage dns.check_port(port, 3)
function dns.check_port(port, level)
  if port < 0 or port > 65535 then
    value_error(level, "port must be between 0 and 65535, not %.0f", port)
  end
  return port
end

local function service_of(port, level)
  local number = type(port) == "string" and port:match "^%d+$" and tonumber(port)
    or port
  if type(number) == "number" then dns.check_port(number, level + 1) end
  return port and tostring(port)
end

--- A host's name as it is looked up: ASCII, by IDNA 2008.
---@param host? string
---@return string?
---Checkpoint: never.
---Raises: ValueError when the name breaks IDNA's rules; NotImplementedError
--- when the system has no libidn2.
---@usage host = dns.to_ascii "bücher.example"
function dns.to_ascii(host)
  if not host or not host:find "[\x80-\xff]" then return host end
  return dns_lib.to_ascii(host)
end

--- The family of a host that is spelled as an address.
---@param host string
---@return string? "AF_INET", "AF_INET6", or nil where it is a name
---Checkpoint: never.
---@usage if dns.is_address(host) then return host end
dns.is_address = require("_anyrun.socket").numeric

-- What is quick is done at once, but is a checkpoint as well.
local function look_up(now, wait, ...)
  time_lib.checkpoint_if_cancelled()
  local first, second = now(...)
  if first == nil then return wait(...) end
  time_lib.cancel_shielded_checkpoint()
  return first, second
end

local LOOK_UP <const> = {
  family = "integer|string?", type = "integer|string?",
  proto = "integer|string?", flags = "integer|string|table?",
}

--- Looks up addresses as the system gives them: those of IPv6 have four
--- parts, host, port, flow information and scope.
---@param host? string a name or an address; nil: this machine
---@param port? integer|string a number, or a service's name
---@param opts? table `family`, `type`, `proto`, `flags`
---@param level? integer whose line an error names; 2, the caller's, when absent
---@return table[] entries `{family, type, proto, canonname, address}`
---Checkpoint: always.
---Raises: gaierror (an OSError) when there is none; ValueError for a name of
--- a family, type or flag that is not known.
---@usage local entries = dns.raw("localhost", 80)
function dns.raw(host, port, opts, level)
  level = level or 2
  options.arg("getaddrinfo", 1, host, "string?", level + 1)
  options.arg("getaddrinfo", 2, port, "integer|string?", level + 1)
  opts = options.check("getaddrinfo", opts, LOOK_UP, 3, level + 1)
  local family = number_of(dns_lib.families, "family", opts.family, level)
  local kind = number_of(dns_lib.types, "type", opts.type, level)
  local proto = number_of(dns_lib.protocols, "protocol", opts.proto, level)
  local flags = flags_of(dns_lib.flags, opts.flags, level)
  return (look_up(dns_lib.getaddrinfo_now, dns_lib.getaddrinfo,
    dns.to_ascii(host), service_of(port, level), family, kind, proto, flags))
end

--- Host and port of an address: a scope that is not zero follows the host.
---@param address table `{host, port, flow, scope}`
---@return string host
---@return integer port
---Checkpoint: never.
---@usage local host, port = dns.plain(entry[5])
function dns.plain(address)
  local scope = address[4]
  if scope and scope ~= 0 then
    return ("%s%%%d"):format(address[1], scope), address[2]
  end
  return address[1], address[2]
end

--- Looks up the addresses of a host.
---@param host? string a name or an address; nil: this machine
---@param port? integer|string a number, or a service's name
---@param opts? table `family` (`"AF_INET6"`), `type` (`"SOCK_STREAM"`), `proto`
--- (`"IPPROTO_TCP"`), `flags` (`"AI_PASSIVE"`, or a list)
---@return table[] entries `{family, type, proto, canonname, {host, port}}`
---Checkpoint: always.
---Raises: gaierror (an OSError) when there is none; ValueError for a name of
--- a family, type or flag that is not known.
---@usage local entries = anyio.getaddrinfo("localhost", 80)
function dns.getaddrinfo(host, port, opts)
  local entries = dns.raw(host, port, opts, 3)
  for _, entry in ipairs(entries) do entry[5] = { dns.plain(entry[5]) } end
  return entries
end

-- Flow information and scope: nil, or 32 bits.
local function is_part(value)
  return value == nil or math_type(value) == "integer" and value >> 32 == 0
end

local function check_address(address, level)
  local host, port = address[1], address[2]
  if type(host) ~= "string" or math_type(port) ~= "integer"
    or not is_part(address[3]) or not is_part(address[4]) then
    error("bad argument #1 to 'getnameinfo' ({host, port} expected, or {host, "
      .. "port, flow, scope})", level + 1)
  end
  dns.check_port(port, level + 1)
  return host, port
end

--- Looks up the names of an address.
---@param address table `{host, port}`, where the host is a number
---@param flags? integer|string|table a name such as `"NI_NUMERICHOST"`, a list
--- of names, or a table of options with the field `flags`
---@return string host
---@return string service
---Checkpoint: always.
---Raises: gaierror (an OSError) when there is none; ValueError for a flag
--- that is not known, or a port that is no port.
---@usage local host, service = anyio.getnameinfo({ "127.0.0.1", 80 })
function dns.getnameinfo(address, flags)
  options.arg("getnameinfo", 1, address, "table")
  local host, port = check_address(address, 2)
  if type(flags) == "table" and flags[1] == nil then
    flags = options.check("getnameinfo", flags,
      { flags = "integer|string|table?" }).flags
  else
    options.arg("getnameinfo", 2, flags, "integer|string|table?")
  end
  return look_up(dns_lib.getnameinfo_now, dns_lib.getnameinfo, host, port,
    flags_of(dns_lib.name_flags, flags, 2), address[3], address[4])
end

return dns
