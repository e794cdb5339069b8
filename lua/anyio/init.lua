--- AnyIO's face. It only says where each name is; modules are loaded when one
--- of their names is first used.

local rawset, require, setmetatable = rawset, require, setmetatable

-- module -> the names that are its fields of the same name
local EXPORTS <const> = {
  ["_anyrun.time"] = { "sleep", "sleep_until", "sleep_forever" },
  ["_anyrun.scope"] = {
    "CancelScope", "move_on_after", "move_on_at", "fail_after", "fail_at",
    "current_effective_deadline",
  },
  ["_anyrun.group"] = { "create_task_group", "TaskHandle" },
  ["anyrun.run"] = { "get_all_backends", "get_available_backends" },
  ["anyio.files"] = { "AsyncFile", "open_file", "wrap_file" },
  ["anyio.resources"] = { "aclose_forcefully" },
  ["anyio.process"] = {
    "CompletedProcess", "DEVNULL", "PIPE", "STDOUT", "open_process",
    "run_process",
  },
  ["anyio.pipeline"] = { "pipeline" },
  ["anyio.signals"] = { "open_signal_receiver" },
  ["anyio.standard"] = { "stderr", "stdin", "stdout" },
  ["anyio.concurrency"] = { "amap", "as_completed", "gather" },
  ["anyio.datagrams"] = {
    "create_connected_udp_socket", "create_connected_unix_datagram_socket",
    "create_udp_socket", "create_unix_datagram_socket",
  },
  ["anyio.sockets"] = {
    "connect_tcp", "connect_unix", "create_tcp_listener",
    "create_unix_listener",
  },
  ["anyio.readiness"] = {
    "notify_closing", "wait_readable", "wait_socket_readable",
    "wait_socket_writable", "wait_writable",
  },
  ["anyio.streams.memory"] = { "create_memory_object_stream" },
  ["anyio.tempfile"] = {
    "NamedTemporaryFile", "SpooledTemporaryFile", "TemporaryDirectory",
    "TemporaryFile", "gettempdir", "gettempdirb", "mkdtemp", "mkstemp",
  },
  ["anyio.tasks"] = {
    "TASK_STATUS_IGNORED", "TaskInfo", "get_cancelled_exc_class",
    "get_current_task", "get_running_tasks", "wait_all_tasks_blocked",
  },
  ["anyrun.contextmanager"] = {
    "AsyncContextManagerMixin", "ContextManagerMixin",
  },
  ["anyio.connectables"] = {
    "TCPConnectable", "UNIXConnectable", "as_connectable",
  },
  ["anyrun.dns"] = { "getaddrinfo", "getnameinfo" },
  ["anyrun.typedattr"] = {
    "TypedAttributeProvider", "TypedAttributeSet", "typed_attribute",
  },
  ["anyrun.errors"] = {
    "catch", "exception", "isinstance", "pcall",
    "BaseException", "BaseExceptionGroup", "BrokenResourceError",
    "BrokenWorkerInterpreter", "BrokenWorkerProcess", "BusyResourceError",
    "CalledProcessError", "Cancelled", "ClosedResourceError",
    "ConnectionFailed", "DeadlockError", "DelimiterNotFound", "EndOfStream",
    "Exception", "ExceptionGroup", "FutureAlreadyFinished", "FutureCancelled",
    "FutureFailed", "FutureNotFinished", "IncompleteRead",
    "KeyboardInterrupt", "LookupError", "NoEventLoopError",
    "NotImplementedError", "OSError", "RunFinishedError", "RuntimeError",
    "SystemExit", "TLSError", "TaskCancelled", "TaskFailed",
    "TaskNotFinished", "TimeoutError", "TypeError",
    "TypedAttributeLookupError", "UnicodeDecodeError", "UnicodeEncodeError",
    "ValueError", "WouldBlock",
  },
}

-- fields whose value is a whole module
local MODULES <const> = {
  abc = "anyio.abc",
  from_thread = "anyio.from_thread",
  functools = "anyio.functools",
  itertools = "anyio.itertools",
  lowlevel = "anyio.lowlevel",
  streams = "anyio.streams",
  testing = "anyio.testing",
  to_interpreter = "anyio.to_interpreter",
  to_process = "anyio.to_process",
  to_thread = "anyio.to_thread",
  with = "anyrun.with",
}

-- fields whose value is a module that is a class
local CLASSES <const> = {
  CapacityLimiter = "anyrun.sync.limiter",
  Condition = "anyrun.sync.condition",
  Event = "anyrun.sync.event",
  Future = "anyrun.sync.future",
  Lock = "anyrun.sync.lock",
  Path = "anyrun.fs.paths",
  ResourceGuard = "anyrun.sync.guard",
  Semaphore = "anyrun.sync.semaphore",
}

local where = {}
for module, names in next, EXPORTS do
  for i = 1, #names do where[names[i]] = module end
end

local function find(self, name)
  local value
  if MODULES[name] or CLASSES[name] then
    value = require(MODULES[name] or CLASSES[name])
  elseif name == "run" then
    value = require("_anyrun.run").globals().run
  elseif name == "current_time" then
    value = require("_anyrun.time").now
  elseif where[name] then
    value = require(where[name])[name]
  end
  if value ~= nil then rawset(self, name, value) end
  return value
end

return setmetatable({}, { __index = find })
