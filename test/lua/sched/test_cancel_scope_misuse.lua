--- Cancel scopes: re-entry, leaving in the wrong order, self-made cancellation errors.
local anyio = require "anyio"
local t = require "harness"
local checkpoint = anyio.lowlevel.checkpoint

t.test("[CS-50] the cancellation class is the backend's own and no ordinary error", function()
  local class = anyio.get_cancelled_exc_class()
  local names = {asyncio = "CancelledError", trio = "Cancelled"}
  t.eq(class.name, names[t.backend])
  local scope = anyio.CancelScope(function(scope)
    scope:cancel()
    local err = t.raises(class, checkpoint)
    t.isa(err, anyio.BaseException)
    t.no(anyio.isinstance(err, anyio.Exception))
    t.eq(err.name, names[t.backend])
    error(err, 0)
  end)
  t.ok(scope.cancelled_caught)
end)

t.test("[CS-50] anyio.pcall lets the cancellation pass, pcall does not", function()
  local after
  local scope = anyio.CancelScope(function(scope)
    scope:cancel()
    t.no((pcall(checkpoint)))
    anyio.pcall(checkpoint)
    after = true
  end)
  t.no(after)
  t.ok(scope.cancelled_caught)
end)

t.test("[CS-50] the class has another backend's name only in another run", {plain = true},
  function()
    local classes = {}
    for _, backend in ipairs {"asyncio", "trio"} do
      classes[backend] = anyio.run(anyio.get_cancelled_exc_class, {backend = backend})
    end
    t.no(rawequal(classes.asyncio, classes.trio))
  end)

t.test("[CS-51] a cancellation error cannot be made by hand", {backend = "trio"}, function()
  t.raises(anyio.TypeError, anyio.get_cancelled_exc_class())
  t.raises(anyio.TypeError, anyio.get_cancelled_exc_class(), "mine")
end)

t.test("[CS-51] no scope swallows a self-made cancellation error, not even a cancelled one",
  {backend = "asyncio"}, function()
    local class = anyio.get_cancelled_exc_class()
    local scope
    local mine = class("mine")
    local err = t.raises(class, function()
      anyio.CancelScope(function(s)
        scope = s
        s:cancel()
        error(mine)
      end)
    end)
    t.ok(rawequal(err, mine))
    t.no(scope.cancelled_caught)
    checkpoint()
  end)

t.test("[CS-51 T17] a self-made cancellation error in a child cancels the group silently",
  {backend = "asyncio"}, function()
    local class = anyio.get_cancelled_exc_class()
    local sibling_done, host_done, handle
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        anyio.sleep_forever()
        sibling_done = true
      end)
      handle = tg:start_soon(function() error(class("mine")) end)
      anyio.sleep_forever()
      host_done = true
    end)
    t.no(sibling_done)
    t.no(host_done)
    t.eq(handle.status, "CANCELLED")
    checkpoint()
  end)

t.test("[CS-52] entering a scope that is active is refused", function()
  local entered = false
  anyio.CancelScope(function(scope)
    t.raises(anyio.RuntimeError, scope, function() entered = true end)
    checkpoint()
  end)
  t.no(entered)
  checkpoint()
end)

t.test("[CS-52] entering a scope that another task is in is refused", function()
  local entered = false
  anyio.create_task_group(function(tg)
    anyio.CancelScope(function(scope)
      local handle = tg:start_soon(function()
        t.raises(anyio.RuntimeError, scope, function() entered = true end)
      end)
      handle:wait()
    end)
  end)
  t.no(entered)
end)

t.test("[CS-52] a scope that has ended may be entered again", {backend = "asyncio"}, function()
  local scope = anyio.CancelScope(checkpoint)
  local again = false
  scope(function()
    checkpoint()
    again = true
  end)
  t.ok(again)
end)

t.test("[CS-52] a scope that has ended cannot be entered again", {backend = "trio"}, function()
  local scope = anyio.CancelScope(checkpoint)
  local again = false
  t.raises(anyio.RuntimeError, scope, function() again = true end)
  t.no(again)
  checkpoint()
end)

t.test("[CS-52] a scope of another run cannot be entered", {plain = true}, function()
  local scope = t.run(anyio.CancelScope)
  t.run(function()
    local entered = false
    t.raises(anyio.RuntimeError, scope, function() entered = true end)
    t.no(entered)
    scope:cancel()
    anyio.lowlevel.checkpoint()
  end)
end)

--- Enter a scope inside a coroutine and leave it open at a yield.
local function open_in_coroutine(on_scope)
  local co = coroutine.create(function()
    anyio.CancelScope(function(scope)
      if on_scope then on_scope(scope) end
      coroutine.yield()
    end)
  end)
  assert(coroutine.resume(co))
  return co
