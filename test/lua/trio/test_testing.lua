--- trio.testing: the clock, waiting for quiet, and the sequencer.
local anyio = require "anyio"
local t = require "harness"
local trio = require "trio"
local MockClock = trio.testing.MockClock
local blocked = trio.testing.wait_all_tasks_blocked

local plain = {plain = true}
local mock = {mock_clock = true}

t.test("[TR-TEST-01 D-39] a MockClock starts at 0 and moves when it is told to", plain, function()
  local clock = MockClock()
  t.eq(clock:current_time(), 0)
  t.eq({clock.rate, clock.autojump_threshold}, {0, math.huge})
  t.eq(clock:deadline_to_sleep_time(10), math.huge)
  clock:jump(1.5)
  t.eq(clock:current_time(), 1.5)
  t.eq(clock:deadline_to_sleep_time(1), 0)
  t.match(tostring(clock), "time=1%.5")
  trio.run(function()
    t.ok(trio.lowlevel.current_clock() == clock)
    t.eq(trio.current_time(), 1.5)
    clock:jump(2)
    t.eq(trio.current_time(), 3.5)
  end, {clock = clock})
end)

t.test("[TR-TEST-02] rate scales real time; it and jumps cannot be negative", plain, function()
  t.raises(anyio.ValueError, MockClock, {rate = -1})
  t.raises(anyio.TypeError, MockClock, {speed = 1})
  local clock = MockClock{rate = 1000}
  t.raises(anyio.ValueError, clock.jump, clock, -1)
  t.raises(anyio.ValueError, function() clock.rate = -1 end)
  local slept = trio.run(function()
    local before = trio.current_time()
    trio.sleep(50)
    return trio.current_time() - before
  end, {clock = clock})
  t.ok(slept >= 50)
  t.eq(clock.rate, 1000)
  clock.rate = 0
  local now = clock:current_time()
  t.ok(now >= 50)
  t.eq(clock:current_time(), now, "it stands still")
  clock.rate = 10
  t.near(clock:deadline_to_sleep_time(clock:current_time() + 10), 1, 0.1)
end)

t.test("[TR-TEST-01] a jump wakes who is due", plain, function()
  local clock = MockClock()
  local log = t.log()
  trio.run(function()
    trio.open_nursery(function(nursery)
      nursery:start_soon(function()
        trio.sleep(10)
        log "ten"
      end)
      blocked()
      clock:jump(9)
      blocked()
      t.eq(log.items, {})
      clock:jump(1)
      blocked()
      t.eq(log.items, {"ten"})
    end)
  end, {clock = clock})
end)

t.test("[TR-TEST-03] autojump: many virtual seconds in a short real time", plain, function()
  local started = os.time()
  trio.run(function()
    local before = trio.current_time()
    for i = 0, 9 do
      local at = trio.current_time()
      trio.sleep(10 * i)
      t.eq(trio.current_time(), at + 10 * i)
    end
    t.eq(trio.current_time() - before, 450)
  end, {clock = MockClock{autojump_threshold = 0}})
  t.ok(os.time() - started <= 2)
end)

t.test("[TR-TEST-04] the threshold may be set during the run", plain, function()
  local clock = MockClock()
  trio.run(function()
    clock.autojump_threshold = 0.01
    trio.sleep(100)
    t.ok(trio.current_time() >= 100)
  end, {clock = clock})
  local other = MockClock{autojump_threshold = 0}
  trio.run(function()
    local scope = trio.move_on_after(0.02, trio.sleep_forever)
    t.ok(scope.cancelled_caught)
    t.eq(other:current_time(), 0, "a clock that is not the run's does not move")
  end)
end)

t.test("[TR-TEST-05] waiting for quiet goes before autojump", plain, function()
  for _, cushion in ipairs {0, 0.01} do
    trio.run(function()
      trio.open_nursery(function(nursery)
        nursery:start_soon(trio.sleep, 100)
        local before = trio.current_time()
        blocked(cushion)
        t.eq(trio.current_time(), before)
      end)
      t.eq(trio.current_time(), 100)
    end, {clock = MockClock{autojump_threshold = 0.02}})
  end
end)

