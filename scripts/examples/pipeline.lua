-- Stages in a row: each reads from the one before until that is closed.
local anyio = require "anyio"

local function numbers(send)
  local _ <close> = send
  for i = 1, 6 do send:send(i) end
end

local function squares(receive, send)
  local input <close> = receive
  local output <close> = send
  for n in input do output:send(n * n) end
end

run(function()
  local numbers_in, numbers_out = anyio.create_memory_object_stream(2)
  local squares_in, squares_out = anyio.create_memory_object_stream()
  anyio.create_task_group(function(tg)
    tg:start_soon(numbers, numbers_in)
    tg:start_soon(squares, numbers_out, squares_in)
    for n in squares_out do print(n) end
  end)
  squares_out:close()
end)

-- Output:
-- 1
-- 4
-- 9
-- 16
-- 25
-- 36
