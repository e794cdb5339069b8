--- `trio.run_process`: a program is run to its end, and looked after.

local class = require "anyrun.class"
local command = require "anyrun.process.command"
local errors = require "anyrun.errors"
local guard = require "trio.guard"
local nurseries = require "trio.nursery"
local options = require "anyrun.options"
local output = require "anyrun.process.output"
local processes = require "trio.process"
local scopes = require "_anyrun.scope"

local checkpoint = require("_anyrun.task").checkpoint
local error, getmetatable, type = error, getmetatable, type
local next, setmetatable = next, setmetatable

local KNOWN <const> = command.options {
  grace = "number", shell = "boolean", capture_stdout = "boolean",
  capture_stderr = "boolean", check = "boolean", deliver_cancel = "callable",
}

--- What became of a program that was run.
---@class trio.CompletedProcess
---@field args string|table the command
---@field returncode integer its exit status, or the negated number of a signal
---@field stdout? string what it wrote, where that was captured
---@field stderr? string
local CompletedProcess = class.new "CompletedProcess"

--- Raises unless it succeeded.
---Checkpoint: never.
---Raises: CalledProcessError.
---@usage result:check_returncode()
function CompletedProcess:check_returncode()
  if self.returncode ~= 0 then
    error(output.failure(self.args, self.returncode, self.stdout, self.stderr), 2)
  end
end

local stdin_check = KNOWN.stdin
KNOWN.stdin = function(value)
  if type(value) ~= "string" then return stdin_check(value) end
end

local function refuse(text) error(errors.ValueError(text), 0) end

-- The options as `make` takes them; and what to feed.
local function settle(given, live)
  local opts, input = {}, nil
  for key, value in next, given do opts[key] = value end
  if opts.stdin == nil then opts.stdin = "" end
  if type(opts.stdin) == "string" then
    input, opts.stdin = opts.stdin, command.PIPE
    if input == "" then input, opts.stdin = nil, command.DEVNULL end
  end
  for _, name in ipairs { "stdin", "stdout", "stderr" } do
    if given[name] == command.PIPE and not live then
      refuse(("%s = PIPE is only of use with nursery:start; capture_%s, or a "
        .. "string as stdin, does it all"):format(name, name))
    end
  end
  for _, name in ipairs { "stdout", "stderr" } do
    if given["capture_" .. name] then
      if given[name] ~= nil then
        refuse(("only one of '%s' and 'capture_%s' may be given"):format(name, name))
      end
      opts[name] = command.PIPE
    end
  end
  if opts.check == nil then opts.check = true end
  return opts, input
end

-- Its end is waited for, whatever deliver_cancel does meanwhile.
local function end_it(nursery, one, deliver)
  scopes.CancelScope({ shield = true }, function()
    local killing = scopes.CancelScope { shield = true }
    nursery:start_soon(function() killing(function() deliver(one) end) end)
    one:wait()
    killing:cancel()
  end)
end

local function supervise(nursery, one, opts, input, result, status)
  if input then nursery:start_soon(output.feed, one._job.pipes.stdin, input) end
  for _, name in ipairs { "stdout", "stderr" } do
    if opts["capture_" .. name] then
      nursery:start_soon(function() result[name] = output.drain(one._job.pipes[name]) end)
    end
  end
  if status then status:started(one) end
  one:wait()
end

local function run(cmd, opts, input, status)
  local result = setmetatable({ args = cmd }, CompletedProcess)
  local one
  nurseries.open_nursery(function(nursery)
    one = processes._make("run_process", cmd, opts)
    local ok, err = errors.try(supervise, nursery, one, opts, input, result, status)
    if ok then return end
    end_it(nursery, one, opts.deliver_cancel or processes.deliver_cancel)
    errors.rethrow(err)
  end)
  one._job:close_pipes()
  if opts.process_group then one._job:kill() end
  result.returncode = one:poll()
  if opts.check then result:check_returncode() end
  return result
end

local function is_status(value)
  return type(value) == "table" and getmetatable(value) ~= nil
    and type(value.started) == "function"
end

--- Runs a program to its end. Cancelled, or where anything else goes wrong, the
--- program is ended, and its end is waited for.
---@param cmd string|table a list: the program and its arguments; with `shell` a
---  string for the shell
---@param opts? table as `lowlevel.open_process`, and: `stdin` may be a string
---  that the program reads (empty when absent; false: what we have);
---  `capture_stdout`, `capture_stderr`; `check`: a program that fails is an error
---  (true when absent); `deliver_cancel(process)`: how it is ended
---@param task_status? table given by `nursery:start`, which returns the running
---  Process; then streams may be trio.PIPE
---@return trio.CompletedProcess
---Checkpoint: always.
---Raises: CalledProcessError when it fails; OSError when it cannot be started;
---  ValueError for PIPE without `nursery:start`, or for capturing what goes
---  elsewhere.
---@usage local result = trio.run_process({ "ls" }, { capture_stdout = true })
local function run_process(cmd, opts, task_status)
  guard.needs_trio "run_process"
  if task_status == nil and is_status(opts) then opts, task_status = nil, opts end
  local given = options.check("run_process", opts, KNOWN)
  processes._check_shell("run_process", cmd, given)
  local settled, input = settle(given, task_status ~= nil)
  checkpoint()
  return run(cmd, settled, input, task_status)
end

return { run_process = run_process, CompletedProcess = CompletedProcess }
