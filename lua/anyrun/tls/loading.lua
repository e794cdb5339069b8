--- What a context loads: certificates, keys, roots. Methods of SSLContext.

local certificate = require "anyrun.tls.certificate"
local errors = require "anyrun.errors"
local options = require "anyrun.options"
local properties = require "anyrun.tls.properties"
local tls_errors = require "anyrun.tls.errors"

local error, rawset, type = error, rawset, type
local must = tls_errors.must

local SSLContext = {}

local CHAIN <const> = { password = "string|function?" }
local ROOTS <const> = { cafile = "string?", capath = "string?", cadata = "string?" }
local PURPOSES <const> = { SERVER_AUTH = true, CLIENT_AUTH = true }

local function password_of(password)
  if type(password) ~= "function" then return password end
  local word = password()
  if type(word) ~= "string" then
    error(errors.TypeError("the password function must return a string, not "
      .. type(word)), 0)
  end
  return word
end

--- Loads the certificate to show to the peer, with those that lead to a root
--- after it, and its private key. PEM files.
---@param certfile string
---@param keyfile? string `certfile` when absent
---@param opts? table `password`: a string, or a function that returns it and is
---  called when the key is encrypted
---Checkpoint: never.
---Raises: OSError when a file cannot be read; SSLError when there is no
---  certificate or key in it, they do not belong together, or the password is
---  wrong.
---@usage context:load_cert_chain("server.pem", "server.key")
function SSLContext:load_cert_chain(certfile, keyfile, opts)
  options.arg("load_cert_chain", 1, certfile, "string")
  options.arg("load_cert_chain", 2, keyfile, "string?")
  opts = options.check("load_cert_chain", opts, CHAIN, 3)
  keyfile = keyfile or certfile
  local password, handle = opts.password, self._native
  local first = type(password) == "string" and password or nil
  local ok, chain_why, asked = handle:chain(certfile, keyfile, first)
  if not ok and asked and first == nil and password then
    ok, chain_why, asked = handle:chain(certfile, keyfile, password_of(password))
  end
  if ok then return end
  local doing = ("load_cert_chain('%s', '%s')"):format(certfile, keyfile)
  if asked then
    doing = doing .. (password and " with this password" or " without a password")
  end
  must(doing, false, chain_why)
end

--- Loads roots: certificates of those whose word is trusted.
---@param opts table `cafile` (PEM), `capath` (a folder of files named by hash,
---  see c_rehash; they are read when needed), `cadata` (PEM text or DER bytes)
---Checkpoint: never.
---Raises: OSError when a file cannot be read; SSLError when there is no
---  certificate in it; TypeError when none of the three is given.
---@usage context:load_verify_locations{ cafile = "roots.pem" }
function SSLContext:load_verify_locations(opts)
  opts = options.check("load_verify_locations", opts, ROOTS, 1)
  local handle = self._native
  if opts.cadata == "" then
    error(errors.ValueError "cadata must not be empty", 2)
  end
  if not (opts.cafile or opts.capath or opts.cadata) then
    error(errors.TypeError("cafile, capath and cadata cannot all be absent"), 2)
  end
  if opts.cafile then
    must(("loading roots from '%s'"):format(opts.cafile),
      handle:roots_file(opts.cafile))
  end
  if opts.capath then
    must(("loading roots from '%s'"):format(opts.capath),
      handle:roots_dir(opts.capath))
  end
  if opts.cadata then
    must("loading roots from cadata", handle:roots_data(opts.cadata))
  end
end

--- Trusts the system's roots. The environment's `SSL_CERT_FILE` and
--- `SSL_CERT_DIR` go before its own places.
---Checkpoint: never.
---@usage context:set_default_verify_paths()
function SSLContext:set_default_verify_paths()
  must("loading the system's roots", self._native:roots_default())
  rawset(self, "_default_roots", true)
end

--- As `set_default_verify_paths`, in Python's other spelling.
---@param purpose? string `ssl.Purpose.SERVER_AUTH` when absent
---Checkpoint: never.
---@usage context:load_default_certs()
function SSLContext:load_default_certs(purpose)
  options.arg("load_default_certs", 1, purpose, "string?")
  properties.one_of("purpose", purpose or "SERVER_AUTH", PURPOSES)
  self:set_default_verify_paths()
end

--- The roots that are loaded; those in a folder only once they were needed.
---@param binary_form? boolean DER instead of tables
---@return table
---Checkpoint: never.
---@usage print(#context:get_ca_certs())
function SSLContext:get_ca_certs(binary_form)
  local list, i = {}, 1
  while true do
    local data = self._native:root(i, binary_form)
    if not data then return list end
    list[i] = binary_form and data or certificate.read(data)
    i = i + 1
  end
end

return SSLContext
