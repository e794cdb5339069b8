--- Receivers of signals, as trio has them.

local anyio = require "anyio"
local t = require "harness"

local popen = require("_anyrun.stock").io.popen -- lets nobody run meanwhile
local trio = require "trio"

local open = trio.open_signal_receiver

local function raise(name)
  popen(("kill -%s $PPID"):format((name:gsub("^SIG", "")))):close()
end

t.test("[TR-SIG-01 D-54] the receiver gives the signals that arrive", function()
  open("SIGUSR1", "SIGUSR2", function(signals)
    raise "SIGUSR1"
    local seen = t.log()
    for name in signals do
      seen(name)
      if #seen == 2 then break end
      raise "SIGUSR2"
    end
    t.eq(seen.items, { "SIGUSR1", "SIGUSR2" })
  end)
end)

t.test("[TR-SIG-02] no signal, and a bad one, are refused; nothing is left changed", function()
  t.raises(anyio.TypeError, open)
  t.raises(anyio.ValueError, open, "SIGUSR1", "SIGSTOP")
  t.raises(anyio.ValueError, open, "SIGUSR1", 1000)
  -- SIGUSR1 has its own effect again
  local outer <close> = open "SIGUSR1"
  raise "SIGUSR1"
  t.eq(outer(), "SIGUSR1")
end)

t.test("[TR-SIG-03] one kind coalesces, and starves no other", function()
  local signals <close> = open("SIGUSR1", "SIGUSR2")
  local seen = t.log()
  for _ = 1, 2 do raise "SIGUSR1" end
  raise "SIGUSR2"
  seen(signals())
  raise "SIGUSR1"
  seen(signals())
  seen(signals())
  t.eq(seen.items, { "SIGUSR1", "SIGUSR2", "SIGUSR1" })
end)

t.test("[TR-SIG-04] two tasks that iterate at once are in conflict", function()
  trio.open_nursery(function(nursery)
    local signals <close> = open "SIGUSR1"
    nursery:start_soon(function() signals() end)
    trio.testing.wait_all_tasks_blocked()
    t.raises(trio.BusyResourceError, signals)
    nursery.cancel_scope:cancel()
  end)
end)

t.test("[TR-SIG-05] what was not read goes to whoever was there before", { plain = true }, function()
  local err = t.raises(anyio.KeyboardInterrupt, trio.run, function()
    open("SIGINT", function() raise "SIGINT" end)
    trio.sleep(10)
  end)
  t.ok(err)
end)

t.test("[TR-SIG-06] iterating after it was left is an error", function()
  local kept
  open("SIGUSR1", function(signals) kept = signals end)
  t.raises(anyio.RuntimeError, kept)
end)

t.test("[TR-SIG-07] receiving SIGINT switches off what control-C does", function()
  local signals <close> = open "SIGINT"
  raise "SIGINT"
  trio.sleep(0)
  t.eq(signals(), "SIGINT")
end)
