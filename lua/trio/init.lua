--- Trio's native API. Submodules are loaded when they are first looked at.

local errors = require "anyrun.errors"
local nurseries = require "trio.nursery"
local runner = require "trio.runner"
local timeouts = require "trio.timeouts"

local require, setmetatable = require, setmetatable

local function started() end

---@class trio
local trio = {
  BrokenResourceError = errors.BrokenResourceError,
  BusyResourceError = errors.BusyResourceError,
  CancelScope = timeouts.CancelScope,
  Cancelled = errors.TrioCancelled,
  ClosedResourceError = errors.ClosedResourceError,
  EndOfChannel = errors.EndOfChannel,
  RunFinishedError = errors.RunFinishedError,
  TASK_STATUS_IGNORED = setmetatable({ started = started }, {
    __name = "TaskStatus",
    __tostring = function() return "TASK_STATUS_IGNORED" end,
  }),
  TooSlowError = errors.TooSlowError,
  TrioDeprecationWarning = runner.TrioDeprecationWarning,
  TrioInternalError = errors.TrioInternalError,
  WouldBlock = errors.WouldBlock,
  current_effective_deadline = timeouts.current_effective_deadline,
  current_time = timeouts.current_time,
  fail_after = timeouts.fail_after,
  fail_at = timeouts.fail_at,
  move_on_after = timeouts.move_on_after,
  move_on_at = timeouts.move_on_at,
  open_nursery = nurseries.open_nursery,
  run = runner.run,
  sleep = timeouts.sleep,
  sleep_forever = timeouts.sleep_forever,
  sleep_until = timeouts.sleep_until,
}

local SUBMODULES <const> = {
  abc = true, from_thread = true, lowlevel = true, socket = true, testing =
  true, to_thread = true,
}

-- names that are loaded when they are first looked at, and the module of each
local LAZY <const> = {
  Path = "files", open_file = "files", wrap_file = "files",
  CapacityLimiter = "sync", Condition = "sync", Event = "sync", Lock = "sync",
  MemoryReceiveChannel = "channel", MemorySendChannel = "channel",
  NeedHandshakeError = "sslforward", SSLListener = "ssllistener",
  SSLStream = "ssl", Semaphore = "sync", SocketListener = "tcp",
  SocketStream = "tcp", StapledStream = "streams",
  StrictFIFOLock = "sync", aclose_forcefully = "streams",
  as_safe_channel = "safe_channel",
  DEVNULL = "process", PIPE = "process", Process = "process", STDOUT = "process",
  open_ssl_over_tcp_listeners = "ssl_over_tcp",
  open_ssl_over_tcp_stream = "ssl_over_tcp", serve_ssl_over_tcp = "ssl_over_tcp",
  open_signal_receiver = "signals", run_process = "run_process",
  open_memory_channel = "channel", open_tcp_listeners = "tcp",
  open_tcp_stream = "tcp", open_unix_socket = "tcp", serve_listeners = "tcp",
  serve_tcp = "tcp",
}

return setmetatable(trio, {
  __index = function(self, key)
    local value
    if LAZY[key] then
      value = require("trio." .. LAZY[key])[key]
    elseif SUBMODULES[key] then
      value = require("trio." .. key)
    end
    self[key] = value
    return value
  end,
})
