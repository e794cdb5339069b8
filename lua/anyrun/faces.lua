--- What stands for a task in the library of the run: trio's Task, asyncio's.
-- The core has a task's userdata; scripts see the object their library makes
-- of it. A face registers how, for its backend, when it is loaded.

local run_lib = require "_anyrun.run"
local task_lib = require "_anyrun.task"

local active, face_of = run_lib.active, task_lib.face

local faces = {}

local makers = {}

--- Says how a library makes its object for a task of its backend.
---@param backend "asyncio"|"trio"
---@param make fun(task: userdata): any
---Checkpoint: never.
---@usage faces.register("trio", tasks.of)
function faces.register(backend, make) makers[backend] = make end

--- The object that stands for a task; the task itself where no library that
--- has one is loaded.
---@param task userdata
---@return any
---Checkpoint: never.
---@usage list[i] = faces.task_face(native)
function faces.task_face(task)
  local face = face_of(task)
  if face ~= nil then return face end
  local make = makers[active()]
  return make and make(task) or task
end

return faces
