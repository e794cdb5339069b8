--- As test/bench/switch.lua, on the floor.
local floor = require "floor"
local tasks, each = tonumber(arg[1]) or 1, tonumber(arg[2]) or 1000000

local function work()
  local yield = floor.yield
  for _ = 1, each do
    yield()
  end
end

local start = floor.now()
for _ = 1, tasks do
  floor.spawn(work)
end
floor.join()
print(("%.1f ns/switch"):format((floor.now() - start) * 1e9 / (tasks * each)))
