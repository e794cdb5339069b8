--- TLS: contexts, certificates, errors. See `anyio.streams.tls` for streams.

local certificate = require "anyrun.tls.certificate"
local context = require "anyrun.tls.context"
local names = require "anyrun.tls.names"
local native = require "_anyrun.tls"
local object = require "anyrun.tls.object"
local tls_errors = require "anyrun.tls.errors"

local next = next

---@class ssl
local ssl = {
  OPENSSL_VERSION = context.OPENSSL_VERSION,
  SSLContext = context.SSLContext,
  SSLObject = object.SSLObject,
  SSLSession = object.SSLSession,
  SSLError = tls_errors.SSLError,
  SSLCertVerificationError = tls_errors.SSLCertVerificationError,
  SSLEOFError = tls_errors.SSLEOFError,
  CertificateError = tls_errors.SSLCertVerificationError,
  Purpose = { SERVER_AUTH = "SERVER_AUTH", CLIENT_AUTH = "CLIENT_AUTH" },
  TLSVersion = {},
  PROTOCOL_TLS = "TLS",
  PROTOCOL_TLS_CLIENT = "TLS_CLIENT",
  PROTOCOL_TLS_SERVER = "TLS_SERVER",
  CERT_NONE = "CERT_NONE",
  CERT_OPTIONAL = "CERT_OPTIONAL",
  CERT_REQUIRED = "CERT_REQUIRED",
  HAS_ALPN = true,
  HAS_SNI = true,
  HAS_TLSv1_2 = true,
  HAS_TLSv1_3 = true,
  cert_time_to_seconds = certificate.cert_time_to_seconds,
  create_default_context = context.create_default_context,
}

for name in next, names.VERSIONS do ssl.TLSVersion[name] = name end
for name in next, names.ALERTS do ssl[name] = name end
for name, bits in next, names.OPTIONS do ssl[name] = bits end
for name, bits in next, names.FLAGS do ssl[name] = bits end

--- Where roots are looked for when no others are given.
---@return table `cafile`, `capath` (what is in force), `openssl_cafile`,
---  `openssl_capath` (the system's own), `openssl_cafile_env`,
---  `openssl_capath_env` (names of variables that go before them)
---Checkpoint: never.
---@usage print(ssl.get_default_verify_paths().capath)
function ssl.get_default_verify_paths()
  local file, dir, file_env, dir_env = native.roots()
  return {
    cafile = os.getenv(file_env) or file,
    capath = os.getenv(dir_env) or dir,
    openssl_cafile = file, openssl_cafile_env = file_env,
    openssl_capath = dir, openssl_capath_env = dir_env,
  }
end

return ssl
