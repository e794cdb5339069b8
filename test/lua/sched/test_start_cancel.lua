local t = require "harness"
local anyio = require "anyio"
local checkpoint = require("anyio.lowlevel").checkpoint
local wait_all_tasks_blocked = require("anyio.testing").wait_all_tasks_blocked

local group, scope = anyio.create_task_group, anyio.CancelScope

t.test("[TG-49] start() in a cancelled group: the child runs to its first "
  .. "checkpoint", function()
  local log = t.log()
  group(function(tg)
    tg.cancel_scope:cancel()
    t.cancelled(tg.start, tg, function(status)
      log "begun"
      checkpoint()
      log "went on"
      status:started()
    end)
    log "start was cancelled"
  end)
  t.eq(log.items, {"begun", "start was cancelled"})
end)

t.test("[TG-50 T15] cancelling the scope around start() ends the child first",
  function()
    local log = t.log()
    group(function(tg)
      scope(function(outer)
        outer:cancel()
        t.cancelled(tg.start, tg, function()
          log "begun"
          t.cancelled(anyio.sleep_forever)
          scope({shield = true}, function()
            checkpoint()
            checkpoint()
          end)
          log "child has cleaned up"
          checkpoint()
        end)
        log "start was cancelled"
      end)
      t.no(tg.cancel_scope.cancel_called)
      checkpoint()
    end)
    t.eq(log.items, {"begun", "child has cleaned up", "start was cancelled"})
  end)

t.test("[TG-50 T15] a timeout around start() does not cancel the group",
  {mock_clock = true}, function()
    local log = t.log()
    group(function(tg)
      local timeout = anyio.move_on_after(0.02, function()
        tg:start(function(status)
          anyio.sleep(60)
          status:started()
        end)
        log "started"
      end)
      t.ok(timeout.cancelled_caught)
      t.no(tg.cancel_scope.cancel_called)
      t.eq((tg:start(function(status) status:started "next" end)), "next")
    end)
    t.eq(log.items, {})
  end)

t.test("[TG-50] a scope around start() has no power over a started child",
  function()
    local log = t.log()
    group(function(tg)
      local release = anyio.Event()
      scope(function(outer)
        tg:start(function(status)
          status:started()
          release:wait()
          log "child ends normally"
        end)
        outer:cancel()
        t.cancelled(checkpoint)
      end)
      release:set()
    end)
    t.eq(log.items, {"child ends normally"})
  end)

t.test("[TG-51] natively cancelling the task inside start()",
  {backend = "asyncio"}, function()
    local asyncio = require "asyncio"
    local log = t.log()
    local task = asyncio.create_task(function()
      group(function(tg)
        tg:start(function()
          t.cancelled(anyio.sleep_forever)
          log "child cancelled"
          scope({shield = true}, checkpoint)
          log "child has cleaned up"
          checkpoint()
        end)
        log "started"
      end)
    end)
    wait_all_tasks_blocked()
    task:cancel()
    t.raises(asyncio.CancelledError, task.await, task)
    t.eq(log.items, {"child cancelled", "child has cleaned up"})
  end)

t.test("[TG-52] natively cancelling the child before started()",
  {backend = "asyncio"}, function()
    local asyncio = require "asyncio"
    local log, native = t.log(), nil
    group(function(tg)
      tg:start_soon(function()
        group(function(inner)
          inner:start(function()
            native = asyncio.current_task()
            anyio.sleep_forever()
            log "child finished"
          end)
          log "started"
        end)
      end)
      wait_all_tasks_blocked()
      native:cancel()
    end)
    t.eq(log.items, {})
  end)

t.test("[TG-54] a shield in the child holds when its starter is cancelled",
  function()
    local log, resume = t.log(), anyio.Event()
    scope(function(outer)
      group(function(tg)
        tg:start_soon(function()
          tg:start(function(status)
            scope({shield = true}, function()
              resume:wait()
              log "behind the shielded wait"
            end)
            checkpoint()
            log "behind the checkpoint"
            status:started()
          end)
        end)
        wait_all_tasks_blocked()
        outer:cancel()
        resume:set()
      end)
    end)
    t.eq(log.items, {"behind the shielded wait"})
  end)

t.test("[TG-55 T15] the deadline that a starting child lives under", function()
  local before, after
  group(function(tg)
    local outer = anyio.move_on_after(500, function()
      tg:start(function(status)
        before = anyio.current_effective_deadline() - anyio.current_time()
        status:started()
        after = anyio.current_effective_deadline() - anyio.current_time()
      end)
    end)
    t.no(outer.cancel_called)
  end)
  if t.backend == "trio" then
    t.near(before, 500, 60)
  else
    t.eq(before, math.huge)
  end
  t.eq(after, math.huge)
end)

t.test("[TG-55] the group's deadline holds from the beginning on asyncio, from "
  .. "started() on trio", function()
  local before, after
  local function look()
    return anyio.current_effective_deadline() < math.huge
  end
  group(function(outer)
    local release, ready, inner = anyio.Event(), anyio.Event(), nil
    outer:start_soon(function()
      anyio.move_on_after(500, function()
        group(function(tg)
          inner = tg
          ready:set()
          release:wait()
        end)
      end)
    end)
    ready:wait()
    inner:start(function(status)
      before = look()
      status:started()
      after = look()
    end)
    release:set()
  end)
  t.eq(before, t.backend == "asyncio")
  t.eq(after, true)
end)

t.test("[TG-56 T15] the group is cancelled while a shielded caller waits in "
  .. "start()", function()
  local log = t.log()
  group(function(tg)
    local go = anyio.Event()
    tg:start_soon(function()
      wait_all_tasks_blocked()
      tg.cancel_scope:cancel()
      go:set()
    end)
    scope({shield = true}, function()
      local ok, value = pcall(tg.start, tg, function(status)
        go:wait()
        log "child reaches started"
        status:started "value"
        checkpoint()
        log "child goes on"
      end)
      log(ok and value or "start raised")
      if not ok then t.isa(value, anyio.get_cancelled_exc_class()) end
    end)
  end)
  t.eq(log.items, t.backend == "trio" and {"child reaches started", "value"}
    or {"start raised"})
end)

t.test("[TG-57] started() of a child that is being cancelled is accepted",
  function()
    local log = t.log()
    group(function(tg)
      scope(function(outer)
        outer:cancel()
        t.cancelled(tg.start, tg, function(status)
          t.cancelled(checkpoint)
          status:started "value"
          log "started accepted"
          checkpoint()
          log "child went on"
        end)
      end)
      t.no(tg.cancel_scope.cancel_called)
    end)
    t.eq(log.items, {"started accepted"})
  end)

t.test("[TG-50] a cancelled start() leaves nothing pending in its caller",
  function()
    group(function(tg)
      scope(function(outer)
        outer:cancel()
        tg:start(function() anyio.sleep_forever() end)
      end)
      checkpoint()
      t.no(anyio.get_current_task():has_pending_cancellation())
      if t.backend == "asyncio" then
        t.eq(require("asyncio").current_task():cancelling(), 0)
      end
    end)
  end)
