--- Nurseries: the scheduler's task groups, opened as trio opens them.
-- What a script is given is the scheduler's own object: `start_soon(f, ...)`,
-- `start(f, ...)`, `cancel_scope`, `child_tasks`, `parent_task`.

local group_lib = require "_anyrun.group"
local guard = require "trio.guard"
local options = require "anyrun.options"

require "trio.tasks" -- says which object stands for a task: `child_tasks`

local native_open = group_lib.open_nursery
local type = type

---@class trio.nurseries
local nurseries = {}

local OPTIONS <const> = { strict_exception_groups = "boolean" }

---@class trio.Nursery
---@field cancel_scope any cancels the body and every child
---@field child_tasks trio.lowlevel.Task[] the children that have not ended
---@field parent_task trio.lowlevel.Task the task that opened it

--- Opens a nursery, runs `body` with it, and waits for every child. The first
--- error, of the body or a child, cancels the rest.
---@param opts? table `strict_exception_groups`
---@param body? fun(nursery: trio.Nursery): ... without one, the nursery is
---  returned: call it with its body
---@return any what `body` returned
---Checkpoint: a schedule point on leaving.
---Raises: ExceptionGroup of what the body and the children raised.
---@usage trio.open_nursery(function(nursery) nursery:start_soon(fetch) end)
function nurseries.open_nursery(opts, body)
  guard.needs_trio "open_nursery"
  if type(opts) == "function" then return native_open(opts) end
  options.check("open_nursery", opts, OPTIONS, 1)
  return native_open(opts, body)
end

return nurseries
