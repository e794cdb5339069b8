-- Ask each task for its result by its handle.
local anyio = require "anyio"

local function square(n)
  sleep(0.01 / n)
  return n * n
end

run(function()
  local sum = anyio.create_task_group(function(tg)
    local handles = {}
    for n = 1, 5 do
      handles[n] = tg:create_task(square, n)
    end
    local total = 0
    for _, handle in ipairs(handles) do
      total = total + handle:await()
    end
    return total
  end)
  print("sum of squares: " .. sum)
end)

-- Output:
-- sum of squares: 55
