--- Connections and listeners over TCP and UNIX sockets; datagrams have a file
--- of their own.

local classes = require "anyio.abc.sockets"
local dial = require "anyrun.dial"
local errors = require "anyrun.errors"
local options = require "anyrun.options"
local pathlike = require "anyrun.pathlike"

local error, require = error, require

---@class anyio.sockets
local sockets = {}

-- The head start of each address over the next, in seconds: RFC 8305.
local HEAD_START <const> = 0.25

local CONNECT <const> = {
  local_host = "string?", local_port = "integer?", tls = "boolean?",
  ssl_context = dial.is_context, tls_standard_compatible = "boolean?",
  tls_hostname = "string?", happy_eyeballs_delay = "number?",
}

-- Where to bind before connecting; nil: nowhere. Of the family of the other
-- end, where that is an address.
local function own_address(opts, remote_host)
  local host, port = opts.local_host, opts.local_port
  if host == nil then return port and { port = port } end
  local first = dial.resolve(host, port or 0,
    { family = dial.literal(remote_host) })[1]
  return { host = first.host, port = port, family = first.family }
end

local function all_failed(failures)
  local cause = failures[1]
  if #failures > 1 then
    cause = errors.ExceptionGroup("multiple connection attempts failed", failures)
  end
  error(errors.ConnectionFailed("All connection attempts failed", {
    cause = cause, code = failures[#failures].code,
    errno = failures[#failures].errno,
  }), 0)
end

local function wrap_tls(stream, host, opts)
  local tls = require "anyio.streams.tls"
  local ok, wrapped = errors.try(tls.TLSStream.wrap, stream, {
    hostname = opts.tls_hostname or host,
    server_side = false,
    ssl_context = opts.ssl_context,
    standard_compatible = opts.tls_standard_compatible,
  })
  if ok then return wrapped end
  stream:_close()
  errors.rethrow(wrapped)
end

local function candidates(host, port, from)
  local list = dial.resolve(host, port, { family = from and from.family })
  if #list > 0 then return list end
  error(errors.ConnectionFailed(("'%s' has no address"):format(host)), 0)
end

--- Connects to a host over TCP. Of several addresses, IPv6 and IPv4 in turn,
--- each gets a head start over the next; the first that answers is taken.
---@param remote_host string a name, or an address, for which nothing is looked up
---@param remote_port integer
---@param opts? table `local_host`, `local_port`: its own address; `tls`,
---  `ssl_context`, `tls_hostname`: each makes it a TLSStream, for the name
---  `remote_host` when no other is given; `tls_standard_compatible` (true): the
---  end of the data must be said; `happy_eyeballs_delay` (0.25): the head start
---@return anyio.abc.SocketStream|anyio.streams.tls.TLSStream
---Checkpoint: always.
---Raises: ConnectionFailed, an OSError, when no address could be connected to:
---  its cause is the error, or a group with one for each address; gaierror;
---  TLSError.
---@usage local stream <close> = anyio.connect_tcp("example.org", 443, {tls = true})
function sockets.connect_tcp(remote_host, remote_port, opts)
  options.arg("connect_tcp", 1, remote_host, "string")
  options.arg("connect_tcp", 2, remote_port, "integer")
  opts = options.check("connect_tcp", opts, CONNECT, 3)
  dial.check_delay(opts.happy_eyeballs_delay)
  local from = own_address(opts, remote_host)
  local stream, failures = dial.race(classes.SocketStream,
    candidates(remote_host, remote_port, from),
    opts.happy_eyeballs_delay or HEAD_START, from)
  if not stream then return all_failed(failures) end
  if not (opts.tls or opts.ssl_context or opts.tls_hostname) then return stream end
  return wrap_tls(stream, remote_host, opts)
end

local LISTEN <const> = {
  local_host = "string?", local_port = "integer?", family = "string?",
  backlog = "integer?", reuse_port = "boolean?",
}

local FAMILIES <const> = { AF_INET = true, AF_INET6 = true }

--- Checks the family of an internet socket.
function sockets._check_family(fname, family)
  if family == nil or FAMILIES[family] then return end
  error(errors.ValueError(("option 'family' of '%s' must be 'AF_INET' or "
    .. "'AF_INET6', not '%s'"):format(fname, family)), 3)
end

--- Listens for connections over TCP: on all interfaces, for both families,
--- where no host and no family is given.
---@param opts? table `local_host`; `local_port`: 0 or absent is a free one, the
---  same on each address; `family` ("AF_INET", "AF_INET6"); `backlog`;
---  `reuse_port`: other sockets may listen on it, too
---@return anyio.streams.stapled.MultiListener
---Checkpoint: always.
---Raises: OSError; gaierror.
---@usage local listener <close> = anyio.create_tcp_listener{local_port = 8080}
function sockets.create_tcp_listener(opts)
  opts = options.check("create_tcp_listener", opts, LISTEN, 1)
  sockets._check_family("create_tcp_listener", opts.family)
  require("_anyrun.time").checkpoint()
  local list = require("anyrun.listening").tcp {
    class = classes.SocketListener, accepts = classes.SocketStream,
    local_host = opts.local_host, local_port = opts.local_port,
    family = opts.family, backlog = opts.backlog, reuse_port = opts.reuse_port,
  }
  return require("anyio.streams.stapled").MultiListener(list)
end

--- Connects to a UNIX socket.
---@param path string|anyio.Path the name of a socket in Linux's abstract space
---  begins with a zero byte
---@return anyio.abc.UNIXSocketStream
---Checkpoint: always.
---Raises: OSError.
---@usage local stream <close> = anyio.connect_unix "/run/service.sock"
function sockets.connect_unix(path)
  path = pathlike("connect_unix", 1, path)
  local native = require "_anyrun.socket"
  local stream = native.open(classes.UNIXSocketStream, "stream", "AF_UNIX")
  return dial.guarded(stream, stream._connect, path)
end

local LISTEN_UNIX <const> = { mode = "integer?", backlog = "integer?" }

--- Listens at a path. A socket that stands there makes way, another file does
--- not; closing the listener leaves the socket's file behind.
---@param path string|anyio.Path
---@param opts? {mode?: integer, backlog?: integer} `mode`: permissions of the
---  file, as `tonumber("660", 8)`
---@return anyio.abc.SocketListener
---Checkpoint: always.
---Raises: OSError; ValueError for a path or a mode that is none.
---@usage local listener <close> = anyio.create_unix_listener "/run/me.sock"
function sockets.create_unix_listener(path, opts)
  path = pathlike("create_unix_listener", 1, path)
  opts = options.check("create_unix_listener", opts, LISTEN_UNIX, 2)
  return require("anyrun.listening").unix(path, {
    class = classes.SocketListener, accepts = classes.UNIXSocketStream,
    mode = opts.mode, backlog = opts.backlog,
  })
end

return sockets
