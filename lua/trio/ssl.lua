--- Trio's TLS: SSLStream, SSLListener.

local Engine = require "anyrun.tls.engine"
local Lock = require "anyrun.sync.lock"
local class = require "anyrun.class"
local contracts = require "trio.contracts"
local errors = require "anyrun.errors"
local forward = require "trio.sslforward"
local guard = require "trio.guard"
local object_lib = require "anyrun.tls.object"
local options = require "anyrun.options"
local properties = require "anyrun.tls.properties"
local scope = require "_anyrun.scope"
local tls_errors = require "anyrun.tls.errors"

local colon = class.colon
local checkpoint = require("_anyrun.time").checkpoint
local error, math_type = error, math.type
local isinstance, rethrow, try = errors.isinstance, errors.rethrow, errors.try
local needs_trio = guard.needs_trio

---@class trio.ssl
local ssl = {}

local STREAM <const> = {
  server_hostname = "string?", server_side = "boolean?",
  https_compatible = "boolean?",
}

--- TLS over a stream. The handshake is done when it is first needed. What an
--- `ssl.SSLObject` can tell, the stream can: `stream:version()`,
--- `stream:getpeercert()`, `stream.session`.
---@class trio.SSLStream : trio.abc.Stream
---@field transport_stream any the wrapped stream; nil once it was unwrapped
local SSLStream = class.new("SSLStream", contracts.Stream)
ssl.SSLStream = SSLStream

forward.install(SSLStream)

-- ---- the stream below -------------------------------------------------------

local function get(transport)
  local data = transport:receive_some()
  return data ~= "" and data or nil
end

local function put(transport, data) transport:send_all(data) end

-- TLS's own errors are behind one that says that the stream is broken.
local function raise(err)
  if isinstance(err, tls_errors.SSLError) then
    error(errors.BrokenResourceError(err.message, { cause = err }), 0)
  end
  rethrow(err)
end

--- Wraps a stream.
---@param transport_stream any with `receive_some`, `send_all` and `aclose`
---@param ssl_context ssl.SSLContext
---@param opts? table `server_hostname`: whom a client wants; `server_side`;
---  `https_compatible`: the end of the connection may stand for the end of the
---  session, as HTTPS has it
---Checkpoint: never.
---Raises: ValueError when the context checks names and there is none.
---@usage local stream = trio.SSLStream(plain, context, { server_hostname = host })
function SSLStream:_init(transport_stream, ssl_context, opts)
  options.arg("SSLStream", 1, transport_stream, "table|userdata", 4)
  options.arg("SSLStream", 2, ssl_context, properties.is_context, 4)
  opts = options.check("SSLStream", opts, STREAM, 3, 4)
  self.transport_stream = transport_stream
  self._https = opts.https_compatible or false
  self._object = object_lib.SSLObject(ssl_context, opts.server_side or false,
    opts.server_hostname)
  self._engine = Engine(self._object, transport_stream, get, put)
  self._once = Lock { fast_acquire = true }
end

-- ---- states -----------------------------------------------------------------

local function check(self)
  if self._closed then
    error(errors.ClosedResourceError "this SSLStream is closed", 0)
  elseif self._engine._broken or self._engine._torn then
    error(errors.BrokenResourceError("this SSLStream is broken",
      { cause = self._engine._broken or self._engine._torn }), 0)
  end
end

-- Does the handshake, unless it was done; waits for a task that does it.
local function ensure(self)
  local engine = self._engine
  if engine._shaken then return end
  self._once:acquire()
  local ok, err = true, nil
  if not engine._shaken then
    ok, err = try(function()
      check(self)
      engine:handshake()
    end)
  end
  self._once:release()
  if not ok then raise(err) end
end

-- Enters as the only one who sends (or receives).
local function enter(self, busy, what)
  if self[busy] then
    error(errors.BusyResourceError(("another task is currently %s on this "
      .. "SSLStream"):format(what)), 0)
  end
  self[busy] = true
end

local function leave(self, busy, ok, ...)
  self[busy] = false
  if not ok then raise((...)) end
  return ...
end

--- Does the handshake now, if it was not done; waits for another task that
--- does it.
---Checkpoint: always.
---Raises: BrokenResourceError when it fails; where it was cancelled, the stream
---  is broken from then on.
---@usage stream:do_handshake()
function SSLStream:do_handshake()
  if not self then colon(SSLStream, "do_handshake") end
  needs_trio "SSLStream.do_handshake"
  check(self)
  if self._engine._shaken then return checkpoint() end
  ensure(self)
end

-- ---- data -------------------------------------------------------------------

local function receive(self, max)
  check(self)
  ensure(self)
  return self._engine:receive(max) or ""
end

-- HTTPS: a connection that just ends has ended the data.
local function lenient(self, ok, result)
  local cause = not ok and isinstance(result, errors.BrokenResourceError)
    and result.cause or result
  if ok or not self._https or not isinstance(cause, tls_errors.SSLEOFError) then
    return ok, result
  end
  checkpoint()
  return true, ""
