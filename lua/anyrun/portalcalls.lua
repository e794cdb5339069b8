--- What goes on in a run for futures that other threads have of it.

local door_lib = require "anyrun.door"
local context = require "anyrun.context"
local errors = require "anyrun.errors"
local native_run = require "_anyrun.run"
local Future = require "anyrun.threadfuture"
local new_scope = require("_anyrun.scope").CancelScope

local select, table = select, table

---@class anyrun.portalcalls
local calls = {}

-- id of a call -> {scope =, and callbacks: {f, future} in the order they came}
local running = {}

local function call_back(entry)
  for i = 1, #entry do
    native_run.call_soon(entry[i][1], nil, entry[i][2])
  end
end

-- The function is over: tells whoever has the future of it.
local function settle(ask, entry, id, ok, ...)
  running[id] = nil
  local kind = ok and 0 or errors.kind((...))
  if kind & 2 ~= 0 or ok and entry.scope.cancelled_caught then
    ask:withdraw()
  elseif ok then
    ask:reply(true, select(2, ...)) -- the scope comes first
  else
    door_lib.reply(ask, false, ...)
  end
  call_back(entry)
  -- cancellation is the future's business, an exit ends the run
  if kind & ~3 ~= 0 and kind & 1 == 0 then errors.rethrow((...)) end
end

--- A call has arrived, and a task for it is on its way: callbacks that come
--- before its first step wait for its end.
---@param id userdata the call's
---@return table entry
---Checkpoint: never.
---@usage calls.expect(ask:id())
function calls.expect(id)
  local entry = {}
  running[id] = entry
  return entry
end

-- Calls f in a scope by which the future can cancel it.
local function run(ask, f, ...)
  local scope, id, args = new_scope(), ask:id(), table.pack(...)
  local entry = running[id] or calls.expect(id)
  entry.scope = scope
  ask:begin()
  if ask:cancelled() then scope:cancel() end
  return settle(ask, entry, id, errors.try(scope, function()
    return f(table.unpack(args, 1, args.n))
  end))
end

--- The body of a task that answers a call.
---@param ask userdata
---@param nothing nil
---@param f function
---@param ... any
---Checkpoint: as `f`.
---@usage tg:start_soon(calls.perform, ask, nil, f)
function calls.perform(ask, nothing, f, ...) -- luacheck: ignore (as the next)
  return run(ask, f, ...)
end

-- The `task_status` of a call: it answers the first one.
local Status = {}
Status.__index = Status
Status.__name = "TaskStatus"

function Status:started(value)
  if self.ask == nil then
    error(errors.RuntimeError "the task has been started already", 2)
  end
  self.ask:reply(true, value)
  self.ask = nil
end

-- Ends without a word: whoever waits for one hears why.
local function never_started(status, ok, ...)
  local ask = status.ask
  status.ask = nil
  if ask and ok then
    ask:reply(false, errors.RuntimeError(
      "the task ended without calling task_status:started()"))
  elseif ask then
    door_lib.reply(ask, false, ...)
  end
  if not ok then errors.rethrow((...)) end
  return ...
end

--- The same for a function that says when it has started; the promise is the
--- call that its end answers.
---@param ask userdata
---@param promise userdata
---@param f function
---@param ... any
---Checkpoint: as `f`.
---@usage tg:start_soon(calls.perform_starting, ask, promise, f)
function calls.perform_starting(ask, promise, f, ...)
  local status = setmetatable({ ask = ask }, Status)
  local args = table.pack(...)
  args.n = args.n + 1
  args[args.n] = status
  return run(promise:owe(), function()
    return never_started(status,
      errors.try(f, table.unpack(args, 1, args.n)))
  end)
end

function door_lib.handlers.cancel(ask, id)
  local entry = running[id]
  -- one that has not begun sees by itself that its call was withdrawn
  if entry and entry.scope then entry.scope:cancel() end
  ask:reply(true)
end

function door_lib.handlers.done(ask, id, variables, f, future)
  local entry = running[id]
  local function callback(of)
    context.of(variables):run(Future.call_back, f, of)
  end
  if entry then
    entry[#entry + 1] = { callback, future }
  else
    native_run.call_soon(callback, nil, future)
  end
  ask:reply(true)
end

return calls
