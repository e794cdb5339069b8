--- The token of a run: run_sync_soon.
local anyio = require "anyio"
local t = require "harness"
local trio = require "trio"
local current_trio_token = trio.lowlevel.current_trio_token
local blocked = trio.testing.wait_all_tasks_blocked
local raise = error

local plain = {plain = true}

t.test("[TR-TOK-01] a run has one token", plain, function()
  local first, second
  trio.run(function()
    first = current_trio_token()
    trio.sleep(0)
    t.ok(current_trio_token() == first)
  end)
  trio.run(function() second = current_trio_token() end)
  t.ok(first ~= second)
  t.match(tostring(first), "^<TrioToken")
end)

t.test("[TR-TOK-02 D-36] calls are made soon, in the order in which they were asked for", function()
  local log = t.log()
  local token = current_trio_token()
  for i = 1, 1000 do token:run_sync_soon(log, i) end
  t.eq(log.items, {})
  blocked()
  t.eq(#log.items, 1000)
  for i = 1, 1000 do t.eq(log.items[i], i) end
  token:run_sync_soon(function(...) log(select("#", ...)) end, nil, nil)
  blocked()
  t.eq(log.items[1001], 2)
  t.raises("bad argument #1 to 'run_sync_soon'", token.run_sync_soon, token, 7)
  t.raises(anyio.TypeError, token.run_sync_soon, token, {log, idempotnt = true})
end)

t.test("[TR-TOK-02] a call wakes a run in which everything sleeps", function()
  local token = current_trio_token()
  local called
  trio.open_nursery(function(nursery)
    nursery:start_soon(function()
      trio.sleep(0.001)
      token:run_sync_soon(function()
        called = true
        nursery.cancel_scope:cancel()
      end)
    end)
    nursery:start_soon(trio.sleep_forever)
  end)
  t.ok(called)
end)

t.test("[TR-TOK-03] equal idempotent calls that have not begun are one", function()
  local log = t.log()
  local token = current_trio_token()
  for _ = 1, 100 do token:run_sync_soon({log, idempotent = true}, "same") end
  token:run_sync_soon({log, idempotent = true}, "other")
  token:run_sync_soon({log, idempotent = true})
  token:run_sync_soon(log, "plain")
  blocked()
  t.eq(log.items, {"plain", "same", "other"})
end)

t.test("[TR-TOK-03] a call that has begun may be asked for again", function()
  local token = current_trio_token()
  local calls = 0
  local function again()
    calls = calls + 1
    if calls < 3 then
      token:run_sync_soon({again, idempotent = true})
      token:run_sync_soon({again, idempotent = true})
    end
  end
  token:run_sync_soon({again, idempotent = true})
  blocked()
  t.eq(calls, 3)
end)

t.test("[TR-TOK-04] every call that was accepted is made; after the run there are none", plain,
  function()
    local log = t.log()
    local token
    trio.run(function()
      token = current_trio_token()
      token:run_sync_soon(log, "one")
      token:run_sync_soon(function() token:run_sync_soon(log, "two") end)
    end)
    t.eq(log.items, {"one", "two"})
    t.raises(trio.RunFinishedError, token.run_sync_soon, token, log)
    trio.run(function()
      t.raises(trio.RunFinishedError, token.run_sync_soon, token, log, "another run's")
    end)
    t.raises(anyio.ValueError, trio.run, function()
      current_trio_token():run_sync_soon(log, "three")
      raise(anyio.ValueError())
    end)
    t.eq(log.items, {"one", "two", "three"})
  end)

t.test("[TR-TOK-05 D-35] a callback that raises ends the run; the others are still called", plain,
  function()
    local log = t.log()
    local err = t.raises(trio.TrioInternalError, trio.run, function()
      local token = current_trio_token()
      token:run_sync_soon(log, "before")
      token:run_sync_soon(function() raise(anyio.ValueError("callback")) end)
      token:run_sync_soon(log, "after")
      t.raises(trio.Cancelled, trio.sleep_forever)
      log "cancelled"
    end)
    t.eq(log.items, {"before", "after", "cancelled"})
    t.isa(err.cause:leaves()[1], anyio.ValueError)
  end)

t.test("[TR-TOK-05] one that raises when main has ended too", plain, function()
  local err = t.raises(trio.TrioInternalError, trio.run, function()
    current_trio_token():run_sync_soon(function() raise(anyio.ValueError("late")) end)
  end)
  t.ok(err.cause ~= nil)
end)

t.test("[TR-TOK-06] callbacks that ask for callbacks cannot starve the tasks", function()
  local token = current_trio_token()
  local on, calls = true, 0
  local function forever()
    calls = calls + 1
    if on then
      token:run_sync_soon(forever)
      token:run_sync_soon({forever, idempotent = true})
    end
  end
  token:run_sync_soon(forever)
  for _ = 1, 5 do trio.lowlevel.checkpoint() end
  t.ok(calls >= 1)
  on = false
end)

t.test("[SN-09 D-58] a callback sees trio as the current library", function()
  local seen
  current_trio_token():run_sync_soon(function()
    seen = require("sniffio").current_async_library()
  end)
  blocked()
  t.eq(seen, "trio")
end)
