-- A thread of trio.lowlevel.start_thread_soon passed for a worker of the run: what
-- it asked the run was never answered, and the thread hung for good.
local anyio = require "anyio"
local t = require "harness"
local trio = require "trio"

t.test("[TR-LL-15 TR-THR-13] a thread that nobody waits for has no run to call",
  {backend = "trio"}, function()
  local token, event, got = trio.lowlevel.current_trio_token(), trio.Event(), nil
  local tell = anyio.lowlevel.ref(function(...) got = {...}; event:set() end)
  for _, name in ipairs{"run", "run_sync", "check_cancelled"} do
    event = trio.Event()
    trio.lowlevel.start_thread_soon(function() trio.from_thread[name](print) end,
      function(ok, err) token:run_sync_soon(tell, ok, err.name) end)
    event:wait()
    t.eq(got, {false, "NoEventLoopError"})
  end
  event = trio.Event()
  trio.lowlevel.start_thread_soon(function()
    return trio.from_thread.run({function() trio.sleep(0) return 7 end, trio_token = token})
  end, function(ok, value) token:run_sync_soon(tell, ok, value) end)
  event:wait()
  t.eq(got, {true, 7})
end)
