--- The errors of TLS, and what they say.

local certificate = require "anyrun.tls.certificate"
local class = require "anyrun.class"
local errors = require "anyrun.errors"

local concat = table.concat
local os_getenv = os.getenv

---@class anyrun.tls.errors
local tls_errors = {}

local define = errors.exception

--- Something about TLS failed.
---@class ssl.SSLError: anyio.TLSError
---@field reason? string OpenSSL's word for it, `WRONG_VERSION_NUMBER`
---@field library string `SSL`
local SSLError = define("SSLError", errors.TLSError)
-- as in Python, where `except OSError` around a connection catches it
class.mix(SSLError, errors.OSError)
tls_errors.SSLError = SSLError

--- The peer's certificate did not stand up to a check.
---@class ssl.SSLCertVerificationError: ssl.SSLError
---@field verify_code integer number of the check
---@field verify_message string what the check says
---@field hostname? string the name it had to be for
---@field certificate? table the certificate, as `getpeercert` gives it
---@field depth integer where it stands in the chain, 0: the peer's own
local Verification = define("SSLCertVerificationError", SSLError)
tls_errors.SSLCertVerificationError = Verification

--- The connection ended before the session did.
---@class ssl.SSLEOFError: ssl.SSLError
local EOF = define("SSLEOFError", SSLError)
tls_errors.SSLEOFError = EOF

-- What is behind some of OpenSSL's words.
local HINTS <const> = {
  HTTP_REQUEST = "the client speaks plain HTTP",
  INTERRUPTED_OR_CANCELLED = "the key is encrypted",
  NO_CERTIFICATE_SET = "the context has no certificate: load_cert_chain",
  NO_START_LINE = "a file does not hold what is wanted as PEM text",
  NO_SHARED_CIPHER = "no cipher that both ends accept, or the context has no "
    .. "certificate (load_cert_chain)",
  PEER_DID_NOT_RETURN_A_CERTIFICATE = "the client showed no certificate",
  UNSUPPORTED = "there is no private key in the file, or one of an unknown kind",
  UNSUPPORTED_PROTOCOL = "no version of TLS that both ends accept",
  WRONG_VERSION_NUMBER = "the peer does not speak TLS",
}

-- Reasons between them are alerts of the peer: 1000 and a byte.
local ALERTS_FROM <const>, ALERTS_TO <const> = 1000, 1255

local function word(text) return (text:upper():gsub("[ /-]", "_")) end

--- The text of a failure that no certificate is to blame for.
---@param doing string what was tried: "TLS handshake"
---@param why table from `_anyrun.tls`
---@return string
---@return string? reason OpenSSL's word
---Checkpoint: never.
---@usage local text, reason = tls_errors.describe("load_cert_chain", why)
function tls_errors.describe(doing, why)
  local text = why.text
  if not text then return doing .. " failed" end
  local reason = word(text)
  if why.reason > ALERTS_FROM and why.reason <= ALERTS_TO then
    return ("%s failed: the peer refused: %s"):format(doing, text), reason
  end
  local hint = HINTS[reason]
  return ("%s failed: %s%s"):format(doing, text,
    hint and " (" .. hint .. ")" or ""), reason
end

--- Raises what OpenSSL did not want.
---@param doing string what was tried
---@param ok any false or nil: it failed
---@param why? table from `_anyrun.tls`
---@return any ok
---Checkpoint: never.
---Raises: SSLError when it failed.
---@usage tls_errors.must("setting verify_flags", native:flags(value))
function tls_errors.must(doing, ok, why)
  if ok then return ok end
  local text, reason = tls_errors.describe(doing, why)
  error(SSLError(text, { reason = reason, library = "SSL" }), 0)
end

-- Which roots there were, where none was found to fit.
local ROOT_CHECKS <const> = { [2] = true, [18] = true, [19] = true,
  [20] = true, [21] = true }

local function roots_text(context)
  if not context._default_roots then return "" end
  local file, dir, file_env, dir_env = require("_anyrun.tls").roots()
  return ("; roots were looked for in %s and %s"):format(
    os_getenv(file_env) or file, os_getenv(dir_env) or dir)
end

local function verification_error(object, why)
  local native, host = object._native, object.server_hostname
  local packed = native:culprit()
  local cert = packed and certificate.read(packed)
  local parts = { "certificate verify failed: ", why.verify_text }
  if host then parts[#parts + 1] = (", for '%s'"):format(host) end
  if cert then
    parts[#parts + 1] = (" (the certificate%s: %s)"):format(why.depth > 0
      and (" %d up the chain"):format(why.depth) or "",
      certificate.describe(cert))
  end
  if ROOT_CHECKS[why.verify] then
    parts[#parts + 1] = roots_text(object.context)
  end
  return Verification(concat(parts), {
    reason = "CERTIFICATE_VERIFY_FAILED",
    library = "SSL",
    verify_code = why.verify,
    verify_message = why.verify_text,
    hostname = host,
    certificate = cert,
    depth = why.depth,
  })
end

--- Why a session failed.
---@param object ssl.SSLObject
---@param doing string what was tried: "TLS handshake"
---@return anyio.BaseException
---Checkpoint: never.
---@usage local err = tls_errors.of(object, "TLS handshake")
function tls_errors.of(object, doing)
  local why = object._native:why()
  if why.fault == "verify" then return verification_error(object, why) end
  if why.fault == "memory" then
    return errors.RuntimeError(doing .. " failed: not enough memory")
  end
  if why.fault == "eof" then
    return EOF(doing .. " failed: the connection ended before the TLS session did",
      { reason = "UNEXPECTED_EOF_WHILE_READING", library = "SSL" })
  end
  local text, reason = tls_errors.describe(doing, why)
  return SSLError(text, { reason = reason, library = "SSL" })
end

return tls_errors
