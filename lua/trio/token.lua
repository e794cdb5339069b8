--- The token of a run: how code that is in no task hands it a function.
-- Two queues, both first in, first out: every call, and the idempotent ones,
-- of which equal pending ones are one. A drain runs what it finds when it
-- starts and leaves the rest to the next pass, so that tasks get their turn.

local class = require "anyrun.class"
local context = require "anyrun.context"
local errors = require "anyrun.errors"
local guard = require "trio.guard"
local run_lib = require "_anyrun.run"
local spec = require "anyrun.spec"
local task_lib = require "_anyrun.task"
local thread = require "_anyrun.thread"

local error, rawequal, rawget = error, rawequal, rawget
local table_pack, table_unpack = table.pack, table.unpack

---@class trio.token
local token = {}

---@class trio.lowlevel.TrioToken
local TrioToken = class.new("TrioToken")

--- What other threads have of it.
local RemoteToken = class.new("TrioToken")
RemoteToken.__copies = "value"

token.TrioToken, token.RemoteToken = TrioToken, RemoteToken

local KEY = {} -- the key of the run's token among its variables
local KNOWN = { idempotent = true }

local function new_queue() return { first = 1, last = 0 } end

local function push(queue, job)
  local last = queue.last + 1
  queue[last], queue.last = job, last
end

local function pop(queue)
  local first = queue.first
  local job = queue[first]
  queue[first], queue.first = nil, first + 1
  return job
end

local function size(queue) return queue.last - queue.first + 1 end

function TrioToken:_init(vars)
  self._vars = vars
  self._calls, self._once = new_queue(), new_queue()
  self._scheduled = false
end

-- A callback's error ends the run; it must not stop the other callbacks.
local function run_job(job)
  local ok, err = errors.try(job.f, table_unpack(job, 1, job.n))
  if not ok then run_lib.crash(err) end
end

local schedule

local function drain(self)
  self._scheduled = false
  for _ = 1, size(self._calls) do run_job(pop(self._calls)) end
  for _ = 1, size(self._once) do run_job(pop(self._once)) end
end

function schedule(self)
  if self._scheduled then return end
  self._scheduled = true
  run_lib.call_soon(drain, nil, self)
end

local function same(a, b)
  if not rawequal(a.f, b.f) or a.n ~= b.n then return false end
  for i = 1, a.n do
    if not rawequal(a[i], b[i]) then return false end
  end
  return true
end

local function is_pending(queue, job)
  for i = queue.first, queue.last do
    if same(queue[i], job) then return true end
  end
  return false
end

-- A run that is about to end makes the calls it has taken, and takes no more.
local function is_finished(self)
  return run_lib.active() == nil or run_lib.vars() ~= self._vars
    or run_lib.is_sealed()
end

local function enqueue(self, once, f, ...)
  local job = table_pack(...)
  job.f = f
  if not once then
    push(self._calls, job)
  elseif not is_pending(self._once, job) then
    push(self._once, job)
  end
  schedule(self)
end

--- Has the run call a function soon, outside any task. It must not block.
---@param f function|table the function, or `{f, idempotent = true}`: then equal
---  calls that have not begun are made once
---@param ... any its arguments
---Checkpoint: never.
---Raises: RunFinishedError when the run is over, or about to be: some passes after
---  its last task has ended. What was taken before is called.
---@usage token:run_sync_soon({ event.set, idempotent = true }, event)
function TrioToken:run_sync_soon(f, ...)
  local fn, _, _, rest = spec.parse("run_sync_soon", 1, f, KNOWN)
  if is_finished(self) then
    error(errors.RunFinishedError "run() has exited", 0)
  end
  enqueue(self, rest and rest.idempotent, fn, ...)
end

-- Made when it first goes to another thread. From then on the run is never
-- taken for stuck: somebody may come.
function TrioToken:_remote()
  if not self._twin then
    if is_finished(self) then
      error(errors.RunFinishedError "run() has exited", 0)
    end
    self._twin = RemoteToken()
    self._twin._door = require("anyrun.door").current()
    self._twin._door:expect(1)
    require("anyrun.door").handlers.trio_soon = token.on_arrival
  end
  return self._twin
end

TrioToken.__copies = TrioToken._remote

--- In the run: what another thread brought takes its place in the queues.
---@param ask userdata
---@param once boolean
---@param variables? table
---@param f function
---@param ... any
---Checkpoint: never.
---@usage door.handlers.trio_soon = token.on_arrival
function token.on_arrival(ask, once, variables, f, ...)
  ask:reply(true)
  local ctx = context.of(variables)
  enqueue(token.current_trio_token(), once, once and f
    or function(...) return ctx:run(f, ...) end, ...)
end

--- As TrioToken's, from another thread.
---@param f function|table
---@param ... any
---Checkpoint: never.
---Raises: RunFinishedError when the run is over.
---@usage token:run_sync_soon(print, "soon")
function RemoteToken:run_sync_soon(f, ...)
  local fn, _, _, rest = spec.parse("run_sync_soon", 1, f, KNOWN)
  local call = thread.ask(self._door, "trio_soon",
    rest and rest.idempotent or false, task_lib.context(), fn, ...)
  if call:state() == "refused" then
    error(errors.RunFinishedError "run() has exited", 0)
  end
end

-- The token itself, and what other threads have of it, are equal.
local function door_of(value)
  if class.is(value, TrioToken) then value = value._twin end
  return value and class.is(value, RemoteToken) and value._door
end

function TrioToken.__eq(a, b)
  local door = door_of(a)
  return door and door == door_of(b) or false
end
RemoteToken.__eq = TrioToken.__eq

function RemoteToken:__tostring() return "<TrioToken of another thread>" end

function TrioToken:__tostring() return ("<TrioToken at %p>"):format(self) end

--- The token of the run that is going on, always the same one.
---@return trio.lowlevel.TrioToken
---Checkpoint: never.
---Raises: NoEventLoopError outside a run.
---@usage local token = trio.lowlevel.current_trio_token()
function token.current_trio_token()
  guard.needs_trio "lowlevel.current_trio_token"
  local vars = run_lib.vars()
  local self = rawget(vars, KEY)
  if self == nil then
    self = TrioToken(vars)
    vars[KEY] = self
  end
  return self
end

--- How many calls wait to be made in the run that is going on.
---@return integer
---Checkpoint: never.
---@usage print(token.queue_size())
function token.queue_size()
  local self = rawget(run_lib.vars(), KEY)
  return self and size(self._calls) + size(self._once) or 0
end

return token
