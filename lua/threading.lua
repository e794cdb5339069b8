--- Threads that are none of a run's: each has a Lua state of its own.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local native_errors = require "_anyrun.errors"
local options = require "anyrun.options"
local spec = require "anyrun.spec"
local thread = require "_anyrun.thread"

local error, io, setmetatable, table = error, io, setmetatable, table
local tostring = tostring

---@class threading
local threading = {}

---@class threading.Thread
---@field name string
local Thread = class.new("Thread")

local count = 0

--- Makes a thread that will call a function; `start` starts it.
---@param f function|table the function, or `{f, name = name}`: it is copied
---@param ... any its arguments, copied when the thread starts
---Checkpoint: never.
---@usage local thread = threading.Thread(watch, "/tmp")
function Thread:_init(f, ...)
  local fn, name = spec.parse("Thread", 1, f, nil, 4)
  count = count + 1
  self.name = name or "Thread-" .. count
  self._f, self._args = fn, table.pack(...)
end

-- In the thread: an error is shown, SystemExit only ends it.
local function serve(name, f, ...)
  local ok, err = errors.try(f, ...)
  if ok or errors.isinstance(err, errors.SystemExit) then return end
  io.stderr:write(("Exception in thread %s:\n%s\n%s\n"):format(name,
    tostring(err), native_errors.traceback(err) or ""))
end

--- Starts it. A program waits in the end for all threads that were started.
---Checkpoint: never.
---Raises: RuntimeError when it was started before.
---@usage thread:start()
function Thread:start()
  if self._call then
    error(errors.RuntimeError "threads can only be started once", 2)
  end
  self._call = thread.submit("awaited", nil, self.name, serve, self.name,
    self._f, table.unpack(self._args, 1, self._args.n))
  self._f, self._args = nil, nil
end

--- Waits until it has ended; blocks the thread that calls.
---@param timeout? number seconds to wait at most
---@return boolean whether it has ended
---Checkpoint: never.
---Raises: RuntimeError when it was not started.
---@usage thread:join()
function Thread:join(timeout)
  options.arg("join", 1, timeout, "number?")
  if not self._call then
    error(errors.RuntimeError "cannot join thread before it is started", 2)
  end
  return self._call:join(timeout)
end

--- Whether it was started and has not ended.
---@return boolean
---Checkpoint: never.
---@usage while thread:is_alive() do sleep(1) end
function Thread:is_alive()
  return self._call ~= nil and self._call:state() ~= "answered"
end

function Thread:__tostring()
  return ("<Thread %s: %s>"):format(self.name, not self._call and "not started"
    or self:is_alive() and "running" or "ended")
end

function Thread:__eq(other)
  return class.is(other, Thread) and self._call ~= nil
    and self._call == other._call
end

-- What other threads have of one that was started. Before that it is nobody
-- else's: a copy would be another thread.
local Started = class.new("Thread", Thread)
Started.__copies = "value"

function Thread:__copies()
  if not self._call then return thread.refer(self) end
  return setmetatable({ name = self.name, _call = self._call }, Started)
end

threading.Thread, threading._Started = Thread, Started

--- What there is to say of the thread that calls.
---@return {name: string}
---Checkpoint: never.
---@usage print(threading.current_thread().name)
function threading.current_thread()
  return { name = thread.name() or thread.current() and "worker" or "main" }
end

return threading
