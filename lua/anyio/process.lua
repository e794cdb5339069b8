--- Child processes: `open_process`, `run_process`.

local class = require "anyrun.class"
local command = require "anyrun.process.command"
local Job = require "anyrun.process.job"
local errors = require "anyrun.errors"
local options = require "anyrun.options"
local output = require "anyrun.process.output"
local resources = require "anyio.abc.resources"
local signals = require "anyrun.signals"

local checkpoint = require("_anyrun.task").checkpoint
local error, next, rawget = error, next, rawget

---@class anyio.process
local process = {
  PIPE = command.PIPE, DEVNULL = command.DEVNULL, STDOUT = command.STDOUT,
}

local OPEN <const> = command.options { grace = "number" }
local RUN <const> = command.options {
  grace = "number", input = "string", check = "boolean",
}

--- A child process.
---@class anyio.abc.Process : anyio.abc.AsyncResource
---@field pid integer its number
---@field returncode? integer its exit status; the negated number of the signal
---  it died of; nil while it runs
---@field stdin? anyio.abc.ByteSendStream what the child reads, if it is a pipe
---@field stdout? anyio.abc.ByteReceiveStream what the child writes, likewise
---@field stderr? anyio.abc.ByteReceiveStream
---@field args string|table the command
local Process = class.new("Process", resources.AsyncResource)

function Process:__index(key)
  if key == "returncode" then return rawget(self, "_job"):status() end
  return Process[key]
end

local function make(fname, cmd, opts)
  local job = Job(fname, cmd, opts)
  local self = { _job = job, args = cmd, pid = job.child:pid() }
  local streams = next(job.pipes) and require "anyio.streams.pipe"
  for name, pipe in next, job.pipes do
    self[name] = name == "stdin" and streams.PipeSendStream(pipe)
      or streams.PipeReceiveStream(pipe)
  end
  return setmetatable(self, Process)
end

--- Waits until the process has ended, however many wait for it.
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

--- Closes its pipes and waits for its end. Cancelled, it is killed, and its end
--- is waited for all the same. With `process_group`, what it left behind is
--- ended, too.
---Checkpoint: always.
---@usage process:aclose()
function Process:aclose() self._job:finish() end

function Process:__close(err) self._job:leave(err) end

function Process:__tostring()
  local status = self.returncode
  return ("<Process '%s': %s>"):format(command.text(self.args),
    status and output.describe(status) or "running with pid " .. self.pid)
end

process.Process = Process

local function with_defaults(opts, defaults)
  local all = {}
  for key, value in next, opts do all[key] = value end
  for key, value in next, defaults do
    if all[key] == nil then all[key] = value end
  end
  return all
end

local PIPES <const> = {
  stdin = command.PIPE, stdout = command.PIPE, stderr = command.PIPE,
}

--- Starts a program.
---@param cmd string|table a command for the shell, or a list: the program and its
---  arguments
---@param opts? table `stdin`, `stdout`, `stderr`: anyio.PIPE (when absent),
---  anyio.DEVNULL, a file, the number of a descriptor, false (what we have);
---  `stderr` also anyio.STDOUT. `cwd`; `env`, a table that replaces ours;
---  `start_new_session`; `pass_fds`, a list of descriptors it inherits; `user`,
---  `group`, `extra_groups` (names or numbers), `umask`. `process_group`: it and
---  what it starts are a group, which is ended as a whole: SIGTERM, then
---  `grace` seconds (5), then SIGKILL
---@return anyio.abc.Process process a to-be-closed value
---Checkpoint: always.
---Raises: OSError when it cannot be started.
---@usage local process <close> = anyio.open_process { "sort", "-n" }
function process.open_process(cmd, opts)
  opts = options.check("open_process", opts, OPEN)
  checkpoint()
  return make("open_process", cmd, with_defaults(opts, PIPES))
end

--- What became of a program that was run.
---@class anyio.CompletedProcess
---@field args string|table the command
---@field returncode integer its exit status, or the negated number of a signal
---@field stdout? string what it wrote, where that was captured
---@field stderr? string
local CompletedProcess = class.new "CompletedProcess"

--- Raises unless it succeeded.
---Checkpoint: never.
---Raises: CalledProcessError.
---@usage anyio.run_process(cmd, { check = false }):check_returncode()
function CompletedProcess:check_returncode()
  if self.returncode ~= 0 then
    error(output.failure(self.args, self.returncode, self.stdout, self.stderr), 2)
  end
end

function CompletedProcess:__tostring()
  return ("<CompletedProcess '%s': %s>"):format(command.text(self.args),
    output.describe(self.returncode))
end

process.CompletedProcess = CompletedProcess

local function run_defaults(opts)
  local input = opts.input
  if input == "" then input = nil end
  if input and opts.stdin ~= nil then
    error(errors.ValueError("only one of 'input' and 'stdin' may be given"), 3)
  end
  opts = with_defaults(opts, {
    stdin = input and command.PIPE or false, stdout = command.PIPE,
    stderr = command.PIPE, check = true,
  })
  opts.input = input
  return opts
end

--- Runs a program to its end.
---@param cmd string|table a command for the shell, or a list: the program and its
---  arguments
---@param opts? table as `open_process`, but `stdin` is what we have when absent.
---  `input`: a string that the program reads. `check`: a program that fails is
---  an error (true when absent)
---@return anyio.CompletedProcess
---Checkpoint: always. Cancelled, the program is killed and waited for.
---Raises: CalledProcessError when it fails; OSError when it cannot be started;
---  ValueError for both `input` and `stdin`.
---@usage print(anyio.run_process({ "git", "log" }).stdout)
function process.run_process(cmd, opts)
  opts = run_defaults(options.check("run_process", opts, RUN))
  checkpoint()
  local result = setmetatable({ args = cmd }, CompletedProcess)
  do
    local child <close> = make("run_process", cmd, opts)
    output.communicate(child._job.pipes, opts.input, result)
    result.returncode = child:wait()
  end
  if opts.check then result:check_returncode() end
  return result
end

return process
