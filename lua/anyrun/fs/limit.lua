--- Work on files that counts against a limiter of the caller's.

local class = require "anyrun.class"
local errors -- anyrun.errors, loaded when something is wrong

local error, getmetatable, type = error, getmetatable, type

---@class anyrun.fs.limit
local limit = {}

--- Checks the option `limiter`.
---@param fname string the function's name as the caller knows it
---@param limiter any
---@param level? integer whose line the error names; default: who called `fname`
---@return anyio.CapacityLimiter? limiter
---Checkpoint: never.
---Raises: TypeError when it is neither nil nor a CapacityLimiter.
---@usage local limiter = limit.check("open_file", opts.limiter)
function limit.check(fname, limiter, level)
  if limiter == nil or class.is(limiter, require "anyrun.sync.limiter") then
    return limiter
  end
  errors = errors or require "anyrun.errors"
  local mt = getmetatable(limiter)
  error(errors.TypeError(("option 'limiter' of '%s' must be a CapacityLimiter, "
    .. "not %s"):format(fname, type(mt) == "table" and mt.__name
    or type(limiter))), level or 3)
end

-- One piece of work: what borrows a token, and gives it back.
local Work = { __name = "file work" }

function Work:__close() self.limiter:release_on_behalf_of(self) end

--- Borrows a token for a piece of work.
---@param limiter anyio.CapacityLimiter
---@return table work a to-be-closed value
---Checkpoint: always.
---@usage local _ <close> = limit.borrow(limiter)
function limit.borrow(limiter)
  local work = { limiter = limiter }
  limiter:acquire_on_behalf_of(work)
  return setmetatable(work, Work)
end

--- Calls a function, with a token where there is a limiter.
---@param limiter anyio.CapacityLimiter?
---@param f function
---@param ... any
---@return any ... what it returned
---Checkpoint: as `f`.
---@usage return limit.call(self._limiter, fs.stat, path, true)
function limit.call(limiter, f, ...)
  if not limiter then return f(...) end
  local _ <close> = limit.borrow(limiter)
  return f(...)
end

return limit
