--- A class whose metatable has a finalizer was finalized at each copy.
--
-- A worker that knows a class reads what else arrives of it, and drops it. What
-- was dropped had the metatable of the class already: `setmetatable(Derived,
-- Base)` ran Base.__gc each time an object of Derived was copied.

local anyio = require "anyio"
local t = require "harness"

t.test("what is read for nothing is not finalized", function()
  local Base = {}
  Base.__index = Base
  function Base:__gc() -- luacheck: ignore
    FINALIZED = (FINALIZED or 0) + 1 -- luacheck: ignore
  end
  local Derived = setmetatable({}, Base)
  Derived.__index = Derived
  local call = {function(o) KEPT = o end, limiter = anyio.CapacityLimiter(1)} -- luacheck: ignore
  local object = setmetatable({}, Derived)
  for _ = 1, 5 do anyio.to_interpreter.run_sync(call, object) end
  call[1] = function() collectgarbage() collectgarbage() return FINALIZED end -- luacheck: ignore
  t.eq(anyio.to_interpreter.run_sync(call), nil)
end)
