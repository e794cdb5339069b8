--- As test/bench/switch.lua, on tarantool's fibers.
local fiber, clock = require "fiber", require "clock"
local tasks, each = tonumber(arg[1]) or 1, tonumber(arg[2]) or 1000000

local function work()
  local yield = fiber.yield
  for _ = 1, each do
    yield()
  end
end

local start, all = clock.monotonic(), {}
for i = 1, tasks do
  all[i] = fiber.new(work)
  all[i]:set_joinable(true)
end
for i = 1, tasks do all[i]:join() end
print(("%.1f ns/switch"):format(
  (clock.monotonic() - start) * 1e9 / (tasks * each)))
os.exit(0)
