--- Child processes, as trio has them.

local anyio = require "anyio"
local t = require "harness"
local trio = require "trio"

local open, run_process = trio.lowlevel.open_process, trio.run_process
local PIPE <const> = trio.PIPE

t.test("[TR-PROC-01] a program is run to its end", function()
  local result = run_process({ "tee", "/dev/stderr" },
    { stdin = "hello", capture_stdout = true, capture_stderr = true })
  t.eq(result.args, { "tee", "/dev/stderr" })
  t.eq({ result.returncode, result.stdout, result.stderr }, { 0, "hello", "hello" })
  result = run_process { "true" }
  t.eq({ result.returncode, result.stdout, result.stderr }, { 0 })
end)

t.test("[TR-PROC-02] the program reads nothing unless it is given something", function()
  t.eq(run_process({ "cat" }, { capture_stdout = true }).stdout, "")
  local file <close> = io.tmpfile()
  file:write "from a file"
  file:seek "set"
  t.eq(run_process({ "cat" }, { stdin = file, capture_stdout = true }).stdout, "from a file")
  t.eq(run_process({ "true" }, { stdin = false }).returncode, 0)
end)

t.test("[TR-PROC-03 D-53] a program that fails is an error, unless it is not", function()
  local err = t.raises(anyio.CalledProcessError, run_process, "echo out; echo err >&2; exit 3",
    { shell = true, capture_stdout = true, capture_stderr = true })
  t.eq({ err.returncode, err.stdout, err.stderr }, { 3, "out\n", "err\n" })
  t.eq(run_process({ "false" }, { check = false }).returncode, 1)
end)

t.test("[TR-PROC-04] pipes nobody is at are refused, and capturing what goes elsewhere", function()
  for _, name in ipairs { "stdin", "stdout", "stderr" } do
    t.raises(anyio.ValueError, run_process, { "true" }, { [name] = PIPE })
  end
  t.raises(anyio.ValueError, run_process, { "true" },
    { stdout = trio.DEVNULL, capture_stdout = true })
  t.raises(anyio.ValueError, run_process, { "true" },
    { stderr = trio.STDOUT, capture_stderr = true })
end)

t.test("[TR-PROC-05] a program that closes its input early does not fail the call", function()
  local result = run_process({ "sh", "-c", "exec 0<&-; sleep 0.02" },
    { stdin = ("x"):rep(1 << 20) })
  t.eq(result.returncode, 0)
end)

t.test("[TR-PROC-06] start() gives the running process, its failure is the nursery's", function()
  local seen
  local err = t.group(trio.open_nursery, function(nursery)
    local process = nursery:start(run_process, { "sh", "-c", "read x; exit $x" },
      { stdin = PIPE })
    seen = process.returncode
    process.stdin:send_all "7\n"
  end)
  t.eq(seen, nil)
  t.eq(err.exceptions[1].returncode, 7)
  trio.open_nursery(function(nursery)
    t.match(tostring(nursery:start(run_process, { "true" })), "trio.Process 'true'")
  end)
end)

t.test("[TR-PROC-07 D-52] cancelled: SIGTERM, and its end is waited for", function()
  local process
  local scope = trio.CancelScope()
  scope(function()
    trio.open_nursery(function(nursery)
      process = nursery:start(run_process, { "sleep", "100" })
      scope:cancel()
    end)
  end)
  t.ok(scope.cancelled_caught)
  t.eq(process.returncode, -15)
end)

t.test("[TR-PROC-07] one that ignores SIGTERM is killed after five seconds, with a warning",
  { mock_clock = true }, function()
    local process
    trio.open_nursery(function(nursery)
      process = nursery:start(run_process,
        { "sh", "-c", "trap '' TERM; echo; while :; do sleep 1; done" }, { stdout = PIPE })
      process.stdout:receive_some()
      nursery.cancel_scope:cancel()
    end)
    t.eq(process.returncode, -9)
  end)

t.test("[TR-PROC-08] deliver_cancel takes the place of that, and is itself cancelled", function()
  local log = t.log()
  local process
  trio.move_on_after(0.02, function()
    trio.open_nursery(function(nursery)
      process = nursery:start(run_process, { "sleep", "100" }, {
        deliver_cancel = function(one)
          one:send_signal "SIGUSR1"
          log "sent"
          local ok, err = pcall(trio.sleep_forever)
          log(ok, anyio.isinstance(err, trio.Cancelled))
          error(err, 0)
        end,
      })
      trio.sleep_forever()
    end)
  end)
  t.eq(log.items, { "sent", false, true })
  t.eq(process.returncode, -10)
end)