end

--- Receives bytes.
---@param max_bytes? integer at most so many; 65536 when absent
---@return string data empty when the peer has ended the session
---Checkpoint: always.
---Raises: BrokenResourceError, with the TLS error as its cause;
---  ClosedResourceError; BusyResourceError; ValueError when `max_bytes` is less
---  than 1.
---@usage local data = stream:receive_some()
function SSLStream:receive_some(max_bytes)
  if not self then colon(SSLStream, "receive_some") end
  needs_trio "SSLStream.receive_some"
  enter(self, "_receiving", "receiving data")
  if max_bytes ~= nil and math_type(max_bytes) ~= "integer" then
    self._receiving = false
    options.arg("receive_some", 1, max_bytes, "integer?")
  elseif max_bytes and max_bytes < 1 then
    self._receiving = false
    error(errors.ValueError "max_bytes must be >= 1", 2)
  end
  return leave(self, "_receiving",
    lenient(self, try(receive, self, max_bytes or 65536)))
end

local function send(self, data)
  check(self)
  ensure(self)
  self._engine:send(data)
end

--- Sends bytes.
---@param data string
---Checkpoint: always.
---Raises: BrokenResourceError; ClosedResourceError; BusyResourceError. Where it
---  was cancelled in the middle, the stream is broken from then on.
---@usage stream:send_all "hello"
function SSLStream:send_all(data)
  if not (self and data) then colon(SSLStream, "send_all", self) end
  needs_trio "SSLStream.send_all"
  options.arg("send_all", 1, data, "string")
  enter(self, "_sending", "sending data")
  leave(self, "_sending", try(send, self, data))
end

local function wait(self)
  check(self)
  local lock = self._engine._sending
  lock:acquire()
  local ok, err = try(self.transport_stream.wait_send_all_might_not_block,
    self.transport_stream)
  lock:release()
  if not ok then rethrow(err) end
end

--- Waits until a send might not have to wait.
---Checkpoint: always.
---Raises: as `send_all`.
---@usage stream:wait_send_all_might_not_block()
function SSLStream:wait_send_all_might_not_block()
  if not self then colon(SSLStream, "wait_send_all_might_not_block") end
  needs_trio "SSLStream.wait_send_all_might_not_block"
  enter(self, "_sending", "sending data")
  leave(self, "_sending", try(wait, self))
end

-- ---- the end ----------------------------------------------------------------

local function unwrap(self)
  check(self)
  ensure(self)
  self._engine:shutdown(true)
  local transport = self.transport_stream
  self._closed, self.transport_stream = true, nil
  return transport, self._engine:unread()
end

--- Ends the session and gives the wrapped stream back.
---@return any transport_stream
---@return string trailing what was received from it after the session's end
---Checkpoint: always.
---Raises: as `send_all` and `receive_some`.
---@usage local plain, trailing = stream:unwrap()
function SSLStream:unwrap()
  if not self then colon(SSLStream, "unwrap") end
  needs_trio "SSLStream.unwrap"
  enter(self, "_receiving", "receiving data")
  if self._sending then
    self._receiving = false
    enter(self, "_sending", "sending data")
  end
  self._sending = true
  return leave(self, "_receiving",
    leave(self, "_sending", true, try(unwrap, self)))
end

local function close_forcefully(stream)
  scope.CancelScope(function(cancelled)
    cancelled:cancel()
    stream:aclose()
  end)
end

-- Tells the peer; that it cannot hear that, as it closes at the same time, is no
-- error. A handshake that fails is: the peer was never known to be the right one.
local function say_goodbye(self)
  ensure(self)
  local ok, err = try(self._engine.shutdown, self._engine, false)
  if not (ok or isinstance(err, tls_errors.SSLError)
    or isinstance(err, errors.BrokenResourceError)) then
    rethrow(err)
  end
end

--- Says that the session ends, unless https_compatible or broken, and closes the
--- wrapped stream. It does not wait for the peer to say so, too.
---Checkpoint: always.
---Raises: Cancelled; BrokenResourceError when the handshake had yet to be done
---  and failed; what closing the wrapped stream raises.
---@usage stream:aclose()
function SSLStream:aclose()
  if not self then colon(SSLStream, "aclose") end
  needs_trio "SSLStream.aclose"
  if self._closed then return checkpoint() end
  local transport, engine = self.transport_stream, self._engine
  if self._https or engine._broken or engine._torn then
    self._closed = true
    transport:aclose()
    return
  end
  local ok, err = try(say_goodbye, self)
  self._closed = true
  if ok then
    transport:aclose()
    return
  end
  close_forcefully(transport)
  raise(err)
end

function SSLStream:__tostring()
  return ("<SSLStream: %s>"):format(tostring(self._object))
end

return ssl
