--- SSLContext: certificates, roots and rules that sessions are made of.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local loading = require "anyrun.tls.loading"
local names = require "anyrun.tls.names"
local native = require "_anyrun.tls"
local options = require "anyrun.options"
local properties = require "anyrun.tls.properties"
local tls_errors = require "anyrun.tls.errors"

local error, next, rawset, type = error, next, rawset, type
local must = tls_errors.must
local spack = string.pack

local SIDES <const> = { TLS = "any", TLS_CLIENT = "client", TLS_SERVER = "server" }
local PURPOSES <const> = { SERVER_AUTH = "TLS_CLIENT", CLIENT_AUTH = "TLS_SERVER" }
local ROOTS <const> = { cafile = "string?", capath = "string?", cadata = "string?" }

local version, why = native.load()
if not version then
  error(errors.OSError(why, { code = "ENOENT", errno = 2 }), 0)
end

--- What sessions are made of. Its fields can be set; a field that is not
--- known is an error.
---@class ssl.SSLContext
---@field protocol string `TLS`, `TLS_CLIENT` or `TLS_SERVER`; read-only
---@field verify_mode string what is asked of the peer's certificate:
---  `CERT_NONE`, `CERT_OPTIONAL` (as NONE for a client; a server asks for one
---  and checks what it gets) or `CERT_REQUIRED`
---@field check_hostname boolean whether a client checks that the certificate is
---  for the host it wanted
---@field minimum_version string `TLSv1_2` when not set; see `ssl.TLSVersion`
---@field maximum_version string `MAXIMUM_SUPPORTED` when not set
---@field options integer a sum of `ssl.OP_*`
---@field verify_flags integer a sum of `ssl.VERIFY_*`
---@field keylog_filename? string the keys of sessions are appended to this file
---@field num_tickets integer how many tickets a server of TLS 1.3 gives away
---@field sni_callback? fun(object: ssl.SSLObject, name: string?, context: ssl.SSLContext): string?
---  called on a server before it answers a client, with the name that one asks
---  for; it may set `object.context`, may wait, and may return an alert
---  (`ssl.ALERT_DESCRIPTION_*`) to refuse
local SSLContext = class.new "SSLContext"

--- Makes a context. For clients it checks certificates and names, and trusts
--- nobody yet: `create_default_context` is what most want.
---@param protocol? string `ssl.PROTOCOL_TLS_CLIENT`, `ssl.PROTOCOL_TLS_SERVER`;
---  `ssl.PROTOCOL_TLS` for either side when absent
---Checkpoint: never.
---@usage local context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
function SSLContext:_init(protocol)
  options.arg("SSLContext", 1, protocol, "string?", 4)
  protocol = protocol or "TLS"
  if not SIDES[protocol] then
    error(errors.ValueError(("no such protocol: '%s' (known: %s)"):format(
      protocol, names.list(SIDES))), 0)
  end
  rawset(self, "_native", native.context(SIDES[protocol]))
  rawset(self, "_set", {
    protocol = protocol, verify_mode = "CERT_NONE", check_hostname = false,
    minimum_version = "TLSv1_2", maximum_version = "MAXIMUM_SUPPORTED",
    num_tickets = 2,
  })
  if protocol == "TLS_CLIENT" then self.check_hostname = true end
end

-- ---- fields -----------------------------------------------------------------

local set = {}

function set.verify_mode(self, value)
  properties.one_of("verify_mode", value, { CERT_NONE = true,
    CERT_OPTIONAL = true, CERT_REQUIRED = true })
  if value == "CERT_NONE" and self._set.check_hostname then
    error(errors.ValueError(
      "verify_mode cannot be CERT_NONE while check_hostname is true"), 0)
  end
  self._native:verify(value)
end

function set.check_hostname(self, value)
  properties.is_a("check_hostname", value, "boolean")
  if value and self._set.verify_mode == "CERT_NONE" then
    self.verify_mode = "CERT_REQUIRED"
  end
end

-- 0 is as low, or as high, as there is.
local function set_versions(self, least, most)
  local VERSIONS <const> = names.VERSIONS
  if least == "MAXIMUM_SUPPORTED" then least = "TLSv1_3" end
  if most == "MINIMUM_SUPPORTED" then most = "TLSv1" end
  must("setting the version of TLS",
    self._native:versions(VERSIONS[least], VERSIONS[most]))
end

function set.minimum_version(self, value)
  properties.one_of("minimum_version", value, names.VERSIONS)
  set_versions(self, value, self._set.maximum_version)
end

function set.maximum_version(self, value)
  properties.one_of("maximum_version", value, names.VERSIONS)
  set_versions(self, self._set.minimum_version, value)
end

function set.options(self, value)
  properties.is_a("options", value, "integer")
  self._native:options(value)
end

function set.verify_flags(self, value)
  properties.is_a("verify_flags", value, "integer")
  must("setting verify_flags", self._native:flags(value))