end

t.test("[CS-53] leaving an outer scope while an inner one is open is a RuntimeError", function()
  local handle
  -- in a task of its own: the scope that stays open ends with it
  anyio.create_task_group(function(tg)
    handle = tg:start_soon(function()
      t.raises(anyio.RuntimeError, anyio.CancelScope, function() open_in_coroutine() end)
    end)
  end)
  t.eq(handle.status, "FINISHED")
  checkpoint()
end)

t.test("[CS-55] leaving a scope in another task than it was entered in is a RuntimeError there",
  function()
    local co, resumed, err
    local owner_done = false
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        co = open_in_coroutine()
        anyio.wait_all_tasks_blocked()
        owner_done = true
      end):wait()
      tg:start_soon(function() resumed, err = coroutine.resume(co) end)
    end)
    t.ok(owner_done)
    t.no(resumed)
    t.isa(err, anyio.RuntimeError)
    checkpoint()
  end)

t.test("[CS-55] while the owner still runs, too, and the owner stays usable", function()
  local co, resumed, err
  local owner_done = false
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      co = open_in_coroutine()
      anyio.sleep(0)
      local other = tg:start_soon(function() resumed, err = coroutine.resume(co) end)
      other:wait()
      checkpoint()
      owner_done = true
    end)
  end)
  t.no(resumed)
  t.isa(err, anyio.RuntimeError)
  t.ok(owner_done)
end)

t.test("[CS-56] a scope inside a coroutine driven by one task works like any other", function()
  local log = t.log()
  local scope
  local co = coroutine.wrap(function()
    scope = anyio.CancelScope(function(s)
      scope = s
      coroutine.yield("entered")
      checkpoint()
      log("after the checkpoint")
    end)
    return "left"
  end)
  t.eq(co(), "entered")
  scope:cancel()
  t.eq(co(), "left")
  t.eq(log.items, {})
  t.ok(scope.cancelled_caught)
  checkpoint()
end)

t.test("[CS-59] cancelling a scope whose owner has ended does nothing more", function()
  local scope
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      open_in_coroutine(function(s) scope = s end)
    end)
  end)
  scope:cancel()
  t.ok(scope.cancel_called)
  for _ = 1, 5 do checkpoint() end
  t.no(scope.cancelled_caught)
end)

t.test("[CS-56] a scope left open in a coroutine that is collected harms nobody", function()
  local went_on, handle
  anyio.create_task_group(function(tg)
    handle = tg:start_soon(function()
      open_in_coroutine()
      collectgarbage()
      collectgarbage()
      checkpoint()
      anyio.CancelScope(function() checkpoint() end)
      went_on = true
      anyio.sleep_forever()
    end)
    anyio.wait_all_tasks_blocked()
    t.ok(went_on)
    tg.cancel_scope:cancel()
  end)
  t.eq(handle.status, "CANCELLED")
  collectgarbage()
  checkpoint()
end)

t.test("[CS-56] the same with a scope whose deadline comes later", {mock_clock = true}, function()
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      local generator = coroutine.wrap(function()
        anyio.move_on_after(0.01, function() coroutine.yield() end)
      end)
      generator()
      generator = nil -- luacheck: ignore
      collectgarbage()
      pcall(anyio.sleep, 0.03)
    end)
  end)
  collectgarbage()
  checkpoint()
end)

t.test("a cancel scope as a <close> value is refused with the form to use", function()
  local err = t.raises("CancelScope", function()
    local _ <close> = anyio.CancelScope()
  end)
  t.match(tostring(err), "function")
  checkpoint()
end)

t.test("a cancel scope takes known options and right types only", function()
  local err = t.raises("deadlin", anyio.CancelScope, {deadlin = 1}, function() end)
  t.match(tostring(err), "deadline")
  t.match(tostring(err), "shield")
  t.raises("shield", anyio.CancelScope, {shield = 1}, function() end)
  t.raises("deadline", anyio.CancelScope, {deadline = "soon"}, function() end)
  t.raises("bad argument", anyio.CancelScope, 5)
  t.raises("bad argument", anyio.move_on_after, "soon", function() end)
end)

t.test("a cancel scope's read-only fields cannot be set, unknown ones neither", function()
  local scope = anyio.CancelScope()
  for _, field in ipairs {"cancel_called", "cancelled_caught", "no_such_field"} do
    t.raises(field, function() scope[field] = true end)
  end
  t.eq(scope.no_such_field, nil)
end)
