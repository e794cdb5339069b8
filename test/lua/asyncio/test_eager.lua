--- Eager tasks: begun inside create_task.
local asyncio = require "asyncio"
local anyio = require "anyio"
local contextvars = require "contextvars"
local t = require "harness"

-- A core that cannot step a task inside create_task begins it in the next
-- turn, as it does others.
local function need_eager()
  local ran = false
  asyncio.create_task({function() ran = true end, eager_start = true}):await()
  asyncio.create_task({function() ran = "eager" end, eager_start = true})
  if ran ~= "eager" then t.skip "the core steps no task inside create_task" end
end

--- A test whose loop makes eager tasks.
local function eager(title, f)
  t.test(title, function()
    need_eager()
    asyncio.get_running_loop():set_task_factory(asyncio.eager_task_factory)
    f()
  end)
end

eager("[AS-EAG-01 D-62] the body runs up to its first real suspension", function()
  local log = t.log()
  local task = asyncio.create_task(function(x)
    log("begun", x)
    asyncio.sleep(0)
    log "went on"
    return "value"
  end, "argument")
  t.eq(log.items, {"begun", "argument"})
  t.no(task:done())
  t.eq(task:await(), "value")
  t.eq(log.items[3], "went on")
end)

eager("[AS-EAG-02] one that never suspends is done at once; cancel is a no-op", function()
  local task = asyncio.create_task(function() return 1, 2 end)
  t.ok(task:done())
  t.eq({task:result()}, {1, 2})
  t.eq(task:cancel(), false)
  local failed = asyncio.create_task(function() error(anyio.ValueError("at once")) end)
  t.ok(failed:done())
  t.isa(failed:exception(), anyio.ValueError)
end)

eager("[AS-EAG-03] current_task is the eager one in its first step, then the creator", function()
  local me, inside = asyncio.current_task(), nil
  local task = asyncio.create_task(function()
    inside = asyncio.current_task()
    asyncio.sleep(0)
    t.ok(asyncio.current_task() == inside)
  end)
  t.ok(asyncio.current_task() == me)
  t.ok(inside == task)
  task:await()
end)

t.test("[AS-EAG-04] eager_start decides for one task", function()
  need_eager()
  local log = t.log()
  asyncio.create_task({log, eager_start = true}, "eager")
  t.eq(log.items, {"eager"})
  asyncio.get_running_loop():set_task_factory(asyncio.eager_task_factory)
  asyncio.create_task({log, eager_start = false}, "patient")
  t.eq(log.items, {"eager"})
  asyncio.sleep(0)
  t.eq(log.items, {"eager", "patient"})
end)

t.test("[AS-EAG-05] on a loop that does not run they are scheduled as others", {plain = true}, function()
  local loop, log = asyncio.new_event_loop(), t.log()
  loop:set_task_factory(asyncio.eager_task_factory)
  local task = loop:create_task(log, "ran")
  t.eq(#log, 0)
  loop:run_until_complete(task)
  t.eq(log.items, {"ran"})
  loop:close()
end)

eager("[AS-EAG-06] gather and TaskGroup are done at once if all children are", function()
  local log = t.log()
  asyncio.get_running_loop():call_soon(log, "switched")
  local outer = asyncio.gather(function() return 1 end, function() return 2 end)
  t.ok(outer:done())
  t.eq(outer:await(), {1, 2})
  local task
  asyncio.TaskGroup(function(group) task = group:create_task(function() return 3 end) end)
  t.eq(task:result(), 3)
  t.eq(#log, 0)
end)

eager("[AS-EAG-06] a child that fails at once is heard of by callback", function()
  local err = t.group(asyncio.TaskGroup, function(group)
    group:create_task(function() error(anyio.ValueError("at once")) end)
    group:create_task(function() end)
    asyncio.sleep(60)
  end)
  t.eq(#err.exceptions, 1)
end)

t.test("[AS-EAG-07] a factory for tasks of one's own", function()
  need_eager()
  local seen = t.log()
  local factory = asyncio.create_eager_task_factory(function(loop, eager_start, target, ...)
    seen(loop == asyncio.get_running_loop(), eager_start, ...)
    loop:set_task_factory(nil)
    return loop:create_task({target, eager_start = eager_start}, ...)
  end)
  asyncio.get_running_loop():set_task_factory(factory)
  local task = asyncio.create_task(function(x) return x end, "argument")
  t.ok(task:done())
  t.eq(seen.items, {true, true, "argument"})
  t.raises(anyio.TypeError, asyncio.create_eager_task_factory, 5)
end)

eager("[AS-EAG-01] an eager task has its own context", function()
  local var = contextvars.ContextVar("var", {default = "creator's"})
  asyncio.create_task(function() var:set("task's") end)
  t.eq(var:get(), "creator's")
end)

eager("[AS-EAG-01] eager tasks in eager tasks; too deep is an error", function()
  local function nest(n)
    if n == 0 then return asyncio.sleep(0, 0) end
    return 1 + asyncio.create_task(nest, n - 1):await()
  end
  t.eq(nest(20), 20)
  t.raises("stack overflow", nest, 100000)
end)

eager("[AS-EAG-02 AS-CAN-01] an eager task that waits can be cancelled", function()
  local task = asyncio.create_task(asyncio.sleep, 60)
  t.eq(task:cancel(), true)
  t.raises(asyncio.CancelledError, task.await, task)
end)
