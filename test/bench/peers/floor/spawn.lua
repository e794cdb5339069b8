--- As test/bench/spawn.lua, on the floor.
local floor = require "floor"
local count = tonumber(arg[1]) or 100000

local group = floor.group(count)

local function work() group:done() end

local start = floor.now()
for _ = 1, count do
  floor.spawn(work)
end
group:wait()
print(("%.1f ns/task"):format((floor.now() - start) * 1e9 / count))
