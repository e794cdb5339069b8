--- As test/bench/sleepers.lua, on tarantool's fibers.
local fiber, clock = require "fiber", require "clock"
local count = tonumber(arg[1]) or 100000

local start, all = clock.monotonic(), {}
for i = 1, count do
  all[i] = fiber.new(fiber.sleep, (i * 7919 % 50 + 1) / 1000)
  all[i]:set_joinable(true)
end
for i = 1, count do all[i]:join() end
print(("%.1f ns/sleeper"):format((clock.monotonic() - start) * 1e9 / count))
os.exit(0)
