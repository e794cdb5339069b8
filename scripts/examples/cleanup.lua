-- Cancelled tasks clean up: by a to-be-closed value, and behind a shield.
local anyio = require "anyio"

local function resource(name)
  return setmetatable({}, {
    __close = function()
      anyio.CancelScope({ shield = true }, function()
        sleep(0.01) -- without the shield this would raise at once
        print("closed " .. name)
      end)
    end,
  })
end

local function worker()
  local _ <close> = resource("connection")
  print("working")
  anyio.sleep_forever()
end

run(function()
  anyio.move_on_after(0.02, worker)
  print("over")
end)

-- Output:
-- working
-- closed connection
-- over
