--- ResourceGuard: one user at a time, and no waiting: the second is refused.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local options = require "anyrun.options"

local error = error

---@class anyio.ResourceGuard
---@field action string what the one user does: a word for the message
local ResourceGuard = class.new "ResourceGuard"

--- Makes a guard; also outside a run.
---@param action? string "using" when absent
---@return anyio.ResourceGuard
---Checkpoint: never.
---@usage local receiving = anyio.ResourceGuard("reading from")
function ResourceGuard:_init(action)
  options.arg("ResourceGuard", 1, action, "string?", 4)
  self.action, self._held = action or "using", false
end

--- Holds it until the value that comes back is closed.
---@return anyio.ResourceGuard self a to-be-closed value
---Checkpoint: never.
---Raises: BusyResourceError when it is held, also by the same task.
---@usage local _ <close> = receiving:enter()
function ResourceGuard:enter()
  if self._held then
    error(errors.BusyResourceError("This resource is already being "
      .. self.action .. " by another task", { action = self.action }), 0)
  end
  self._held = true
  return self
end

function ResourceGuard:__enter() return self:enter() end

function ResourceGuard:__exit() self._held = false end

function ResourceGuard:__close() self._held = false end

--- Whether somebody is in.
---@return table `held`
---Checkpoint: never.
---@usage print(receiving:statistics().held)
function ResourceGuard:statistics() return { held = self._held } end

function ResourceGuard:__tostring()
  return ("<ResourceGuard: %s%s>"):format(self.action,
    self._held and ", held" or "")
end

return ResourceGuard
