--- As test/bench/spawn.lua, on cqueues.
local cqueues = require "cqueues"
local count = tonumber(arg[1]) or 100000
local loop = cqueues.new()

local function work() end

local start = cqueues.monotime()
for _ = 1, count do
  loop:wrap(work)
end
assert(loop:loop())
print(("%.1f ns/task"):format((cqueues.monotime() - start) * 1e9 / count))
