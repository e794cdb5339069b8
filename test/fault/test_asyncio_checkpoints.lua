--- asyncio's own waits, cancelled at each place where they wait.
local t = require "harness"
local anyio = require "anyio"
local asyncio = require "asyncio"
local each_checkpoint = require("fault.checkpoints").each_checkpoint

local native = {backend = "asyncio"}

local function turns(n, value)
  return function()
    for _ = 1, n do asyncio.sleep(0) end
    return value
  end
end

--- A body is tortured; afterwards its tasks are done, its futures forgotten.
local function torture(title, body, check)
  t.test(title, native, function()
    each_checkpoint {
      setup = function() return {tasks = {}, futures = {}} end,
      body = body,
      check = function(state, outcome)
        t.ok(outcome.ended or outcome.cancelled, "ends or is cancelled")
        for _ = 1, 10 do asyncio.sleep(0) end
        for _, task in ipairs(state.tasks) do t.ok(task:done(), "a task goes on") end
        for _, future in ipairs(state.futures) do
          t.no(tostring(future):find "cb=", "somebody is left in a future's list")
        end
        if check then check(state, outcome) end
      end,
    }
  end)
end

--- A task of a body under torture.
local function task(state, f, ...)
  local new = asyncio.create_task(f, ...)
  table.insert(state.tasks, new)
  table.insert(state.futures, new)
  return new
end

torture("a wait for a future", function(state)
  local future = asyncio.Future()
  table.insert(state.futures, future)
  local loop = asyncio.get_running_loop()
  loop:call_soon(function()
    if not future:done() then future:set_result("value") end
  end)
  t.eq(future:await(), "value")
end)

torture("a wait for a task, and for one that waits for another", function(state)
  local inner = task(state, turns(2, "inner"))
  local outer = task(state, function() return inner:await() end)
  t.eq(outer:await(), "inner")
end)

torture("gather", function(state)
  local results = asyncio.gather(task(state, turns(1, 1)), task(state, turns(3, 2))):await()
  t.eq(results, {1, 2})
end)

torture("TaskGroup, whose tasks clean up", function(state)
  asyncio.TaskGroup(function(group)
    for i = 1, 2 do
      table.insert(state.tasks, group:create_task(function()
        local ok, err = pcall(turns(i))
        anyio.CancelScope({shield = true}, function() asyncio.sleep(0) end)
        if not ok then error(err, 0) end
      end))
    end
    asyncio.sleep(0)
  end)
end, function(state)
  for _, child in ipairs(state.tasks) do t.ok(child:done(), "left the group unfinished") end
end)

torture("TaskGroup inside a timeout inside a TaskGroup", function()
  asyncio.TaskGroup(function(outer)
    outer:create_task(turns(2))
    asyncio.timeout(60, function()
      asyncio.TaskGroup(function(inner) inner:create_task(turns(1)) end)
      asyncio.sleep(0)
    end)
  end)
end)

torture("wait_for a task and a function", function(state)
  t.eq(asyncio.wait_for(task(state, turns(2, "task")), 60), "task")
  t.eq(asyncio.wait_for(turns(2, "function"), 60), "function")
end)

torture("wait and as_completed leave nothing in the lists", function(state)
  local a, b = task(state, turns(1)), task(state, turns(2))
  asyncio.wait({a, b}, {timeout = 60})
  local c, d = task(state, turns(2)), task(state, turns(1))
  for one in asyncio.as_completed({c, d}, {timeout = 60}) do t.ok(one:done()) end
end)

torture("shield: the inner task always comes to its end", function(state)
  local inner = task(state, turns(3, "inner"))
  state.inner = inner
  t.eq(asyncio.shield(inner):await(), "inner")
end, function(state)
  if state.inner then t.no(state.inner:cancelled(), "the shield let it through") end
end)
