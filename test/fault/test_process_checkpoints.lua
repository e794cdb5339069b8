--- Programs and signals, with their task cancelled at each place where it waits:
--- no child and no descriptor is left, which the harness looks for.

local anyio = require "anyio"
local each_checkpoint = require("fault.checkpoints").each_checkpoint
local t = require "harness"

local function torture(title, body)
  t.test(title, { slow = true }, function()
    -- What a cancelled receiver has not read goes to this one.
    local rest <close> = anyio.open_signal_receiver "SIGUSR1"
    body() -- once to its end: how many turns that takes depends on the program
    each_checkpoint {
      limit = 25,
      body = body,
      check = function(_, outcome) t.eq(outcome.error, nil) end,
    }
    os.execute "kill -USR1 $PPID"
    t.eq(rest(), "SIGUSR1")
  end)
end

torture("run_process, cancelled at each wait", function()
  t.eq(anyio.run_process({ "cat" }, { input = "x" }).stdout, "x")
end)

torture("open_process, cancelled at each wait", function()
  local cat <close> = anyio.open_process { "cat" }
  cat.stdin:send "x"
  t.eq(cat.stdout:receive(), "x")
  cat.stdin:aclose()
  cat:wait()
end)

torture("a group, cancelled at each wait", function()
  anyio.run_process("cat & wait", { input = "x", process_group = true })
end)

torture("a pipeline, cancelled at each wait", function()
  anyio.pipeline({ { "cat" }, { "cat" } }, { input = "x" })
end)

torture("os.execute, cancelled at each wait", function() os.execute "true" end)

torture("io.popen and its lines, cancelled at each wait", function()
  local file <close> = io.popen "echo one; sleep 0.001; echo two"
  local text = ""
  for line in file:lines() do text = text .. line end
  t.eq(text, "onetwo")
  file:close()
end)

torture("io.popen and a full pipe, cancelled at each wait", function()
  local file <close> = io.popen("sleep 0.001; cat >/dev/null", "w")
  file:write(("x"):rep(100000))
  file:flush()
  t.eq(file:close(), true)
end)

torture("a receiver of signals, cancelled at each wait", function()
  local signals <close> = anyio.open_signal_receiver "SIGUSR1"
  os.execute "kill -USR1 $PPID"
  t.eq(signals(), "SIGUSR1")
end)
