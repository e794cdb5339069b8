--- Makes datagram sockets, over UDP and UNIX.

local classes = require "anyio.abc.datagrams"
local check_family = require("anyio.sockets")._check_family
local dial = require "anyrun.dial"
local errors = require "anyrun.errors"
local native = require "_anyrun.socket"
local options = require "anyrun.options"
local pathlike = require "anyrun.pathlike"
local time_lib = require "_anyrun.time"

local error = error

---@class anyio.datagrams
local datagrams = {}

local UDP <const> = {
  family = "string?", local_host = "string?", local_port = "integer?",
  reuse_port = "boolean?",
}

local function first_address(host, port, family)
  local list = dial.resolve(host, port, { family = family, type = "SOCK_DGRAM" })
  if list[1] then return list[1] end
  error(errors.OSError(("'%s' has no address"):format(host)), 0)
end

local function bind_udp(socket, host, port, reuse_port)
  if reuse_port then socket:_set("reuse_port", 1) end
  socket:_bind(host, port)
end

--- Makes a UDP socket that is bound: to `local_host`, or to all interfaces.
---@param opts {family?: string, local_host?: string, local_port?: integer, reuse_port?: boolean}
---  `family` ("AF_INET", "AF_INET6") or `local_host` must be there; without a
---  port it gets a free one
---@return anyio.abc.UDPSocket
---Checkpoint: always.
---Raises: ValueError without family and host; OSError; gaierror.
---@usage local socket <close> = anyio.create_udp_socket{local_host = "127.0.0.1"}
function datagrams.create_udp_socket(opts)
  opts = options.check("create_udp_socket", opts, UDP, 1)
  check_family("create_udp_socket", opts.family)
  local family, host = opts.family, opts.local_host
  if not family and not host then
    error(errors.ValueError 'Either "family" or "local_host" must be given', 2)
  end
  time_lib.checkpoint()
  if host then
    local found = first_address(host, opts.local_port or 0, family)
    family, host = found.family, found.host
  else
    host = family == "AF_INET6" and "::" or "0.0.0.0"
  end
  local socket = native.open(classes.UDPSocket, "datagram", family)
  return dial.guarded(socket, bind_udp, host, opts.local_port or 0,
    opts.reuse_port)
end

--- Makes a UDP socket with one peer.
---@param remote_host string
---@param remote_port integer
---@param opts? {family?: string, local_host?: string, local_port?: integer, reuse_port?: boolean}
---@return anyio.abc.ConnectedUDPSocket
---Checkpoint: always.
---Raises: OSError; gaierror.
---@usage local socket <close> = anyio.create_connected_udp_socket("::1", 53)
function datagrams.create_connected_udp_socket(remote_host, remote_port, opts)
  local fname <const> = "create_connected_udp_socket"
  options.arg(fname, 1, remote_host, "string")
  options.arg(fname, 2, remote_port, "integer")
  opts = options.check(fname, opts, UDP, 3)
  check_family(fname, opts.family)
  time_lib.checkpoint()
  local to = first_address(remote_host, remote_port, opts.family)
  local from
  if opts.local_host or opts.local_port or opts.reuse_port then
    local host = opts.local_host
    if host then host = first_address(host, 0, to.family).host end
    from = {
      host = host, port = opts.local_port, reuse_port = opts.reuse_port,
    }
  end
  return dial.address(classes.ConnectedUDPSocket, "datagram", to, from)
end

local UNIX <const> = { local_path = "any", local_mode = "integer?" }

-- Bound where a path is given: others can send to it only then.
local function open_unix(fname, cls, opts)
  local path = opts.local_path
  if path ~= nil then path = pathlike(fname, 1, path) end
  local socket = native.open(cls, "datagram", "AF_UNIX")
  if path == nil then return socket end
  return dial.guarded(socket, socket._bind_path, path, opts.local_mode)
end

--- Makes a UNIX datagram socket.
---@param opts? {local_path?: string, local_mode?: integer} a socket that stands
---  at the path makes way; without a path it has no name, and nobody can send to
---  it; `local_mode`: permissions of the file
---@return anyio.abc.UNIXDatagramSocket
---Checkpoint: always.
---Raises: OSError; ValueError for a path or a mode that is none.
---@usage local socket <close> = anyio.create_unix_datagram_socket()
function datagrams.create_unix_datagram_socket(opts)
  opts = options.check("create_unix_datagram_socket", opts, UNIX, 1)
  time_lib.checkpoint()
  return open_unix("create_unix_datagram_socket", classes.UNIXDatagramSocket,
    opts)
end

--- Makes a UNIX datagram socket with one peer.
---@param remote_path string
---@param opts? {local_path?: string, local_mode?: integer}
---@return anyio.abc.ConnectedUNIXDatagramSocket
---Checkpoint: always.
---Raises: OSError.
---@usage local s <close> = anyio.create_connected_unix_datagram_socket "/dev/log"
function datagrams.create_connected_unix_datagram_socket(remote_path, opts)
  local fname <const> = "create_connected_unix_datagram_socket"
  local path = pathlike(fname, 1, remote_path)
  opts = options.check(fname, opts, UNIX, 2)
  time_lib.checkpoint()
  local socket = open_unix(fname, classes.ConnectedUNIXDatagramSocket, opts)
  return dial.guarded(socket, socket._connect, path)
end

return datagrams
