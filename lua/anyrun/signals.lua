--- Signals that a script waits for: what the faces' receivers have in common.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local native = require "_anyrun.signal"

local error, math_type, select, type = error, math.type, select, type
local tostring = tostring

---@class anyrun.signals
local signals = {}

--- The number of a signal.
---@param fname string the function's name as the caller knows it
---@param n integer which argument it is
---@param value any a name ("SIGTERM") or a number
---@param level integer whose line an error names
---@return integer
---Checkpoint: never.
---Raises: ValueError when there is no such signal.
---@usage local number = signals.number("send_signal", 1, "SIGTERM", 3)
function signals.number(fname, n, value, level)
  if type(value) ~= "string" and math_type(value) ~= "integer" then
    error(("bad argument #%d to '%s' (name or number of a signal expected, got %s)")
      :format(n, fname, value == nil and "no value" or type(value)), level + 1)
  end
  local number = native.number(value)
  if number then return number end
  error(errors.ValueError(("there is no signal %s (a name such as 'SIGTERM', or "
    .. "a number, expected)"):format(type(value) == "string" and "'" .. value .. "'"
    or tostring(value))), level + 1)
end

--- What receivers extend: called, one waits for the next signal; called with a
--- body function, it is closed after that.
local Receiver = class.new "SignalReceiver"

function Receiver:__call(body)
  if type(body) == "function" then return require "anyrun.with"(self, body) end
  return native.name(self._native:next())
end

function Receiver:__close() self:aclose() end

function Receiver:__tostring()
  return ("<%s: %s>"):format(self.name, table.concat(self._names, ", "))
end

signals.Receiver = Receiver

-- The arguments: signals, and perhaps a body function in the last place.
local function split(fname, ...)
  local n, numbers, body = select("#", ...), {}, nil
  if n > 0 and type((select(n, ...))) == "function" then
    body, n = (select(n, ...)), n - 1
  end
  if n == 0 then
    error(errors.TypeError(("'%s' needs at least one signal"):format(fname)), 4)
  end
  local seen = {}
  for i = 1, n do
    local number = signals.number(fname, i, (select(i, ...)), 4)
    if not seen[number] then numbers[#numbers + 1] = number end
    seen[number] = true
  end
  return numbers, body
end

--- Opens a receiver, and calls the body function with it, if there is one.
---@param cls table a class that extends Receiver
---@param fname string
---@param ... any signals, and perhaps a body function
---@return any ... the receiver, or what the body returned
---Checkpoint: never; as the body.
---@usage return signals.open(Receiver, "open_signal_receiver", ...)
function signals.open(cls, fname, ...)
  local numbers, body = split(fname, ...)
  local names = {}
  for i, number in ipairs(numbers) do names[i] = native.name(number) end
  local self = setmetatable({
    _native = native.receive(numbers), _names = names,
  }, cls)
  if not body then return self end
  return require "anyrun.with"(self, body)
end

return signals
