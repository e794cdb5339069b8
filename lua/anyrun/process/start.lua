--- A child process with its streams, and how it is brought to an end.
-- What the faces' processes have in common; each shows it its own way.

local command = require "anyrun.process.command"
local errors = require "anyrun.errors"
local native = require "_anyrun.process"
local pipe = require "_anyrun.pipe"
local scope = require "_anyrun.scope"
local signals = require "_anyrun.signal"

local io_type, ipairs, math_type = io.type, ipairs, math.type
local next, setmetatable = next, setmetatable

---@class anyrun.process
local process = {}

-- How long a process group has to end when it is asked to, before it is made to.
local GRACE <const> = 5

local SIGTERM <const> = signals.number "SIGTERM"
local SIGKILL <const> = signals.number "SIGKILL"
local SIGCONT <const> = signals.number "SIGCONT"

local STREAMS <const> = { "stdin", "stdout", "stderr" }

-- Pipes that are closed when the block that made them is left.
local Ends = {}

function Ends:__close()
  for _, one in next, self do one:close() end
end

local function ends() return setmetatable({}, Ends) end

-- The descriptor that the child gets as `name`.
local function descriptor(name, value, spec, ours, theirs)
  if not value then return nil end
  if value == command.PIPE then
    ours[name], theirs[name] = pipe.pair(name == "stdin" and "write" or "read")
    return theirs[name]:fileno()
  elseif value == command.DEVNULL then
    theirs[name] = pipe.null()
    return theirs[name]:fileno()
  elseif value == command.STDOUT then
    return spec.stdout or 1
  elseif math_type(value) then
    return value
  elseif io_type(value) then
    return pipe.file_number(value)
  end
  return value:fileno()
end

--- Starts a child.
---@param fname string the function's name as the caller knows it
---@param cmd string|table
---@param opts table checked options, with the defaults of `stdin`, `stdout` and
---  `stderr` put in; false or nil: the child has ours
---@return userdata child
---@return table ends our ends of its pipes, by name
---Checkpoint: never.
---Raises: OSError when it cannot be started; ValueError, TypeError.
---@usage local child, ends = process.start("open_process", cmd, opts)
function process.start(fname, cmd, opts)
  local spec = command.spec(fname, cmd, opts)
  local theirs <close> = ends()
  local unused <close> = ends()
  local ours = {}
  for _, name in ipairs(STREAMS) do
    spec[name] = descriptor(name, opts[name], spec, unused, theirs)
  end
  local child = native.spawn(spec)
  for name, one in next, unused do ours[name] = one end
  for name in next, ours do unused[name] = nil end
  return child, ours
end

-- Waits until nobody of the group is left; false where that cannot be heard.
local function wait_for_group(child)
  child:wait()
  while true do
    local member = native.group_member(child:pid())
    if not member then return true end
    local watch = native.watch(member)
    if watch == false then return false end
    if watch then
      local closed <close> = setmetatable({ watch }, Ends) -- luacheck: ignore
      watch:wait()
    end
  end
end

--- Ends a child that is a process group: its members are asked to, those that
--- do not are killed, and its number is given back. Cannot be cancelled.
---@param child userdata
---@param grace? number seconds between the two
---Checkpoint: always, shielded.
---@usage process.end_group(child)
function process.end_group(child, grace)
  child:signal(SIGTERM, true)
  child:signal(SIGCONT, true) -- who is stopped would not hear of it
  local gone
  local limit = scope.CancelScope { shield = true }
  limit.deadline = require("_anyrun.time").now() + (grace or GRACE)
  limit(function() gone = wait_for_group(child) end)
  if not gone then child:signal(SIGKILL, true) end
  child:wait(true)
  child:reap()
end

--- Kills a child, or its group, and waits for its end. Cannot be cancelled.
---@param child userdata
---@param opts table the options it was started with
---Checkpoint: always, shielded.
---@usage process.kill(child, opts)
function process.kill(child, opts)
  if opts.process_group then return process.end_group(child, opts.grace) end
  child:signal(SIGKILL)
  child:wait(true)
end

--- Closes our ends of the pipes.
---@param pipes table<string, userdata>
---Checkpoint: never.
---@usage process.close_pipes(self._pipes)
function process.close_pipes(pipes)
  for _, one in next, pipes do one:close() end
end

-- The end of what it said: a few lines, not more than a few thousand bytes.
local function tail(text)
  local lines = {}
  for line in text:sub(-2000):gmatch "[^\n]+" do
    lines[#lines + 1] = "  " .. line
  end
  local first = math.max(1, #lines - 9)
  return table.concat(lines, "\n", first)
end

--- How a child ended, in words.
---@param status integer
---@return string
---Checkpoint: never.
---@usage print(process.describe(-9)) --> died of SIGKILL
function process.describe(status)
  if status < 0 then return "died of " .. signals.name(-status) end
  return "returned exit status " .. status
end

--- The error about a child that failed.
---@param cmd string|table
---@param status integer
---@param stdout? string
---@param stderr? string
---@return anyio.BaseException
---Checkpoint: never.
---@usage error(process.failure(cmd, status, out, err))
function process.failure(cmd, status, stdout, stderr)
  local text = ("command '%s' %s"):format(command.text(cmd), process.describe(status))
  if stderr and stderr:find "%S" then text = text .. "\n" .. tail(stderr) end
  return errors.CalledProcessError(text, {
    cmd = cmd, returncode = status, stdout = stdout, output = stdout, stderr = stderr,
  })
end

--- All that comes out of a pipe.
---@param one userdata
---@return string
---Checkpoint: always.
---@usage local text = process.drain(pipe)
function process.drain(one)
  local chunks = {}
  local chunk = one:read(65536)
  while chunk do
    chunks[#chunks + 1] = chunk
    chunk = one:read(65536)
  end
  return table.concat(chunks)
end

--- Writes all of `input` and closes the pipe. A child that does not want all
--- of it is no error.
---@param one userdata
---@param input string
---Checkpoint: always.
---@usage process.feed(pipe, "hello")
function process.feed(one, input)
  local ok, err = errors.pcall(one.write, one, input)
  one:close()
  if not ok and not errors.isinstance(err, errors.BrokenResourceError) then
    errors.rethrow(err)
  end
end

return process
