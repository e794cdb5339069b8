--- As test/bench/lock.lua, on the floor.
local floor = require "floor"
local mode, times = arg[1] or "plain", tonumber(arg[2]) or 1000000
local tasks = 100
local lock, count = floor.lock(), 0

local function work()
  for _ = 1, times // tasks do
    lock:acquire()
    count = count + 1
    if mode == "held" then floor.yield() end
    lock:release()
  end
end

local start = floor.now()
for _ = 1, tasks do floor.spawn(work) end
floor.join()
print(("%.1f ns/acquire+release"):format((floor.now() - start) * 1e9 / count))
