--- asyncio.TaskGroup.
local asyncio = require "asyncio"
local anyio = require "anyio"
local t = require "harness"

local CancelledError, TaskGroup = asyncio.CancelledError, asyncio.TaskGroup

local function started(f, ...)
  local task = asyncio.create_task(f, ...)
  asyncio.sleep(0)
  return task
end

local function failing(message, turns)
  return function()
    for _ = 1, turns or 0 do asyncio.sleep(0) end
    error(anyio.ValueError(message))
  end
end

--- The messages of a group's members.
local function messages(group)
  local list = {}
  for i, err in ipairs(group.exceptions) do list[i] = err.message or err.name end
  return list
end

local function count() return asyncio.current_task():cancelling() end

t.test("[AS-TG-01] the block waits for all tasks and returns what the body returned", function()
  local log = t.log()
  local a, b = TaskGroup(function(group)
    local task = group:create_task({function(x)
      asyncio.sleep(0)
      log(x, asyncio.current_task():get_name())
      return "result"
    end, name = "child"}, "argument")
    return task, "second"
  end)
  t.eq(log.items, {"argument", "child"})
  t.eq(a:result(), "result")
  t.eq(b, "second")
end)

t.test("[AS-TG-01] tasks that are added while it waits are waited for too", function()
  local log = t.log()
  TaskGroup(function(group)
    group:create_task(function()
      asyncio.sleep(0)
      group:create_task(function() asyncio.sleep(0) log "grandchild" end)
    end)
  end)
  t.eq(log.items, {"grandchild"})
end)

t.test("[AS-TG-02 AS-TG-03 D-17] a failing child cancels its siblings and the body", function()
  local log = t.log()
  local err = t.group(TaskGroup, function(group)
    group:create_task(failing("first"))
    group:create_task(function()
      local ok, hit = pcall(asyncio.sleep, 60)
      log("sibling", ok)
      error(hit)
    end)
    local ok, hit = pcall(asyncio.sleep, 60)
    log("body", ok)
    error(hit)
  end)
  t.eq(err.message, "unhandled errors in a TaskGroup")
  t.isa(err, anyio.ExceptionGroup)
  t.eq(messages(err), {"first"})
  t.eq(log.items, {"sibling", false, "body", false})
  t.eq(count(), 0)
  asyncio.sleep(0)
end)

t.test("[AS-TG-03] all errors leave in one group, the body's last", function()
  local err = t.group(TaskGroup, function(group)
    group:create_task(failing("one"))
    group:create_task(failing("two"))
    pcall(asyncio.sleep, 60)
    error(anyio.ValueError("body"))
  end)
  t.eq(messages(err), {"one", "two", "body"})
  local alone = t.group(TaskGroup, function() error(anyio.ValueError("alone")) end)
  t.eq(messages(alone), {"alone"})
end)

t.test("[AS-TG-03] a body that fails cancels the tasks", function()
  local task
  t.group(TaskGroup, function(group)
    task = group:create_task(asyncio.sleep, 60)
    asyncio.sleep(0)
    error(anyio.ValueError("body"))
  end)
  t.ok(task:cancelled())
end)

t.test("[AS-TG-04 D-08 D-20] a child that ends cancelled is no error", function()
  local log = t.log()
  TaskGroup(function(group)
    local own = group:create_task(function()
      asyncio.current_task():cancel()
      asyncio.sleep(0)
    end)
    group:create_task(function() error(CancelledError()) end)
    group:create_task(function()
      asyncio.sleep(0)
      asyncio.sleep(0)
      log "sibling ended"
    end)
    asyncio.wait({own})
    t.ok(own:cancelled())
  end)
  t.eq(log.items, {"sibling ended"})
end)

t.test("[AS-TG-05 D-19] KeyboardInterrupt and SystemExit of the body leave bare", function()
  for _, class in ipairs {anyio.KeyboardInterrupt, anyio.SystemExit} do
    local task
    local err = t.raises(class, TaskGroup, function(group)
      task = group:create_task(asyncio.sleep, 60)
      asyncio.sleep(0)
      error(class())
    end)
    t.no(anyio.isinstance(err, anyio.BaseExceptionGroup))
    t.ok(task:cancelled())
  end
end)

