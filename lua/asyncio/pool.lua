--- ThreadPoolExecutor: how many threads the functions of a loop may share.
-- What goes on in one belongs to a run (asyncio.executor): between runs there is
-- nothing but the limit.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local options = require "anyrun.options"
local peer = require "_anyrun.peer"

local error, math = error, math

---@class asyncio.ThreadPoolExecutor
---@field package _most integer threads
---@field package _prefix string of their names
---@field package _shut boolean it takes no more calls
local ThreadPoolExecutor = class.new("ThreadPoolExecutor")
ThreadPoolExecutor._shut = false

local KNOWN <const> = { max_workers = "integer?", thread_name_prefix = "string?" }

local count = 0

--- Makes an executor for `loop:run_in_executor` of any loop. Its functions run in
--- the worker threads that all share; it says how many of them at a time.
---@param opts? table `max_workers` (min(32, processors + 4) when absent),
---`thread_name_prefix`
---Checkpoint: never.
---Raises: ValueError when `max_workers` is less than 1.
---@usage local pool <close> = asyncio.ThreadPoolExecutor({ max_workers = 2 })
function ThreadPoolExecutor:_init(opts)
  opts = options.check("ThreadPoolExecutor", opts, KNOWN, 1)
  local most = opts.max_workers or math.min(32, (peer.cpus() or 1) + 4)
  if most < 1 then
    error(errors.ValueError "max_workers must be greater than 0", 3)
  end
  count = count + 1
  self._most = most
  self._prefix = opts.thread_name_prefix or "ThreadPoolExecutor-" .. count
end

function ThreadPoolExecutor:__tostring()
  return ("<ThreadPoolExecutor of %d threads%s>"):format(self._most,
    self._shut and ", shut down" or "")
end

return ThreadPoolExecutor
