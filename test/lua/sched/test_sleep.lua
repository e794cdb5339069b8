local t = require "harness"
local anyio = require "anyio"
local wait_all_tasks_blocked = require("anyio.testing").wait_all_tasks_blocked

local group, scope = anyio.create_task_group, anyio.CancelScope
local mock = {mock_clock = true}

t.test("[RUN-28] sleep suspends only the calling task", mock, function()
  local log = t.log()
  group(function(tg)
    tg:start_soon(function()
      anyio.sleep(0.03)
      log "sleeper"
    end)
    tg:start_soon(function()
      anyio.sleep(0)
      log "other"
    end)
  end)
  t.eq(log.items, {"other", "sleeper"})
end)

t.test("[RUN-28] sleep lasts as long as it says", mock, function()
  local before = anyio.current_time()
  anyio.sleep(0.02)
  local elapsed = anyio.current_time() - before
  t.ok(elapsed >= 0.0199, "not shorter: " .. elapsed)
  t.ok(elapsed < 2, "not much longer: " .. elapsed)
end)

t.test("[RUN-28] sleepers wake in the order of their times", mock, function()
  local log = t.log()
  group(function(tg)
    for _, d in ipairs{0.09, 0.01, 0.05} do
      tg:start_soon(function()
        anyio.sleep(d)
        log(d)
      end)
    end
  end)
  t.eq(log.items, {0.01, 0.05, 0.09})
end)

t.test("[RUN-28] sleep(0) yields once: every other ready task has one turn",
  function()
    local turns = {}
    group(function(tg)
      for i = 1, 3 do
        turns[i] = 0
        tg:start_soon(function()
          for _ = 1, 5 do
            for j = 1, 3 do
              t.ok(math.abs(turns[i] - turns[j]) <= 1, "no task is ahead by two")
            end
            turns[i] = turns[i] + 1
            anyio.sleep(0)
          end
        end)
      end
    end)
    t.eq(turns, {5, 5, 5})
  end)

t.test("[RUN-28] sleep is a checkpoint, sleep(0) as well", function()
  scope(function(outer)
    outer:cancel()
    t.cancelled(anyio.sleep, 0)
    t.cancelled(anyio.sleep, 60)
    t.cancelled(anyio.sleep_until, anyio.current_time() - 1)
    t.cancelled(anyio.sleep_forever)
  end)
end)

t.test("[RUN-28] sleep returns nothing", function()
  t.eq(select("#", anyio.sleep(0)), 0)
  t.eq(select("#", anyio.sleep_until(0)), 0)
end)

t.test("[RUN-28] a sleep may last for ever", mock, function()
  local outer = anyio.move_on_after(0.01, function() anyio.sleep(math.huge) end)
  t.ok(outer.cancelled_caught)
  outer = anyio.move_on_after(0.01, function() anyio.sleep(1e300) end)
  t.ok(outer.cancelled_caught)
end)

t.test("[RUN-28] a duration must be a number", function()
  t.raises("bad argument #1 to 'sleep'", function() anyio.sleep "soon" end)
  t.raises("bad argument #1 to 'sleep'", function() anyio.sleep() end)
  t.raises("bad argument #1 to 'sleep_until'", function() anyio.sleep_until {} end)
end)

t.test("[RUN-29] a negative sleep is sleep(0)", {backend = "asyncio"}, function()
  local ran = false
  group(function(tg)
    tg:start_soon(function() ran = true end)
    anyio.sleep(-1)
    t.ok(ran)
  end)
  scope(function(outer)
    outer:cancel()
    t.cancelled(anyio.sleep, -1)
  end)
end)

t.test("[RUN-29] a negative sleep is refused", {backend = "trio"}, function()
  t.raises(anyio.ValueError, anyio.sleep, -1)
  t.raises(anyio.ValueError, anyio.sleep, -math.huge)
end)

t.test("[RUN-30] not-a-number is no duration and no deadline", function()
  local nan = 0 / 0
  t.raises(anyio.ValueError, anyio.sleep, nan)
  t.raises(anyio.ValueError, anyio.sleep_until, nan)
  t.raises(anyio.ValueError, anyio.move_on_after, nan, function() end)
  t.raises(anyio.ValueError, anyio.fail_at, nan, function() end)
  t.raises(anyio.ValueError, scope, {deadline = nan}, function() end)
  scope(function(outer)
    t.raises(anyio.ValueError, function() outer.deadline = nan end)
  end)
end)

t.test("[RUN-31] only cancellation ends sleep_forever", function()
  local log = t.log()
  group(function(tg)
    local handle = tg:start_soon(function()
      anyio.sleep_forever()
      log "woke"
    end)
    wait_all_tasks_blocked()
    anyio.sleep(0.01)
    t.eq(handle.status, "PENDING")
    handle:cancel()
  end)
  t.eq(log.items, {})
end)

t.test("[RUN-32] sleep_until sleeps until the clock shows its time", mock,
  function()
    local at = anyio.current_time() + 0.02
    anyio.sleep_until(at)
    t.ok(anyio.current_time() >= at - 0.0001)
    t.ok(anyio.current_time() < at + 2)
  end)

t.test("[RUN-33] sleep_until the past is sleep(0)", function()
  local ran = false
  group(function(tg)
    tg:start_soon(function() ran = true end)
    anyio.sleep_until(anyio.current_time() - 100)
    anyio.sleep_until(-math.huge)
    t.ok(ran)
  end)
end)

t.test("[RUN-34] the clock does not go back", function()
  local last = anyio.current_time()
  for _ = 1, 50 do
    anyio.sleep(0)
    local now = anyio.current_time()
    t.ok(now >= last)
    last = now
  end
  t.eq(math.type(last), "float")
end)

t.test("[RUN-34] trio's clock begins at a random time in each run",
  {plain = true, backend = "trio"}, function()
    local times = t.repeat_runs(3, anyio.current_time)
    t.ok(math.abs(times[1] - times[2]) > 1 or math.abs(times[2] - times[3]) > 1)
  end)

t.test("[RUN-34] asyncio's clock goes on from run to run",
  {plain = true, backend = "asyncio"}, function()
    local times = t.repeat_runs(2, anyio.current_time)
    t.near(times[2] - times[1], 0, 10)
    t.ok(times[2] >= times[1])
  end)

t.test("[RUN-28] sleep works inside a coroutine and a metamethod of a task",
  function()
    local log = t.log()
    local generator = coroutine.wrap(function()
      for i = 1, 2 do
        anyio.sleep(0)
        coroutine.yield(i)
      end
    end)
    for i in generator do log(i) end
    local lazy = setmetatable({}, {__index = function(_, k)
      anyio.sleep(0)
      return k .. "!"
    end})
    log(lazy.field)
    t.eq(log.items, {1, 2, "field!"})
  end)
