-- Try again with longer and longer pauses, all of it within a limit.
local anyio = require "anyio"

local attempts = 0
local function flaky()
  attempts = attempts + 1
  sleep(0.001)
  if attempts < 4 then
    error("attempt " .. attempts .. " failed", 0)
  end
  return "it worked"
end

local function retry(f, pause)
  while true do
    -- anyio.pcall lets cancellation pass, so the limit below holds.
    local ok, result = anyio.pcall(f)
    if ok then
      return result
    end
    print(result)
    sleep(pause)
    pause = pause * 2
  end
end

local _, result = anyio.fail_after(10, function()
  return retry(flaky, 0.001)
end)
print(result)

-- Output:
-- attempt 1 failed
-- attempt 2 failed
-- attempt 3 failed
-- it worked
