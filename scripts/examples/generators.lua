-- Coroutines of the script and suspending functions do not get in each
-- other's way: a generator may sleep between two of its values.
local function ticks(n)
  return coroutine.wrap(function()
    for i = 1, n do
      sleep(0.01)
      coroutine.yield(i)
    end
  end)
end

-- No run() here: the script itself is the main task.
for i in ticks(3) do
  print("tick " .. i)
end

-- A metamethod may suspend as well.
local lazy = setmetatable({}, {
  __index = function(_, key)
    sleep(0.01)
    return "value of " .. key
  end,
})
print(lazy.x)

-- Output:
-- tick 1
-- tick 2
-- tick 3
-- value of x
