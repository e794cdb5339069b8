local t = require "harness"
local anyio = require "anyio"
local checkpoint = require("anyio.lowlevel").checkpoint
local wait_all_tasks_blocked = require("anyio.testing").wait_all_tasks_blocked

local group, scope = anyio.create_task_group, anyio.CancelScope

t.test("[TG-19] cancelling the group's own scope ends the block silently",
  function()
    local log = t.log()
    local results = table.pack(group(function(tg)
      tg.cancel_scope:cancel()
      log "before"
      checkpoint()
      log "after"
      return "value"
    end))
    log "behind the group"
    t.eq(log.items, {"before", "behind the group"})
    t.eq(results.n, 0)
    checkpoint()
  end)

t.test("[TG-20] group:cancel() is cancelling the group's scope", function()
  local log, own = t.log(), nil
  group(function(tg)
    own = tg.cancel_scope
    tg:start_soon(function()
      log "begun"
      checkpoint()
      log "went on"
    end)
    t.eq(log.items, {})
    tg:cancel()
    t.ok(own.cancel_called)
  end)
  t.eq(log.items, {"begun"})
end)

t.test("[TG-20] group:cancel(reason) gives the cancellation its reason",
  function()
    group(function(tg)
      tg:cancel "too many apples"
      local err = t.cancelled(checkpoint)
      t.match(tostring(err), "too many apples")
    end)
  end)

t.test("[TG-21 T02] a child cancelled before its first step runs to its first "
  .. "checkpoint", function()
  local log = t.log()
  group(function(tg)
    tg:start_soon(function()
      log "begun"
      checkpoint()
      log "went on"
    end)
    t.eq(log.items, {}, "not before the spawner yields")
    tg.cancel_scope:cancel()
  end)
  t.eq(log.items, {"begun"})
end)

t.test("[TG-22 T01] every further checkpoint of a cancelled child raises",
  function()
    local raised = 0
    group(function(tg)
      tg:start_soon(function()
        t.cancelled(anyio.sleep_forever)
        for _ = 1, 3 do
          t.cancelled(checkpoint)
          t.cancelled(anyio.sleep, 0.01)
          t.cancelled(anyio.sleep_forever)
          raised = raised + 1
        end
      end)
      wait_all_tasks_blocked()
      tg.cancel_scope:cancel()
    end)
    t.eq(raised, 3)
    checkpoint()
  end)

t.test("[T01] nothing of a swallowed cancellation outlives its scope", function()
  scope(function(outer)
    outer:cancel()
    t.cancelled(checkpoint)
    t.cancelled(checkpoint)
  end)
  checkpoint()
  anyio.sleep(0)
  t.no(anyio.get_current_task():has_pending_cancellation())
end)

t.test("[T01] a native cancellation is raised once", {backend = "asyncio"},
  function()
    local asyncio = require "asyncio"
    local log = t.log()
    local task = asyncio.create_task(function()
      t.cancelled(anyio.sleep_forever)
      anyio.sleep(0)
      log "the second wait works"
    end)
    wait_all_tasks_blocked()
    task:cancel()
    task:await()
    t.eq(log.items, {"the second wait works"})
  end)

t.test("[T02] a natively made task that is cancelled at once never begins",
  {backend = "asyncio"}, function()
    local asyncio = require "asyncio"
    local begun = false
    local task = asyncio.create_task(function() begun = true end)
    task:cancel()
    t.raises(asyncio.CancelledError, task.await, task)
    t.no(begun)
  end)

t.test("[TG-23] cancelling an outer group cancels nested groups and "
  .. "grandchildren", function()
  local log = t.log()
  group(function(tg)
    tg:start_soon(function()
      group(function(inner)
        inner:start_soon(function()
          t.cancelled(anyio.sleep_forever)
          log "grandchild"
          checkpoint()
          log "grandchild went on"
        end)
        anyio.sleep_forever()
      end)
      log "behind the nested group"
    end)
    wait_all_tasks_blocked()
    tg.cancel_scope:cancel()
  end)
  t.eq(log.items, {"grandchild"})
end)

