-- The first task to finish wins; the others are cancelled.
local anyio = require "anyio"

local function race(...)
  local winner
  local runners = { ... }
  anyio.create_task_group(function(tg)
    for _, runner in ipairs(runners) do
      tg:start_soon(function()
        local result = runner()
        winner = winner or result
        tg.cancel_scope:cancel()
      end)
    end
  end)
  return winner
end

local function runner(name, seconds)
  return function()
    sleep(seconds)
    return name
  end
end

run(function()
  print(race(runner("tortoise", 60), runner("hare", 0.01), runner("snail", 600)))
end)

-- Output:
-- hare
