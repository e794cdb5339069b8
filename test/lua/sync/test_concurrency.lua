--- gather, amap, as_completed.
local anyio = require "anyio"
local t = require "harness"

local function after(seconds, value)
  return function()
    anyio.sleep(seconds)
    return value
  end
end

t.test("[CU-01] gather: results in the order of the arguments", {mock_clock = true}, function()
  t.eq({anyio.gather(after(0.03, "a"), {after(0.01, "b"), name = "b"}, after(0.02, false))},
    {"a", "b", false})
  t.eq(select("#", anyio.gather()), 0)
  t.eq(select("#", anyio.gather(after(0), after(0, 1), after(0))), 3)
end)

t.test("[CU-02] a failure cancels the others and leaves as a group", function()
  local cancelled = false
  local group = t.group(anyio.gather, function()
    local ok, err = pcall(anyio.sleep_forever)
    cancelled = not ok
    error(err, 0)
  end, function()
    anyio.wait_all_tasks_blocked()
    error(anyio.ValueError "wrong")
  end)
  t.eq(#group.exceptions, 1)
  t.isa(group.exceptions[1], anyio.ValueError)
  t.ok(cancelled)
end)

t.test("[CU-03] amap: one task for each argument, results in order", {mock_clock = true}, function()
  t.eq(anyio.amap(function(n)
    anyio.sleep(n / 100)
    return n * 2
  end, {3, 1, 2}), {6, 2, 4})
  t.eq(anyio.amap(anyio.sleep, {}), {})
  t.raises("bad argument #2 to 'amap'", anyio.amap, anyio.sleep)
end)

t.test("[CU-04] amap fails as gather does", function()
  local group = t.group(anyio.amap, function(n)
    if n == 2 then error(anyio.ValueError "wrong") end
    anyio.sleep_forever()
  end, {1, 2, 3})
  t.eq(#group.exceptions, 1)
end)

t.test("[CU-05] as_completed: handles in the order they end, then the end", {mock_clock = true},
  function()
    local order = {}
    t.eq(anyio.as_completed(after(0.03, 3), after(0.01, 1), after(0.02, 2), function(receive)
      for handle in receive do
        t.eq(handle.status, "FINISHED")
        order[#order + 1] = handle.return_value
      end
      return "body"
    end), "body")
    t.eq(order, {1, 2, 3})
  end)

t.test("[CU-06] without functions it is refused", function()
  t.raises(anyio.ValueError, anyio.as_completed, function() end)
  t.raises("bad argument #1 to 'as_completed'", anyio.as_completed, 1)
end)

local function named_function() end

t.test("[CU-07] tasks are named after their functions, or as they are told", function()
  anyio.as_completed({named_function, name = "mine"}, named_function, function(receive)
    local names = {}
    for handle in receive do names[#names + 1] = handle.name end
    table.sort(names)
    t.eq(names[1], "mine")
    t.match(names[2], "test_concurrency")
  end)
end)

t.test("[CU-08] one that fails is yielded, the rest is cancelled", function()
  local statuses = {}
  local group = t.group(anyio.as_completed, anyio.sleep_forever, function()
    error(anyio.ValueError "wrong")
  end, function(receive)
    for handle in receive do statuses[#statuses + 1] = handle.status end
  end)
  t.eq(#group.exceptions, 1)
  t.eq(statuses, {"FAILED"})
end)

t.test("[CU-09] leaving the body early cancels the rest quietly", function()
  local cancelled = false
  anyio.as_completed(function()
    local ok, err = pcall(anyio.sleep_forever)
    cancelled = not ok
    error(err, 0)
  end, anyio.lowlevel.checkpoint, function(receive) receive:receive() end)
  t.ok(cancelled)
end)
