--- Child processes: `run_process`, `lowlevel.open_process`.

local class = require "anyrun.class"
local command = require "anyrun.process.command"
local contracts = require "trio.contracts"
local Job = require "anyrun.process.job"
local errors = require "anyrun.errors"
local guard = require "trio.guard"
local options = require "anyrun.options"
local signals = require "anyrun.signals"

local checkpoint = require("_anyrun.task").checkpoint
local error, next, rawget, setmetatable = error, next, rawget, setmetatable
local tostring, type, warn = tostring, type, warn

---@class trio.process
local process = {
  PIPE = command.PIPE, DEVNULL = command.DEVNULL, STDOUT = command.STDOUT,
}

local OPEN <const> = command.options { grace = "number", shell = "boolean" }

--- A child process, which nobody looks after but its user.
---@class trio.Process : trio.abc.AsyncResource
---@field pid integer its number
---@field args string|table the command
---@field returncode? integer its exit status; the negated number of the signal
---  it died of; nil while it runs
---@field stdin? trio.abc.SendStream what the child reads, if it is a pipe
---@field stdout? trio.abc.ReceiveStream what the child writes, likewise
---@field stderr? trio.abc.ReceiveStream
---@field stdio? trio.StapledStream stdin and stdout, if both are pipes
local Process = class.new("Process", contracts.AsyncResource)
process.Process = Process

function Process:__index(key)
  if key == "returncode" then return rawget(self, "_job"):status() end
  return Process[key]
end

function Process:__tostring()
  local status = self.returncode
  local text = not status and "running with PID " .. self.pid
    or status < 0 and "exited with signal " .. -status
    or "exited with status " .. status
  return ("<trio.Process '%s': %s>"):format(command.text(self.args), text)
end

--- Its status, if it has ended.
---@return integer? returncode
---Checkpoint: never.
---@usage if not process:poll() then print "still running" end
function Process:poll() return self.returncode end

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

--- Closes its pipes and waits for its end; cancelled, it is killed.
---Checkpoint: always.
---@usage process:aclose()
function Process:aclose() self._job:finish() end

function Process:__close(err) self._job:leave(err) end

local function check_shell(fname, cmd, opts)
  if type(cmd) == "string" and not opts.shell then
    error(errors.TypeError(("'%s': the command must be a list (or a string, with "
      .. "shell = true)"):format(fname)), 3)
  elseif type(cmd) == "table" and opts.shell then
    error(errors.TypeError(("'%s': with shell = true the command must be a string")
      :format(fname)), 3)
  end
end

local function make(fname, cmd, opts)
  local job = Job(fname, cmd, opts)
  local self = { _job = job, args = cmd, pid = job.child:pid() }
  local pipes = next(job.pipes) and require "trio.pipes"
  for name, one in next, job.pipes do
    self[name] = name == "stdin" and pipes.PipeSendStream(one)
      or pipes.PipeReceiveStream(one)
  end
  if self.stdin and self.stdout then
    self.stdio = require("trio.streams").StapledStream(self.stdin, self.stdout)
  end
  return setmetatable(self, Process)
end

--- Starts a program that nobody looks after.
---@param cmd string|table a list: the program and its arguments; with `shell` a
---  string for the shell
---@param opts? table `stdin`, `stdout`, `stderr`: trio.PIPE, trio.DEVNULL, a
---  file, the number of a descriptor; ours when absent; `stderr` also
---  trio.STDOUT. `shell`, `cwd`, `env`, `start_new_session`, `pass_fds`, `user`,
---  `group`, `extra_groups`, `umask`, `process_group`, `grace`
---@return trio.Process
---Checkpoint: always.
---Raises: OSError when it cannot be started; TypeError for a string without
---  `shell`.
---@usage local process = trio.lowlevel.open_process({ "cat" }, { stdin = trio.PIPE })
function process.open_process(cmd, opts)
  guard.needs_trio "open_process"
  opts = options.check("open_process", opts, OPEN)
  check_shell("open_process", cmd, opts)
  checkpoint()
  return make("open_process", cmd, opts)
end

process._make, process._check_shell = make, check_shell

-- ---- run_process

local SIGTERM_PATIENCE <const> = 5

--- How `run_process` ends a program: SIGTERM, and SIGKILL after five seconds.
---@param one trio.Process
---Checkpoint: always.
---@usage process.deliver_cancel(child)
function process.deliver_cancel(one)
  local ok, err = errors.pcall(one.terminate, one)
  if not ok then
    warn("RuntimeWarning: tried to kill ", tostring(one), " but failed: ", tostring(err))
  end
  require("_anyrun.time").sleep(SIGTERM_PATIENCE)
  warn("RuntimeWarning: ", tostring(one), " ignored SIGTERM for ",
    tostring(SIGTERM_PATIENCE), " seconds: it is killed")
  one:kill()
end

return process
