--- A task left its thread's call, and kept the thread's token for ever.
--
-- The task is cancelled while its thread works, and is queued for the step in
-- which it says what is to be done at the thread's end. Before that step the
-- loop hears of the end: nothing is to be done yet. What the task says then
-- was never heard, so that on trio, where the token is the thread's, the
-- limiter had one less from then on.

local anyio = require "anyio"
local t = require "harness"

t.test("a thread that ends while its caller leaves gives its token back", function()
  local limiter = anyio.CapacityLimiter(1)
  for turns = 0, 150 do
    anyio.create_task_group(function(tg)
      tg:start_soon(anyio.to_thread.run_sync,
        {function() end, limiter = limiter, abandon_on_cancel = true})
      for _ = 1, turns do anyio.lowlevel.checkpoint() end
      tg.cancel_scope:cancel()
    end)
    anyio.fail_after(10, function()
      local _ <close> = limiter:acquire()
    end)
  end
end)
