--- As test/bench/spawn.lua, on tarantool's fibers.
local fiber, clock = require "fiber", require "clock"
local count = tonumber(arg[1]) or 100000

local function work() end

local start, all = clock.monotonic(), {}
for i = 1, count do
  all[i] = fiber.new(work)
  all[i]:set_joinable(true)
end
for i = 1, count do all[i]:join() end
print(("%.1f ns/task"):format((clock.monotonic() - start) * 1e9 / count))
os.exit(0)