end

function set.keylog_filename(self, value)
  properties.is_a("keylog_filename", value, "string?")
  self._native:keylog(value)
end

function set.num_tickets(self, value)
  properties.is_a("num_tickets", value, "integer")
  if value < 0 then
    error(errors.ValueError "num_tickets must not be negative", 0)
  end
  must("setting num_tickets", self._native:tickets(value))
end

function set.sni_callback(self, value)
  properties.is_a("sni_callback", value, "callable?")
  self._native:ask(value ~= nil)
end

local get = {
  options = function(self) return self._native:options() end,
  verify_flags = function(self) return self._native:flags() end,
}

properties.install(SSLContext, get, set, { protocol = true })

-- What it loads from files is in a file of its own.
for name, method in next, loading do SSLContext[name] = method end

-- ---- what is offered --------------------------------------------------------

--- Sets the protocols that are offered (client) or accepted (server), best
--- first.
---@param protocols table like `{"h2", "http/1.1"}`
---Checkpoint: never.
---Raises: ValueError when a name is empty or longer than 255 bytes.
---@usage context:set_alpn_protocols{ "h2", "http/1.1" }
function SSLContext:set_alpn_protocols(protocols)
  options.arg("set_alpn_protocols", 1, protocols, "table")
  local parts = {}
  for i, name in ipairs(protocols) do
    if type(name) ~= "string" then
      error(("bad argument #1 to 'set_alpn_protocols' (list of strings "
        .. "expected, got %s in it)"):format(type(name)), 2)
    elseif #name < 1 or #name > 255 then
      error(errors.ValueError(("a protocol has 1 to 255 bytes, not %d: '%s'")
        :format(#name, name)), 0)
    end
    parts[i] = spack("s1", name)
  end
  self._native:alpn(table.concat(parts))
end

--- Sets the ciphers of TLS 1.2 and before.
---@param list string as OpenSSL writes them: "ECDHE+AESGCM:!aNULL"
---Checkpoint: never.
---Raises: SSLError when none of them is known.
---@usage context:set_ciphers "ECDHE+AESGCM"
function SSLContext:set_ciphers(list)
  options.arg("set_ciphers", 1, list, "string")
  must(("set_ciphers('%s')"):format(list), self._native:ciphers(list))
end

--- Sets the ciphers of TLS 1.3.
---@param list string like "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384"
---Checkpoint: never.
---Raises: SSLError when one of them is not known.
---@usage context:set_ciphersuites "TLS_AES_128_GCM_SHA256"
function SSLContext:set_ciphersuites(list)
  options.arg("set_ciphersuites", 1, list, "string")
  must(("set_ciphersuites('%s')"):format(list), self._native:ciphersuites(list))
end

--- The ciphers, best first.
---@return table of `{name =, protocol =, strength_bits =}`
---Checkpoint: never.
---@usage for _, cipher in ipairs(context:get_ciphers()) do print(cipher.name) end
function SSLContext:get_ciphers()
  local list, i = {}, 1
  while true do
    local name, protocol, bits = self._native:cipher(i)
    if not name then return list end
    list[i] = { name = name, protocol = protocol, strength_bits = bits }
    i = i + 1
  end
end

function SSLContext:__tostring()
  return ("<SSLContext: %s, %s>"):format(self.protocol, self.verify_mode)
end

-- ---- the module -------------------------------------------------------------

local context = { SSLContext = SSLContext, PURPOSES = PURPOSES,
  OPENSSL_VERSION = version }

--- A context with safe rules. For SERVER_AUTH (a client's) it asks for
--- certificates, checks them against the roots given or else the system's, and
--- checks the host's name; for CLIENT_AUTH (a server's) it asks for none.
--- `SSLKEYLOGFILE` of the environment is honoured.
---@param purpose? string `ssl.Purpose.SERVER_AUTH` when absent
---@param opts? table `cafile`, `capath`, `cadata`: roots in place of the system's
---@return ssl.SSLContext
---Checkpoint: never.
---Raises: OSError, SSLError when roots cannot be loaded.
---@usage local context = ssl.create_default_context()
function context.create_default_context(purpose, opts)
  options.arg("create_default_context", 1, purpose, "string?")
  opts = options.check("create_default_context", opts, ROOTS, 2)
  purpose = purpose or "SERVER_AUTH"
  properties.one_of("purpose", purpose, PURPOSES)
  local new = SSLContext(PURPOSES[purpose])
  if opts.cafile or opts.capath or opts.cadata then
    new:load_verify_locations(opts)
  elseif new.verify_mode ~= "CERT_NONE" then
    new:load_default_certs(purpose)
  end
  local keylog = os.getenv "SSLKEYLOGFILE"
  if keylog and keylog ~= "" then new.keylog_filename = keylog end
  return new
end

return context
