--- Context variables in trio's tasks, and who sees trio as the library.
local anyio = require "anyio"
local contextvars = require "contextvars"
local sniffio = require "sniffio"
local t = require "harness"
local trio = require "trio"

local plain = {plain = true}

t.test("[TR-CTX-01] a task has a copy of the context of who started it", function()
  local var = contextvars.ContextVar("var", {default = "default"})
  var:set("parent")
  local seen = {}
  trio.open_nursery(function(nursery)
    nursery:start_soon(function()
      seen[1] = var:get()
      var:set("child")
      seen[2] = var:get()
    end)
    var:set("later")
    nursery:start(function(task_status)
      seen[3] = var:get()
      var:set("started")
      task_status:started()
    end)
  end)
  t.eq(seen, {"parent", "child", "later"})
  t.eq(var:get(), "later")
end)

t.test("[TR-CTX-01] a context can be given", function()
  local var = contextvars.ContextVar("var")
  var:set("given")
  local context = contextvars.copy_context()
  var:set("current")
  local seen
  trio.open_nursery(function(nursery)
    nursery:start_soon({function() seen = var:get() end, context = context})
  end)
  t.eq(seen, "given")
  local system
  trio.lowlevel.spawn_system_task({function() system = var:get() end, context = context})
  trio.testing.wait_all_tasks_blocked()
  t.eq(system, "given")
end)

t.test("[TR-CTX-02 TR-SYS-09 D-68] main copies the caller's context; system tasks that one as well",
  plain, function()
    local var = contextvars.ContextVar("var")
    var:set("caller")
    local seen = {}
    trio.run(function()
      seen.main = var:get()
      var:set("main")
      trio.lowlevel.spawn_system_task(function() seen.system = var:get() end)
      trio.testing.wait_all_tasks_blocked()
    end)
    t.eq(seen, {main = "caller", system = "caller"})
    t.eq(var:get(), "caller")
  end)

t.test("[SN-06 SN-07] in a trio run the library is trio, before and after there is none", plain,
  function()
    t.eq(trio.run(sniffio.current_async_library), "trio")
    t.raises(anyio.ValueError, trio.run, function()
      t.eq(sniffio.current_async_library(), "trio")
      error(anyio.ValueError())
    end)
    local seen = {}
    trio.run(function() end, {instruments = {{
      before_run = function() seen[1] = sniffio.current_async_library() end,
      task_exited = function() seen[2] = sniffio.current_async_library() end,
    }}})
    t.eq(seen, {"trio", "trio"})
  end)

t.test("[D-29 D-62 D-71 D-72] trio has no awaitable tasks, eager starts or delayed callbacks",
  function()
    local task = trio.lowlevel.current_task()
    t.eq({task.await, trio.call_later, trio.lowlevel.call_soon}, {})
    trio.open_nursery(function(nursery)
      t.eq(nursery.create_task, nil)
    end)
  end)

t.test("[TR-RUN-01] AnyIO's functions work in a native run", plain, function()
  local result = trio.run(function()
    local log = t.log()
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        anyio.sleep(0)
        log(anyio.get_current_task().name and "named")
      end)
    end)
    local scope = anyio.move_on_after(0.001, anyio.sleep_forever)
    log(scope.cancelled_caught)
    return log.items
  end)
  t.eq(result, {"named", true})
end)
