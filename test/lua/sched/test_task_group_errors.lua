local t = require "harness"
local anyio = require "anyio"
local checkpoint = require("anyio.lowlevel").checkpoint
local wait_all_tasks_blocked = require("anyio.testing").wait_all_tasks_blocked

local group, scope = anyio.create_task_group, anyio.CancelScope
local ValueError = anyio.ValueError

local function fail(text) error(ValueError(text)) end

--- Waits to be cancelled, and fails on its way out.
local function fail_on_cancel(text)
  pcall(anyio.sleep_forever)
  fail(text)
end

local function messages(err)
  local list = {}
  for i, member in ipairs(err.exceptions) do list[i] = member.message end
  return list
end

local function has_cancellation(err)
  local cancelled = anyio.get_cancelled_exc_class()
  for _, leaf in ipairs(err:leaves()) do
    if anyio.isinstance(leaf, cancelled) then return true end
  end
  return false
end

t.test("[TG-09 TG-11] an error in the block cancels the children and leaves "
  .. "in a group", function()
  local log, raised = t.log(), ValueError "host"
  local err = t.group(group, function(tg)
    tg:start_soon(function()
      t.cancelled(anyio.sleep_forever)
      log "child cancelled"
    end)
    wait_all_tasks_blocked()
    error(raised)
  end)
  t.isa(err, anyio.ExceptionGroup)
  t.eq(#err.exceptions, 1)
  t.ok(rawequal(err.exceptions[1], raised))
  t.eq(log.items, {"child cancelled"})
end)

t.test("[TG-09] an error in the block cancels children that have not begun",
  function()
    local log = t.log()
    t.group(group, function(tg)
      tg:start_soon(function()
        log "begun"
        checkpoint()
        log "went on"
      end)
      fail "host"
    end)
    t.eq(log.items, {"begun"})
  end)

t.test("[TG-10 TG-11] an error in a child cancels the host's block", function()
  local log = t.log()
  local err = t.group(group, function(tg)
    tg:start_soon(function()
      wait_all_tasks_blocked()
      fail "child"
    end)
    t.cancelled(anyio.sleep_forever)
    log "host cancelled"
    t.cancelled(checkpoint)
  end)
  t.eq(messages(err), {"child"})
  t.eq(log.items, {"host cancelled"})
end)

t.test("[TG-10] an error in a child cancels its siblings", function()
  local log = t.log()
  local err = t.group(group, function(tg)
    tg:start_soon(function()
      t.cancelled(anyio.sleep_forever)
      log "sibling cancelled"
    end)
    tg:start_soon(function()
      wait_all_tasks_blocked()
      fail "child"
    end)
  end)
  t.eq(messages(err), {"child"})
  t.eq(log.items, {"sibling cancelled"})
end)

t.test("[TG-11] a raised string arrives in the group unchanged", function()
  local err = t.group(group, function(tg)
    tg:start_soon(error, "plain text", 0)
  end)
  t.isa(err, anyio.ExceptionGroup)
  t.eq(err.exceptions[1], "plain text")
end)

t.test("[TG-11] error(nil) in a child arrives as a RuntimeError", function()
  local err = t.group(group, function(tg)
    tg:start_soon(function() error(nil) end)
  end)
  t.isa(err.exceptions[1], anyio.RuntimeError)
  t.match(tostring(err.exceptions[1]), "nil")
end)

t.test("[TG-12] errors of children and host are collected into one group",
  function()
    local err = t.group(group, function(tg)
      tg:start_soon(fail_on_cancel, "one")
      tg:start_soon(fail_on_cancel, "two")
      wait_all_tasks_blocked()
      fail "host"
    end)
    local list = messages(err)
    table.sort(list)
    t.eq(list, {"host", "one", "two"})
  end)

t.test("[TG-13] errors stand in the order in which they happened", function()
  local err = t.group(group, function(tg)
    local host_failed = anyio.Event()
    tg:start_soon(function()
      scope({shield = true}, function() host_failed:wait() end)
      fail "last"
    end)
    tg:start_soon(function()
      wait_all_tasks_blocked()
      fail "first"
    end)
    t.cancelled(anyio.sleep_forever)
    host_failed:set()
    fail "host"
  end)
  t.eq(messages(err), {"first", "host", "last"})
end)

t.test("[TG-14 TG-16] nested groups give nested groups, without cancellations",
  function()
    local err = t.group(group, function(tg)
      tg:start_soon(function()
        wait_all_tasks_blocked()
        fail "parent"
      end)
      group(function(inner)
        inner:start_soon(fail_on_cancel, "child")
        inner:start_soon(anyio.sleep_forever)
        anyio.sleep_forever()
      end)
    end)
    t.eq(#err.exceptions, 2)
    t.eq(err.exceptions[1].message, "parent")
    local inner = t.isa(err.exceptions[2], anyio.ExceptionGroup)
    t.no(has_cancellation(err))
    t.eq(messages(inner), {"child"})
  end)

t.test("[TG-14] an error passes three groups with a group from each", function()
  local err = t.group(group, function(a)
    a:start_soon(group, function(b)
      b:start_soon(group, function() fail "deep" end)
    end)
  end)
  for _ = 1, 2 do
    t.eq(#err.exceptions, 1)
    err = t.isa(err.exceptions[1], anyio.ExceptionGroup)
  end
  t.eq(messages(err), {"deep"})
end)

t.test("[TG-15] one error that is not ordinary makes the group of base kind",
  function()
    local Odd = anyio.exception("Odd", anyio.BaseException)
    local err = t.group(group, function(tg)
      tg:start_soon(fail_on_cancel, "ordinary")
      tg:start_soon(function()
        wait_all_tasks_blocked()
        error(Odd "odd")
      end)
    end)
    t.eq(messages(err), {"odd", "ordinary"})
    t.no(anyio.isinstance(err, anyio.ExceptionGroup))
    t.no(anyio.isinstance(err, anyio.Exception))
  end)

t.test("[TG-16 T10] an error in the cleanup of a child of a cancelled scope "
  .. "leaves the scope without cancellations", function()
  local left_group
  local err = t.group(scope, function(outer)
    local ok, err = pcall(group, function(tg)
      tg:start_soon(fail_on_cancel, "cleanup")
      tg:start_soon(anyio.sleep_forever)
      tg:start_soon(anyio.sleep_forever)
      outer:cancel()
      anyio.sleep_forever()
    end)
    t.no(ok)
    left_group = t.isa(err, anyio.BaseExceptionGroup)
    error(err)
  end)
  t.eq(has_cancellation(left_group), t.backend == "trio")
  t.eq(messages(err), {"cleanup"})
  t.isa(err, anyio.ExceptionGroup)
end)

t.test("[TG-17 T10] who says that it caught a cancellation beside real errors",
  function()
    local outer, own
    t.group(function()
      outer = scope()
      outer(function()
        group(function(tg)
          own = tg.cancel_scope
          tg:start_soon(fail_on_cancel, "cleanup")
          outer:cancel()
          anyio.sleep_forever()
        end)
      end)
    end)
    t.eq(outer.cancelled_caught, t.backend == "trio", "outer scope")
    t.eq(own.cancelled_caught, false, "the group's scope")
  end)

t.test("[TG-17] the own scope of a group with a failed child", function()
  local own
  t.group(group, function(tg)
    own = tg.cancel_scope
    tg:start_soon(anyio.sleep_forever)
    tg:start_soon(function()
      wait_all_tasks_blocked()
      fail "child"
    end)
  end)
  t.ok(own.cancel_called)
  t.eq(own.cancelled_caught, t.backend == "trio")
end)

t.test("[TG-18 T10] one bare cancellation leaves a group cancelled from outside",
  function()
    local outer = scope(function(outer)
      local err = t.cancelled(group, function(tg)
        for _ = 1, 3 do tg:start_soon(anyio.sleep_forever) end
        wait_all_tasks_blocked()
        outer:cancel()
        anyio.sleep_forever()
      end)
      t.no(anyio.isinstance(err, anyio.BaseExceptionGroup))
      error(err)
    end)
    t.ok(outer.cancelled_caught)
  end)

t.test("[TG-18] also when the host waits at the end of the block", function()
  local outer = scope(function(outer)
    local err = t.cancelled(group, function(tg)
      tg:start_soon(anyio.sleep_forever)
      tg:start_soon(function()
        wait_all_tasks_blocked()
        outer:cancel()
      end)
    end)
    t.no(anyio.isinstance(err, anyio.BaseExceptionGroup))
    error(err)
  end)
  t.ok(outer.cancelled_caught)
end)

t.test("[TG-39] the group's text names what the backend calls it", function()
  local err = t.group(group, function() fail "x" end)
  t.match(err.message:lower(), t.backend == "trio" and "nursery" or "task ?group")
end)

t.test("[TG-40] the error group has no cause", function()
  local err = t.group(group, function() fail "x" end)
  t.eq(err.cause, nil)
end)
