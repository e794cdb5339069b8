--- Programs connected by pipes, as a shell does it.

local class = require "anyrun.class"
local command = require "anyrun.process.command"
local errors = require "anyrun.errors"
local Job = require "anyrun.process.job"
local options = require "anyrun.options"
local output = require "anyrun.process.output"
local pipe = require "_anyrun.pipe"

local checkpoint = require("_anyrun.task").checkpoint
local error, ipairs, setmetatable, type = error, ipairs, setmetatable, type

---@class anyio.pipelines
local pipelines = {}

local SIGKILL <const> = require("_anyrun.signal").number "SIGKILL"

local KNOWN <const> = command.options {
  grace = "number", input = "string", check = "boolean",
}

--- What became of the programs of a pipeline.
---@class anyio.CompletedPipeline
---@field args table the commands
---@field returncodes integer[] of each program, in order
---@field returncode integer of the last one that failed; 0 when none did
---@field stdout? string what the last one wrote, where that was captured
---@field stderr? string what all wrote there
local CompletedPipeline = class.new "CompletedPipeline"

--- Raises unless every program succeeded.
---Checkpoint: never.
---Raises: CalledProcessError, which has the `returncodes`, too.
---@usage result:check_returncode()
function CompletedPipeline:check_returncode()
  if self.returncode == 0 then return end
  local failed, texts = nil, {}
  for i, cmd in ipairs(self.args) do
    texts[i] = command.text(cmd)
    if self.returncodes[i] ~= 0 then failed = i end
  end
  local err = output.failure(self.args[failed], self.returncode, self.stdout, self.stderr)
  if #texts > 1 then
    err.message = ("pipeline '%s': %s"):format(table.concat(texts, " | "), err.message)
  end
  err.returncodes, err.cmd = self.returncodes, self.args
  error(err, 2)
end

function CompletedPipeline:__tostring()
  return ("<CompletedPipeline: %s>"):format(table.concat(self.returncodes, " "))
end

-- The jobs of a pipeline, from the first to the last.
local Line = {}

local function kill_all(self)
  for _, job in ipairs(self) do job:close_pipes() end
  local first = self[1]
  if first and first.group then
    first:kill()
  else
    for _, job in ipairs(self) do job:signal(SIGKILL) end
  end
  for _, job in ipairs(self) do job:wait(true) end
end

-- Left early, by whatever error, it is killed: the programs wait for each other.
function Line:__close(err)
  if err ~= nil then return kill_all(self) end
  for _, job in ipairs(self) do job:finish() end
end

local Ends = {}

function Ends:__close()
  for _, one in next, self do one:close() end
end

-- What the i-th program of n gets; `ends` holds what only the programs need.
local function streams_of(i, n, opts, ends)
  local one = {}
  for key, value in next, opts do one[key] = value end
  if i > 1 then one.stdin = ends.from end
  if i < n then
    ends.next, ends.to = pipe.pair "none"
    one.stdout = ends.to
  end
  one.stderr = ends.stderr or opts.stderr
  one.process_group = opts.process_group and i == 1
  return one
end

local function close(ends, name)
  if ends[name] then ends[name]:close() end
  ends[name] = nil
end

local function start(line, commands, opts, ends)
  local n = #commands
  for i, cmd in ipairs(commands) do
    local one = streams_of(i, n, opts, ends)
    local leader = opts.process_group and i > 1 and line[1].child:pid() or nil
    line[i] = Job("pipeline", cmd, one, leader)
    close(ends, "from")
    close(ends, "to")
    ends.from, ends.next = ends.next, nil
  end
  close(ends, "stderr")
end

local function settle(opts)
  local input = opts.input
  if input == "" then input = nil end
  if input and opts.stdin ~= nil then
    error(errors.ValueError("only one of 'input' and 'stdin' may be given"), 3)
  end
  local all = { stdout = command.PIPE, stderr = command.PIPE, check = true }
  for key, value in next, opts do all[key] = value end
  if input then all.stdin = command.PIPE end
  all.input = input
  return all
end

local function run(commands, opts)
  local result = setmetatable({ args = commands, returncodes = {} }, CompletedPipeline)
  local line <close> = setmetatable({}, Line)
  local ends <close> = setmetatable({}, Ends)
  local errors_end
  if opts.stderr == command.PIPE then
    errors_end, ends.stderr = pipe.pair "read"
    ends.errors = errors_end
  end
  start(line, commands, opts, ends)
  output.communicate({
    stdin = line[1].pipes.stdin, stdout = line[#line].pipes.stdout,
    stderr = errors_end,
  }, opts.input, result)
  result.returncode = 0
  -- the first one last: the terminal is its group's until all have ended
  for i = #line, 1, -1 do result.returncodes[i] = line[i]:wait() end
  for _, status in ipairs(result.returncodes) do
    if status ~= 0 then result.returncode = status end
  end
  return result
end

--- Runs programs, each reading what the one before it writes, to their end.
---@param commands table[] lists (or strings for the shell), as for `run_process`
---@param opts? table as `run_process`: `stdin` and `input` are for the first,
---  `stdout` for the last, all others for each of them
---@return anyio.CompletedPipeline
---Checkpoint: always. Cancelled, all are killed and waited for.
---Raises: CalledProcessError when any of them fails (unless `check` is false);
---  OSError when one cannot be started; ValueError.
---@usage print(anyio.pipeline({ { "git", "log" }, { "grep", "-c", "x" } }).stdout)
function pipelines.pipeline(commands, opts)
  options.arg("pipeline", 1, commands, "table")
  if #commands == 0 then error(errors.ValueError "the pipeline is empty", 2) end
  for i, cmd in ipairs(commands) do
    if type(cmd) ~= "table" and type(cmd) ~= "string" then
      error(("bad argument #1 to 'pipeline' (item %d: a command expected, got %s)")
        :format(i, type(cmd)), 2)
    end
  end
  opts = settle(options.check("pipeline", opts, KNOWN))
  checkpoint()
  local result = run(commands, opts)
  if opts.check then result:check_returncode() end
  return result
end

return pipelines
