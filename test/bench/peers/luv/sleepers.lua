--- As test/bench/sleepers.lua: coroutines and timers of luv.
local uv = require "luv"
local count = tonumber(arg[1]) or 100000

local function sleep(ms)
  local timer, co = uv.new_timer(), coroutine.running()
  timer:start(ms, 0, function()
    timer:close()
    coroutine.resume(co)
  end)
  coroutine.yield()
end

local start = uv.hrtime()
for i = 1, count do
  coroutine.wrap(sleep)(i * 7919 % 50 + 1)
end
uv.run()
print(("%.1f ns/sleeper"):format((uv.hrtime() - start) / count))
