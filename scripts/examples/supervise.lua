-- Keeps a program running: restarts it when it fails, a little later each time.
local anyio = require "anyio"

local function supervise(cmd, restarts)
  local pause = 0.01
  for attempt = 1, restarts do
    local service <close> = anyio.open_process(cmd .. " " .. attempt, {
      stdin = anyio.DEVNULL, stderr = false, process_group = true,
    })
    for text in service.stdout do io.write("  ", text) end
    local status = service:wait()
    print(("attempt %d: status %d"):format(attempt, status))
    if status == 0 then return end
    sleep(pause)
    pause = pause * 2
  end
  error "it does not get up any more"
end

run(function()
  -- SIGTERM ends the service, too: it and all that it has started
  anyio.create_task_group(function(tg)
    local signals <close> = anyio.open_signal_receiver "SIGTERM"
    tg:start_soon(function()
      signals()
      tg.cancel_scope:cancel()
    end)
    supervise("try() { test $1 -ge 3 && echo up || exit 7; }; try", 5)
    tg.cancel_scope:cancel()
  end)
end)

-- Output:
-- attempt 1: status 7
-- attempt 2: status 7
--   up
-- attempt 3: status 0
