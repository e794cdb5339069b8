--- Programs that are talked to while they run.

local anyio = require "anyio"
local t = require "harness"

local open = anyio.open_process

t.test("a program is written to and read from", function()
  local cat <close> = open { "cat" }
  cat.stdin:send "hello"
  t.eq(cat.stdout:receive(), "hello")
  cat.stdin:aclose()
  t.raises(anyio.EndOfStream, cat.stdout.receive, cat.stdout)
  t.eq(cat:wait(), 0)
end)

t.test("a program's output is a stream to iterate over", function()
  local seq <close> = open("seq 3", { stdin = anyio.DEVNULL })
  local text = ""
  for chunk in seq.stdout do text = text .. chunk end
  t.eq(text, "1\n2\n3\n")
  t.ok(anyio.isinstance(seq.stdout, anyio.abc.ByteReceiveStream))
  t.ok(anyio.isinstance(seq, anyio.abc.Process))
  t.eq(seq.stdin, nil)
end)

t.test("[SP-10] wait() answers although a grandchild keeps the pipe open", function()
  local sh <close> = open("sleep 100 & echo $!; exec 0<&- ; exit 7")
  local pid = math.tointeger(tonumber(sh.stdout:receive()))
  t.eq(sh:wait(), 7)
  anyio.run_process { "kill", pid }
end)

t.test("[SP-11] returncode is nil until the end is known", function()
  local cat <close> = open { "cat" }
  t.eq(cat.returncode, nil)
  t.match(tostring(cat), "^<Process 'cat': running with pid %d+>$")
  cat:terminate()
  t.eq(cat:wait(), -15)
  t.eq(cat.returncode, -15)
  t.eq(tostring(cat), "<Process 'cat': died of SIGTERM>")
end)

t.test("[SP-11] returncode is known without a wait", function()
  local program <close> = open({ "true" }, { stdin = false, stderr = false })
  t.raises(anyio.EndOfStream, program.stdout.receive, program.stdout)
  for _ = 1, 1000 do
    if program.returncode then break end
    anyio.sleep(0.001)
  end
  t.eq(program.returncode, 0)
end)

t.test("[SP-12] signals: terminate, kill, send_signal", function()
  for name, status in pairs { SIGTERM = -15, SIGKILL = -9, SIGUSR1 = -10 } do
    local cat <close> = open { "cat" }
    if name == "SIGTERM" then cat:terminate()
    elseif name == "SIGKILL" then cat:kill()
    else cat:send_signal(name) end
    t.eq(cat:wait(), status)
  end
  local cat <close> = open { "cat" }
  cat:send_signal(2)
  t.eq(cat:wait(), -2)
  t.raises(anyio.ValueError, cat.send_signal, cat, "SIGNONE")
  t.raises("bad argument #1 to 'send_signal'", cat.send_signal, cat)
end)

t.test("[SP-12] a program that has ended hears no signal, and that is no error", function()
  local program <close> = open { "true" }
  program:wait()
  program:terminate()
  program:kill()
  t.eq(program.returncode, 0)
end)

t.test("[SP-13] less than a byte cannot be asked for", function()
  local cat <close> = open { "cat" }
  t.raises(anyio.ValueError, cat.stdout.receive, cat.stdout, 0)
  cat.stdin:send "abc"
  t.eq(cat.stdout:receive(2), "ab")
  t.eq(cat.stdout:receive(2), "c")
end)

t.test("[SP-14 SP-18] leaving the block closes the pipes and waits", function()
  local kept
  do
    local cat <close> = open { "cat" }
    kept = cat
  end
  t.eq(kept.returncode, 0)
  t.raises(anyio.ClosedResourceError, kept.stdout.receive, kept.stdout)
end)

t.test("[SP-15 SP-16] leaving it by cancellation kills and reaps, and closes the pipes", function()
  local kept
  local scope = anyio.CancelScope()
  scope(function()
    local program <close> = open { "sleep", "100" }
    kept = program
    scope:cancel()
    anyio.sleep(1)
  end)
  t.ok(scope.cancelled_caught)
  t.eq(kept.returncode, -9)
  t.raises(anyio.ClosedResourceError, kept.stdin.send, kept.stdin, "x")
  t.raises(anyio.ClosedResourceError, kept.stdout.receive, kept.stdout)
  t.raises(anyio.ClosedResourceError, kept.stderr.receive, kept.stderr)
end)

t.test("[SP-15] cancelled while it is being closed it is killed", function()
  local kept
  local scope = anyio.move_on_after(0.05, function()
    local program <close> = open({ "sleep", "100" }, { stdin = false })
    kept = program
  end)
  t.ok(scope.cancelled_caught)
  t.eq(kept.returncode, -9)
end)

t.test("[SP-15] an error of another task kills it, too", function()
  local kept
  t.group(anyio.create_task_group, function(tg)
    tg:start_soon(function()
      anyio.sleep(0.01)
      error "oops"
    end)
    local program <close> = open({ "sleep", "100" })
    kept = program
    program:wait()
  end)
  t.eq(kept.returncode, -9)
end)

t.test("a program that ignores SIGTERM is killed all the same", function()
  local sh <close> = open { "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done" }
  sh.stdout:receive()
  sh:terminate()
  local scope = anyio.move_on_after(0.05, function() sh:wait() end)
  t.ok(scope.cancelled_caught)
  t.eq(sh.returncode, nil)
  sh:kill()
  t.eq(sh:wait(), -9)
end)

