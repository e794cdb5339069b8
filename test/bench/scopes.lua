--- Timeouts around a wait. arg: how many, then "quiet" (they do not fire:
-- a checkpoint) or "fire" (each ends a wait for ever). Unit: ns/scope.
local anyio = require "anyio"
local count, fire = tonumber(arg[1]) or 100000, arg[2] == "fire"
local delay = fire and 0 or 3600
local checkpoint = require("anyio.lowlevel").checkpoint

local function body()
  if fire then anyio.sleep_forever() else checkpoint() end
end

local start = anyio.current_time()
for _ = 1, count do
  anyio.move_on_after(delay, body)
end
print(("%.1f ns/scope"):format((anyio.current_time() - start) * 1e9 / count))
