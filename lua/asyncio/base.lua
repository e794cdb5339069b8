--- Which asyncio loop is running, and what all files of this face share.
-- A run's table of variables holds its loop under `loop`. A run that another
-- library began on the asyncio backend gets one when it is first asked for.

local catch = require "anyrun.catch"
local errors = require "anyrun.errors"
local run_lib = require "_anyrun.run"
local task_lib = require "_anyrun.task"

local active, vars = run_lib.active, run_lib.vars
local debug, error, getmetatable = debug, error, getmetatable
local rawget, tostring = rawget, tostring
local type = type

---@class asyncio.base
local base = {}

-- Where the library is, as sources of functions name it.
local HERE <const> =
  debug.getinfo(1, "S").source:match "^(.*)asyncio/base%.lua$" or "?"

local adopt -- of asyncio.running, required when it is first needed

-- The script's implicit run may not have begun yet: asking for the current
-- task begins it, and raises where there can be none.
local function refuse(name)
  task_lib.current()
  local backend = active()
  if backend == "asyncio" then return end
  if backend == "trio" and name == "sleep" then
    -- Of all functions this is the one that would get as far as to yield.
    error(errors.TypeError("trio got unrecognized yield message: "
      .. "'asyncio.sleep' needs an asyncio run, and this task runs on trio"), 0)
  end
  error(errors.RuntimeError(("Task got bad yield: 'asyncio.%s' needs an asyncio "
    .. "run, and this task runs on %s"):format(name, backend or "no backend")), 0)
end

--- Returns when an asyncio run is going on in this thread.
---@param name string of the function that needs one, for the message
---Checkpoint: never.
---Raises: RuntimeError in a trio run, NoEventLoopError where there is none.
---@usage base.needs_asyncio "sleep"
function base.needs_asyncio(name)
  if active() ~= "asyncio" then refuse(name) end
end

--- The loop of the run this thread is in.
---@param name string of the function that needs it, for the message
---@return asyncio.Loop
---Checkpoint: never.
---Raises: as `needs_asyncio`.
---@usage local loop = base.loop "create_task"
function base.loop(name)
  if active() ~= "asyncio" then refuse(name) end
  local loop = vars().loop
  if loop and not loop._idle then return loop end
  adopt = adopt or require("asyncio.running").adopt
  return adopt(loop)
end

--- The loop of the run this thread is in, or nil; begins nothing.
---@return asyncio.Loop?
---Checkpoint: never.
---@usage if base.running() == loop then wake() end
function base.running()
  if active() ~= "asyncio" then return nil end
  return base.loop "get_running_loop"
end

--- Raises unless `value` can be called.
---@param fname string the function's name as the caller knows it
---@param value any
---@return any value
---Checkpoint: never.
---Raises: TypeError.
---@usage base.callback("call_soon", f)
function base.callback(fname, value)
  if type(value) == "function" then return value end
  local mt = getmetatable(value)
  if type(mt) == "table" and rawget(mt, "__call") then return value end
  error(errors.TypeError(("a callable object was expected by '%s', got %s")
    :format(fname, base.repr(value))), 3)
end

--- A value as reports and `tostring` of tasks show it: strings in quotes.
---@param value any
---@return string
---Checkpoint: never.
---@usage print(base.repr "x") --> 'x'
function base.repr(value)
  if type(value) == "string" then return ("'%s'"):format(value) end
  if type(value) == "function" then return base.where(value) end
  return tostring(value)
end

--- A function as reports show it: its file and line.
---@param f any
---@return string
---Checkpoint: never.
---@usage print(base.where(print)) --> function at [C]
function base.where(f)
  if type(f) ~= "function" then return tostring(f) end
  local info = debug.getinfo(f, "S")
  if info.what == "C" then return "function at [C]" end
  return ("function at %s:%d"):format(info.short_src, info.linedefined)
end

--- Where the code that called into the library stands, for debug mode.
---@return string
---Checkpoint: never.
---@usage handle._created = base.site()
function base.site()
  for level = 3, 40 do
    local info = debug.getinfo(level, "Sl")
    if not info then break end
    local ours = info.source:sub(1, #HERE) == HERE
    if info.currentline > 0 and not ours then
      return ("%s:%d"):format(info.short_src, info.currentline)
    end
  end
  return "?"
end

--- Whether `err` must stop the loop at once: a KeyboardInterrupt or SystemExit.
---@param err any
---@return boolean
---Checkpoint: never.
---@usage if base.stops_loop(err) then error(err, 0) end
function base.stops_loop(err) return errors.kind(err) & 24 ~= 0 end

--- Whether `err` is a cancellation.
---@param err any
---@return boolean
---Checkpoint: never.
---@usage if base.is_cancelled(err) then undo() end
function base.is_cancelled(err) return errors.kind(err) & 2 ~= 0 end

--- A Context of what the core keeps for a task or callback: a Context already,
--- or a table of values by variable, or nil.
---@param kept table?
---@return contextvars.Context
---Checkpoint: never.
---@usage return base.context_of(self._context)
function base.context_of(kept)
  if kept and getmetatable(kept) then return kept end
  local context = require("contextvars").copy_context()
  context.vars = kept
  return context
end

base.try = catch.try

return base
