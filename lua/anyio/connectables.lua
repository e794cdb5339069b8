--- Connectables: where to connect to, said once and used as often as wanted.

local class = require "anyrun.class"
local contracts = require "anyio.abc.streams"
local dial = require "anyrun.dial"
local errors = require "anyrun.errors"
local options = require "anyrun.options"

local error, getmetatable, math_type = error, getmetatable, math.type
local isinstance, rethrow, try = errors.isinstance, errors.rethrow, errors.try
local require, tostring, type = require, tostring, type

---@class anyio.connectables
local connectables = {}

-- The stream, or a ConnectionFailed with the system's error as its cause.
local function connect(where, f, ...)
  local ok, stream = try(f, ...)
  if ok then return stream end
  if not isinstance(stream, errors.OSError) then rethrow(stream) end
  error(errors.ConnectionFailed(
    ("error connecting to %s: %s"):format(where, stream.message),
    { cause = stream, code = stream.code, errno = stream.errno }), 0)
end

--- Connects to a host over TCP.
---@class anyio.TCPConnectable : anyio.abc.ByteStreamConnectable
---@field host string
---@field port integer
local TCPConnectable = class.new("TCPConnectable", contracts.ByteStreamConnectable)
connectables.TCPConnectable = TCPConnectable

--- Notes where to connect to.
---@param host string a name or an address
---@param port integer
---Checkpoint: never.
---Raises: ValueError unless the port is within 1 and 65535.
---@usage local web = anyio.TCPConnectable("example.org", 80)
function TCPConnectable:_init(host, port)
  options.arg("TCPConnectable", 1, host, "string", 4)
  options.arg("TCPConnectable", 2, port, "integer", 4)
  if port < 1 or port > 65535 then
    error(errors.ValueError(
      ("TCP port number out of range: %d (1 to 65535 are)"):format(port)), 3)
  end
  self.host, self.port = host, port
end

--- Connects.
---@return anyio.abc.SocketStream
---Checkpoint: always.
---Raises: ConnectionFailed, whose cause is what failed.
---@usage local stream <close> = web:connect()
function TCPConnectable:connect()
  return connect(("%s:%d"):format(self.host, self.port),
    require("anyio.sockets").connect_tcp, self.host, self.port)
end

function TCPConnectable:__tostring()
  return ("<TCPConnectable: %s port %d>"):format(self.host, self.port)
end

--- Connects to a UNIX socket.
---@class anyio.UNIXConnectable : anyio.abc.ByteStreamConnectable
---@field path string|anyio.Path
local UNIXConnectable =
  class.new("UNIXConnectable", contracts.ByteStreamConnectable)
connectables.UNIXConnectable = UNIXConnectable

--- Notes where to connect to.
---@param path string|anyio.Path
---Checkpoint: never.
---@usage local redis = anyio.UNIXConnectable "/run/redis.sock"
function UNIXConnectable:_init(path)
  options.arg("UNIXConnectable", 1, path, "string|table|userdata", 4)
  self.path = path
end

--- Connects.
---@return anyio.abc.UNIXSocketStream
---Checkpoint: always.
---Raises: ConnectionFailed, whose cause is what failed.
---@usage local stream <close> = redis:connect()
function UNIXConnectable:connect()
  return connect(("'%s'"):format(tostring(self.path)),
    require("anyio.sockets").connect_unix, self.path)
end

function UNIXConnectable:__tostring()
  return ("<UNIXConnectable: %s>"):format(tostring(self.path))
end

local TLS <const> = {
  tls = "boolean?", tls_hostname = "string?", tls_standard_compatible = "boolean?",
  ssl_context = dial.is_context,
}

-- A path is a string, or an object that says which one it is.
local function is_path(value)
  return type(value) == "string"
    or type(value) == "table" and value.__fspath ~= nil
end

local function plain(remote)
  if is_path(remote) then return UNIXConnectable(remote) end
  if type(remote) == "table" and getmetatable(remote) == nil
    and type(remote[1]) == "string" and math_type(remote[2]) == "integer"
    and #remote == 2 then
    return TCPConnectable(remote[1], remote[2])
  end
  local shown = type(remote) == "table" and getmetatable(remote) == nil
    and "a table that is no {host, port}" or tostring(remote)
  error(errors.TypeError(("cannot convert %s to a connectable"):format(shown)), 3)
end

--- A connectable of what says where to connect to.
---@param remote table|string `{host, port}`; the path of a UNIX socket; or a
--- connectable, which is returned as it is
---@param opts? table `tls` (false): wrap it in a TLSConnectable with
--- `ssl_context`, `tls_hostname` (the host, where there is one) and
--- `tls_standard_compatible` (true)
---@return anyio.abc.ByteStreamConnectable|anyio.abc.ObjectStreamConnectable
---Checkpoint: never.
---Raises: TypeError for anything else; ValueError for a port that is none.
---@usage local secure = anyio.as_connectable({ "example.org", 443 }, { tls = true })
function connectables.as_connectable(remote, opts)
  opts = options.check("as_connectable", opts, TLS)
  if class.is(remote, contracts.ByteStreamConnectable)
    or class.is(remote, contracts.ObjectStreamConnectable) then
    return remote
  end
  local made = plain(remote)
  if not opts.tls then return made end
  return require("anyio.streams.tls").TLSConnectable(made, {
    hostname = opts.tls_hostname or made.host, ssl_context = opts.ssl_context,
    standard_compatible = opts.tls_standard_compatible,
  })
end

return connectables
