--- As test/bench/switch.lua: coroutines resumed from luv's idle handle.
local uv = require "luv"
local tasks, each = tonumber(arg[1]) or 1, tonumber(arg[2]) or 1000000
local living, all = tasks, {}

for i = 1, tasks do
  all[i] = coroutine.wrap(function()
    for _ = 1, each do
      coroutine.yield()
    end
    living = living - 1
  end)
end
local idle = uv.new_idle()
idle:start(function()
  for i = 1, tasks do
    all[i]()
  end
  if living == 0 then idle:close() end
end)
local start = uv.hrtime()
uv.run()
print(("%.1f ns/switch"):format((uv.hrtime() - start) / (tasks * each)))
