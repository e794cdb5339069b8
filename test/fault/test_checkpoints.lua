local t = require "harness"
local anyio = require "anyio"
local each_checkpoint = require("fault.checkpoints").each_checkpoint

local ways = t.backend == "asyncio" and 2 or 1

t.test("a body without a wait is hit only before it starts, if at all", function()
  local bodies = 0
  local hits = each_checkpoint{
    body = function() bodies = bodies + 1 end,
    check = function(_, outcome) t.ok(outcome.ended) end,
  }
  t.ok(hits <= ways, "hits")
  t.ok(bodies >= ways, "bodies")
end)

t.test("a body of three waits is cancelled at each and then ends", function()
  local reached, ended = {}, 0
  each_checkpoint{
    setup = function() return {step = 0} end,
    body = function(state)
      for i = 1, 3 do
        state.step = i
        anyio.sleep(0)
      end
      state.step = 4
    end,
    check = function(state, outcome)
      if outcome.cancelled then
        t.ok(state.step <= 3, "cancelled at a wait")
        reached[state.step] = true
      else
        t.eq(state.step, 4)
        ended = ended + 1
      end
    end,
  }
  t.eq(reached, {true, true, true})
  t.ok(ended >= ways, "the last attempt of each way ends by itself")
end)

t.test("a cancelled waiter of a lock neither keeps it nor loses it", function()
  each_checkpoint{
    setup = function() return {lock = anyio.Lock()} end,
    partners = {function(state)
      local _ <close> = state.lock:acquire()
      anyio.sleep(0)
      anyio.sleep(0)
    end},
    body = function(state)
      anyio.sleep(0)
      local _ <close> = state.lock:acquire()
      anyio.sleep(0)
    end,
    check = function(state)
      anyio.fail_after(5, function()
        local _ <close> = state.lock:acquire()
      end)
      t.no(state.lock:locked(), "the lock is free in the end")
    end,
  }
end)

t.test("an error of the body is raised unless the case allows it", function()
  local err = t.group(each_checkpoint, {
    body = function() error("broken", 0) end,
    check = function() end,
  })
  t.eq(err.exceptions[1], "broken")
  each_checkpoint{
    body = function() error("broken", 0) end,
    may_fail = true,
    check = function(_, outcome) t.eq(outcome.error, "broken") end,
  }
end)
