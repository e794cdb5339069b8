--- Signal handlers of an event loop.

local base = require "asyncio.base"
local errors = require "anyrun.errors"
local native = require "_anyrun.signal"
local shared = require "anyrun.signals"

local error = error
local pack, unpack = table.pack, table.unpack

local Loop = require("asyncio.loop").Loop

local SIGCHLD <const> = native.number "SIGCHLD"

local function refuse(number)
  return ("signal %s cannot be caught"):format(native.name(number))
end

-- Its numbers, each with what listens to it.
local function handlers(loop)
  local list = loop._signals
  if not list then
    list = {}
    loop._signals = list
  end
  return list
end

-- Whoever is the handler when the signal has arrived is called.
local function listen(entry)
  local loop = entry.loop
  if handlers(loop)[entry.number] ~= entry then return end
  entry.native = native.handle(entry.number, function()
    loop:call_soon({ entry.callback, context = entry.context },
      unpack(entry.args, 1, entry.args.n))
  end)
end

local function remove(loop, number)
  local entry = handlers(loop)[number]
  if not entry then return false end
  handlers(loop)[number] = nil
  if entry.native then entry.native:stop() end
  return true
end

--- Calls `f` as a callback of the loop whenever a signal arrives, instead of
--- what the signal would do otherwise; in the place of an earlier handler.
--- Arriving several times before that, it is called once.
---@param signal string|integer a name ("SIGTERM") or a number
---@param callback function
---@param ... any its arguments
---Checkpoint: never.
---Raises: TypeError when `callback` cannot be called; ValueError when there is no
---  such signal; RuntimeError when it cannot be caught, and outside the main
---  thread.
---@usage loop:add_signal_handler("SIGTERM", function() task:cancel() end)
function Loop:add_signal_handler(signal, callback, ...)
  local number = shared.number("add_signal_handler", 1, signal, 2)
  local f = base.callback("add_signal_handler", callback)
  self:_check_open()
  if self._uvloop and number == SIGCHLD then
    error(errors.RuntimeError "SIGCHLD belongs to the loop", 2)
  end
  local entry = handlers(self)[number] or { loop = self, number = number }
  entry.callback, entry.args = f, pack(...)
  entry.context = require("_anyrun.task").context()
  if handlers(self)[number] then return end
  handlers(self)[number] = entry
  local ok, err = errors.pcall(self._start, self, entry, listen)
  if ok then return end
  handlers(self)[number] = nil
  local caught = not errors.isinstance(err, errors.ValueError)
  error(caught and err or errors.RuntimeError(refuse(number)), 2)
end

--- Takes a handler away: the signal means what it meant before.
---@param signal string|integer
---@return boolean whether there was one
---Checkpoint: never.
---Raises: ValueError when there is no such signal.
---@usage loop:remove_signal_handler "SIGTERM"
function Loop:remove_signal_handler(signal)
  return remove(self, shared.number("remove_signal_handler", 1, signal, 2))
end

return Loop
