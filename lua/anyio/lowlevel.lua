--- What lies below AnyIO's surface: checkpoints, tokens, run variables.

local class = require "anyrun.class"
local native_run = require "_anyrun.run"
local native_task = require "_anyrun.task"

local setmetatable = setmetatable

local lowlevel = {}

--- Lets other tasks run; raises when the task is cancelled.
---Checkpoint: always.
---@usage for i = 1, n do crunch(i)  anyio.lowlevel.checkpoint() end
lowlevel.checkpoint = native_task.checkpoint

--- Raises when the task is cancelled; otherwise returns at once.
---Checkpoint: always, without letting others run.
---@usage anyio.lowlevel.checkpoint_if_cancelled()
lowlevel.checkpoint_if_cancelled = native_task.checkpoint_if_cancelled

--- Lets other tasks run; no cancel scope can raise here.
---Checkpoint: always, shielded.
---@usage anyio.lowlevel.cancel_shielded_checkpoint()
lowlevel.cancel_shielded_checkpoint = native_task.cancel_shielded_checkpoint

---@class anyio.lowlevel.EventLoopToken
---@field backend_name string
local EventLoopToken = class.new("EventLoopToken")
EventLoopToken.__copies = "value"

function EventLoopToken:__eq(other)
  return class.is(other, EventLoopToken) and self._door == other._door
end

function EventLoopToken:__tostring()
  return ("<EventLoopToken of a run of %s>"):format(self.backend_name)
end

--- The current run, as something that other threads can be given; one and
--- the same value as long as the run lasts. From then on the run is never taken
--- for stuck: somebody may come from another thread.
---@return anyio.lowlevel.EventLoopToken
---Checkpoint: never.
---Raises: NoEventLoopError outside a run.
---@usage local token = anyio.lowlevel.current_token()
function lowlevel.current_token()
  native_task.current()
  local vars = native_run.vars()
  local token = vars[EventLoopToken]
  if not token then
    token = EventLoopToken()
    token.backend_name = native_run.active()
    token._door = require("anyrun.door").current()
    token._door:expect(1)
    vars[EventLoopToken] = token
  end
  return token
end

lowlevel.EventLoopToken = EventLoopToken

--- Makes something of a value that is not copied to other threads: a reference
--- arrives there, which is the value again when it is handed back.
---@param value any
---@return userdata
---Checkpoint: never.
---@usage anyio.to_thread.run_sync(work, anyio.lowlevel.ref(cache))
function lowlevel.ref(value) return require("_anyrun.thread").refer(value) end

--- Closes a descriptor that is nobody's, such as one of `receive_fds`. Who
--- waits for it gets ClosedResourceError.
---@param descriptor integer
---Checkpoint: never.
---Raises: ValueError when it is a socket's of ours; OSError when there is no such
---  descriptor.
---@usage anyio.lowlevel.close_descriptor(fds[1])
function lowlevel.close_descriptor(descriptor)
  require("_anyrun.socket").close(descriptor)
end

return setmetatable(lowlevel, {
  __index = function(self, key)
    if key ~= "RunVar" then return nil end
    self.RunVar = require "anyrun.runvar"
    return self.RunVar
  end,
})
