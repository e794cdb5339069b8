--- trio's streams over sockets: connecting, listening, serving.

local class = require "anyrun.class"
local dial = require "anyrun.dial"
local errors = require "anyrun.errors"
local guard = require "trio.guard"
local native = require "_anyrun.socket"
local nurseries = require "trio.nursery"
local options = require "anyrun.options"
local SocketListener = require "trio.socket_listener"
local SocketStream = require "trio.socket_stream"
local socket = require "trio.socket"
local streams = require "trio.streams"
local TaskStatus = require "anyrun.taskstatus"
local timeouts = require "trio.timeouts"

local error, io, ipairs = error, io, ipairs

---@class trio.tcp
local tcp = { SocketListener = SocketListener, SocketStream = SocketStream }

-- Seconds: the head start of each address, and what is waited when the system
-- is out of descriptors.
local HEAD_START <const>, PATIENCE <const> = 0.25, 0.1

-- Connecting -----------------------------------------------------------------

local function all_failed(host, port, failures)
  if host:find(":", 1, true) then host = "[" .. host .. "]" end
  error(errors.OSError(
    ("all attempts to connect to %s:%d failed"):format(host, port), {
      code = failures[#failures].code, errno = failures[#failures].errno,
      cause = errors.ExceptionGroup("connection attempts failed", failures),
    }), 0)
end

--- Connects over TCP. Of several addresses each gets a head start over the
--- next; the first that answers is taken.
---@param host string a name or an address
---@param port integer
---@param opts? table `happy_eyeballs_delay` (0.25): the head start, in seconds;
--- `local_address`: the address to connect from
---@return trio.SocketStream
---Checkpoint: always.
---Raises: OSError, its cause a group with an error for each address; gaierror.
---@usage local stream <close> = trio.open_tcp_stream("example.org", 80)
function tcp.open_tcp_stream(host, port, opts)
  options.arg("open_tcp_stream", 1, host, "string")
  options.arg("open_tcp_stream", 2, port, "integer")
  opts = options.check("open_tcp_stream", opts,
    { happy_eyeballs_delay = "number?", local_address = "string?" }, 3)
  guard.needs_trio "open_tcp_stream"
  dial.check_delay(opts.happy_eyeballs_delay)
  local from = opts.local_address and { host = opts.local_address }
  local list = dial.resolve(host, port,
    { family = from and native.numeric(from.host) })
  local made, failures = dial.race(socket.StreamSocket, list,
    opts.happy_eyeballs_delay or HEAD_START, from)
  if made then return SocketStream(made) end
  return all_failed(host, port, failures)
end

--- Connects to a UNIX socket.
---@param filename string a name in Linux's abstract space begins with a zero byte
---@return trio.SocketStream
---Checkpoint: always.
---Raises: OSError.
---@usage local stream <close> = trio.open_unix_socket "/run/redis.sock"
function tcp.open_unix_socket(filename)
  filename = require "anyrun.pathlike"("open_unix_socket", 1, filename)
  guard.needs_trio "open_unix_socket"
  local made = native.open(socket.StreamSocket, "stream", "AF_UNIX")
  return SocketStream(dial.guarded(made, made._connect, filename))
end

-- Listening ------------------------------------------------------------------

local LISTEN <const> = { host = "string?", backlog = "integer?" }

local function bind_and_listen(made, entry, backlog)
  if entry[1] == "AF_INET6" then made:_set("ipv6_only", 1) end
  made:_bind(entry[5][1], entry[5][2])
  made:_listen(backlog, socket.StreamSocket)
end

-- One address; nil: this system has not its family.
local function listen(entry, backlog)
  local ok, made = errors.pcall(native.open, socket.ListenerSocket, "listener",
    entry[1])
  if ok then
    return SocketListener(dial.guarded(made, bind_and_listen, entry, backlog))
  elseif made.code ~= "EAFNOSUPPORT" then
    errors.rethrow(made)
  end
  return nil, made
end

--- Listens for connections over TCP: a listener for each address of the host.
---@param port integer 0: each gets a port that is free
---@param opts? table `host` (absent: all of this machine), `backlog`
---@return trio.SocketListener[]
---Checkpoint: always.
---Raises: OSError; gaierror.
---@usage local listeners = trio.open_tcp_listeners(8080, { host = "localhost" })
function tcp.open_tcp_listeners(port, opts)
  options.arg("open_tcp_listeners", 1, port, "integer")
  opts = options.check("open_tcp_listeners", opts, LISTEN)
  local entries = socket.getaddrinfo(opts.host, port,
    { type = "SOCK_STREAM", flags = "AI_PASSIVE" })
  local listeners, lacking = {}, {}
  for _, entry in ipairs(entries) do
    local ok, made, why = errors.try(listen, entry, opts.backlog or 65535)
    if not ok then
      for _, listener in ipairs(listeners) do listener.socket:_close() end
      errors.rethrow(made)
    end
    listeners[#listeners + 1] = made
    lacking[#lacking + 1] = why
  end
  if #listeners > 0 then return listeners end
  error(errors.OSError("this system has none of the kinds of socket that this "
    .. "address could use", { code = lacking[1].code, errno = lacking[1].errno,
      cause = errors.ExceptionGroup("no socket could be made", lacking) }), 0)
end

-- Serving --------------------------------------------------------------------

local EXHAUSTED <const> = { EMFILE = true, ENFILE = true, ENOBUFS = true,
  ENOMEM = true }

local function run_handler(handler, stream)
  local ok, err = errors.try(handler, stream)
  streams.aclose_forcefully(stream)
  if not ok then errors.rethrow(err) end
end

-- Where the system has no more to give, the connection stays in the queue.
local function be_patient(err)
  io.stderr:write(("trio: accept returned %s; retrying in %g seconds\n"):format(
    err.code, PATIENCE))
  timeouts.sleep(PATIENCE)
end

local function serve_one(listener, nursery, handler)
  local held <close> = listener
  while true do
    local ok, stream = errors.pcall(held.accept, held)
    if ok then
      nursery:start_soon(run_handler, handler, stream)
    elseif errors.isinstance(stream, errors.OSError) and EXHAUSTED[stream.code] then
      be_patient(stream)
    else
      errors.rethrow(stream)
    end
  end
end

-- Under `start` the status comes last, where the options may be left out.
local function split(opts, task_status)
  if class.is(opts, TaskStatus) then return nil, opts end
  return opts, task_status
end

local function serve(handler, listeners, nursery, task_status)
  nurseries.open_nursery(function(own)
    for _, listener in ipairs(listeners) do
      own:start_soon(serve_one, listener, nursery or own, handler)
    end
    if task_status then task_status:started(listeners) end
  end)
end

--- Calls `handler(stream)` in a task of its own for each connection, until it is
--- cancelled. The stream is closed by force when the handler is over.
---@param handler fun(stream: trio.abc.Stream)
---@param listeners trio.abc.Listener[] they are closed in the end
---@param opts? table `handler_nursery`: where the handlers run; else their errors
--- end the server
---@param task_status? table under `nursery:start` it is told the listeners
---Checkpoint: always.
---Raises: what a handler or a listener raises, in a group.
---@usage nursery:start_soon(trio.serve_listeners, handle, listeners)
function tcp.serve_listeners(handler, listeners, opts, task_status)
  options.arg("serve_listeners", 1, handler, "callable")
  options.arg("serve_listeners", 2, listeners, "table")
  opts, task_status = split(opts, task_status)
  opts = options.check("serve_listeners", opts, { handler_nursery = "any" }, 3)
  guard.needs_trio "serve_listeners"
  serve(handler, listeners, opts.handler_nursery, task_status)
end

local SERVE <const> = { host = "string?", backlog = "integer?",
  handler_nursery = "any" }

--- Listens over TCP and serves who connects.
---@param handler fun(stream: trio.SocketStream)
---@param port integer
---@param opts? table `host`, `backlog`, `handler_nursery`
---@param task_status? table under `nursery:start` it is told the listeners
---Checkpoint: always.
---Raises: as `open_tcp_listeners`, `serve_listeners`.
---@usage local listeners = nursery:start(trio.serve_tcp, handle, 0)
function tcp.serve_tcp(handler, port, opts, task_status)
  options.arg("serve_tcp", 1, handler, "callable")
  opts, task_status = split(opts, task_status)
  opts = options.check("serve_tcp", opts, SERVE, 3)
  local listeners = tcp.open_tcp_listeners(port,
    { host = opts.host, backlog = opts.backlog })
  serve(handler, listeners, opts.handler_nursery, task_status)
end

return tcp