t.test("[TG-23] also nested groups that were entered after the cancellation",
  function()
    local log = t.log()
    group(function(tg)
      tg:start_soon(function()
        group(function(inner)
          inner:start_soon(function()
            log "grandchild"
            checkpoint()
            log "grandchild went on"
          end)
        end)
        log "behind the nested group"
      end)
      tg.cancel_scope:cancel()
    end)
    t.eq(log.items, {"grandchild"})
  end)

t.test("[TG-24] a cancellation while the host waits at the end: the waiting "
  .. "goes on until the children have ended", function()
  local log = t.log()
  group(function(tg)
    tg:start_soon(function()
      group(function(inner)
        inner:start_soon(function()
          t.cancelled(anyio.sleep_forever)
          scope({shield = true}, function()
            checkpoint()
            checkpoint()
          end)
          log "child has cleaned up"
        end)
      end)
    end)
    wait_all_tasks_blocked()
    tg.cancel_scope:cancel()
  end)
  log "group has ended"
  t.eq(log.items, {"child has cleaned up", "group has ended"})
end)

--- The scope around a group is cancelled while its host waits at the end;
-- what the host does afterwards.
local function leave_group(child)
  local log = t.log()
  group(function(tg)
    local release, outer = anyio.Event(), scope()
    tg:start_soon(function()
      wait_all_tasks_blocked()
      outer:cancel()
      release:set()
    end)
    outer(function()
      group(function(inner) inner:start_soon(child, release) end)
      log "behind the group"
      checkpoint()
      log "behind a checkpoint"
    end)
  end)
  return log.items
end

t.test("[TG-25 T04] outer cancellation while the children end normally in a "
  .. "shield", function()
  local items = leave_group(function(release)
    scope({shield = true}, function() release:wait() end)
  end)
  t.eq(items, t.backend == "trio" and {"behind the group"} or {})
end)

t.test("[TG-25 T04] outer cancellation that the children swallow", function()
  local items = leave_group(function() t.cancelled(anyio.sleep_forever) end)
  t.eq(items, t.backend == "trio" and {"behind the group"} or {})
end)

t.test("[TG-17] own cancellation while the children end normally", function()
  local own
  group(function(tg)
    own = tg.cancel_scope
    tg:start_soon(function()
      wait_all_tasks_blocked()
      own:cancel()
    end)
  end)
  t.ok(own.cancel_called)
  t.eq(own.cancelled_caught, t.backend == "asyncio")
end)

t.test("[TG-26] a task is cancelled through one group and then the next",
  function()
    for round = 1, 2 do
      local log = t.log()
      group(function(tg)
        tg:start_soon(function()
          wait_all_tasks_blocked()
          tg.cancel_scope:cancel()
        end)
        log "waits"
        anyio.sleep_forever()
        log "went on"
      end)
      t.eq(log.items, {"waits"}, "round " .. round)
    end
  end)

t.test("[TG-27] a child spawned into a cancelled group begins", function()
  local log = t.log()
  group(function(tg)
    tg.cancel_scope:cancel()
    tg:start_soon(function()
      log "begun"
      scope(function()
        log "in its own scope"
        checkpoint()
        log "went on"
      end)
      log "behind its own scope"
    end)
  end)
  t.eq(log.items, {"begun", "in its own scope"})
end)

t.test("[TG-28 T08] a shielded host does not shield its children", function()
  local log = t.log()
  group(function(tg)
    scope({shield = true}, function()
      local child = tg:start_soon(function()
        log "child begun"
        t.cancelled(checkpoint)
        log "child cancelled"
      end)
      tg.cancel_scope:cancel()
      child:wait()
      checkpoint()
      log "host goes on in its shield"
    end)
    checkpoint()
    log "host went on behind its shield"
  end)
  t.eq(log.items, {"child begun", "child cancelled", "host goes on in its shield"})
end)
