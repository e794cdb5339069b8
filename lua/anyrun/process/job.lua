--- A child process with its pipes and its terminal, and how it is brought to
--- an end. What the faces' processes have in common; each shows it its own way.

local class = require "anyrun.class"
local command = require "anyrun.process.command"
local errors = require "anyrun.errors"
local native = require "_anyrun.process"
local pipe = require "_anyrun.pipe"
local scope = require "_anyrun.scope"
local signals = require "_anyrun.signal"

local io_type, ipairs, math_type = io.type, ipairs, math.type
local next, setmetatable = next, setmetatable

-- How long a process group has to end when it is asked to, before it is made to.
local GRACE <const> = 5

local SIGTERM <const> = signals.number "SIGTERM"
local SIGKILL <const> = signals.number "SIGKILL"
local SIGCONT <const> = signals.number "SIGCONT"

local STREAMS <const> = { "stdin", "stdout", "stderr" }

---@class anyrun.Job
---@field child userdata
---@field pipes table<string, userdata> our ends, by name
---@field group boolean it is a process group
---@field grace? number
---@field terminal? userdata
local Job = class.new "Job"

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

-- A child that has our terminal may change it, and die before it has changed it
-- back; in a group of its own it needs to be put into the foreground.
local function use_terminal(self, spec)
  if spec.stdin then return end
  self.terminal = require("_anyrun.terminal").open()
  if self.terminal and self.group and not spec.session
    and self.terminal:is_ours() then
    self.terminal:listen()
    spec.terminal = 0
  end
end

--- Starts a child.
---@param fname string the function's name as the caller knows it
---@param cmd string|table
---@param opts table checked options, with the defaults of `stdin`, `stdout` and
---  `stderr` put in; false or nil: the child has ours
---@param leader? integer a process whose group it joins
---Checkpoint: never.
---Raises: OSError when it cannot be started; ValueError, TypeError.
---@usage local job = Job("open_process", cmd, opts)
function Job:_init(fname, cmd, opts, leader)
  local spec = command.spec(fname, cmd, opts)
  local theirs <close> = ends()
  local unused <close> = ends()
  self.group, self.grace = opts.process_group or false, opts.grace
  for _, name in ipairs(STREAMS) do
    spec[name] = descriptor(name, opts[name], spec, unused, theirs)
  end
  spec.leader = leader
  spec.group = spec.group or leader ~= nil
  use_terminal(self, spec)
  theirs.terminal = self.terminal
  self.child, self.pipes = native.spawn(spec), {}
  theirs.terminal = nil
  for name, one in next, unused do self.pipes[name] = one end
  for name in next, self.pipes do unused[name] = nil end
  if spec.terminal then self.terminal:follow(leader or self.child:pid()) end
end

--- Its exit status, or the signal it died of, negated; nil while it runs.
---@return integer?
---Checkpoint: never.
---@usage local status = job:status()
function Job:status() return self.child:status() end

-- It has ended: the terminal is ours again.
local function ended(self, status)
  local terminal = self.terminal
  self.terminal = nil
  if terminal then terminal:close(status < 0) end
  return status
end

--- Waits for its end.
---@param shielded? boolean
---@return integer status
---Checkpoint: when it runs.
---@usage local status = job:wait()
function Job:wait(shielded) return ended(self, self.child:wait(shielded)) end

--- Sends it a signal, or its group.
---@param number integer
---Checkpoint: never.
---Raises: OSError.
---@usage job:signal(15)
function Job:signal(number) self.child:signal(number, self.group) end

-- Waits until nobody of the group is left; false where that cannot be heard.
local function wait_for_group(self)
  self:wait()
  while true do
    local member = native.group_member(self.child:pid())
    if not member then return true end
    local watch = native.watch(member)
    if watch == false then return false end
    if watch then
      local closed <close> = setmetatable({ watch }, Ends) -- luacheck: ignore
      watch:wait()
    end
  end
end

-- The members of a group are asked to end, those that do not are killed, and
-- its number is given back. Cannot be cancelled. (Who is in the middle of a
-- call that cannot be interrupted is not waited for for ever.)
local function end_group(self)
  local now = require("_anyrun.time").now
  for _, number in ipairs { SIGTERM, SIGKILL } do
    local gone
    local limit = scope.CancelScope { shield = true }
    limit.deadline = now() + (number == SIGTERM and self.grace or GRACE)
    self:signal(number)
    self:signal(SIGCONT) -- who is stopped would not hear of it
    limit(function() gone = wait_for_group(self) end)
    if gone then break end
  end
  self:wait(true)
  self.child:reap()
end

--- Kills it, or its group, and waits for its end. Cannot be cancelled.
---Checkpoint: always, shielded.
---@usage job:kill()
function Job:kill()
  if self.group then return end_group(self) end
  self:signal(SIGKILL)
  self:wait(true)
end

--- Closes our ends of its pipes.
---Checkpoint: never.
---@usage job:close_pipes()
function Job:close_pipes()
  for _, one in next, self.pipes do one:close() end
end

--- Closes its pipes and waits for its end; cancelled, it is killed. What a
--- group's leader left behind is ended.
---Checkpoint: always.
---@usage job:finish()
function Job:finish()
  self:close_pipes()
  local ok, err = errors.try(self.wait, self)
  if not ok or self.group then self:kill() end
  if not ok then errors.rethrow(err) end
end

--- The block that it belongs to is left. By a cancellation (or control-C, or an
--- exit) it is killed: on asyncio such an error comes only once, so that no wait
--- would end by it any more.
---@param err any
---Checkpoint: always.
---@usage function Process:__close(err) self._job:leave(err) end
function Job:leave(err)
  if err == nil or errors.is_ordinary(err) then return self:finish() end
  self:close_pipes()
  self:kill()
end

return Job
