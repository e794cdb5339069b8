--- As test/bench/switch.lua, on cqueues.
local cqueues = require "cqueues"
local tasks, each = tonumber(arg[1]) or 1, tonumber(arg[2]) or 1000000
local loop = cqueues.new()

for _ = 1, tasks do
  loop:wrap(function()
    for _ = 1, each do
      cqueues.sleep(0)
    end
  end)
end
local start = cqueues.monotime()
assert(loop:loop())
print(("%.1f ns/switch"):format(
  (cqueues.monotime() - start) * 1e9 / (tasks * each)))
