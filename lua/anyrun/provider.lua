--- BlockingPortalProvider: one portal for all who want one at a time.
-- Its state is a cell that all threads share: how many users there are, the
-- portal, and the call that lasts as long as the portal's thread.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local options = require "anyrun.options"
local portals = require "anyrun.portals"
local thread = require "_anyrun.thread"

---@class anyio.from_thread.BlockingPortalProvider
local Provider = class.new("BlockingPortalProvider")
Provider.__copies = "value"

local KNOWN <const> = { backend = "string?", backend_options = "table?" }

--- Makes a provider; it may be copied to other threads.
---@param opts? table `backend`, `backend_options`
---Checkpoint: never.
---@usage local provider = anyio.from_thread.BlockingPortalProvider()
function Provider:_init(opts)
  self.opts = options.check("BlockingPortalProvider", opts, KNOWN, 1, 4)
  self._cell = thread.cell()
end

local function enter(self, users, portal, call)
  if not users then
    portal, call = portals.open(self.opts)
    users = 0
  end
  return users + 1, portal, call
end

--- Enters: the first user starts the portal.
---@return anyio.from_thread.BlockingPortal
---Checkpoint: never; it blocks the thread.
---@usage anyio.with(provider, function(portal) end)
function Provider:__enter()
  local cell = self._cell
  local function opened(ok, users, portal, call)
    if ok then
      cell:unlock(users, portal, call)
      return portal
    end
    cell:unlock()
    errors.rethrow(users)
  end
  return opened(errors.try(enter, self, cell:lock()))
end

--- Leaves: the last user stops the portal.
---@param err any
---Checkpoint: never; it blocks the thread.
---@usage anyio.with(provider, function(portal) end)
function Provider:__exit(err)
  local cell = self._cell
  local users, portal, call = cell:lock()
  if users > 1 then
    cell:unlock(users - 1, portal, call)
    return
  end
  cell:unlock()
  portals.close(portal, call, err ~= nil)
end

--- Calls the body with the portal that all users share.
---@param body fun(portal: anyio.from_thread.BlockingPortal): ...
---@return any ... what the body returned
---Checkpoint: never; it blocks the thread.
---@usage provider(function(portal) return portal:call(fetch, url) end)
function Provider:__call(body)
  return require "anyrun.with"(self, body)
end

return Provider
