--- Plain Lua: a coroutine created and run to its end.
local count = tonumber(arg[1]) or 100000
local function work() end
local start = os.clock()
for _ = 1, count do
  coroutine.resume(coroutine.create(work))
end
print(("%.1f ns/task"):format((os.clock() - start) * 1e9 / count))
