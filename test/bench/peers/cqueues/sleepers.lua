--- As test/bench/sleepers.lua, on cqueues.
local cqueues = require "cqueues"
local count = tonumber(arg[1]) or 100000
local loop = cqueues.new()

local start = cqueues.monotime()
for i = 1, count do
  loop:wrap(function() cqueues.sleep((i * 7919 % 50 + 1) / 1000) end)
end
assert(loop:loop())
print(("%.1f ns/sleeper"):format((cqueues.monotime() - start) * 1e9 / count))
