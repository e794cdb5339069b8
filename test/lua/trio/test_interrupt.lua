--- Control-C: where it strikes, and what protects from it.
local anyio = require "anyio"
local t = require "harness"

local popen = require("_anyrun.stock").io.popen -- lets nobody run meanwhile
local trio = require "trio"
local lowlevel = trio.lowlevel
local KeyboardInterrupt = anyio.KeyboardInterrupt
local raise = error

local plain = {plain = true}
local restricted = {restrict_keyboard_interrupt_to_checkpoints = true}

-- Control-C, now. `popen` waits without ignoring it, as `os.execute` would.
local function control_c()
  local pipe = popen "kill -INT $PPID"
  if pipe then pipe:close() end
end

-- Gives a signal that strikes between two instructions the time to do so.
local function compute()
  local sum = 0
  for i = 1, 100000 do sum = sum + i end
  return sum
end

local function strike()
  control_c()
  compute()
end

t.test("[TR-KI-02 TR-KI-05] control-C is raised where unprotected code runs", plain, function()
  local caught
  trio.run(function()
    caught = t.raises(KeyboardInterrupt, strike)
    trio.sleep(0)
  end)
  t.isa(caught, KeyboardInterrupt)
  t.raises(KeyboardInterrupt, trio.run, strike)
end)

t.test("[TR-KI-02 TR-KI-05 D-31] in a child it comes out of the nursery in a group", plain,
  function()
  local where
  local group = t.group(trio.run, function()
    trio.open_nursery(function(nursery)
      nursery:start_soon(function()
        local _, err = pcall(strike)
        where = "child"
        raise(err, 0)
      end)
      t.raises(trio.Cancelled, trio.sleep_forever)
    end)
  end)
  t.eq(where, "child")
  t.isa(group:leaves()[1], KeyboardInterrupt)
end)

t.test("[TR-KI-03 D-32] while nothing unprotected runs, main gets it at its next wait", plain,
  function()
  local seen
  local value = trio.run(function()
    lowlevel.current_trio_token():run_sync_soon(control_c)
    seen = t.raises(KeyboardInterrupt, trio.sleep_forever)
    trio.sleep(0)
    return "goes on"
  end)
  t.isa(seen, KeyboardInterrupt)
  t.eq(value, "goes on")
end)

t.test("[TR-KI-04 TR-RUN-09 D-34] restricted, it strikes only at the main task's checkpoints", plain,
  function()
  local log = t.log()
  trio.run(function()
    trio.open_nursery(function(nursery)
      nursery:start_soon(function()
        strike()
        log "child"
        trio.sleep(0)
        log "child again"
      end)
      t.raises(KeyboardInterrupt, trio.sleep_forever)
      log "main"
    end)
    strike()
    log "not yet"
    t.raises(KeyboardInterrupt, lowlevel.checkpoint)
  end, restricted)
  t.eq(log.items[1], "child")
  t.eq(log.items[#log.items], "not yet")
  t.eq(#log.items, 4)
end)

t.test("[TR-KI-06] in a cancelled scope it wins one checkpoint", plain, function()
  trio.run(function()
    trio.CancelScope(function(scope)
      scope:cancel()
      strike()
      t.raises(KeyboardInterrupt, lowlevel.checkpoint)
      t.raises(trio.Cancelled, lowlevel.checkpoint)
    end)
  end, restricted)
end)

t.test("[TR-KI-07] one that comes too late makes run raise it", plain, function()
  t.raises(KeyboardInterrupt, trio.run, strike, restricted)
  t.raises(KeyboardInterrupt, trio.run, function()
    lowlevel.spawn_system_task(function()
      pcall(trio.sleep_forever)
      control_c()
    end)
    trio.testing.wait_all_tasks_blocked()
    return "lost"
  end)
end)

t.test("[TR-KI-09] a main task that refuses the abort gets it later", plain, function()
  local log = t.log()
  trio.run(function()
    local me = lowlevel.current_task()
    local token = lowlevel.current_trio_token()
    token:run_sync_soon(control_c)
    token:run_sync_soon(function() token:run_sync_soon(lowlevel.reschedule, me, true, "value") end)
    log(lowlevel.wait_task_rescheduled(function()
      log "refused"
      return lowlevel.Abort.FAILED
    end))
    t.raises(KeyboardInterrupt, lowlevel.checkpoint)
    lowlevel.checkpoint()
  end)
  t.eq(log.items, {"refused", "value"})
end)

t.test("[TR-KI-10] protection belongs to the function, and is inherited by what it calls", function()
  local protected = lowlevel.currently_ki_protected
  local function ask() return protected() end
  t.eq(ask(), false)
  t.eq(lowlevel.enable_ki_protection(ask)(), true)
  t.eq(lowlevel.enable_ki_protection(lowlevel.disable_ki_protection(ask))(), false)
  t.eq(lowlevel.enable_ki_protection(function(...)
    trio.sleep(0)
    return ask(), ...
  end)("a"), true)
  t.eq(ask(), false, "over when the function is")
  pcall(lowlevel.enable_ki_protection(function() raise("x", 0) end))
  t.eq(ask(), false, "also after an error")
  local inside
  trio.open_nursery(lowlevel.enable_ki_protection(function(nursery)
    nursery:start_soon(function() inside = protected() end)
    trio.sleep(0)
    t.eq(ask(), true, "other tasks do not change it")
  end))
  t.eq(inside, false, "a new task has its own")
  local in_callback
  lowlevel.current_trio_token():run_sync_soon(function() in_callback = protected() end)
  trio.testing.wait_all_tasks_blocked()
  t.eq(in_callback, true)
  t.raises("bad argument #1", lowlevel.enable_ki_protection, 7)
end)

t.test("[TR-KI-10] protected code is not interrupted; the next checkpoint is", plain, function()
  local log = t.log()
  trio.run(function()
    lowlevel.enable_ki_protection(function()
      strike()
      log "not interrupted"
    end)()
    t.raises(KeyboardInterrupt, lowlevel.checkpoint)
  end)
  t.eq(log.items, {"not interrupted"})
end)

t.test("[TR-KI-11] outside a run the code counts as protected", plain, function()
  t.eq(lowlevel.currently_ki_protected(), true)
end)

t.test("[TR-KI-13 D-69] a shield does not stop it", plain, function()
  trio.run(function()
    lowlevel.current_trio_token():run_sync_soon(control_c)
    trio.CancelScope({shield = true}, function()
      t.raises(KeyboardInterrupt, trio.sleep_forever)
    end)
  end)
end)

t.test("[TR-KI-14 TR-NUR-13 TR-RSN-11] all asleep: main gets it, the children are cancelled", plain,
  function()
    local errors = {}
    local function child()
      local err = t.raises(trio.Cancelled, trio.sleep_forever)
      errors[#errors + 1] = err
      raise(err, 0)
    end
    local group = t.group(trio.run, function()
      lowlevel.current_trio_token():run_sync_soon(control_c)
      trio.open_nursery(function(nursery)
        nursery:start_soon(child)
        nursery:start_soon(child)
      end)
    end)
    t.eq(#errors, 2)
    t.eq(errors[1].source, "KeyboardInterrupt")
    t.eq(#group:leaves(), 1)
    t.isa(group:leaves()[1], KeyboardInterrupt)
  end)

t.test("[TR-KI-08] one that comes before the main task exists is not lost", plain, function()
  t.raises(KeyboardInterrupt, trio.run, function() trio.sleep_forever() end,
    {instruments = {{before_run = control_c}}})
end)
