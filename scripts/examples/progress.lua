-- A ticker in the background that ends with the work it shows.
local anyio = require "anyio"

local function ticker(state)
  while true do
    sleep(0.001)
    state.ticks = state.ticks + 1
  end
end

run(function()
  local state = { ticks = 0 }
  anyio.create_task_group(function(tg)
    tg:start_soon({ ticker, name = "ticker" }, state)
    sleep(0.1)
    tg.cancel_scope:cancel()
  end)
  print(state.ticks > 3 and "ticked several times" or "hardly ticked")
end)

-- Output:
-- ticked several times
