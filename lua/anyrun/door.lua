--- What other threads bring to a run: functions to be called here, and what
--- becomes of the answer.
-- A request is a kind, what the kind needs to know, the context's variables,
-- the function and its arguments. Each kind has a handler; further kinds are
-- added by the modules that ask for them (portals).

local context = require "anyrun.context"
local errors = require "anyrun.errors"
local native_errors = require "_anyrun.errors"
local native_run = require "_anyrun.run"
local task_lib = require "_anyrun.task"
local thread = require "_anyrun.thread"

local active, vars = native_run.active, native_run.vars
local is_deserted, must_begin = native_run.is_deserted, thread.must_begin

---@class anyrun.door
local door = {}

-- kind -> function(ask, info, variables, f, ...)
local handlers = {}
door.handlers = handlers

local KEY = {} -- of the run's door among its variables

-- How many requests are taken in one pass. Where they come faster than they are
-- taken, each pass would be longer than the one before, and tasks would starve.
local MOST <const> = 256

--- Answers a request with what `errors.try` gave.
---@param ask userdata
---@param ok boolean
---@param ... any
---Checkpoint: never.
---@usage door.reply(ask, errors.try(f, ...))
function door.reply(ask, ok, ...)
  if ok then return ask:reply(true, ...) end
  local err = ...
  return ask:reply(false, err, native_errors.traceback(err))
end

local reply, try = door.reply, errors.try

-- The body of a task that answers a request. It never fails.
local function perform(ask, f, ...) reply(ask, try(f, ...)) end

--- How a task is made that no task of this run asked for.
---@param variables? table
---@return table opts of `task_lib.spawn`
---Checkpoint: never.
---@usage task_lib.spawn(door.spawn_options(variables), f)
function door.spawn_options(variables)
  return { system = active() == "trio", context = context.of(variables) }
end

-- A task of its own answers, whether the function waits or not: a task has a
-- current library.
function handlers.run(ask, _, variables, f, ...)
  if ask:cancelled() or is_deserted() then return ask:refuse() end
  must_begin(task_lib.spawn(door.spawn_options(variables), perform, ask, f, ...))
end

handlers.sync = handlers.run

-- Called at once, in the order of arrival, outside any task.
function handlers.soon(ask, _, variables, f, ...)
  reply(ask, true)
  context.of(variables):run(f, ...)
end

local function dispatch(ask, kind, ...)
  if kind == nil then return ask:reply(false) end -- withdrawn
  handlers[kind](ask, ...)
end

local function receive(ask) dispatch(ask, ask:request()) end

-- What cannot even be read, or begun, is answered with why; an error of what
-- was called at once is a callback's.
local function take(ask)
  local ok, err = try(receive, ask)
  if ok then return end
  -- the bare pcall: an ask that is answered already says so by an error
  if not pcall(reply, ask, false, err) then
    native_run.call_soon(errors.rethrow, nil, err)
  end
end

-- Requests arrived. Those that come meanwhile have to wait for the next pass.
local function on_arrival()
  local here = door.current()
  for _ = 1, MOST do
    local ask = here:take()
    if not ask then break end
    take(ask)
  end
  if here:has_more() then native_run.call_soon(on_arrival) end
end

--- The door of the run that is going on.
---@return userdata
---Checkpoint: never.
---Raises: NoEventLoopError outside a run.
---@usage local here = door.current()
function door.current()
  local variables = vars()
  local here = variables[KEY]
  if not here then
    here = thread.door(on_arrival)
    variables[KEY] = here
  end
  return here
end

-- A task that waits for a thread answers what the thread asks it.
-- Trio: in this very task. Asyncio: in one of its own, inside the scopes of
-- this one; a function that does not wait is called right here.
local function serve_here(ask, kind, _, variables, f, ...)
  if kind == nil then return ask:reply(false) end
  local ctx = context.of(variables)
  if kind == "run" and active() == "asyncio" then
    must_begin(task_lib.spawn({ scoped = true, context = ctx }, perform, ask, f,
      ...))
    return
  end
  reply(ask, try(ctx.run, ctx, f, ...))
end

local function read_and_serve(ask) return serve_here(ask, ask:request()) end

--- Serves what the thread that this task waits for asks back.
---@param ask userdata
---Checkpoint: as what is asked.
---@usage door.serve(ask)
function door.serve(ask)
  local ok, err = try(read_and_serve, ask)
  if not ok then reply(ask, false, err) end
end

return door
