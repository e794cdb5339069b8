--- As test/bench/cancel.lua, on tarantool's fibers.
local fiber, clock = require "fiber", require "clock"
local count = tonumber(arg[1]) or 100000

local all = {}
for i = 1, count do
  all[i] = fiber.new(fiber.sleep, 3600)
  all[i]:set_joinable(true)
end
fiber.yield()
local start = clock.monotonic()
for i = 1, count do all[i]:cancel() end
for i = 1, count do all[i]:join() end
print(("%.1f ns/task"):format((clock.monotonic() - start) * 1e9 / count))
os.exit(0)
