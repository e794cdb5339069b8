-- Limits on time: go on without a result, or fail.
local anyio = require "anyio"

local function slow_answer(seconds)
  sleep(seconds)
  return "the answer"
end

-- Within the limit: the scope comes first, then what the body returned.
local scope, answer = anyio.move_on_after(5, function()
  return slow_answer(0.01)
end)
print(scope.cancelled_caught, answer)

-- Over it: the body is cancelled where it waits, and there is no result.
scope, answer = anyio.move_on_after(0.01, function()
  return slow_answer(60)
end)
print(scope.cancelled_caught, answer)

-- The same, as an error.
local ok, err = anyio.pcall(anyio.fail_after, 0.01, function()
  return slow_answer(60)
end)
print(ok, err.name)

-- Output:
-- false	the answer
-- true	nil
-- false	TimeoutError
