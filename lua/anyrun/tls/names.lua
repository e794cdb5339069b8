--- What TLS calls by a word here and by a number in OpenSSL.

---@class anyrun.tls.names
local names = {}

-- TLSVersion -> the number on the wire; 0: whatever there is
names.VERSIONS = {
  MINIMUM_SUPPORTED = 0, TLSv1 = 0x0301, TLSv1_1 = 0x0302, TLSv1_2 = 0x0303,
  TLSv1_3 = 0x0304, MAXIMUM_SUPPORTED = 0,
}

-- Alerts that a server may refuse a name with.
names.ALERTS = {
  ALERT_DESCRIPTION_HANDSHAKE_FAILURE = 40,
  ALERT_DESCRIPTION_ACCESS_DENIED = 49,
  ALERT_DESCRIPTION_INTERNAL_ERROR = 80,
  ALERT_DESCRIPTION_UNRECOGNIZED_NAME = 112,
}

-- Bits of `SSLContext.options`.
names.OPTIONS = {
  OP_ALL = 0x80000850,
  OP_CIPHER_SERVER_PREFERENCE = 0x400000,
  OP_ENABLE_MIDDLEBOX_COMPAT = 0x100000,
  OP_IGNORE_UNEXPECTED_EOF = 0x80,
  OP_LEGACY_SERVER_CONNECT = 0x4,
  OP_NO_COMPRESSION = 0x20000,
  OP_NO_RENEGOTIATION = 0x40000000,
  OP_NO_TICKET = 0x4000,
  OP_NO_TLSv1 = 0x4000000,
  OP_NO_TLSv1_1 = 0x10000000,
  OP_NO_TLSv1_2 = 0x8000000,
  OP_NO_TLSv1_3 = 0x20000000,
}

-- Bits of `SSLContext.verify_flags`.
names.FLAGS = {
  VERIFY_DEFAULT = 0,
  VERIFY_CRL_CHECK_LEAF = 0x4,
  VERIFY_CRL_CHECK_CHAIN = 0xc,
  VERIFY_X509_STRICT = 0x20,
  VERIFY_X509_TRUSTED_FIRST = 0x8000,
  VERIFY_X509_PARTIAL_CHAIN = 0x80000,
}

--- The keys of a table, sorted, in one string: for messages.
---@param set table<string, any>
---@return string
---Checkpoint: never.
---@usage error("known: " .. names.list(names.VERSIONS))
function names.list(set)
  local list = {}
  for key in pairs(set) do list[#list + 1] = key end
  table.sort(list)
  return table.concat(list, ", ")
end

return names
