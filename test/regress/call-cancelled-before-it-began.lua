--- On asyncio a task that is cancelled before its first step does not begin. When
-- it was to answer a call of another thread, nobody did until its memory was
-- collected: the thread waited, and so did whoever joined it.
local anyio = require "anyio"
local t = require "harness"
local ref = anyio.lowlevel.ref
local Thread = require("threading").Thread

-- Cancels each task it sees before that has begun, until `done()`.
local function cancel_all(done)
  local asyncio = require "asyncio"
  local n = 0
  while not done() do
    for _, task in ipairs(asyncio.all_tasks()) do
      if task ~= asyncio.current_task() and task:cancelling() == 0 then
        task:cancel()
        n = n + 1
      end
    end
    anyio.lowlevel.checkpoint()
  end
  return n
end

t.test("a call whose task is cancelled at once is answered", {backend = "asyncio"}, function()
  local names
  local thread = Thread(function(token, tell)
    local _, first = pcall(anyio.from_thread.run, {anyio.sleep, token = token}, 60)
    local _, second = pcall(anyio.from_thread.run, {anyio.sleep, token = token}, 60)
    anyio.from_thread.run_sync({tell, token = token}, first.name .. " " .. second.name)
  end, anyio.lowlevel.current_token(), ref(function(text) names = text end))
  collectgarbage "stop"
  thread:start()
  t.ok(cancel_all(function() return names end) >= 2)
  collectgarbage "restart"
  thread:join()
  t.eq(names, "CancelledError CancelledError")
end)

t.test("so is one that comes as the run ends", {plain = true}, function()
  for _ = 1, 10 do
    local began, thread = false, nil
    t.run(function()
      thread = Thread(function(token, mark)
        while pcall(anyio.from_thread.run_sync, {mark, token = token}) do end
      end, anyio.lowlevel.current_token(), ref(function() began = true end))
      thread:start()
      while not began do anyio.lowlevel.checkpoint() end
    end)
    collectgarbage "stop"
    thread:join()
    collectgarbage "restart"
  end
end)
