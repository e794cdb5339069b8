--- Takes over a descriptor that was made elsewhere, once it was looked at.

local errors = require "anyrun.errors"
local native = require "_anyrun.socket"
local options = require "anyrun.options"

local error, tostring = error, tostring

local function value_error(level, text, ...)
  error(errors.ValueError(text:format(...)), level + 1)
end

local function look(descriptor, level)
  local ok, facts = errors.pcall(native.inspect, descriptor)
  if ok and facts then return facts end
  if not ok and facts.code == "EBADF" then
    value_error(level + 1, "there is no descriptor %d", descriptor)
  elseif not ok then
    errors.rethrow(facts)
  end
  value_error(level + 1, "the descriptor %d does not refer to a socket",
    descriptor)
end

local INTERNET <const> = "AF_INET or AF_INET6"

local function is_family(family, wanted)
  if wanted == INTERNET then return family == "AF_INET" or family == "AF_INET6" end
  return wanted == nil or family == wanted
end

local function check(facts, wanted, level)
  if wanted.connected and not facts.connected then
    value_error(level + 1, "the socket must be connected")
  elseif wanted.bound and not facts.bound then
    value_error(level + 1, "the socket must be bound to a local address")
  elseif not is_family(facts.family, wanted.family) then
    value_error(level + 1, "address family mismatch: expected %s, got %s",
      wanted.family, facts.family)
  elseif facts.type ~= wanted.type then
    value_error(level + 1, "socket type mismatch: expected %s, got %s",
      wanted.type, facts.type)
  elseif wanted.listens and facts.connected then
    value_error(level + 1, "the socket is connected, and cannot listen")
  elseif facts.owner then
    value_error(level + 1, "the descriptor belongs to %s",
      tostring(facts.owner))
  end
end

--- Makes a socket of a descriptor, which it owns from then on.
---@param cls table of the socket
---@param kind "stream"|"listener"|"datagram"
---@param descriptor integer
---@param wanted table `type`, `family` (one, or `AF_INET or AF_INET6`), `bound`,
---  `connected`, `listens`: what it has to be
---@param accepts? fun(family: string): table class of a listener's streams
---@return userdata socket
---Checkpoint: never.
---Raises: ValueError when it is no such socket; OSError when it cannot listen.
---@usage return adopt(Stream, "stream", 7, { type = "SOCK_STREAM" })
return function(cls, kind, descriptor, wanted, accepts)
  options.arg("from_socket", 1, descriptor, "integer", 4)
  local facts = look(descriptor, 3)
  check(facts, wanted, 3)
  local stream_class = accepts and accepts(facts.family)
  local socket = native.adopt(cls, kind, descriptor, stream_class,
    wanted.connected)
  if not stream_class or facts.listening then return socket end
  local ok, err = errors.pcall(socket._listen, socket, 65536, stream_class)
  if ok then return socket end
  native.detach(socket) -- it is the caller's still
  errors.rethrow(err)
end
