--- Receivers of signals.

local anyio = require "anyio"
local t = require "harness"

local popen = require("_anyrun.stock").io.popen -- lets nobody run meanwhile

local open = anyio.open_signal_receiver
local checkpoint = anyio.lowlevel.checkpoint

-- A signal for this process, which has it when this returns. (`os.execute`
-- would ignore SIGINT meanwhile.)
local function raise(name)
  popen(("kill -%s $PPID"):format((name:gsub("^SIG", "")))):close()
end

t.test("[SIG-01 SIG-02] signals come by their names, in the order they arrived", function()
  local signals <close> = open("SIGUSR1", "SIGUSR2", 1)
  raise "SIGUSR2"
  raise "SIGUSR1"
  raise "SIGHUP"
  t.eq({ signals(), signals(), signals() }, { "SIGUSR2", "SIGUSR1", "SIGHUP" })
end)

t.test("[SIG-01] a loop goes on until it is left", function()
  local seen = {}
  local result = open("SIGUSR1", function(signals)
    raise "SIGUSR1"
    for name in signals do
      seen[#seen + 1] = name
      if #seen == 3 then return "left" end
      raise "SIGUSR1"
    end
  end)
  t.eq(result, "left")
  t.eq(#seen, 3)
end)

t.test("a task waits for a signal while others run, and it is no deadlock", function()
  local order = t.log()
  anyio.create_task_group(function(tg)
    local signals <close> = open "SIGUSR1"
    tg:start_soon(function()
      order "before"
      anyio.sleep(0.01)
      raise "SIGUSR1"
    end)
    order(signals())
  end)
  t.eq(order.items, { "before", "SIGUSR1" })
end)

t.test("[SIG-03] opening one in a cancelled scope neither waits nor raises", function()
  local reached
  local scope = anyio.CancelScope()
  scope(function()
    scope:cancel()
    local signals <close> = open "SIGUSR1" -- luacheck: ignore
    reached = true
    checkpoint()
  end)
  t.ok(reached)
  t.ok(scope.cancelled_caught)
end)

t.test("[SIG-04] the wait can be cancelled, before it begins, too", function()
  local signals <close> = open "SIGUSR1"
  local scope = anyio.move_on_after(0.01, function() signals() end)
  t.ok(scope.cancelled_caught)
  scope = anyio.CancelScope()
  scope(function()
    scope:cancel()
    signals()
  end)
  t.ok(scope.cancelled_caught)
end)

t.test("a cancelled wait loses no signal", function()
  local signals <close> = open "SIGUSR1"
  local scope = anyio.CancelScope()
  scope(function()
    raise "SIGUSR1"
    scope:cancel()
    signals()
  end)
  t.ok(scope.cancelled_caught)
  t.eq(signals(), "SIGUSR1")
end)

t.test("[SIG-06] a signal that arrives again before it is read is read once", function()
  local signals <close> = open "SIGUSR1"
  for _ = 1, 3 do raise "SIGUSR1" end
  t.eq(signals(), "SIGUSR1")
  t.no(anyio.move_on_after(0.01, function() return signals() end).cancelled_caught == false)
end)

t.test("a flood of one signal does not drown another", function()
  local signals <close> = open("SIGUSR1", "SIGUSR2")
  -- the stock function: nobody is told meanwhile
  require("_anyrun.stock").os.execute [[i=0; while [ $i -lt 9000 ]; do kill -USR1 $PPID; i=$((i+1)); done
    kill -USR2 $PPID]]
  t.eq(signals(), "SIGUSR1")
  t.eq(signals(), "SIGUSR2")
end)

t.test("[SIG-07 SIG-08] what was not read is for whoever comes next", function()
  local outer <close> = open "SIGUSR1"
  do
    local inner <close> = open "SIGUSR1"
    raise "SIGUSR1"
    t.eq(inner(), "SIGUSR1")
  end
  t.eq(outer(), "SIGUSR1")
end)

t.test("several receivers get a signal each", function()
  local one <close> = open("SIGUSR1", "SIGUSR2")
  local two <close> = open "SIGUSR1"
  raise "SIGUSR1"
  raise "SIGUSR2"
  t.eq({ one(), one(), two() }, { "SIGUSR1", "SIGUSR2", "SIGUSR1" })
end)

t.test("[SIG-09] no signal, and what is none, are refused", function()
  t.raises(anyio.TypeError, open)
  t.raises(anyio.TypeError, open, function() end)
  t.raises("bad argument #2 to 'open_signal_receiver' (name or number of a signal "
    .. "expected, got boolean)", open, "SIGUSR1", true)
  t.raises(anyio.ValueError, open, "SIGNONE")
  t.raises(anyio.ValueError, open, 0)
  t.raises(anyio.ValueError, open, 65)
  local err = t.raises(anyio.ValueError, open, "SIGUSR1", "SIGKILL")
  t.match(err.message, "SIGKILL cannot be received")
  os.execute "true" -- SIGUSR1 is what it was: not ours
end)

t.test("two tasks at one receiver: the second is told", function()
  anyio.create_task_group(function(tg)
    local signals <close> = open "SIGUSR1"
    tg:start_soon(function() t.eq(signals(), "SIGUSR1") end)
    anyio.wait_all_tasks_blocked()
    t.raises(anyio.BusyResourceError, signals)
    raise "SIGUSR1"
    anyio.wait_all_tasks_blocked()
  end)
end)

t.test("closing a receiver wakes who waits for it", function()
  anyio.create_task_group(function(tg)
    local signals = open "SIGUSR1"
    tg:start_soon(function() t.raises(anyio.ClosedResourceError, signals) end)
    anyio.wait_all_tasks_blocked()
    signals:aclose()
    signals:aclose()
  end)
end)

t.test("real-time signals have names, too", function()
  local signals <close> = open("SIGRTMIN", "SIGRTMIN+3")
  t.eq(tostring(signals), "<SignalReceiver: SIGRTMIN, SIGRTMIN+3>")
  raise "RTMIN+3"
  t.eq(signals(), "SIGRTMIN+3")
end)

t.test("control-C is received instead of ending the run", function()
  local signals <close> = open "SIGINT"
  raise "SIGINT"
  t.eq(signals(), "SIGINT")
end)
