--- Child processes: `create_subprocess_exec`, `create_subprocess_shell`.

local base = require "asyncio.base"
local class = require "anyrun.class"
local command = require "anyrun.process.command"
local errors = require "anyrun.errors"
local Job = require "anyrun.process.job"
local options = require "anyrun.options"
local output = require "anyrun.process.output"
local signals = require "anyrun.signals"

local checkpoint = require("_anyrun.task").checkpoint
local error, next, rawget, select = error, next, rawget, select
local ipairs, setmetatable, type = ipairs, setmetatable, type

---@class asyncio.subprocess
local subprocess = {
  PIPE = command.PIPE, DEVNULL = command.DEVNULL, STDOUT = command.STDOUT,
}

local KNOWN <const> = command.options { grace = "number", limit = "integer" }

-- What Python's subprocess has for text, which these do not.
local TEXT <const> = { "text", "encoding", "errors", "universal_newlines", "bufsize" }

--- A child process.
---@class asyncio.subprocess.Process
---@field pid integer its number
---@field returncode? integer its exit status; the negated number of the signal
--- it died of; nil while it runs
---@field stdin? asyncio.StreamWriter what it reads, if that is a pipe
---@field stdout? asyncio.StreamReader what it writes, likewise
---@field stderr? asyncio.StreamReader
local Process = class.new "Process"
subprocess.Process = Process

function Process:__index(key)
  if key == "returncode" then return rawget(self, "_job"):status() end
  return Process[key]
end

function Process:__tostring()
  local status = self.returncode
  return ("<Process %d%s>"):format(self.pid,
    status and ": " .. output.describe(status) or "")
end

--- Waits until it has ended, however many wait for it.
---@return integer returncode
---Checkpoint: always. Cancelling the wait leaves the process as it is.
---@usage local status = process:wait()
function Process:wait()
  checkpoint()
  return self._job:wait()
end

--- Sends a signal. One that has ended hears nothing, which is no error.
---@param signal string|integer a name ("SIGHUP") or a number
---Checkpoint: never.
---Raises: ValueError when there is no such signal; OSError.
---@usage process:send_signal "SIGHUP"
function Process:send_signal(signal)
  self._job:signal(signals.number("send_signal", 1, signal, 2))
end

--- Asks it to end: SIGTERM.
---Checkpoint: never.
---@usage process:terminate()
function Process:terminate() self:send_signal "SIGTERM" end

--- Ends it at once: SIGKILL.
---Checkpoint: never.
---@usage process:kill()
function Process:kill() self:send_signal "SIGKILL" end

local LOST <const> = { EPIPE = true, ECONNRESET = true }

local function feed(self, input)
  local writer = self.stdin
  local ok, err = errors.pcall(function()
    if input then writer:write(input) end
    writer:drain()
  end)
  writer:close()
  if not ok and not (errors.isinstance(err, errors.OSError) and LOST[err.code]) then
    errors.rethrow(err)
  end
end

--- Writes `input`, closes stdin, reads everything, and waits for the end. A
--- process that does not read its input is no error.
---@param input? string
---@return string? stdout what it wrote, if stdout is a pipe
---@return string? stderr likewise
---Checkpoint: always. Cancelled, the process goes on.
---@usage local out, err = process:communicate "input"
function Process:communicate(input)
  options.arg("communicate", 1, input, "string?")
  local gather = require("asyncio.gather").gather
  local texts = {}
  local function drain(name)
    if self[name] then texts[name] = self[name]:read() end
  end
  gather(function() if self.stdin then feed(self, input) end end,
    function() drain "stdout" end, function() drain "stderr" end):await()
  self:wait()
  return texts.stdout, texts.stderr
end

--- Closes the pipes; a process that still runs is killed, and waited for.
---Checkpoint: when it runs.
---@usage process:aclose()
function Process:aclose()
  for _, transport in next, self._transports do transport:abort() end
  if not self.returncode then self._job:kill() end
end

function Process:__close() self:aclose() end

local function check(fname, opts)
  for _, name in ipairs(TEXT) do
    if type(opts) == "table" and opts[name] then
      error(errors.ValueError(("'%s': streams carry bytes, '%s' is not supported")
        :format(fname, name)), 3)
    end
  end
  return options.check(fname, opts, KNOWN, nil, 4)
end

local function create(fname, cmd, opts)
  local loop = base.loop(fname)
  checkpoint()
  local job = Job(fname, cmd, opts)
  local self = { _job = job, _transports = {}, pid = job.child:pid() }
  local pipes = next(job.pipes) and require "asyncio.pipes"
  for name, pipe in next, job.pipes do
    if name == "stdin" then
      self.stdin = pipes.writer(loop, pipe)
      self._transports[name] = self.stdin.transport
    else
      self[name], self._transports[name] = pipes.reader(loop, pipe, opts.limit)
    end
  end
  return setmetatable(self, Process)
end

--- Starts a program.
---@param program string
---@param ... any its arguments; in the last place perhaps a table of options:
--- `stdin`, `stdout`, `stderr` (asyncio.subprocess.PIPE, DEVNULL, STDOUT, a file,
--- a descriptor; ours when absent), `limit` (of the readers, 65536), `cwd`, `env`,
--- `start_new_session`, `pass_fds`, `user`, `group`, `extra_groups`, `umask`,
--- `process_group`, `grace`
---@return asyncio.subprocess.Process process a to-be-closed value
---Checkpoint: always.
---Raises: OSError when it cannot be started; ValueError for options about text.
---@usage local process = asyncio.create_subprocess_exec("sort", "-n")
function subprocess.create_subprocess_exec(program, ...)
  local n = select("#", ...)
  local words, opts = { program, ... }, nil
  local last = words[n + 1]
  if n > 0 and type(last) == "table" and not command.path_of(last) then
    opts, words[n + 1] = last, nil
  end
  options.arg("create_subprocess_exec", 1, command.path_of(program) or program, "string")
  return create("create_subprocess_exec", words,
    check("create_subprocess_exec", opts))
end

--- Starts the shell with a command.
---@param cmd string
---@param opts? table as for `create_subprocess_exec`
---@return asyncio.subprocess.Process process a to-be-closed value
---Checkpoint: always.
---Raises: as `create_subprocess_exec`.
---@usage local process = asyncio.create_subprocess_shell "ls | wc -l"
function subprocess.create_subprocess_shell(cmd, opts)
  options.arg("create_subprocess_shell", 1, cmd, "string")
  return create("create_subprocess_shell", cmd,
    check("create_subprocess_shell", opts))
end

return subprocess
