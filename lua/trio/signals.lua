--- Signals as something to iterate over.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local shared = require "anyrun.signals"

local error = error

---@class trio.signals
local signals = {}

--- Gives the signals that arrive, by their names. Called, or in a `for` loop,
--- it waits for the next one. A signal that arrives again before it was read
--- is read once; different ones come in the order in which they arrived.
---@class trio.SignalReceiver
local Receiver = class.new("SignalReceiver", shared.Receiver)

local receive = shared.Receiver.__call

function Receiver:__call()
  if self._closed then
    error(errors.RuntimeError "the signal receiver was left already", 2)
  end
  return receive(self)
end

--- Ends it: the signals mean what they meant before. A signal that arrived and
--- was not read is raised again for that.
---Checkpoint: never.
---@usage signals:aclose()
function Receiver:aclose()
  self._closed = true
  self._native:close()
end

--- Receives signals instead of what they would do otherwise.
---@param ... any signals (names such as "SIGTERM", or numbers), and perhaps a
---  function: it is called with the receiver, which is closed in the end
---@return any ... the receiver, a to-be-closed value; or what the function returned
---Checkpoint: never, but for what the function does.
---Raises: TypeError without a signal; ValueError for what is no signal or cannot
---  be received; RuntimeError outside the main thread; when it is iterated,
---  BusyResourceError if another task does, RuntimeError once it was left.
---@usage for name in trio.open_signal_receiver("SIGHUP", "SIGTERM") do print(name) end
function signals.open_signal_receiver(...)
  return shared.open(Receiver, "open_signal_receiver", ...)
end

return signals
