--- What Lua's own functions about programs do inside a task: the same, while the
--- other tasks go on.

local errors = require "anyrun.errors"
local Job = require "anyrun.process.job"
local terminal = require "_anyrun.terminal"

local stock = {}

-- At a terminal the program gets control-C for itself, as with the C library's
-- system(), which ignores it meanwhile.
local function at_terminal()
  local one = terminal.open()
  local ours = one ~= nil and one:is_ours()
  if one then one:close() end
  return ours
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
  if status < 0 then return nil, "signal", -status end
  return status == 0 or nil, "exit", status
end

return stock
