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

local concat, error, ipairs = table.concat, error, ipairs
local setmetatable, type = setmetatable, type

local tls = {}

local DONE <const>, WANT_READ <const> = native_tls.DONE, native_tls.WANT_READ
local END <const>, NAME <const> = native_tls.END, native_tls.NAME
local CHUNK <const> = 65536
local HANDSHAKE_SECONDS <const>, SHUTDOWN_SECONDS <const> = 60, 30

-- What it can do is said at asyncio.Transport. `_state`: shaking, open, closing,
-- lost.
local Transport = class.new "TLSTransport"
local Lower = class.new("TLSProtocol", protocols.Protocol)

-- The session ----------------------------------------------------------------

local function session(opts)
  local context = opts.ssl
  if context == true then
    context = tls_context.create_default_context(
      opts.server_side and "CLIENT_AUTH" or "SERVER_AUTH")
  end
  local host = opts.server_hostname
  if host == "" then host = nil end
  return SSLObject(context, opts.server_side or false, host,
    host and require("anyrun.dns").to_ascii(host))
end

-- What the session has to say goes below.
local function flush(self)
  local out = self._native:output()
  if out and self._raw then self._raw:write(out) end
end

local function stop_timer(self)
  if self._timer then self._timer:cancel() end
  self._timer = nil
end

local function settle(self, err)
  local waiter = self._waiter
  self._waiter = nil
  if not waiter or waiter:done() then return end
  if err == nil then waiter:set_result(nil) else waiter:set_exception(err) end
end

-- Nothing more can be done with the session; the peer is told why, if it can be.
local function fail(self, err)
  flush(self)
  self._error = err
  settle(self, err)
  self._raw:close()
end

local read_all

local function shaken(self)
  self._state = "open"
  stop_timer(self)
  local tell = self._tells_of_itself and "connection_made"
  if tell and self._protocol[tell] then self._protocol[tell](self._protocol, self) end
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
  local f = self._protocol.eof_received
  if f then f(self._protocol) end -- a session has no half that stays open
  self:close()
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
      return flush(self)
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

function Lower:data_received(data)
  local upper = self._upper
  upper._native:feed(data)
  if upper._state == "shaking" then shake(upper) else read_all(upper) end
end

-- The bytes have ended; whether the session had, it knows itself.
function Lower:eof_received()
  local upper = self._upper
  upper._native:feed_end()
  if upper._state == "shaking" then shake(upper) else read_all(upper) end
end

function Lower:connection_lost(err)
  local upper = self._upper
  stop_timer(upper)
  local told = upper._state ~= "shaking" or not upper._tells_of_itself
  upper._state = "lost"
  if upper._error ~= nil then err = upper._error end
  settle(upper, err or errors.OSError("the connection ended during the TLS handshake",
    { code = "ECONNRESET", errno = 104 }))
  local f = upper._protocol.connection_lost
  if told and f then f(upper._protocol, err) end
end

local function pass_on(name)
  Lower[name] = function(self)
    local protocol = self._upper._protocol
    if protocol[name] then protocol[name](protocol) end
  end
end
pass_on "pause_writing"
pass_on "resume_writing"

--- A transport that does a handshake once its protocol below is connected.
---@param loop asyncio.Loop
---@param protocol table the one above
---@param opts table `ssl` (a context, or true), `server_side`, `server_hostname`,
--- `ssl_handshake_timeout`, `ssl_shutdown_timeout`, `waiter`, `silent`: the protocol
--- is not told of the connection
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

function Transport:get_extra_info(name, default)
  local object = self._object
  local value
  if name == "ssl_object" then
    value = object
  elseif name == "sslcontext" then
    value = object.context
  elseif name == "peercert" then
    value = object:getpeercert()
  elseif name == "cipher" then
    value = object:cipher()
  else
    return self._raw:get_extra_info(name, default)
  end
  if value == nil then return default end
  return value
end

function Transport:write(data)
  if type(data) ~= "string" then
    error(errors.TypeError(("data argument of 'write' must be a string, not %s")
      :format(type(data))), 2)
  end
  local from = 1
  while from <= #data and self._state == "open" do
    local status, after = self._native:write(data, from, CHUNK)
    flush(self)
    from = after
    if status ~= DONE then return fail(self, tls_errors.of(self._object, "sending")) end
  end
end

function Transport:writelines(list) self:write(concat(list)) end

function Transport:can_write_eof() return false end -- luacheck: ignore 212

function Transport:write_eof() -- luacheck: ignore 212
  error(errors.NotImplementedError "TLS has no half that ends by itself", 2)
end

-- Says that the session ends, and gives the peer some time to say so, too.
function Transport:close()
  if self._state ~= "open" then
    if self._state == "shaking" and self._raw then self._raw:abort() end
    return
  end
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

for _, name in ipairs {
  "get_write_buffer_size", "get_write_buffer_limits", "set_write_buffer_limits",
} do
  Transport[name] = function(self, ...) return self._raw[name](self._raw, ...) end
end

return tls
