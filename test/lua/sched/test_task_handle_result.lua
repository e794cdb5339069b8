-- What a handle says of its task's end: fields, text, names.

local t = require "harness"
local anyio = require "anyio"
local checkpoint = require("anyio.lowlevel").checkpoint

local group = anyio.create_task_group

local function field(handle, name)
  return function() return handle[name] end
end

t.test("[TG-60] the handle of a started task has its start value and result",
  function()
    group(function(tg)
      local value, handle = tg:start(function(x, y, status)
        status:started(3)
        checkpoint()
        return x + y
      end, 4, 5)
      t.eq(value, 3)
      t.eq(handle.start_value, 3)
      t.eq(handle:await(), 9)
      t.eq(handle.start_value, 3)
    end)
  end)

t.test("[TG-61] such a handle can be cancelled and waited for", function()
  group(function(tg)
    local _, handle = tg:start(function(status)
      status:started(3)
      anyio.sleep_forever()
    end)
    handle:cancel()
    handle:wait()
    t.eq(handle.status, "CANCELLED")
    t.eq(handle.start_value, 3)
    t.no(tg.cancel_scope.cancel_called)
  end)
end)

t.test("[TG-62] no start value without start()", function()
  group(function(tg)
    local handle = tg:start_soon(checkpoint)
    t.raises(anyio.RuntimeError, field(handle, "start_value"))
    handle:wait()
    t.raises(anyio.RuntimeError, field(handle, "start_value"))
  end)
end)

t.test("[TG-76] handle:cancel() after the end changes nothing", function()
  group(function(tg)
    local handle = tg:create_task(function() return 1 end)
    handle:wait()
    handle:cancel()
    t.eq(handle.status, "FINISHED")
    t.eq(handle:await(), 1)
  end)
end)

t.test("[TG-77] result fields of a task that is not finished", function()
  group(function(tg)
    local handle = tg:create_task(checkpoint)
    t.raises(anyio.TaskNotFinished, field(handle, "return_value"))
    t.raises(anyio.TaskNotFinished, field(handle, "exception"))
  end)
end)

t.test("[TG-77] result fields of a task that returned", function()
  local value, nothing
  group(function(tg)
    value = tg:create_task(function() return false end)
    nothing = tg:create_task(function() end)
  end)
  t.eq(value.return_value, false)
  t.eq(value.exception, nil)
  t.eq(nothing.return_value, nil)
  t.eq(nothing.exception, nil)
end)

t.test("[TG-77] result fields of a task that failed", function()
  local handle
  local raised = anyio.ValueError "broken"
  t.group(group, function(tg)
    handle = tg:create_task(function() error(raised) end)
  end)
  t.ok(rawequal(handle.exception, raised))
  local err = t.raises(anyio.TaskFailed, field(handle, "return_value"))
  t.ok(rawequal(err.cause, raised))
end)

t.test("[TG-77] result fields of a task that is being or was cancelled",
  function()
    local handle
    group(function(tg)
      handle = tg:create_task(anyio.sleep_forever)
      handle:cancel()
      t.raises(anyio.TaskCancelled, field(handle, "return_value"))
      t.raises(anyio.TaskCancelled, field(handle, "exception"))
    end)
    t.raises(anyio.TaskCancelled, field(handle, "return_value"))
    t.raises(anyio.TaskCancelled, field(handle, "exception"))
  end)

t.test("[TG-78] a task ended by SystemExit has FAILED", {plain = true}, function()
  local handle, seen
  local _, err = pcall(t.run, function()
    group(function(tg)
      handle = tg:create_task(function() error(anyio.SystemExit(5)) end)
      local ok, failure = pcall(handle.await, handle)
      t.no(ok)
      seen = failure
      error(failure)
    end)
  end)
  t.eq(handle.status, "FAILED")
  if t.backend == "trio" then
    t.isa(seen, anyio.TaskFailed)
    t.isa(seen.cause, anyio.SystemExit)
    t.isa(err, anyio.BaseExceptionGroup)
  else
    t.isa(err, anyio.SystemExit)
  end
end)

t.test("[TG-80] the text form has the status word and the name", function()
  local function text_of(handle, word)
    local text = tostring(handle)
    t.match(text, "^<?TaskHandle")
    t.match(text:lower(), word)
    t.match(text, "my task")
  end
  local failed
  t.group(group, function(tg)
    local task = {function() checkpoint() end, name = "my task"}
    local handle = tg:create_task(task)
    text_of(handle, "pending")
    handle:wait()
    text_of(handle, "finished")
    handle = tg:create_task(task)
    handle:cancel()
    text_of(handle, "cancelling")
    handle:wait()
    text_of(handle, "cancelled")
    failed = tg:create_task{error, name = "my task"}
  end)
  text_of(failed, "failed")
end)

--- Calls `spawn` of a new group in each of the three ways.
local function each_spawner(check)
  for _, spawner in ipairs{"start_soon", "create_task", "start"} do
    group(function(tg)
      check(function(spec)
        if spawner == "start" then return select(2, tg:start(spec)) end
        return tg[spawner](tg, spec)
      end)
    end)
  end
end

local function tell_name(task_status)
  task_status = task_status or anyio.TASK_STATUS_IGNORED
  task_status:started()
  return anyio.get_current_task().name
end

t.test("[TG-81] the default name is the same however a task is spawned",
  function()
    local names = {}
    each_spawner(function(spawn)
      local handle = spawn(tell_name)
      t.eq(handle.name, handle:await())
      names[#names + 1] = handle.name
    end)
    t.eq(names[1], names[2])
    t.eq(names[2], names[3])
    t.match(names[1], "%S")
  end)

t.test("[TG-81] the default name of a library function is the one it is known "
  .. "by", function()
  group(function(tg)
    t.match(tg:start_soon(anyio.sleep, 0).name, "sleep")
  end)
end)

t.test("[TG-82] a name that is given is used as it is", function()
  each_spawner(function(spawn)
    local handle = spawn{tell_name, name = "custom name"}
    t.eq(handle.name, "custom name")
    t.eq(handle:await(), "custom name")
  end)
end)

t.test("[TG-82] the empty name stays empty", function()
  each_spawner(function(spawn)
    local handle = spawn{tell_name, name = ""}
    t.eq(handle.name, "")
    t.eq(handle:await(), "")
  end)
end)

t.test("[TG-82] a name is turned into a string", function()
  local named = setmetatable({}, {__tostring = function() return "object" end})
  each_spawner(function(spawn)
    t.eq(spawn{tell_name, name = 42}:await(), "42")
    t.eq(spawn{tell_name, name = named}:await(), "object")
  end)
end)

t.test("[TG-83] a callable object runs and has a name", function()
  local callable = setmetatable({}, {__call = function() return 8 end})
  group(function(tg)
    local handle = tg:start_soon(callable)
    t.match(handle.name, "%S")
    t.eq(handle:await(), 8)
  end)
end)

t.test("[TG-64] a task that awaits itself gets an error, not a deadlock", function()
  group(function(tg)
    local handle
    handle = tg:create_task(function()
      t.raises(anyio.RuntimeError, handle.await, handle)
      return "left"
    end)
    t.eq(handle:await(), "left")
  end)
end)
