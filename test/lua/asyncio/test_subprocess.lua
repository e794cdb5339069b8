--- Child processes, as asyncio has them.

local anyio = require "anyio"
local asyncio = require "asyncio"
local t = require "harness"

local exec, shell = asyncio.create_subprocess_exec, asyncio.create_subprocess_shell
local PIPE <const> = asyncio.subprocess.PIPE

t.test("[AS-PROC-01] a program with its arguments, or a command of the shell", function()
  local process = exec("cat", { stdin = PIPE, stdout = PIPE })
  process.stdin:write "some data"
  process.stdin:close()
  t.eq(process.stdout:read(), "some data")
  t.eq(process:wait(), 0)
  t.eq(process.stderr, nil)
  process = shell("exit 7")
  t.eq(process:wait(), 7)
  process = exec("sh", "-c", "echo out; echo err >&2",
    { stdout = PIPE, stderr = asyncio.subprocess.STDOUT, stdin = asyncio.subprocess.DEVNULL })
  t.eq(process.stdout:read(), "out\nerr\n")
  t.eq(process:wait(), 0)
end)

t.test("[AS-PROC-02] communicate feeds, reads and waits", function()
  local process = exec("tee", "/dev/stderr", { stdin = PIPE, stdout = PIPE, stderr = PIPE })
  local input = ("x"):rep(1 << 18)
  local out, err = process:communicate(input)
  t.ok(out == input and err == input)
  t.eq(process.returncode, 0)
end)

t.test("[AS-PROC-02 D-53] a status that is not 0 is only a status", function()
  local process = shell("echo x; kill -9 $$", { stdout = PIPE })
  t.eq(process.stdout:readline(), "x\n")
  t.eq(process:wait(), -9)
  t.eq(process.returncode, -9)
  t.match(tostring(process), "died of SIGKILL")
end)

t.test("[AS-PROC-02] terminate, kill, send_signal", function()
  for method, status in pairs { terminate = -15, kill = -9 } do
    local process = exec("sleep", 100)
    t.eq(process.returncode, nil)
    process[method](process)
    t.eq(process:wait(), status)
  end
  local process = exec("sleep", 100)
  process:send_signal "SIGHUP"
  t.eq(process:wait(), -1)
end)

t.test("[AS-PROC-03] communicate: a broken pipe is nothing, nil closes stdin", function()
  local process = exec("true", { stdin = PIPE })
  process:communicate(("x"):rep(1 << 18))
  t.eq(process.returncode, 0)
  process = exec("cat", { stdin = PIPE, stdout = PIPE })
  t.eq(process:communicate(), "")
end)

t.test("[AS-PROC-04] options about text are refused", function()
  for _, name in ipairs { "text", "encoding", "errors", "universal_newlines" } do
    t.raises(anyio.ValueError, exec, "true", { [name] = "x" })
    t.raises(anyio.ValueError, shell, "true", { [name] = "x" })
  end
  t.raises(anyio.TypeError, exec, "true", { shell = true })
end)

t.test("[AS-PROC-05 D-52] cancelling a wait or communicate leaves the child alive", function()
  local process = exec("cat", { stdin = PIPE, stdout = PIPE })
  t.raises(asyncio.TimeoutError, asyncio.wait_for, function() process:wait() end, 0.01)
  t.eq(process.returncode, nil)
  process.stdin:close()
  t.eq(process:wait(), 0)
  process = exec("sleep", "100", { stdout = PIPE })
  t.raises(asyncio.TimeoutError, asyncio.wait_for, function() process:communicate() end, 0.01)
  t.eq(process.returncode, nil)
  process:kill()
  process:wait()
end)

t.test("[AS-PROC-06] closing a running one kills it", function()
  local kept
  do
    local process <close> = exec("sleep", "100", { stdin = PIPE, stdout = PIPE })
    kept = process
  end
  t.eq(kept.returncode, -9)
end)

t.test("[AS-PROC-06] a task that is cancelled already starts nothing", function()
  local task = asyncio.create_task(function() exec("sleep", 100) end)
  task:cancel()
  t.raises(asyncio.CancelledError, task.await, task)
end)

t.test("[AS-PROC-07] many wait, and a signal to one that ended is ignored", function()
  local process = exec("cat", { stdin = PIPE })
  local waits = {}
  for i = 1, 5 do waits[i] = asyncio.create_task(function() return process:wait() end) end
  asyncio.sleep(0)
  process.stdin:close()
  for i = 1, 5 do t.eq(waits[i]:await(), 0) end
  process:send_signal "SIGHUP"
  process:terminate()
  process:kill()
  t.eq(process.returncode, 0)
end)

t.test("a program that is not there is an OSError", function()
  local err = t.raises(anyio.OSError, exec, "no-such-program", { stdin = PIPE, stdout = PIPE })
  t.eq(err.code, "ENOENT")
  t.raises("bad argument #1 to 'create_subprocess_exec'", exec)
end)

t.test("lines, the limit of the readers, and writing with drain", function()
  local process <close> = exec("cat", { stdin = PIPE, stdout = PIPE, limit = 16 })
  process.stdin:write "one\ntwo\n"
  process.stdin:drain()
  t.eq(process.stdout:readline(), "one\n")
  t.eq(process.stdout:readline(), "two\n")
  process.stdin:write(("x"):rep(100) .. "\n")
  t.raises(anyio.ValueError, process.stdout.readline, process.stdout)
end)
