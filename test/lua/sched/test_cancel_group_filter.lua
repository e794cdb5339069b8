--- Error groups that reach a cancelled scope: the cancellations are cut out of them.
local anyio = require "anyio"
local t = require "harness"
local checkpoint = anyio.lowlevel.checkpoint

--- The cancellation error of a checkpoint in a cancelled place.
local function cancellation()
  return t.raises(anyio.get_cancelled_exc_class(), checkpoint)
end

t.test("[CS-17 T09] a real error beside a cancellation goes on alone, still in a group", function()
  local scope
  local real = anyio.RuntimeError("the real one")
  local group = t.group(anyio.CancelScope, function(s)
    scope = s
    s:cancel()
    error(anyio.BaseExceptionGroup("a message", {real, cancellation()}))
  end)
  t.isa(group, anyio.ExceptionGroup)
  t.eq(group.message, "a message")
  t.eq(#group.exceptions, 1)
  t.ok(rawequal(group.exceptions[1], real))
  t.ok(scope.cancelled_caught)
  checkpoint()
end)

t.test("[CS-17 T09] the rest keeps its nesting", function()
  local scope
  local first, second = anyio.RuntimeError("first"), anyio.ValueError("second")
  local group = t.group(anyio.CancelScope, function(s)
    scope = s
    s:cancel()
    error(anyio.BaseExceptionGroup("outer", {
      first,
      cancellation(),
      anyio.BaseExceptionGroup("inner", {cancellation(), second}),
      anyio.BaseExceptionGroup("only cancellations", {cancellation()}),
    }))
  end)
  t.isa(group, anyio.ExceptionGroup)
  t.eq(#group.exceptions, 2)
  t.ok(rawequal(group.exceptions[1], first))
  local inner = group.exceptions[2]
  t.isa(inner, anyio.ExceptionGroup)
  t.eq(inner.message, "inner")
  t.eq(#inner.exceptions, 1)
  t.ok(rawequal(inner.exceptions[1], second))
  t.ok(scope.cancelled_caught)
end)

t.test("[CS-17] a group in a group, with one real error deep inside", function()
  local real = anyio.RuntimeError("deep")
  local group = t.group(anyio.CancelScope, function(s)
    s:cancel()
    error(anyio.BaseExceptionGroup("", {anyio.BaseExceptionGroup("", {real, cancellation()})}))
  end)
  t.eq(#group.exceptions, 1)
  t.eq(#group.exceptions[1].exceptions, 1)
  t.ok(rawequal(group.exceptions[1].exceptions[1], real))
end)

t.test("[CS-17] cause of the group is kept when it is filtered", function()
  local cause = anyio.ValueError("the cause")
  local group = t.group(anyio.CancelScope, function(s)
    s:cancel()
    local raised = anyio.BaseExceptionGroup("", {anyio.RuntimeError("real"), cancellation()})
    raised.cause = cause
    error(raised)
  end)
  t.ok(rawequal(group.cause, cause))
end)

t.test("[CS-17] a group without cancellations passes a cancelled scope as it is", function()
  local scope
  local raised = anyio.ExceptionGroup("mine", {anyio.ValueError("a"), anyio.RuntimeError("b")})
  local group = t.group(anyio.CancelScope, function(s)
    scope = s
    s:cancel()
    error(raised)
  end)
  t.ok(rawequal(group, raised))
  t.ok(scope.cancel_called)
  t.no(scope.cancelled_caught)
  checkpoint()
end)

t.test("[CS-17] values that are no error objects stay in the group", function()
  local scope
  local group = t.group(anyio.create_task_group, function(tg)
    scope = anyio.CancelScope(checkpoint)
    tg:start_soon(function() error("a string", 0) end)
    anyio.sleep_forever()
  end)
  t.no(scope.cancel_called)
  t.eq(#group.exceptions, 1)
  t.ok(tostring(group.exceptions[1]):find("a string", 1, true))
end)

t.test("[CS-18 T09] a group with nothing but cancellations is swallowed whole", function()
  local scope = anyio.CancelScope(function(s)
    s:cancel()
    error(anyio.BaseExceptionGroup("", {cancellation()}))
  end)
  t.ok(scope.cancelled_caught)
  checkpoint()
end)

t.test("[CS-18] also when the groups are nested", function()
  local scope = anyio.CancelScope(function(s)
    s:cancel()
    local inner = anyio.BaseExceptionGroup("", {cancellation(), cancellation()})
    error(anyio.BaseExceptionGroup("", {inner, cancellation()}))
  end)
  t.ok(scope.cancelled_caught)
end)

t.test("[CS-17 CS-12] an inner scope passes the group on to the cancelled outer one", function()
  local inner
  local real = anyio.RuntimeError("real")
  local outer
  local group = t.group(anyio.CancelScope, function(o)
    outer = o
    o:cancel()
    anyio.CancelScope(function(s)
      inner = s
      s:cancel()
      error(anyio.BaseExceptionGroup("", {real, cancellation()}))
    end)
  end)
  t.eq(#group.exceptions, 1)
  t.ok(rawequal(group.exceptions[1], real))
  t.no(inner.cancelled_caught)
  t.ok(outer.cancelled_caught)
end)

t.test("[CS-17] an uncancelled scope leaves a group alone", function()
  local raised
  local inner
  local outer = anyio.CancelScope(function(o)
    o:cancel()
    local err = t.raises(anyio.BaseExceptionGroup, function()
      anyio.CancelScope({shield = true}, function(s)
        inner = s
        raised = anyio.BaseExceptionGroup("", {anyio.RuntimeError("x")})
        error(raised)
      end)
    end)
    t.ok(rawequal(err, raised))
  end)
  t.no(inner.cancelled_caught)
  t.no(outer.cancelled_caught)
end)

t.test("[T10] a group of children cancelled from outside lets one bare cancellation out",
  function()
    local seen
    local outer = anyio.CancelScope(function(scope)
      local ok, err = pcall(anyio.create_task_group, function(tg)
        for _ = 1, 3 do tg:start_soon(anyio.sleep_forever) end
        anyio.wait_all_tasks_blocked()
        scope:cancel()
        anyio.sleep_forever()
      end)
      t.no(ok)
      seen = err
      error(err, 0)
    end)
    t.isa(seen, anyio.get_cancelled_exc_class())
    t.no(anyio.isinstance(seen, anyio.BaseExceptionGroup))
    t.ok(outer.cancelled_caught)
  end)

t.test("[T10 TG-16 TG-17] when a child's cleanup fails only the real error gets out", function()
  local leaving, outer
  local group = t.group(anyio.CancelScope, function(scope)
    outer = scope
    local ok, err = pcall(anyio.create_task_group, function(tg)
      for _ = 1, 2 do tg:start_soon(anyio.sleep_forever) end
      tg:start_soon(function()
        pcall(anyio.sleep_forever)
        error(anyio.ValueError("cleanup failed"))
      end)
      anyio.wait_all_tasks_blocked()
      scope:cancel()
      anyio.sleep_forever()
    end)
    t.no(ok)
    leaving = err
    error(err, 0)
  end)
  t.eq(#group.exceptions, 1)
  t.isa(group.exceptions[1], anyio.ValueError)
  local cancelled = leaving:subgroup(anyio.get_cancelled_exc_class())
  if t.backend == "asyncio" then
    t.eq(cancelled, nil)
    t.no(outer.cancelled_caught)
  else
    t.ok(cancelled, "trio keeps the cancellations beside the real error")
    t.ok(outer.cancelled_caught)
  end
end)
