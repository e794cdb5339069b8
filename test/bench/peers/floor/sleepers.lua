--- As test/bench/sleepers.lua, on the floor.
local floor = require "floor"
local count = tonumber(arg[1]) or 100000

local start = floor.now()
for i = 1, count do
  floor.spawn(floor.sleep, (i * 7919 % 50 + 1) / 1000)
end
floor.join()
print(("%.1f ns/sleeper"):format((floor.now() - start) * 1e9 / count))
