--- TLS between a transport and a protocol: a protocol to the one below, a
--- transport to the one above.
-- A session takes and gives bytes and never waits: what comes from below is fed
-- to it, what it has to say is written below.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local native_tls = require "_anyrun.tls"
local protocols = require "asyncio.protocols"
local reports = require "asyncio.reports"
local sni = require "anyrun.tls.sni"
local SSLObject = require("anyrun.tls.object").SSLObject
local tls_context = require "anyrun.tls.context"
local tls_errors = require "anyrun.tls.errors"
local transports = require "asyncio.transport"

local error, ipairs, setmetatable, type = error, ipairs, setmetatable, type

local tls = {}

local DONE <const>, WANT_READ <const> = native_tls.DONE, native_tls.WANT_READ
local END <const>, NAME <const> = native_tls.END, native_tls.NAME
local CHUNK <const> = 65536
local HANDSHAKE_SECONDS <const>, SHUTDOWN_SECONDS <const> = 60, 30

-- As asyncio.Transport. `_state`: shaking, open, closing, lost.
local Transport = class.new "TLSTransport"
Transport._rest = ""
local Lower = class.new("TLSProtocol", protocols.Protocol)

-- The session ----------------------------------------------------------------

local function session(opts)
  local context, host = opts.ssl, opts.server_hostname
  if context == true then context = tls_context.create_default_context() end
  return SSLObject(context, opts.server_side or false, host ~= "" and host or nil)
end

-- What the session has to say goes below.
local function flush(self)
  local out = self._native:output()
  if out and self._raw then self._raw:write(out) end
end

local function stop_timer(self)
  if self._timer then self._timer:cancel() end
end

local function settle(self, err)
  local waiter = self._waiter
  self._waiter = nil
  if not waiter or waiter:done() then return end
  if err == nil then waiter:set_result(nil) else waiter:set_exception(err) end
end

-- Nothing more can be done; the peer is told why, if it takes that in time. That
-- a server's handshake failed is reported in debug mode, a bug always.
local function fail(self, err)
  if self._error ~= nil then return self._raw:abort() end
  flush(self)
  self._error = err
  local told = self._loop._debug or not errors.isinstance(err, errors.OSError)
  if told and self._state == "shaking" and not self._waiter then
    reports.call(self._loop, { message = "SSL handshake failed", exception = err,
      transport = self, protocol = self._protocol })
  end
  settle(self, err)
  self._raw:close()
  stop_timer(self)
  self._timer = self._loop:call_later(self._patience, self._raw.abort, self._raw)
end

-- Calls a method of the protocol above, if it has that.
local function tell(self, name, ...)
  local f = self._protocol[name]
  if f then f(self._protocol, ...) end
end

local read_all

local function shaken(self)
  self._state = "open"
  stop_timer(self)
  if self._tells_of_itself then tell(self, "connection_made", self) end
  settle(self)
  read_all(self)
end

local function shake(self)
  local status = self._native:handshake()
  if status == NAME then
    local ok, err = errors.pcall(sni.ask, self._object)
    status = self._native:handshake()
    if not ok then return fail(self, err) end
  end
  flush(self)
  if status == DONE then return shaken(self) end
  if status ~= WANT_READ then fail(self, tls_errors.of(self._object, "TLS handshake")) end
end

-- The peer has ended the session.
local function on_end(self)
  if self._state == "closing" or self._ended then return self._raw:close() end
  self._ended = true
  tell(self, "eof_received") -- a session has no half that stays open
  self:close()
end

-- Encrypts and sends. In TLS 1.2 another handshake may have to come first: then
-- the rest is kept.
local function write_rest(self)
  local data, from, status = self._rest, 1, DONE
  while from <= #data and self._state == "open" and status == DONE do
    status, from = self._native:write(data, from, CHUNK)
    flush(self)
  end
  self._rest = data:sub(from)
  if status == DONE or status == WANT_READ then return end
  fail(self, tls_errors.of(self._object, "sending"))
end

function read_all(self)
  while not self._paused do
    local status, data = self._native:read(CHUNK)
    if status == DONE then
      if self._state == "open" then self._protocol:data_received(data) end
    elseif status == END then
      flush(self)
      return on_end(self)
    elseif status == WANT_READ then
      flush(self)
      return self._rest ~= "" and write_rest(self)
    elseif self._state == "closing" then
      return self._raw:close() -- gone without a word, which no longer matters
    else
      return fail(self, tls_errors.of(self._object, "receiving"))
    end
  end
end

-- The protocol below ------------------------------------------------------------

function Lower:connection_made(raw)
  local upper = self._upper
  upper._raw = raw
  upper._timer = upper._loop:call_later(upper._timeout, function()
    fail(upper, errors.TimeoutError("the TLS handshake took too long"))
  end)
  shake(upper)
end

local function go_on(upper)
  if upper._state == "shaking" then shake(upper) else read_all(upper) end
end

function Lower:data_received(data)
  self._upper._native:feed(data)
  go_on(self._upper)
end

