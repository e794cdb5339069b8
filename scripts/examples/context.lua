-- A context variable has a value of its own in each task.
local anyio = require "anyio"
local contextvars = require "contextvars"

local request_id = contextvars.ContextVar("request_id", { default = "-" })

local function log(message)
  print(("[%s] %s"):format(request_id:get(), message))
end

local function handle(id, delay)
  request_id:set(id)
  sleep(delay)
  log("handled")
end

run(function()
  anyio.create_task_group(function(tg)
    tg:start_soon(handle, "first", 0.2)
    tg:start_soon(handle, "second", 0.01)
  end)
  log("done")
end)

-- Output:
-- [second] handled
-- [first] handled
-- [-] done
