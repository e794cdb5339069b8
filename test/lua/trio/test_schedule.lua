--- The order of tasks: batches, one way round or the other.
local t = require "harness"
local trio = require "trio"
local checkpoint = trio.lowlevel.checkpoint

local plain, unseeded = {plain = true}, {plain = true, unseeded = true}
local by_coin = {plain = true, unseeded = true, tosses_coin = true}
local function join(list) return table.concat(list, " ") end

-- How often each result of f came up in n runs.
local function tally(n, f)
  local counts = {}
  for _ = 1, n do
    local result = trio.run(f)
    counts[result] = (counts[result] or 0) + 1
  end
  return counts
end

local function five_children()
  local order = {}
  trio.open_nursery(function(nursery)
    for i = 1, 5 do
      nursery:start_soon(function() order[#order + 1] = i end)
    end
  end)
  return join(order)
end

t.test("[TR-SCHED-03 TR-SCHED-07 D-22] M: tasks started together run in order or in reverse",
  by_coin, function()
    local counts = tally(60, five_children)
    t.ok(counts["1 2 3 4 5"])
    t.ok(counts["5 4 3 2 1"])
    counts["1 2 3 4 5"], counts["5 4 3 2 1"] = nil, nil
    t.eq(counts, {}, "no other permutation")
  end)

t.test("[TR-SCHED-01 TR-SCHED-02] what becomes ready in a batch waits for the next", function()
  local log = t.log()
  trio.open_nursery(function(nursery)
    for _ = 1, 3 do
      nursery:start_soon(function()
        nursery:start_soon(function() log "later" end)
        log "first"
      end)
    end
  end)
  t.eq(log.items, {"first", "first", "first", "later", "later", "later"})
end)

t.test("[TR-SCHED-04] two children that loop over checkpoints keep step", function()
  local steps = {0, 0}
  trio.open_nursery(function(nursery)
    for i = 1, 2 do
      nursery:start_soon(function()
        for n = 1, 50 do
          steps[i] = n
          t.ok(math.abs(steps[1] - steps[2]) <= 1)
          checkpoint()
        end
      end)
    end
  end)
end)

-- A long trace of choices: tasks that start tasks and wait.
local function tracer()
  local trace = {}
  trio.open_nursery(function(nursery)
    for i = 1, 5 do
      nursery:start_soon(function()
        for n = 1, 8 do
          trace[#trace + 1] = i .. "." .. n
          checkpoint()
        end
      end)
    end
  end)
  return join(trace)
end

t.test("[TR-SCHED-05] M: the same program gives different traces", unseeded, function()
  local first = trio.run(tracer)
  for _ = 1, 40 do
    if trio.run(tracer) ~= first then return end
  end
  t.fail("41 runs gave one trace")
end)

t.test("[TR-SCHED-06 D-25] the same seed gives the same trace", plain, function()
  local traces = t.repeat_runs(1, tracer)
  for _ = 1, 5 do t.eq(t.repeat_runs(1, tracer), traces) end
end)

t.test("[TR-SCHED-07] a new task does not run before start_soon returns", function()
  local ran = false
  trio.open_nursery(function(nursery)
    nursery:start_soon(function() ran = true end)
    t.no(ran)
  end)
  t.ok(ran)
end)

t.test("[TR-SCHED-08 D-24] M: late sleepers wake in deadline order, or in reverse", by_coin,
  function()
    local function late()
      local order = {}
      local clock = trio.lowlevel.current_clock()
      trio.open_nursery(function(nursery)
        for _, delay in ipairs {3, 1, 2} do
          nursery:start_soon(function()
            trio.sleep(delay)
            order[#order + 1] = delay
          end)
        end
        trio.testing.wait_all_tasks_blocked()
        clock:jump(10)
      end)
      return join(order)
    end
    local counts = {}
    for _ = 1, 60 do
      local order = trio.run(late, {clock = trio.testing.MockClock()})
      counts[order] = true
    end
    t.eq(counts, {["1 2 3"] = true, ["3 2 1"] = true})
  end)

t.test("[TR-SCHED-10] a parking lot wakes the one who has waited longest", function()
  local lot = trio.lowlevel.ParkingLot()
  local log = t.log()
  trio.open_nursery(function(nursery)
    for i = 1, 4 do
      nursery:start_soon(function()
        lot:park()
        log(i)
      end)
      trio.testing.wait_all_tasks_blocked()
    end
    for _ = 1, 4 do
      lot:unpark()
      trio.testing.wait_all_tasks_blocked()
    end
  end)
  t.eq(log.items, {1, 2, 3, 4})
end)

t.test("[TR-SCHED-12] changing a deadline again and again costs no memory", {mock_clock = true},
  function()
    trio.CancelScope(function(scope)
      local now = trio.current_time()
      for i = 1, 20000 do
        scope.deadline = now + i
        if i % 5000 == 0 then checkpoint() end
      end
      collectgarbage()
      local before = collectgarbage "count"
      for i = 1, 20000 do scope.deadline = now + 1000 + i % 2 end
      collectgarbage()
      t.ok(collectgarbage "count" - before < 100)
      scope.deadline = now + 1
      trio.sleep_forever()
    end)
  end)
