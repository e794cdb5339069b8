--- What Lua's own functions about programs do inside a task: the same, while the
--- other tasks go on.

local errors = require "anyrun.errors"
local Job = require "anyrun.process.job"
local native = require "_anyrun.stock"
local signals = require "_anyrun.signal"
local terminal = require "_anyrun.terminal"

local flush, math_type = native.flush, math.type

local stock = {}

local SIGKILL <const> = signals.number "SIGKILL"

-- At a terminal the program gets control-C for itself, as with the C library's
-- system(), which ignores it meanwhile.
local function at_terminal()
  local one = terminal.open()
  local ours = one ~= nil and one:is_ours()
  if one then one:close() end
  return ours
end

local function results(status)
  if status < 0 then return nil, "signal", -status end
  return status == 0 or nil, "exit", status
end

--- `os.execute` with a command. A program whose task is cancelled is killed.
---@param cmd string
---@return true|nil succeeded
---@return "exit"|"signal" how
---@return integer status
---Checkpoint: always.
---@usage return stock.execute "ls"
function stock.execute(cmd)
  local job = Job("execute", cmd, { process_group = at_terminal() })
  local ok, status = errors.try(job.wait, job)
  if not ok then
    job:kill()
    errors.rethrow(status)
  end
  if job.group then job.child:reap() end -- what it left goes on
  return results(status)
end

local function kill(child)
  if math_type(child) then return end -- it has ended
  child:signal(SIGKILL)
  child:wait(true)
end

--- `close` of a file that `io.popen` gave: what is still to be written is
--- written, then its program's end is waited for. A program whose task is
--- cancelled is killed.
---@param file file*
---@return true|nil succeeded
---@return "exit"|"signal"|string how, or what could not be written
---@return integer status
---Checkpoint: when it has to wait.
---@usage return stock.close(file)
function stock.close(file)
  local ok, written, why, number = errors.try(flush, file)
  local child = native.shut(file, not ok)
  local status = child
  if not ok then
    kill(child)
    errors.rethrow(written)
  elseif not math_type(child) then
    ok, status = errors.try(child.wait, child)
    if not ok then
      kill(child)
      errors.rethrow(status)
    end
  end
  if status == 0 and not written then return nil, why, number end
  return results(status)
end

--- The same as the block is left that has the file in a to-be-closed variable.
--- By a cancellation (or control-C, or an exit) its program is killed: on asyncio
--- such an error comes only once, so that no wait would end by it any more.
---@param file file*
---@param err any
---Checkpoint: when it has to wait.
---@usage return stock.leave(file, err)
function stock.leave(file, err)
  if err == nil or errors.is_ordinary(err) then
    stock.close(file)
  else
    kill(native.shut(file, true))
  end
end

return stock
