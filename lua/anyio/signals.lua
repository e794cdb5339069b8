--- Signals as something to iterate over.

local class = require "anyrun.class"
local shared = require "anyrun.signals"

---@class anyio.signals
local signals = {}

--- Gives the signals that arrive, by their names. Called, or in a `for` loop,
--- it waits for the next one; called with a function, it calls that with itself
--- and is closed in the end. A signal that arrives again before it was read
--- is read once; different ones come in the order in which they arrived.
---@class anyio.SignalReceiver
local Receiver = class.new("SignalReceiver", shared.Receiver)

--- Ends it: the signals mean what they meant before. A signal that arrived and
--- was not read is raised again for that.
---Checkpoint: never.
---@usage signals:aclose()
function Receiver:aclose() self._native:close() end

signals.SignalReceiver = Receiver

--- Receives signals instead of what they would do otherwise. Several receivers
--- may be open for one signal: each gets it.
---@param ... any signals (names such as "SIGTERM", or numbers), and perhaps a
---  function: it is called with the receiver, which is closed in the end
---@return any ... the receiver, a to-be-closed value; or what the function returned
---Checkpoint: never, but for what the function does.
---Raises: TypeError without a signal; ValueError for what is no signal or cannot
---  be received; RuntimeError outside the main thread.
---@usage for name in anyio.open_signal_receiver("SIGHUP", "SIGTERM") do print(name) end
function signals.open_signal_receiver(...)
  return shared.open(Receiver, "open_signal_receiver", ...)
end

return signals
