-- Checksums of several texts at once, on all processors: each in a worker
-- process, whose Lua state has nothing of ours but what is copied to it.
local anyio = require "anyio"

local function checksum(text)
  local a, b = 1, 0
  for i = 1, #text do
    a = (a + text:byte(i)) % 65521
    b = (b + a) % 65521
  end
  return ("%08x"):format(b << 16 | a)
end

local texts = {}
for i = 1, 4 do texts[i] = ("text number %d\n"):format(i):rep(10000) end

run(function()
  local tasks = {}
  anyio.create_task_group(function(tg)
    for i, text in ipairs(texts) do
      tasks[i] = tg:create_task(anyio.to_process.run_sync, checksum, text)
    end
  end)
  for i, task in ipairs(tasks) do print(i, #texts[i], task:await()) end
end)

-- Output:
-- 1	140000	0db6f677
-- 2	140000	e34c1d96
-- 3	140000	b8f144a6
-- 4	140000	8e966bb6
