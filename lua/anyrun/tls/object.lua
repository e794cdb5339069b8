--- SSLObject: one end of a TLS session, and what can be asked of it.

local certificate = require "anyrun.tls.certificate"
local class = require "anyrun.class"
local errors = require "anyrun.errors"
local native = require "_anyrun.tls"
local options = require "anyrun.options"
local properties = require "anyrun.tls.properties"
local tls_errors = require "anyrun.tls.errors"

local error, rawset = error, rawset

-- What a later session can be resumed from.
---@class ssl.SSLSession
---@field id string bytes; empty in TLS 1.3 until a ticket has come
---@field time integer when it was made, seconds since 1970
---@field timeout integer for how many seconds it is good
---@field has_ticket boolean whether the server can do without memory of it
local SSLSession = class.new "SSLSession"

--- One end of a session. A client may set `session` before the handshake to
--- resume an earlier one, and a server's `sni_callback` may set `context`.
---@class ssl.SSLObject
---@field context ssl.SSLContext
---@field server_side boolean
---@field server_hostname? string the host a client wanted
---@field session? ssl.SSLSession what can be resumed later
---@field session_reused boolean whether this one was resumed
local SSLObject = class.new "SSLObject"

-- An address to be checked, which a certificate has without its scope; nil: it
-- is a name.
local function address_in(host)
  local plain = host:match "^(.*:.*)%%.*$" or host
  return require("_anyrun.socket").numeric(plain) and plain
end

local function check_side(context, server_side)
  local protocol = context.protocol
  if protocol == (server_side and "TLS_CLIENT" or "TLS_SERVER") then
    error(errors.ValueError(("a context for %s (PROTOCOL_%s) cannot make the "
      .. "session of a %s"):format(server_side and "clients" or "servers",
      protocol, server_side and "server" or "client")), 0)
  end
end

local function check_host(context, server_side, host)
  if server_side then return end
  if context.check_hostname and host == nil then
    error(errors.ValueError("check_hostname needs a host name: give one, or "
      .. "set check_hostname = false in the context"), 0)
  elseif host and (host == "" or host:sub(1, 1) == "." or host:find "\0"
    or host:find(":", 1, true) and not address_in(host)) then
    error(errors.ValueError(("'%s' is no host name"):format(
      (host:gsub("%z", "\\0")))), 0)
  end
end

--- Makes one end of a session.
---@param context ssl.SSLContext
---@param server_side boolean
---@param host? string whom a client wants
---Checkpoint: never.
---Raises: ValueError when the context is not for this side, or there is no
---  name to check; SSLError.
---@usage local object = SSLObject(context, false, "example.org")
function SSLObject:_init(context, server_side, host)
  check_side(context, server_side)
  check_host(context, server_side, host)
  -- a server checks no host name; its peers have none
  local ascii = not server_side and host or nil
  if ascii and ascii:find "[\x80-\xff]" then
    ascii = require("anyrun.dns").to_ascii(ascii)
  end
  local address = ascii and address_in(ascii)
  local handle, why = native.session(context._native, server_side,
    address or ascii, address ~= nil, context.check_hostname)
  if not handle then
    error(tls_errors.SSLError((tls_errors.describe("a TLS session", why))), 0)
  end
  rawset(self, "_native", handle)
  rawset(self, "_set", { context = context, server_side = server_side,
    server_hostname = not server_side and host or nil })
end

-- ---- fields -----------------------------------------------------------------

local set = {}

function set.context(self, value)
  if not self._asked then
    error(errors.ValueError "the context can only be set by an sni_callback", 0)
  end
  local wrong = properties.is_context(value)
  if wrong then error(("bad value of 'context' (%s)"):format(wrong), 4) end
end

function set.session(self, value)
  if not class.is(value, SSLSession) then
    error(("bad value of 'session' (SSLSession expected, got %s)"):format(
      type(value)), 4)
  elseif self.server_side then
    error(errors.ValueError "only a client can resume a session", 0)
  elseif self._native:version() or self._begun then
    error(errors.ValueError "the handshake has begun: too late to set a session", 0)
  elseif not self._native:use_ticket(value._native) then
    error(tls_errors.SSLError "this session cannot be resumed here", 0)
  end
end

local function session_of(self)
  local ticket = self._native:ticket()
  if not ticket then return nil end
  local session = SSLSession()
  session._native = ticket
  session.id, session.time, session.timeout, session.has_ticket =
    ticket:describe()
  return session
end

properties.install(SSLObject, {
  session = session_of,
  session_reused = function(self) return self._native:reused() end,
}, set, { server_side = true, server_hostname = true, context = true })

-- ---- questions --------------------------------------------------------------

--- The version of TLS.
---@return string? `TLSv1.3`; nil before the handshake
---Checkpoint: never.
---@usage print(object:version())
function SSLObject:version() return self._native:version() end

--- The cipher in use.
---@return table? `{name, version it first came with, bits}`; nil before the
---  handshake
---Checkpoint: never.
---@usage print(object:cipher()[1])
function SSLObject:cipher()
  local name, version, bits = self._native:cipher()
  return name and { name, version, bits } or nil
end

--- The ciphers that both ends know.
---@return table? a list of what `cipher` returns; nil on a client
---Checkpoint: never.
---@usage print(#object:shared_ciphers())
function SSLObject:shared_ciphers()
  if not self.server_side then return nil end
  local list, i = {}, 1
  while true do
    local name, version, bits = self._native:shared_cipher(i)
    if not name then return list end
    list[i] = { name, version, bits }
    i = i + 1
  end
end

--- The certificate that the peer showed.
---@param binary_form? boolean DER, also of one that was not checked
---@return table|string? `subject`, `issuer`, `subjectAltName` (see EXAMPLES),
---  `notBefore`, ...; empty when it was not checked; nil when there was none
---Checkpoint: never.
---@usage print(object:getpeercert().subject.commonName)
function SSLObject:getpeercert(binary_form)
  options.arg("getpeercert", 1, binary_form, "boolean?")
  local data = self._native:cert(binary_form)
  if not data or binary_form then return data end
  if self._native:verify_mode() == 0 then return {} end
  return certificate.read(data)
end

--- The protocol agreed on by ALPN.
---@return string? nil when there is none
---Checkpoint: never.
---@usage if object:selected_alpn_protocol() == "h2" then speak_h2() end
function SSLObject:selected_alpn_protocol() return self._native:protocol() end

--- Bytes that only the two ends of this very session know.
---@param cb_type? string `tls-unique`, the only kind
---@return string? nil before the handshake
---Checkpoint: never.
---Raises: ValueError for another kind.
---@usage local binding = object:get_channel_binding()
function SSLObject:get_channel_binding(cb_type)
  options.arg("get_channel_binding", 1, cb_type, "string?")
  if (cb_type or "tls-unique") ~= "tls-unique" then
    error(errors.ValueError(("no such channel binding: '%s' (known: tls-unique)")
      :format(cb_type)), 2)
  end
  if not self._native:version() then return nil end
  return self._native:binding(self.server_side)
end

--- The compression in use: there is none, for safety.
---@return nil
---Checkpoint: never.
---@usage assert(object:compression() == nil)
function SSLObject:compression() return nil end

--- How many bytes have come and were decrypted, and not yet received.
---@return integer
---Checkpoint: never.
---@usage print(object:pending())
function SSLObject:pending() return self._native:pending() end

function SSLObject:__tostring()
  return ("<SSLObject: %s, %s>"):format(self.server_side and "server" or "client",
    self:version() or "no handshake yet")
end

return { SSLObject = SSLObject, SSLSession = SSLSession }
