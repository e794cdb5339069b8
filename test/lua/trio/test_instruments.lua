--- Instruments: what they are told, and what their mistakes cost.
local anyio = require "anyio"
local t = require "harness"
local trio = require "trio"
local lowlevel = trio.lowlevel

local HOOKS = {"before_run", "after_run", "task_spawned", "task_scheduled", "before_task_step",
  "after_task_step", "task_exited", "before_io_wait", "after_io_wait"}
local plain = {plain = true}

-- An instrument that writes down what it is told.
local function recorder()
  local instrument = {events = {}}
  for _, hook in ipairs(HOOKS) do
    instrument[hook] = function(self, arg)
      self.events[#self.events + 1] = {hook, arg}
    end
  end
  return instrument
end

local function of_task(events, task)
  local names = {}
  for _, event in ipairs(events) do
    if event[2] == task then names[#names + 1] = event[1] end
  end
  return names
end

t.test("[TR-INS-01 TR-RUN-08 D-63] an instrument of run is told of the whole run", plain, function()
  local instrument = recorder()
  trio.run(function() trio.sleep(0.001) end, {instruments = {instrument}})
  local events, seen = instrument.events, {}
  t.eq(events[1][1], "before_run")
  t.eq(events[#events][1], "after_run")
  for _, event in ipairs(events) do seen[event[1]] = (seen[event[1]] or 0) + 1 end
  for _, hook in ipairs(HOOKS) do t.ok(seen[hook], hook) end
  t.eq(seen.before_io_wait, seen.after_io_wait)
  t.eq(seen.before_task_step, seen.after_task_step)
  for _, event in ipairs(events) do
    if event[1] == "before_io_wait" then t.ok(math.type(event[2]) == "float") end
  end
end)

t.test("[TR-INS-01] an instrument needs no hook at all", plain, function()
  local count = 0
  local one = {task_spawned = function() count = count + 1 end}
  trio.run(function() end, {instruments = {{}, one}})
  t.ok(count >= 1)
end)

t.test("[TR-INS-02] events of a task that checkpoints twice", plain, function()
  local instrument, task = recorder(), nil
  trio.run(function()
    task = lowlevel.current_task()
    for _ = 1, 2 do lowlevel.checkpoint() end
  end, {instruments = {instrument}})
  t.eq(of_task(instrument.events, task), {
    "task_spawned", "task_scheduled",
    "before_task_step", "task_scheduled", "after_task_step",
    "before_task_step", "task_scheduled", "after_task_step",
    "before_task_step", "task_exited", "after_task_step"})
end)

t.test("[TR-INS-03] current_task is valid where a task is being stepped", plain, function()
  local seen = {}
  local instrument = {}
  for _, hook in ipairs(HOOKS) do
    instrument[hook] = function(_, arg)
      local ok, task = pcall(lowlevel.current_task)
      if hook:find "task_step" then t.ok(ok and task == arg, hook) end
      if hook:find "_run" or hook:find "io_wait" then t.no(lowlevel.in_trio_task(), hook) end
      seen[hook] = true
    end
  end
  trio.run(function() trio.sleep(0.001) end, {instruments = {instrument}})
  for _, hook in ipairs(HOOKS) do t.ok(seen[hook], hook) end
end)

t.test("[TR-INS-04] instruments can be added and removed while the run goes on", function()
  local instrument = recorder()
  t.raises(anyio.LookupError, lowlevel.remove_instrument, instrument)
  lowlevel.add_instrument(instrument)
  lowlevel.add_instrument(instrument)
  lowlevel.checkpoint()
  lowlevel.remove_instrument(instrument)
  local count = #instrument.events
  t.ok(count > 0)
  lowlevel.checkpoint()
  t.eq(#instrument.events, count)
  t.raises(anyio.LookupError, lowlevel.remove_instrument, instrument)
  local steps = 0
  for _, event in ipairs(instrument.events) do
    if event[1] == "before_task_step" then steps = steps + 1 end
  end
  t.eq(steps, 1, "added twice is added once")
end)

t.test("[TR-INS-05] a hook that raises is reported and disabled; the run goes on", plain, function()
  local calls = 0
  local bad = {before_task_step = function()
    calls = calls + 1
    error("broken hook", 0)
  end}
  local good = recorder()
  local value = trio.run(function()
    for _ = 1, 3 do trio.sleep(0) end
    return "value"
  end, {instruments = {bad, good}})
  t.eq(value, "value")
  t.eq(calls, 1)
  t.eq(good.events[#good.events][1], "after_run")
end)

t.test("[TR-INS-06] hooks are read when the instrument is added", function()
  local instrument, late = {}, 0
  lowlevel.add_instrument(instrument)
  instrument.before_task_step = function() late = late + 1 end
  lowlevel.checkpoint()
  t.eq(late, 0)
  lowlevel.remove_instrument(instrument)
  lowlevel.add_instrument(instrument)
  lowlevel.checkpoint()
  t.eq(late, 1)
  lowlevel.remove_instrument(instrument)
end)

t.test("[TR-INS-07] an instrument whose hooks cannot be read is not added", function()
  local instrument = setmetatable({}, {__index = function(_, key)
    error(anyio.ValueError("no " .. key))
  end})
  t.raises(anyio.ValueError, lowlevel.add_instrument, instrument)
  lowlevel.checkpoint()
  t.raises(anyio.LookupError, lowlevel.remove_instrument, instrument)
end)
