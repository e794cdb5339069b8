--- Control-C in asyncio runs: the first one cancels the main task.
local asyncio = require "asyncio"
local anyio = require "anyio"
local t = require "harness"

local popen = require("_anyrun.stock").io.popen -- lets nobody run meanwhile

local plain = {plain = true}

--- Sends SIGINT to this process, as a terminal does. (`os.execute` would
-- ignore the signal meanwhile.)
local function interrupt()
  popen("kill -INT $PPID"):close()
end

t.test("[AS-RUN-14 D-32] the first control-C cancels main; cancelled main: KeyboardInterrupt", plain, function()
  local seen
  t.raises(anyio.KeyboardInterrupt, asyncio.run, function()
    asyncio.get_running_loop():call_soon(interrupt)
    local ok, err = pcall(asyncio.sleep, 10)
    seen = not ok and err
    error(err)
  end)
  t.isa(seen, asyncio.CancelledError)
end)

t.test("[AS-RUN-16 D-32] main swallows it and returns: no KeyboardInterrupt", plain, function()
  t.eq(asyncio.run(function()
    asyncio.get_running_loop():call_soon(interrupt)
    t.no(pcall(asyncio.sleep, 10))
    asyncio.sleep(0)
    return "returned"
  end), "returned")
end)

t.test("[AS-RUN-17] somebody else cancelled main too: CancelledError", plain, function()
  t.raises(asyncio.CancelledError, asyncio.run, function()
    local main = asyncio.current_task()
    asyncio.get_running_loop():call_soon(function()
      interrupt()
      main:cancel()
    end)
    asyncio.sleep(10)
  end)
end)

t.test("[AS-RUN-19 D-31] only main is cancelled; others run on until the end", plain, function()
  local log = t.log()
  t.raises(anyio.KeyboardInterrupt, asyncio.run, function()
    asyncio.create_task(function()
      local ok = pcall(asyncio.sleep, 10)
      log("background", ok)
    end)
    asyncio.get_running_loop():call_later(0.01, interrupt)
    local _, err = pcall(asyncio.sleep, 10)
    log "main"
    asyncio.sleep(0)
    log "main again"
    error(err)
  end)
  t.eq(log.items, {"main", "main again", "background", false})
end)

t.test("[AS-RUN-14 AS-CAN-05] main waits for a task: that one is cancelled first", plain, function()
  local task
  t.raises(anyio.KeyboardInterrupt, asyncio.run, function()
    task = asyncio.create_task(asyncio.sleep, 10)
    asyncio.get_running_loop():call_later(0.01, interrupt)
    task:await()
  end)
  t.ok(task:cancelled())
end)

t.test("[D-69] main in its shield: main is hit at once, the shielded task lives on", plain, function()
  local log = t.log()
  t.eq(asyncio.run(function()
    local gate = asyncio.Future()
    local task = asyncio.create_task(function()
      gate:await()
      log "shielded task ended"
      return 5
    end)
    asyncio.get_running_loop():call_later(0.01, interrupt)
    local shielded = asyncio.shield(task)
    local ok, err = pcall(shielded.await, shielded)
    log(ok, err.name)
    gate:set_result(nil)
    return task:await()
  end), 5)
  t.eq(log.items, {false, "CancelledError", "shielded task ended"})
end)

t.test("[AS-RUN-18] each run of a runner has its own control-C", plain, function()
  local runner <close> = asyncio.Runner()
  for _ = 1, 2 do
    t.raises(anyio.KeyboardInterrupt, runner.run, runner, function()
      asyncio.get_running_loop():call_soon(interrupt)
      asyncio.sleep(10)
    end)
  end
  t.eq(runner:run(function() return "still runs" end), "still runs")
end)
