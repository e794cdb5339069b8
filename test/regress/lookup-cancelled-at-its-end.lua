-- A look-up had ended and woken its task, when another task of the same batch
-- cancelled that one by asyncio's own cancel(): the task took the error, and
-- nobody gave the answer's memory back.

local anyio = require "anyio"
local t = require "harness"

local has, native = pcall(require, "_anyrun.test")

-- Holds up the loop, so that what threads do meanwhile is told of at once.
local function hold_up()
  local start = os.clock()
  while os.clock() - start < 0.05 do end -- luacheck: ignore
end

-- Two tasks wait; the first to go on cancels the other, which could, too.
local function cancelled_at_the_end(wait)
  local asyncio = require "asyncio"
  local tasks = {}
  for i = 1, 2 do
    tasks[i] = asyncio.create_task(function()
      wait()
      tasks[3 - i]:cancel()
    end)
  end
  asyncio.sleep(0)
  hold_up()
  asyncio.wait(tasks)
  t.ok(tasks[1]:cancelled() ~= tasks[2]:cancelled())
end

local function blocks()
  collectgarbage()
  collectgarbage()
  return (native.memory())
end

t.test("a look-up cancelled at its end gives its memory back",
  { backend = "asyncio", skip = not has and "no debug build" or nil }, function()
    local waits = {
      function() anyio.getaddrinfo("localhost", "80") end,
      function() anyio.getnameinfo { "127.0.0.1", 80 } end,
      function() native.nap(0) end,
    }
    for _, wait in ipairs(waits) do
      cancelled_at_the_end(wait)
      local before = blocks()
      for _ = 1, 3 do cancelled_at_the_end(wait) end
      local after = blocks()
      t.ok(after <= before, after .. " blocks, before " .. before)
    end
  end)