t.test("[AS-TG-05 AS-TG-06] errors that are dropped for it are reported", function()
  local reports = {}
  asyncio.get_running_loop():set_exception_handler(function(_, context)
    reports[#reports + 1] = context
  end)
  t.raises(anyio.SystemExit, TaskGroup, function(group)
    group:create_task(failing("dropped"))
    pcall(asyncio.sleep, 60)
    error(anyio.SystemExit(3))
  end)
  t.eq(#reports, 1)
  t.eq(reports[1].exception.message, "dropped")
  t.ok(reports[1].task_group)
end)

t.test("[AS-TG-07] the parent cancelled in the body: tasks cancelled, CancelledError leaves", function()
  local child
  local parent = started(function()
    TaskGroup(function(group)
      child = group:create_task(asyncio.sleep, 60)
      asyncio.sleep(60)
    end)
  end)
  parent:cancel("outside")
  t.eq(t.raises(CancelledError, parent.await, parent).message, "outside")
  t.ok(child:cancelled())
end)

t.test("[AS-TG-07] the parent cancelled while it waits: the same", function()
  local child
  local parent = started(function()
    TaskGroup(function(group) child = group:create_task(asyncio.sleep, 60) end)
  end)
  asyncio.sleep(0)
  parent:cancel()
  t.raises(CancelledError, parent.await, parent)
  t.ok(child:cancelled())
end)

t.test("[AS-TG-07 AS-TG-09] errors win over the parent's cancellation, which comes again", function()
  local log = t.log()
  local parent = started(function()
    local err = t.group(TaskGroup, function(group)
      group:create_task(function()
        pcall(asyncio.sleep, 60)
        error(anyio.ValueError("while being cancelled"))
      end)
    end)
    log(messages(err)[1], count())
    local ok = pcall(asyncio.sleep, 0)
    log(ok)
    asyncio.sleep(0)
    return "end"
  end)
  asyncio.sleep(0)
  parent:cancel()
  t.eq(parent:await(), "end")
  t.eq(log.items, {"while being cancelled", 1, false})
end)

t.test("[AS-TG-08 D-11] the parent cancelled, the children finish all the same: CancelledError", function()
  local parent = started(function()
    TaskGroup(function(group)
      group:create_task(function()
        pcall(asyncio.sleep, 60)
        return "fine"
      end)
    end)
  end)
  asyncio.sleep(0)
  parent:cancel()
  t.raises(CancelledError, parent.await, parent)
end)

t.test("[AS-TG-09] the group's own cancel does not leak", function()
  local me = asyncio.current_task()
  for _, in_body in ipairs {true, false} do
    t.group(TaskGroup, function(group)
      group:create_task(failing("x"))
      if in_body then asyncio.sleep(60) end
    end)
    t.eq(me:cancelling(), 0)
    asyncio.sleep(0)
  end
end)

t.test("[AS-TG-09] nested groups, both failing", function()
  local err = t.group(TaskGroup, function(outer)
    outer:create_task(failing("outer"))
    TaskGroup(function(inner)
      inner:create_task(function()
        pcall(asyncio.sleep, 60)
        error(anyio.ValueError("inner"))
      end)
    end)
  end)
  t.eq(#err.exceptions, 2)
  t.eq(err.exceptions[1].message, "outer")
  t.eq(messages(err.exceptions[2]), {"inner"})
  t.eq(count(), 0)
end)

t.test("[AS-TG-10 D-21] create_task before, after, and in a failing group", function()
  local group = TaskGroup()
  local function nothing() t.fail("ran") end
  t.match(t.raises(anyio.RuntimeError, group.create_task, group, nothing).message,
    "has not been entered")
  group(function() end)
  t.match(t.raises(anyio.RuntimeError, group.create_task, group, nothing).message,
    "is finished")
  local failed = TaskGroup()
  t.group(failed, function()
    failed:create_task(failing("x"))
    failed:create_task(function()
      pcall(asyncio.sleep, 60)
      t.match(t.raises(anyio.RuntimeError, failed.create_task, failed, nothing).message,
        "is shutting down")
    end)
    asyncio.sleep(60)
  end)
end)

t.test("[AS-TG-11] entered twice, or outside a task: RuntimeError", function()
  local group, err = TaskGroup(), nil
  group(function()
    t.match(t.raises(anyio.RuntimeError, group, function() end).message,
      "has already been entered")
  end)
  asyncio.get_running_loop():call_soon(function()
    err = select(2, pcall(TaskGroup, function() end))
  end)
  asyncio.sleep(0)
  t.match(t.isa(err, anyio.RuntimeError).message, "parent task")
end)

t.test("[AS-TG-12 D-28] leaving an empty group does not yield", function()
  local log = t.log()
  asyncio.create_task(log, "switched")
  TaskGroup(function() end)
  t.eq(#log, 0)
end)

t.test("[AS-TG-13] cancel ends tasks and body, and the block without an error", function()
  local task
  TaskGroup(function(group)
    task = group:create_task(asyncio.sleep, 60)
    asyncio.sleep(0)
    group:cancel()
    group:cancel()
    asyncio.sleep(60)
    t.fail("went on")
  end)
  t.ok(task:cancelled())
  t.eq(count(), 0)
  asyncio.sleep(0)
end)

t.test("[AS-TG-13] cancel from a child, before entry, and together with one from outside", function()
  TaskGroup(function(group)
    group:create_task(function() group:cancel() end)
    asyncio.sleep(60)
  end)
  TaskGroup(function(group)
    group:create_task(function() asyncio.sleep(0) group:cancel() end)
    group:create_task(asyncio.sleep, 60)
  end)
  t.eq(count(), 0)
  local early, log = TaskGroup(), t.log()
  early:cancel()
  early(function()
    log "body"
    asyncio.sleep(0)
    log "too far"
  end)
  t.eq(log.items, {"body"})
  local parent = started(function()
    TaskGroup(function(group)
      group:create_task(asyncio.sleep, 60)
      group:cancel()
      asyncio.current_task():cancel()
      asyncio.sleep(60)
    end)
  end)
  t.raises(CancelledError, parent.await, parent)
end)

t.test("[AS-TG-14 D-70] a child that swallows its cancel is waited for", function()
  local log = t.log()
  t.group(TaskGroup, function(group)
    group:create_task(function()
      pcall(asyncio.sleep, 60)
      asyncio.sleep(0.01)
      log "done with it"
    end)
    asyncio.sleep(0)
    group:create_task(failing("x"))
  end)
  t.eq(log.items, {"done with it"})
end)

t.test("[AS-TG-01] a group is a context manager for anyio.with", function()
  local err = t.group(anyio.with, TaskGroup(), function(group)
    group:create_task(failing("x"))
    asyncio.sleep(60)
  end)
  t.eq(messages(err), {"x"})
  t.match(tostring(TaskGroup()), "^<TaskGroup tasks=0>$")
end)