t.test("[SP-17] once it ended: BrokenResourceError and EndOfStream", function()
  local program <close> = open { "true" }
  program:wait()
  t.raises(anyio.EndOfStream, program.stdout.receive, program.stdout)
  local err = t.raises(anyio.BrokenResourceError, program.stdin.send, program.stdin, "x")
  t.eq(err.code, "EPIPE")
  t.eq(err.message, "a pipe: Broken pipe")
  t.eq(err.cause.name, "OSError")
  program.stdin:aclose()
  t.raises(anyio.ClosedResourceError, program.stdin.send, program.stdin, "x")
end)

t.test("[SP-19] closing stdout while another task reads it", function()
  anyio.create_task_group(function(tg)
    local cat <close> = open { "cat" }
    tg:start_soon(function()
      t.raises(anyio.ClosedResourceError, cat.stdout.receive, cat.stdout)
    end)
    anyio.wait_all_tasks_blocked()
    cat.stdout:aclose()
  end)
end)

t.test("[SP-20] send looks for a cancellation before it writes; closing is a checkpoint", function()
  local cat <close> = open { "cat" }
  local scope = anyio.CancelScope()
  scope(function()
    scope:cancel()
    cat.stdin:send "not sent"
  end)
  t.ok(scope.cancelled_caught)
  cat.stdin:send "sent"
  t.eq(cat.stdout:receive(), "sent")
  scope = anyio.CancelScope()
  scope(function()
    scope:cancel()
    cat.stdin:aclose()
  end)
  t.ok(scope.cancelled_caught)
  t.raises(anyio.ClosedResourceError, cat.stdin.send, cat.stdin, "x")
end)

t.test("[SP-21] closing one that is stuck in a full pipe lets it end", function()
  local kept
  do
    local yes <close> = open({ "yes" }, { stdin = false })
    kept = yes
    yes.stdout:receive()
  end
  t.eq(kept.returncode, -13)
end)

t.test("two tasks at one end of a pipe: the second is told", function()
  anyio.create_task_group(function(tg)
    local cat <close> = open { "cat" }
    local read = anyio.Event()
    tg:start_soon(function()
      t.eq(cat.stdout:receive(), "x")
      read:set()
    end)
    anyio.wait_all_tasks_blocked()
    t.raises(anyio.BusyResourceError, cat.stdout.receive, cat.stdout)
    cat.stdin:send "x"
    read:wait()
  end)
end)

t.test("a cancelled read loses nothing, a cancelled write stops in the middle", function()
  local cat <close> = open { "cat" }
  t.ok(anyio.move_on_after(0.01, function() cat.stdout:receive() end).cancelled_caught)
  cat.stdin:send "abc"
  t.eq(cat.stdout:receive(), "abc")
  local scope = anyio.move_on_after(0.05, function()
    cat.stdin:send(("x"):rep(1 << 20)) -- nobody reads: the pipes fill
  end)
  t.ok(scope.cancelled_caught)
end)

t.test("many tasks wait for one program", function()
  local n = 0
  anyio.create_task_group(function(tg)
    local cat <close> = open { "cat" }
    for i = 1, 20 do
      tg:start_soon(function()
        if i % 4 == 0 then
          anyio.move_on_after(0.001, function() cat:wait() end)
        else
          t.eq(cat:wait(), 0)
          n = n + 1
        end
      end)
    end
    anyio.sleep(0.02)
    cat.stdin:aclose()
    t.eq(cat:wait(), 0)
  end)
  t.eq(n, 15)
end)

t.test("waiting for a program is no deadlock, and ends none", function()
  local program <close> = open({ "sleep", "0.05" }, { stdin = false, stdout = false })
  t.eq(program:wait(), 0)
end)

t.test("a program that nobody has any more goes on, and is reaped", function()
  local file = os.tmpname()
  open("sleep 0.02; echo done > " .. file, { stdin = false, stdout = false, stderr = false })
  collectgarbage()
  collectgarbage()
  for _ = 1, 2000 do
    local handle <close> = io.open(file)
    if handle:read() == "done" then break end
    anyio.sleep(0.001)
  end
  local handle <close> = io.open(file)
  t.eq(handle:read(), "done")
  os.remove(file)
  anyio.sleep(0.02)
  anyio.run_process { "true" }
end)

t.test("a program of a run that is over", { plain = true }, function()
  local kept
  t.run(function() -- it reads to the end, then waits to be told to go on
    kept = open({ "sh", "-c", "cat; kill -STOP $$" }, { stdout = false, stderr = false })
  end)
  t.run(function()
    t.raises(anyio.RuntimeError, kept.wait, kept)
    t.raises(anyio.ClosedResourceError, kept.stdin.send, kept.stdin, "x")
    for _ = 1, 2000 do
      if kept.returncode then break end
      kept:send_signal "SIGCONT"
      anyio.sleep(0.001)
    end
    t.eq(kept.returncode, 0)
  end)
end)

t.test("1000 programs at once", { slow = true }, function()
  local n = 0
  anyio.create_task_group(function(tg)
    for _ = 1, 1000 do
      tg:start_soon(function()
        local program <close> =
          open({ "cat" }, { stdout = false, stderr = anyio.DEVNULL })
        anyio.sleep(0)
        program.stdin:aclose()
        t.eq(program:wait(), 0)
        n = n + 1
      end)
    end
  end)
  t.eq(n, 1000)
end)