-- The bytes have ended; whether the session had, it knows itself.
function Lower:eof_received()
  self._upper._native:feed_end()
  go_on(self._upper)
end

function Lower:connection_lost(err)
  local upper = self._upper
  stop_timer(upper)
  local told = upper._state ~= "shaking" or not upper._tells_of_itself
  upper._state = "lost"
  if upper._error ~= nil then err = upper._error end
  settle(upper, err or errors.OSError("the connection ended during the TLS handshake",
    { code = "ECONNRESET", errno = 104 }))
  if told then tell(upper, "connection_lost", err) end
end

for _, name in ipairs { "pause_writing", "resume_writing" } do
  Lower[name] = function(self) tell(self._upper, name) end
end

--- A transport that does a handshake once its protocol below is connected.
---@param loop asyncio.Loop
---@param protocol table the one above
---@param opts table `ssl` (a context, or true), `server_side`, `server_hostname`,
--- `ssl_handshake_timeout`, `ssl_shutdown_timeout`, `waiter`, `silent`: no connection_made
---@return asyncio.Transport
---@return table lower the protocol for the transport below
---Checkpoint: never.
---Raises: ValueError, SSLError when the context cannot be used.
---@usage local transport, lower = tls.new(loop, protocol, { ssl = context })
function tls.new(loop, protocol, opts)
  local object = session(opts)
  local upper = setmetatable({
    _loop = loop, _protocol = protocol, _object = object, _native = object._native,
    _state = "shaking", _waiter = opts.waiter, _tells_of_itself = not opts.silent,
    _timeout = opts.ssl_handshake_timeout or HANDSHAKE_SECONDS,
    _patience = opts.ssl_shutdown_timeout or SHUTDOWN_SECONDS,
  }, Transport)
  return upper, setmetatable({ _upper = upper }, Lower)
end

--- The two, over a socket.
---@param loop asyncio.Loop
---@param sock asyncio.Socket
---@param protocol table
---@param opts table as `new`
---@param server? asyncio.Server
---@return asyncio.Transport
---Checkpoint: never.
---Raises: as `new`; then the socket is closed.
---@usage local transport = tls.over(loop, sock, protocol, { ssl = context })
function tls.over(loop, sock, protocol, opts, server)
  local ok, upper, lower = errors.try(tls.new, loop, protocol, opts)
  if not ok then
    sock:_close()
    errors.rethrow(upper)
  end
  upper._raw = transports.new(loop, sock, lower, server)
  return upper
end

-- The transport above -------------------------------------------------------------

function Transport:__tostring() return ("<TLSTransport %s>"):format(self._state) end

local FACTS <const> = {
  cipher = SSLObject.cipher, peercert = SSLObject.getpeercert,
  ssl_object = function(object) return object end,
  sslcontext = function(object) return object.context end,
}

function Transport:get_extra_info(name, default)
  local fact = FACTS[name]
  if not fact then return self._raw:get_extra_info(name, default) end
  local value = fact(self._object)
  if value == nil then return default end
  return value
end

function Transport:write(data)
  if type(data) ~= "string" then
    error(errors.TypeError(("data argument of 'write' must be a string, not %s")
      :format(type(data))), 2)
  end
  self._rest = self._rest .. data
  write_rest(self)
end

function Transport:writelines(list) self:write(table.concat(list)) end
function Transport:can_write_eof() return false end -- luacheck: ignore 212

function Transport:write_eof() -- luacheck: ignore 212
  error(errors.NotImplementedError "TLS has no half that ends by itself", 2)
end

-- Says that the session ends, and gives the peer some time to say so, too.
function Transport:close()
  if self._state == "shaking" and self._raw then self._raw:abort() end
  if self._state ~= "open" then return end
  self._state = "closing"
  local status = self._native:shutdown()
  flush(self)
  if status == DONE or self._ended then return self._raw:close() end
  self._timer = self._loop:call_later(self._patience, self._raw.abort, self._raw)
  self._paused = false
  self._raw:resume_reading()
  read_all(self)
end

function Transport:abort() self._raw:abort() end
function Transport:is_closing() return self._state ~= "open" and self._state ~= "shaking" end
function Transport:is_reading() return not self._paused and not self:is_closing() end

function Transport:pause_reading()
  self._paused = true
  self._raw:pause_reading()
end

function Transport:resume_reading()
  if not self._paused then return end
  self._paused = false
  self._raw:resume_reading()
  local ok, err = errors.try(read_all, self)
  if ok then return end
  reports.call(self._loop, { message = "Fatal error: protocol.data_received() call failed.",
    exception = err, transport = self, protocol = self._protocol })
  self._error = err
  self._raw:abort()
end

function Transport:set_protocol(protocol) self._protocol = protocol end
function Transport:get_protocol() return self._protocol end

for _, name in ipairs { "get_write_buffer_size", "get_write_buffer_limits",
  "set_write_buffer_limits" } do
  Transport[name] = function(self, ...) return self._raw[name](self._raw, ...) end
end

return tls
