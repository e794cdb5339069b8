--- What a trio.SSLStream tells of its session: the fields and methods of its
--- SSLObject.

local errors = require "anyrun.errors"

local error, getmetatable, rawset, type = error, getmetatable, rawset, type

---@class trio.sslforward
local ssl = {}

--- What is raised when something is asked of a stream that only its handshake
--- can tell.
---@class trio.NeedHandshakeError
ssl.NeedHandshakeError = errors.exception "NeedHandshakeError"

-- What is asked of the object; true: only after the handshake.
local FORWARDED <const> = {
  context = false, server_side = false, server_hostname = false,
  session = false, session_reused = true, getpeercert = true, cipher = true,
  shared_ciphers = true, compression = true, pending = false,
  get_channel_binding = true, selected_alpn_protocol = true, version = true,
}

--- Gives a class of streams what their object has.
---@param SSLStream table
---Checkpoint: never.
---@usage forward.install(SSLStream)
function ssl.install(SSLStream)
  function SSLStream:__index(key)
    local after = FORWARDED[key]
    if after == nil then return getmetatable(self)[key] end
    local object, engine = self._object, self._engine
    if after and not engine._shaken then
      error(ssl.NeedHandshakeError(("call do_handshake() before asking for '%s'")
        :format(key)), 2)
    end
    local value = object[key]
    if type(value) ~= "function" then return value end
    return function(_, ...) return value(object, ...) end
  end

  function SSLStream:__newindex(key, value)
    if FORWARDED[key] ~= nil then
      self._object[key] = value
    else
      rawset(self, key, value)
    end
  end
end

return ssl
