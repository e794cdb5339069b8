-- Scopes nest: the sooner deadline counts, and a shield hides those outside.
local anyio = require "anyio"

run(function()
  local outer = anyio.move_on_after(0.02, function()
    local inner = anyio.move_on_after(60, function()
      local left = anyio.current_effective_deadline() - anyio.current_time()
      print(left < 1 and "the outer deadline counts" or "the inner one counts")
      anyio.sleep_forever()
    end)
    print("not reached", inner)
  end)
  print("outer caught it: " .. tostring(outer.cancelled_caught))

  outer = anyio.move_on_after(0.01, function()
    anyio.CancelScope({ shield = true }, function()
      sleep(0.03)
      print("the shield held")
    end)
    anyio.lowlevel.checkpoint()
  end)
  print("outer caught it: " .. tostring(outer.cancelled_caught))
end)

-- Output:
-- the outer deadline counts
-- outer caught it: true
-- the shield held
-- outer caught it: true
