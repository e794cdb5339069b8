-- Groups that are not entered, native tasks and cancellations, contexts.

local t = require "harness"
local anyio = require "anyio"
local contextvars = require "contextvars"
local checkpoint = require("anyio.lowlevel").checkpoint
local wait_all_tasks_blocked = require("anyio.testing").wait_all_tasks_blocked

local group, scope = anyio.create_task_group, anyio.CancelScope
local on_asyncio = {backend = "asyncio"}

t.test("[TG-29] cancelling a group whose child ends in the same tick", function()
  local ended = 0
  group(function(tg)
    tg:start_soon(function() ended = ended + 1 end)
    tg.cancel_scope:cancel()
  end)
  t.eq(ended, 1)
end)

t.test("[TG-29] and the loop has nothing to report", on_asyncio, function()
  local loop, reports = require("asyncio").get_running_loop(), 0
  loop:set_exception_handler(function() reports = reports + 1 end)
  group(function(tg)
    tg:start_soon(function() end)
    tg.cancel_scope:cancel()
  end)
  checkpoint()
  t.eq(reports, 0)
end)

t.test("[TG-30] a group cancelled before it is entered", on_asyncio, function()
  local tg, log = group(), t.log()
  tg.cancel_scope:cancel()
  tg(function()
    log "entered"
    checkpoint()
    log "went on"
  end)
  t.eq(log.items, {"entered"})
  t.ok(tg.cancel_scope.cancelled_caught)
end)

t.test("[TG-30] a group has no scope before it is entered", {backend = "trio"},
  function()
    local tg = group()
    local ok = pcall(function() tg.cancel_scope:cancel() end)
    t.no(ok)
  end)

t.test("[TG-37 T17] natively cancelling a child cancels its group", on_asyncio,
  function()
    local asyncio = require "asyncio"
    local log, native, handle = t.log(), nil, nil
    group(function(tg)
      handle = tg:start_soon(function()
        native = asyncio.current_task()
        anyio.sleep_forever()
      end)
      tg:start_soon(function()
        t.cancelled(anyio.sleep_forever)
        log "sibling cancelled"
      end)
      wait_all_tasks_blocked()
      native:cancel()
      t.cancelled(anyio.sleep_forever)
      log "host cancelled"
    end)
    table.sort(log.items)
    t.eq(log.items, {"host cancelled", "sibling cancelled"})
    t.eq(handle.status, "CANCELLED")
  end)

t.test("[T17 CS-51] a cancellation error of the child's own making cancels the "
  .. "group silently", on_asyncio, function()
  local asyncio = require "asyncio"
  local log, own = t.log(), nil
  group(function(tg)
    own = tg.cancel_scope
    tg:start_soon(function() error(asyncio.CancelledError "mine") end)
    t.cancelled(anyio.sleep_forever)
    log "host cancelled"
  end)
  t.eq(log.items, {"host cancelled"})
  t.ok(own.cancel_called)
end)

t.test("[T17 CS-51] no scope swallows a cancellation it has not made", on_asyncio,
  function()
    local asyncio = require "asyncio"
    local err = t.raises(asyncio.CancelledError, scope, function(outer)
      outer:cancel()
      error(asyncio.CancelledError "mine")
    end)
    t.match(tostring(err), "mine")
  end)

t.test("[T17 CS-51] nobody makes a cancellation error of his own",
  {backend = "trio"}, function()
    t.raises(anyio.TypeError, require("trio").Cancelled, "mine")
  end)

t.test("[TG-38] natively cancelling a host that waits at the end", on_asyncio,
  function()
    local asyncio = require "asyncio"
    local log = t.log()
    local task = asyncio.create_task(function()
      group(function(tg)
        tg:start_soon(function()
          t.cancelled(anyio.sleep_forever)
          scope({shield = true}, checkpoint)
          log "child has cleaned up"
        end)
      end)
      log "behind the group"
    end)
    wait_all_tasks_blocked()
    task:cancel()
    t.raises(asyncio.CancelledError, task.await, task)
    t.eq(log.items, {"child has cleaned up"})
  end)

t.test("[TG-35] a child gets a copy of its spawner's context", function()
  local var, log = contextvars.ContextVar "var", t.log()
  var:set "spawner"
  group(function(tg)
    local child = tg:start_soon(function()
      log(var:get())
      checkpoint()
      checkpoint()
      log(var:get())
      var:set "child"
    end)
    var:set "later"
    child:wait()
    log(var:get())
  end)
  t.eq(log.items, {"spawner", "spawner", "later"})
end)

t.test("[TG-35] the copy is made when the task is spawned, not when it begins",
  function()
    local var, got = contextvars.ContextVar("var", {default = "unset"}), nil
    group(function(tg)
      tg:start_soon(function() got = var:get() end)
      var:set "too late"
    end)
    t.eq(got, "unset")
  end)

t.test("[TG-35] start() copies the context of its caller", function()
  local var = contextvars.ContextVar "var"
  var:set "host"
  group(function(tg)
    group(function(inner)
      inner:start_soon(function()
        var:set "caller"
        t.eq(tg:start(function(status) status:started(var:get()) end), "caller")
      end)
    end)
    t.eq(var:get(), "host")
  end)
end)

t.test("[TG-36] a task spec's context is the one the task runs in", function()
  local var = contextvars.ContextVar "var"
  local context = contextvars.copy_context()
  context:run(function() var:set(42) end)
  group(function(tg)
    local handle = tg:create_task{function()
      local got = var:get()
      checkpoint()
      var:set(43)
      return got
    end, context = context}
    t.eq(handle:await(), 42)
  end)
  t.eq(var:get "unset", "unset")
  t.eq(context:run(function() return var:get() end), 43)
end)

t.test("[TG-36] start_soon and start take a context, too", function()
  local var = contextvars.ContextVar "var"
  local context, got = contextvars.copy_context(), nil
  context:run(function() var:set "given" end)
  group(function(tg)
    tg:start_soon{function() got = var:get() end, context = context}
    local value = tg:start{function(status) status:started(var:get()) end,
      context = context}
    t.eq(value, "given")
  end)
  t.eq(got, "given")
end)
