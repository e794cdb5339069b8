-- anyio.with: a body between entering and leaving.

local anyio = require "anyio"
local t = require "harness"

local Manager = {}
Manager.__index = Manager

local function manager(fields)
  local self = setmetatable(fields or {}, Manager)
  self.log = t.log()
  return self
end

function Manager:__enter()
  self.log "enter"
  if self.enter_error then error(self.enter_error, 0) end
  return "value"
end

function Manager:__exit(err)
  self.log("exit", err)
  if self.exit_error then error(self.exit_error, 0) end
  return self.swallow
end

t.test("with enters, calls the body with the value, leaves, and returns what "
  .. "the body returned", function()
  local cm = manager()
  local a, b, c = anyio.with(cm, function(value)
    cm.log(value)
    return 1, nil, 3
  end)
  t.eq({ a, b, c }, { 1, nil, 3 })
  t.eq(cm.log.items, { "enter", "value", "exit", "nil" })
end)

t.test("an error of the body is shown to __exit and raised", function()
  local cm, err = manager(), anyio.OSError("x")
  t.ok(rawequal(t.raises(anyio.OSError, anyio.with, cm, function()
    error(err)
  end), err))
  t.ok(rawequal(cm.log.items[3], err))
end)

t.test("__exit swallows an error by returning true, and nothing else does",
  function()
    t.eq(select("#", anyio.with(manager { swallow = true }, function()
      error(anyio.OSError("x"))
    end)), 0)
    t.raises(anyio.OSError, anyio.with, manager { swallow = 1 }, function()
      error(anyio.OSError("x"))
    end)
  end)

t.test("an error of __exit replaces the body's and keeps it as its cause",
  function()
    local first, second = anyio.OSError("first"), anyio.ValueError("second")
    local err = t.raises(anyio.ValueError, anyio.with,
      manager { exit_error = second }, function() error(first) end)
    t.ok(rawequal(err.cause, first))
    t.eq(first.cause, nil)
  end)

t.test("an error of __exit after a good body is raised", function()
  local err = t.raises(anyio.ValueError, anyio.with,
    manager { exit_error = anyio.ValueError("x") }, function() return 1 end)
  t.eq(err.cause, nil)
end)

t.test("[TR-EXC-06] an error that __exit raises again is no cause of itself",
  function()
    local cm, err = manager(), anyio.OSError("x")
    cm.exit_error = err
    t.raises(anyio.OSError, anyio.with, cm, function() error(err) end)
    t.eq(err.cause, nil)
    local wrapper = anyio.ValueError("w", { cause = err })
    cm.exit_error = err
    t.raises(anyio.OSError, anyio.with, cm, function() error(wrapper) end)
    t.eq(err.cause, nil, "no loop of causes")
  end)

t.test("an error of __enter is raised; nothing was entered, nothing is left",
  function()
    local cm = manager { enter_error = anyio.OSError("x") }
    t.raises(anyio.OSError, anyio.with, cm, function() t.fail("body ran") end)
    t.eq(cm.log.items, { "enter" })
  end)

t.test("a to-be-closed value is closed after the body and handed to it",
  function()
    local log = t.log()
    local resource = setmetatable({}, {
      __close = function(_, err) log("closed", err) end,
    })
    t.eq(anyio.with(resource, function(value)
      t.ok(rawequal(value, resource))
      log "body"
      return 7
    end), 7)
    local err = anyio.OSError("x")
    t.raises(anyio.OSError, anyio.with, resource, function() error(err) end)
    t.eq(log.items, { "body", "closed", "nil", "closed", err })
  end)

t.test("__exit runs when the body is cancelled; a checkpoint in it may raise "
  .. "again", function()
  local cm = manager()
  local scope = anyio.move_on_after(0, function()
    anyio.with(cm, anyio.sleep_forever)
    t.fail("not cancelled")
  end)
  t.ok(scope.cancelled_caught)
  t.isa(cm.log.items[3], anyio.get_cancelled_exc_class())
end)

t.test("body and __exit may suspend", function()
  local log = t.log()
  local cm = setmetatable({}, {
    __index = {
      __enter = function(self) anyio.lowlevel.checkpoint() return self end,
      __exit = function() anyio.lowlevel.checkpoint() log "exit" end,
    },
  })
  anyio.create_task_group(function(tg)
    tg:start_soon(log, "child")
    anyio.with(cm, function() anyio.lowlevel.checkpoint() end)
  end)
  t.eq(log.items, { "child", "exit" })
end)

t.test("__exit runs when the coroutine of the body is closed", function()
  local cm = manager()
  local co = coroutine.create(function()
    anyio.with(cm, function() coroutine.yield() end)
  end)
  coroutine.resume(co)
  t.ok(coroutine.close(co))
  t.eq(cm.log.items, { "enter", "exit", "nil" })
end)

t.test("what cannot be entered and what cannot be called are refused",
  { plain = true }, function()
    t.raises("bad argument #1 to 'with' (an object with __enter and __exit, or "
      .. "__close, expected, got table)", anyio.with, {}, print)
    t.raises("expected, got nil)", anyio.with, nil, print)
    t.raises("expected, got string)", anyio.with, "text", print)
    t.raises("bad argument #2 to 'with' (function expected, got nil)",
      anyio.with, manager())
  end)

t.test("with takes what is called with a body: a scope, a task group, a portal", function()
  local scope, same, value = anyio.with(anyio.move_on_after(5), function(s) return s, 1 end)
  t.ok(scope == same)
  t.eq(value, 1)
  scope = anyio.with(anyio.CancelScope(), function(s) s:cancel() anyio.sleep(0) end)
  t.ok(scope.cancelled_caught)
  local log = t.log()
  t.eq(anyio.with(anyio.create_task_group(), function(tg)
    tg:start_soon(log, "child")
    return "body"
  end), "body")
  t.eq(log.items, { "child" })
  t.eq(anyio.with(anyio.from_thread.BlockingPortal(), function(portal)
    return anyio.to_thread.run_sync(function() return portal:call(math.abs, -4) end)
  end), 4)
end)

t.test("__enter and __exit may stand in a metatable, as __close does", function()
  local log = t.log()
  anyio.with(setmetatable({}, {
    __enter = function() return "value" end,
    __exit = function(_, err) log(err) return true end,
  }), function(value) error(value, 0) end)
  t.eq(log.items, { "value" })
end)
