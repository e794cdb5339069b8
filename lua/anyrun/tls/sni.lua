--- A server is asked for a name, and the script's `sni_callback` says what to
--- do.

local errors = require "anyrun.errors"
local names = require "anyrun.tls.names"

local error, math_type, rawset, tostring = error, math.type, rawset, tostring
local rethrow, try = errors.rethrow, errors.try

---@class anyrun.tls.sni
local sni = {}

local function alert_number(value)
  if value == nil then return 0 end
  local number = names.ALERTS[value] or value
  if math_type(number) == "integer" and number > 0 and number < 256 then
    return number
  end
  error(errors.TypeError(("an sni_callback returns nil or an alert (known: %s), "
    .. "not %s"):format(names.list(names.ALERTS), tostring(value))), 0)
end

local function call(object, context)
  local name = object._native:asked()
  return alert_number(context.sni_callback(object, name, context))
end

--- Asks the callback and answers the session: the handshake can go on, or
--- refuses.
---@param object ssl.SSLObject
---Checkpoint: as the callback.
---Raises: what the callback raised; the session then refuses.
---@usage sni.ask(object)
function sni.ask(object)
  local before = object.context
  rawset(object, "_asked", true)
  local ok, result = try(call, object, before)
  rawset(object, "_asked", false)
  local after = object.context
  object._native:answer(ok and after ~= before and after._native or nil,
    ok and result or names.ALERTS.ALERT_DESCRIPTION_INTERNAL_ERROR)
  if not ok then rethrow(result) end
end

return sni
