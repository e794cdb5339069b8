--- The task that keeps an asyncio run waiting for its threads was cancelled with
-- the others, before its first step where main ended at once: the run did not wait.
local asyncio = require "asyncio"
local t = require "harness"

-- In a worker.
local function work(path)
  for _ = 1, 300000 do end
  io.open(path, "w"):close()
end

t.test("[AS-THR-02 AS-LOOP-18] a run waits for its threads though main ends at once",
  {backend = "asyncio", plain = true}, function()
  local path = os.tmpname()
  os.remove(path)
  asyncio.run(function()
    asyncio.get_running_loop():run_in_executor(nil, work, path)
  end)
  t.ok(os.remove(path))
  asyncio.run(function()
    asyncio.create_task(asyncio.to_thread, work, path)
    asyncio.sleep(0)
  end)
  t.ok(os.remove(path))
end)
