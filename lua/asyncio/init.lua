--- asyncio's face. It only says where each name is; modules are loaded when one
--- of their names is first used.

local rawset, require, setmetatable = rawset, require, setmetatable

-- module -> the names that are its fields of the same name
local EXPORTS <const> = {
  ["asyncio.runner"] = { "Runner", "run" },
  ["asyncio.tasks"] = {
    "Task", "all_tasks", "create_task", "current_task", "ensure_future", "sleep",
  },
  ["asyncio.futures"] = { "Future", "isfuture" },
  ["asyncio.gather"] = { "gather", "shield" },
  ["asyncio.waiting"] = {
    "ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION", "as_completed",
    "wait", "wait_for",
  },
  ["asyncio.locks"] = {
    "Barrier", "BoundedSemaphore", "Condition", "Event", "Lock", "Semaphore",
  },
  ["asyncio.queues"] = { "LifoQueue", "PriorityQueue", "Queue" },
  ["asyncio.timeouts"] = { "Timeout", "timeout", "timeout_at" },
  ["asyncio.taskgroups"] = { "TaskGroup" },
  ["asyncio.running"] = {
    "get_event_loop", "get_running_loop", "new_event_loop", "set_event_loop",
  },
  ["asyncio.handles"] = { "Handle", "TimerHandle" },
  ["asyncio.protocols"] = { "BaseProtocol", "DatagramProtocol", "Protocol" },
  ["asyncio.socket"] = { "Socket", "socket", "socket_from_fd" },
  ["asyncio.stream_reader"] = { "StreamReader" },
  ["asyncio.stream_protocol"] = { "StreamReaderProtocol" },
  ["asyncio.stream_writer"] = { "StreamWriter" },
  ["asyncio.streams"] = {
    "open_connection", "open_unix_connection", "start_server",
    "start_unix_server",
  },
  ["asyncio.executor"] = { "ThreadPoolExecutor", "to_thread" },
  ["asyncio.threadsafe"] = { "run_coroutine_threadsafe" },
  ["asyncio.subprocess"] = {
    "create_subprocess_exec", "create_subprocess_shell",
  },
  ["asyncio.eager"] = { "create_eager_task_factory", "eager_task_factory" },
  ["anyrun.errors"] = {
    "BrokenBarrierError", "CancelledError", "IncompleteReadError",
    "InvalidStateError", "LimitOverrunError", "QueueEmpty", "QueueFull",
    "QueueShutDown", "TimeoutError",
  },
}

local where = {}
for module, names in next, EXPORTS do
  for i = 1, #names do where[names[i]] = module end
end

---@class asyncio
local asyncio = {}

return setmetatable(asyncio, {
  __index = function(self, name)
    local module = where[name]
    local value
    if module then
      value = require(module)[name]
    elseif name == "subprocess" then
      value = require "asyncio.subprocess"
    end
    if value == nil then return nil end
    rawset(self, name, value)
    return value
  end,
})
