--- Tasks as trio shows them, and the tree that they and nurseries make.
-- The scheduler knows a task as a userdata; `tasks.of` gives the one Task
-- object that belongs to it. The root of the tree, `<init>`, and the three
-- nurseries it holds are shown but have no counterpart in the scheduler.

local class = require "anyrun.class"
local faces = require "anyrun.faces"
local options = require "anyrun.options"
local run_lib = require "_anyrun.run"
local task_lib = require "_anyrun.task"

local error, getmetatable, rawget, rawset = error, getmetatable, rawget, rawset
local require = require
local debug, ipairs, setmetatable = debug, ipairs, setmetatable
local get_face, set_face = task_lib.face, task_lib.set_face

---@class trio.tasks
local tasks = {}

---@class trio.lowlevel.Task
---@field name string may be assigned
---@field coro? thread the coroutine the task runs in
---@field context table the task's context variables
---@field parent_nursery? table the nursery it runs in; nil for the root task
---@field eventual_parent_nursery? table where `start` will put it
---@field child_nurseries table[] its open nurseries, outermost first
---@field custom_sleep_data any for who makes it wait; nil after each wait
local Task = { __name = "Task" }
tasks.Task = Task

-- The task's userdata, by its Task; a Task keeps what it shows alive.
local native_of = setmetatable({}, { __mode = "k" })
local ROOT = {} -- the key of the root task among the run's variables

--- The Task of a scheduler's task, always the same one.
---@param native any
---@return trio.lowlevel.Task
---Checkpoint: never.
---@usage local task = tasks.of(task_lib.current())
function tasks.of(native)
  if native_of[native] then return native end -- it has been asked already
  local face = get_face(native)
  if face == nil then
    face = setmetatable({}, Task)
    native_of[face] = native
    set_face(native, face)
  end
  return face
end

local of = tasks.of
faces.register("trio", of)

--- An array of tasks as an array of Tasks, in place.
---@param list any[]
---@return trio.lowlevel.Task[]
---Checkpoint: never.
---@usage return tasks.map(lot:unpark(1))
function tasks.map(list)
  for i = 1, #list do list[i] = of(list[i]) end
  return list
end

local function expect_task() return "Task expected" end

--- The scheduler's task that a Task stands for.
---@param task any
---@param position integer of the argument, for the message
---@param name string of the function, for the message
---@return any native
---Checkpoint: never.
---Raises: `bad argument` when `task` is no Task.
---@usage local native = tasks.check(task, 1, "reschedule")
function tasks.check(task, position, name)
  local native = native_of[task]
  if native == nil then options.arg(name, position, task, expect_task, 4) end
  return native
end

-- The scheduler may be built without one of these lookups.
local function ask(name, native)
  local lookup = task_lib[name]
  if lookup then return lookup(native) end
end

-- The fields that are asked for each time they are read.
local fields = {}

function fields.name(native) return task_lib.name(native) end

function fields.coro(native) return ask("coroutine", native) end

-- The core has the variables of a context, or the Context that holds them.
function fields.context(native)
  local holder = task_lib.context(native)
  if getmetatable(holder) then return holder end
  local copy = require("contextvars").copy_context()
  copy.vars = holder
  return copy
end

function fields.parent_nursery(native)
  local group = ask("group", native)
  if group then return group end
  return tasks.root():_nursery_above(native)
end

function fields.eventual_parent_nursery(native)
  return ask("pending_group", native)
end

function fields.child_nurseries(native)
  return ask("groups", native) or {}
end

function Task:__index(key)
  local field = fields[key]
  if field then return field(native_of[self]) end
  return Task[key]
end

function Task:__newindex(key, value)
  if key == "name" then
    task_lib.set_name(native_of[self], value)
  elseif key == "custom_sleep_data" then
    rawset(self, key, value)
  else
    error(("a Task has no field '%s' to be assigned"):format(key), 2)
  end
end

function Task:__tostring()
  return ("<Task '%s' at %p>"):format(self.name, self)
end

--- Where the task waits: its frames as text, innermost first.
---@return fun(): string?
---Checkpoint: never.
---@usage for line in task:iter_await_frames() do print(line) end
function Task:iter_await_frames()
  local coro = self.coro
  local text = coro and debug.traceback(coro) or ""
  return text:gmatch "\n%s+([^\n]+)"
end

-- The root -------------------------------------------------------------

-- One of the root's three nurseries: what it holds is looked up when asked.
---@class trio.InternalNursery
---@field parent_task table the root task
---@field child_tasks table[] the unfinished tasks in it
local InternalNursery = class.new("Nursery")

function InternalNursery:__index(key)
  if key == "child_tasks" then return self._list() end
  return InternalNursery[key]
end

function InternalNursery:__tostring()
  return ("<Nursery '%s' of <init>>"):format(self._role)
end

local Root = class.new("Task")

function Root:__tostring() return ("<Task '<init>' at %p>"):format(self) end

local function living(self, system)
  local list = {}
  for _, native in ipairs(task_lib.living()) do
    if not ask("group", native)
        and (self._system[of(native)] ~= nil) == system then
      list[#list + 1] = of(native)
    end
  end
  return list
end

function Root:_init()
  local function nursery(role, list)
    return setmetatable({ _role = role, _list = list, parent_task = self },
      InternalNursery)
  end
  self.name = "<init>"
  self._system = setmetatable({}, { __mode = "k" })
  self.child_nurseries = {
    nursery("run_sync_soon", function() return {} end),
    nursery("system", function() return living(self, true) end),
    nursery("main", function() return living(self, false) end),
  }
end

function Root:_nursery_above(native)
  local is_system = self._system[of(native)]
  return self.child_nurseries[is_system and 2 or 3]
end

--- The root task of the run that is going on.
---@return table
---Checkpoint: never.
---Raises: NoEventLoopError outside a run.
---@usage print(tasks.root().name)
function tasks.root()
  local vars = run_lib.vars()
  local root = rawget(vars, ROOT)
  if root == nil then
    root = Root()
    vars[ROOT] = root
  end
  return root
end

--- Starts a task that no nursery owns, and returns its Task.
---@param spec table `name` and `context`, both optional
---@param f function
---@param ... any its arguments
---@return trio.lowlevel.Task
---Checkpoint: never.
---Raises: RuntimeError when the run is closing.
---@usage tasks.spawn_system({ name = "watchdog" }, watch, 5)
function tasks.spawn_system(spec, f, ...)
  local root = tasks.root()
  local opts = { name = spec.name, context = spec.context, system = true }
  local task = of(task_lib.spawn(opts, f, ...))
  root._system[task] = true
  return task
end

return tasks
