--- start_blocking_portal: a run in a thread of its own.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local native_run = require "_anyrun.run"
local options = require "anyrun.options"
local run_lib = require "anyrun.run"
local thread = require "_anyrun.thread"
local threads = require "anyrun.threads"

local error, tostring, type = error, tostring, type

---@class anyrun.portals
local portals = {}

local KNOWN <const> = { backend = "string?", backend_options = "table?",
  name = "string?" }

-- The body of the thread. Whoever started it waits for the promise.
local function serve(promise, backend, backend_options)
  local owed <close> = promise:owe()
  run_lib.run(function()
    require "anyrun.portal"(function(portal)
      owed:reply(true, portal)
      portal:sleep_until_stopped()
    end)
  end, { backend = backend, backend_options = backend_options })
end

portals.serve = serve

local function check_backend(name)
  for _, known in ipairs(run_lib.get_all_backends()) do
    if known == name then return end
  end
  error(errors.LookupError(("unknown backend '%s' (known: %s)"):format(
    tostring(name), table.concat(run_lib.get_all_backends(), ", "))), 4)
end

--- Starts the thread: a portal to it, and the call that lasts as long as it.
---@param opts table
---@return anyio.from_thread.BlockingPortal portal
---@return userdata call
---Checkpoint: never.
---Raises: LookupError when the backend is unknown; what the run raises.
---@usage local portal, call = portals.open({ backend = "trio" })
function portals.open(opts)
  local backend = opts.backend or native_run.default_backend()
  check_backend(backend)
  local promise = thread.promise()
  local name = opts.name or ("%s-portal-%p"):format(backend, {})
  local call = thread.submit("daemon", nil, name, serve, promise, backend,
    opts.backend_options)
  promise:join()
  if promise:state() == "refused" then -- it ended before it began
    call:join()
    threads.outcome(call, "in the thread of the portal", call:results())
  end
  return threads.outcome(promise, "in the thread of the portal",
    promise:results()), call
end

local function stop(portal, cancel_remaining)
  portal:call(portal.stop, portal, cancel_remaining)
end

--- Stops the run and waits for its thread.
---@param portal anyio.from_thread.BlockingPortal
---@param call userdata
---@param failed boolean what is going on is cancelled
---Checkpoint: never.
---@usage portals.close(portal, call, false)
function portals.close(portal, call, failed)
  -- one that was stopped already says so
  errors.pcall(stop, portal, failed)
  call:join()
end

local function finish(portal, call, ok, ...)
  portals.close(portal, call, not ok)
  if not ok then errors.rethrow((...)) end
  threads.outcome(call, "in the thread of the portal", call:results())
  return ...
end

---@class anyrun.PortalStarter
local Starter = class.new("start_blocking_portal")

function Starter:__call(body)
  local portal, call = portals.open(self.opts)
  return finish(portal, call, errors.try(body, portal))
end

function Starter:__enter()
  self.portal, self.call = portals.open(self.opts)
  return self.portal
end

function Starter:__exit(err)
  local portal, call = self.portal, self.call
  self.portal, self.call = nil, nil
  portals.close(portal, call, err ~= nil)
  if err == nil then
    threads.outcome(call, "in the thread of the portal", call:results())
  end
end

--- Runs an event loop in a new thread as long as the body runs, with a portal
--- to it. Functions that are called through it are copied to its Lua state.
---@param opts? table `backend` (the command line's when absent),
---`backend_options`, `name` of the thread
---@param body? fun(portal: anyio.from_thread.BlockingPortal): ...
---@return any ... what the body returned; without one a context manager
---Checkpoint: never; it blocks the thread.
---Raises: what the body raises; what ended the run; LookupError when the
---backend is unknown.
---@usage start_blocking_portal({ backend = "trio" }, function(portal) end)
function portals.start(opts, body)
  if type(opts) == "function" and body == nil then opts, body = nil, opts end
  opts = options.check("start_blocking_portal", opts, KNOWN, 1)
  if body ~= nil then options.arg("start_blocking_portal", 2, body, "callable") end
  local self = Starter()
  self.opts = opts
  if body == nil then return self end
  return self(body)
end

return portals