t.test("[TR-PROC-08] its error is raised, with the program ended first", function()
  local err = t.group(trio.move_on_after, 0.02, function()
    run_process({ "sleep", "100" }, {
      deliver_cancel = function(one)
        one:terminate()
        error(anyio.ValueError "custom")
      end,
    })
  end)
  t.eq(#err:leaves(), 1)
  t.isa(err:leaves()[1], anyio.ValueError)
end)

t.test("[TR-PROC-09] a terminate() that fails only warns", function()
  local process = open { "sleep", "100" }
  local calls = t.log()
  function process:terminate()
    calls "terminate"
    self:kill()
    error(anyio.OSError "no permission")
  end
  local scope = trio.move_on_after(0.01, function()
    require("trio.process").deliver_cancel(process)
  end)
  t.ok(scope.cancelled_caught)
  t.eq(process:wait(), -9)
  t.eq(calls.items, { "terminate" })
end)

t.test("[TR-PROC-10] a process that nobody looks after", function()
  local process = open({ "cat" }, { stdin = PIPE, stdout = PIPE })
  t.eq(process.stderr, nil)
  t.eq(process.args, { "cat" })
  process.stdio:send_all "hello"
  t.eq(process.stdio:receive_some(), "hello")
  process.stdin:wait_send_all_might_not_block()
  t.eq(process:poll(), nil)
  process.stdio:send_eof()
  t.eq(process.stdout:receive_some(), "")
  t.eq(process:wait(), 0)
  t.eq(process:poll(), 0)
  process.stdio:aclose()
  t.raises(trio.ClosedResourceError, process.stdin.send_all, process.stdin, "x")
  local other = open { "true" }
  t.eq(other.stdio, nil)
  other:wait()
end)

t.test("[TR-PROC-11] returncode is current without a wait; negative when a signal killed it", function()
  local process = open { "sleep", "100" }
  t.eq(process.returncode, nil)
  process:kill()
  for _ = 1, 2000 do
    if process.returncode then break end
    trio.sleep(0.001)
  end
  t.eq(process.returncode, -9)
end)

t.test("[TR-PROC-12] many tasks wait, and cancelling one hurts no other", function()
  local n = 0
  local process = open({ "cat" }, { stdin = PIPE, stdout = trio.DEVNULL })
  trio.open_nursery(function(nursery)
    for i = 1, 6 do
      nursery:start_soon(function()
        if i > 3 then
          t.ok(trio.move_on_after(0, function() process:wait() end).cancelled_caught)
        else
          t.eq(process:wait(), 0)
          n = n + 1
        end
      end)
    end
    trio.testing.wait_all_tasks_blocked()
    process.stdin:close()
  end)
  t.eq(n, 3)
end)

t.test("[TR-PROC-13] standard error goes where standard output goes", function()
  local result = run_process("echo 1; echo 2 >&2; echo 3",
    { shell = true, capture_stdout = true, stderr = trio.STDOUT })
  t.eq(result.stdout, "1\n2\n3\n")
end)

t.test("[TR-PROC-14] what has no meaning is refused", function()
  t.raises(anyio.TypeError, run_process, "ls")
  t.raises(anyio.TypeError, run_process, { "ls" }, { shell = true })
  t.raises(anyio.TypeError, open, { "ls" }, { encoding = "utf-8" })
  t.raises(anyio.TypeError, open, { "ls" }, { text = true })
end)

t.test("[TR-PROC-16] spawning that fails leaves nothing open", function()
  for _ = 1, 20 do
    t.raises(anyio.OSError, open, { "/no/such/program" },
      { stdin = PIPE, stdout = PIPE, stderr = PIPE })
  end
end)

t.test("[TR-PROC-17] the child is in our process group", function()
  local function group(pid)
    return run_process({ "ps", "-o", "pgid=", "-p", pid }, { capture_stdout = true }).stdout
  end
  local process = open({ "cat" }, { stdin = PIPE })
  local ours = run_process("ps -o pgid= -p $PPID", { shell = true, capture_stdout = true }).stdout
  t.eq(group(process.pid), ours)
  process:kill()
  process:wait()
end)

t.test("[TR-PROC-18] a process says what it is", function()
  local process = open({ "cat" }, { stdin = PIPE })
  t.match(tostring(process), "running with PID " .. process.pid)
  process.stdin:close()
  process:wait()
  t.match(tostring(process), "'cat': exited with status 0")
  process = open { "sleep", "100" }
  process:kill()
  process:wait()
  t.match(tostring(process), "'sleep 100': exited with signal 9")
end)
