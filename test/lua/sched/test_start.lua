local t = require "harness"
local anyio = require "anyio"
local checkpoint = require("anyio.lowlevel").checkpoint
local wait_all_tasks_blocked = require("anyio.testing").wait_all_tasks_blocked

local group = anyio.create_task_group
local ValueError, RuntimeError = anyio.ValueError, anyio.RuntimeError

t.test("[TG-42] start() returns when the child calls started()", function()
  local log = t.log()
  group(function(tg)
    tg:start(function(status)
      checkpoint()
      log "child"
      status:started()
      checkpoint()
      checkpoint()
      log "child ends"
    end)
    log "start has returned"
  end)
  t.eq(log.items, {"child", "start has returned", "child ends"})
end)

t.test("[TG-42] start() returns the value of started()", function()
  group(function(tg)
    t.eq((tg:start(function(status) status:started("foo") end)), "foo")
  end)
end)

t.test("[TG-42] without a value start() returns nil, then the handle", function()
  group(function(tg)
    local results = table.pack(tg:start(function(status)
      status:started()
      return "result"
    end))
    t.eq(results.n, 2)
    t.eq(results[1], nil)
    t.eq(results[2]:await(), "result")
  end)
end)

t.test("[TG-42] false is a start value", function()
  group(function(tg)
    local value, handle = tg:start(function(status) status:started(false) end)
    t.eq(value, false)
    t.eq(handle.start_value, false)
  end)
end)

t.test("[TG-42] the status comes after the arguments, nils included", function()
  group(function(tg)
    local value = tg:start(function(...)
      t.eq(select("#", ...), 4)
      local a, b, c, status = ...
      status:started{a, b == nil, c}
    end, 1, nil, 3)
    t.eq(value, {1, true, 3})
  end)
end)

t.test("[TG-42] start_soon gives no status", function()
  local count
  group(function(tg)
    tg:start_soon(function(...) count = select("#", ...) end, "only")
  end)
  t.eq(count, 1)
end)

t.test("[TG-43] a second started() is an error in the child", function()
  group(function(tg)
    tg:start(function(status)
      status:started()
      local err = t.raises(RuntimeError, status.started, status)
      t.match(err.message, "started.* twice")
    end)
  end)
end)

t.test("[TG-43] an uncaught second started() fails the group", function()
  local got
  local err = t.group(group, function(tg)
    got = tg:start(function(status)
      status:started("value")
      status:started("again")
    end)
  end)
  t.eq(got, "value")
  t.isa(err.exceptions[1], RuntimeError)
end)

t.test("[TG-44] a child calls started() and ends without ever waiting", function()
  group(function(tg)
    local value, handle = tg:start(function(status)
      status:started(5)
      return 8
    end)
    t.eq(value, 5)
    t.eq(handle.start_value, 5)
    t.eq(handle:await(), 8)
  end)
end)

t.test("[TG-44] a function that the child calls may call started()", function()
  group(function(tg)
    local value = tg:start(function(status)
      local announce = coroutine.wrap(function()
        coroutine.yield "ready"
        checkpoint()
        status:started "from a coroutine"
      end)
      t.eq(announce(), "ready")
      announce()
    end)
    t.eq(value, "from a coroutine")
  end)
end)

t.test("[TG-45] a child of a group that is cancelled already calls started() "
  .. "once without an error", function()
  local calls = 0
  group(function(tg)
    tg.cancel_scope:cancel()
    tg:start(function(status)
      status:started()
      calls = calls + 1
    end)
  end)
  t.eq(calls, 1)
end)

t.test("[TG-46 T14] an error before started() comes out of start() itself",
  function()
    local raised, ran = ValueError "early", false
    group(function(tg)
      local err = t.raises(ValueError, tg.start, tg, function()
        checkpoint()
        error(raised)
      end)
      t.ok(rawequal(err, raised))
      t.no(tg.cancel_scope.cancel_called)
      checkpoint()
      tg:start_soon(function() ran = true end)
    end)
    t.ok(ran, "the group is still in use")
  end)

t.test("[TG-46] an error before the child's first wait, too", function()
  group(function(tg)
    t.raises("early", tg.start, tg, function() error("early", 0) end)
    t.eq((tg:start(function(status) status:started(1) end)), 1)
  end)
end)

t.test("[TG-47 T14] an error after started() goes to the group", function()
  local value
  local err = t.group(group, function(tg)
    value = tg:start(function(status)
      status:started(2)
      error(ValueError "late")
    end)
    t.cancelled(anyio.sleep_forever)
  end)
  t.eq(value, 2)
  t.eq(#err.exceptions, 1)
  t.eq(err.exceptions[1].message, "late")
end)

t.test("[TG-48 T14] a child that ends without started()", function()
  local ran = false
  group(function(tg)
    local err = t.raises(RuntimeError, tg.start, tg, function() end)
    t.match(err.message, "started")
    t.no(tg.cancel_scope.cancel_called)
    checkpoint()
    tg:start_soon(function() ran = true end)
  end)
  t.ok(ran, "the group is still in use")
end)

t.test("[TG-48] also when it returns a value after a wait", function()
  group(function(tg)
    t.raises(RuntimeError, tg.start, tg, function()
      checkpoint()
      return "no start value"
    end)
  end)
end)

t.test("[TG-58] start() of what cannot be called", function()
  group(function(tg)
    t.raises("bad argument #1 to 'start'", tg.start, tg, true)
    t.raises("bad argument #1 to 'start'", tg.start, tg, {name = "no function"})
  end)
end)

t.test("[TG-59] TASK_STATUS_IGNORED takes started() any number of times",
  function()
    local ended = 0
    local function service(task_status)
      task_status = task_status or anyio.TASK_STATUS_IGNORED
      for i = 1, 3 do
        if i == 1 or task_status == anyio.TASK_STATUS_IGNORED then
          task_status:started(i)
        end
      end
      ended = ended + 1
    end
    group(function(tg)
      tg:start_soon(service)
      t.eq((tg:start(service)), 1)
    end)
    t.eq(ended, 2)
  end)

t.test("[TG-42] two starts at once get a value each", function()
  local values = {}
  group(function(tg)
    local function child(n, status)
      for _ = 1, n do checkpoint() end
      status:started(n)
    end
    group(function(starters)
      for n = 1, 3 do
        starters:start_soon(function() values[n] = tg:start(child, n) end)
      end
    end)
  end)
  t.eq(values, {1, 2, 3})
end)

t.test("[TG-53] a failure in an inner group cancels a start() in an outer group",
  function()
    local log = t.log()
    local err = t.group(group, function(outer)
      group(function(inner)
        inner:start_soon(function()
          wait_all_tasks_blocked()
          error(RuntimeError "inner failed")
        end)
        outer:start(function(status)
          t.cancelled(anyio.sleep_forever)
          log "child cancelled"
          checkpoint()
          status:started()
          log "child completed"
        end)
      end)
    end)
    local inner = t.isa(err.exceptions[1], anyio.ExceptionGroup)
    t.isa(inner.exceptions[1], RuntimeError)
    t.eq(log.items, {"child cancelled"})
  end)
