--- Plain Lua: coroutines resumed round-robin.
local tasks, each = tonumber(arg[1]) or 1, tonumber(arg[2]) or 1000000
local yield, resume = coroutine.yield, coroutine.resume
local all = {}
for i = 1, tasks do
  all[i] = coroutine.create(function()
    for _ = 1, each do
      yield()
    end
  end)
end
local start = os.clock()
for _ = 1, each + 1 do
  for i = 1, tasks do
    resume(all[i])
  end
end
print(("%.1f ns/switch"):format((os.clock() - start) * 1e9 / (tasks * each)))