t.test("[TR-TEST-06] wait_all_tasks_blocked returns when all others wait", function()
  local log = t.log()
  trio.open_nursery(function(nursery)
    nursery:start_soon(function()
      for _ = 1, 10 do trio.lowlevel.checkpoint() end
      log "busy one is done"
    end)
    nursery:start_soon(trio.sleep_forever)
    blocked()
    log "quiet"
    nursery.cancel_scope:cancel()
  end)
  t.eq(log.items, {"busy one is done", "quiet"})
end)

t.test("[TR-TEST-06] the shortest cushion goes first", function()
  local log = t.log()
  trio.open_nursery(function(nursery)
    for i, cushion in ipairs {0, 0.03, 0.015, 0} do
      nursery:start_soon(function()
        blocked(cushion)
        log((i == 1 or i == 4) and 0 or cushion)
      end)
    end
  end)
  t.eq(log.items, {0, 0, 0.015, 0.03})
  t.raises("bad argument #1 to 'wait_all_tasks_blocked'", blocked, "x")
end)

t.test("[TR-TEST-06] a wait for quiet can be cancelled", function()
  trio.open_nursery(function(nursery)
    nursery:start_soon(function()
      local scope = trio.CancelScope(function(scope)
        nursery:start_soon(function()
          scope:cancel()
          for _ = 1, 5 do trio.lowlevel.checkpoint() end
        end)
        blocked(1000)
      end)
      t.ok(scope.cancelled_caught)
    end)
  end)
end)

t.test("[TR-TEST-09] a sequencer runs its blocks in the order of their numbers", function()
  local log = t.log()
  local seq = trio.testing.Sequencer()
  local function worker(...)
    for _, position in ipairs {...} do
      t.eq(seq(position, function()
        log(position)
        return position
      end), position)
    end
  end
  trio.open_nursery(function(nursery)
    nursery:start_soon(worker, 0, 3)
    nursery:start_soon(worker, 1, 4)
    nursery:start_soon(worker, 2, 5)
  end)
  t.eq(log.items, {0, 1, 2, 3, 4, 5})
  t.raises(anyio.RuntimeError, seq, 3, print)
end)

t.test("[TR-TEST-09] a cancelled wait breaks the whole sequence", function()
  local seq = trio.testing.Sequencer()
  local failures = 0
  local function fails(position)
    t.raises(anyio.RuntimeError, seq, position, print)
    failures = failures + 1
  end
  trio.open_nursery(function(nursery)
    nursery:start_soon(function() trio.CancelScope(function(scope)
      nursery:start_soon(function()
        blocked()
        scope:cancel()
      end)
      fails(1)
    end) end)
    nursery:start_soon(fails, 2)
  end)
  fails(3)
  t.eq(failures, 3)
end)

t.test("[TR-TEST-09] an error in a block lets the next one run", function()
  local seq = trio.testing.Sequencer()
  t.raises(anyio.ValueError, seq, 0, function() error(anyio.ValueError()) end)
  t.eq(seq(1, function() return "next" end), "next")
end)

t.test("[TR-TEST-13] trio_test runs a function, with the clock among its arguments", plain,
  function()
    local trio_test = trio.testing.trio_test
    local clock = MockClock{autojump_threshold = 0}
    local function body(value, given)
      t.ok(trio.lowlevel.current_clock() == clock and given == clock)
      trio.sleep(1000)
      return value
    end
    t.eq(trio_test(body)(7, clock), 7)
    t.raises(anyio.ValueError, trio_test(body), clock, MockClock())
    local steps = 0
    local instrument = trio.abc.Instrument()
    instrument.before_task_step = function() steps = steps + 1 end
    trio_test(function() end)(instrument)
    t.ok(steps > 0)
  end)

t.test("[TR-TEST-03] the clock of the test runs ahead", mock, function()
  trio.sleep(100000)
  t.eq(trio.current_time(), 100000)
end)
