--- Programs that are run to their end.

local anyio = require "anyio"
local t = require "harness"

local run_process = anyio.run_process

t.test("[SP-01] a program's output and status come back", function()
  local result = run_process({ "cat" }, { input = "hello\n" })
  t.eq(result.returncode, 0)
  t.eq(result.stdout, "hello\n")
  t.eq(result.stderr, "")
  t.eq(result.args, { "cat" })
  t.eq(tostring(result), "<CompletedProcess 'cat': returned exit status 0>")
end)

t.test("[SP-02] a string goes to the shell, a list is run as it is", function()
  t.eq(run_process("echo $((1 + 1)) | cat").stdout, "2\n")
  t.eq(run_process({ "echo", "$((1 + 1)) | cat", 7 }).stdout, "$((1 + 1)) | cat 7\n")
end)

t.test("[SP-03] a program that fails raises, and the error says it all", function()
  local err = t.raises(anyio.CalledProcessError, run_process,
    "echo out; echo 'no such branch' >&2; exit 3")
  t.eq(err.returncode, 3)
  t.eq(err.stdout, "out\n")
  t.eq(err.stderr, "no such branch\n")
  t.eq(err.cmd, "echo out; echo 'no such branch' >&2; exit 3")
  t.eq(err.message, "command 'echo out; echo 'no such branch' >&2; exit 3' "
    .. "returned exit status 3\n  no such branch")
end)

t.test("[SP-03] the error shows the end of a long standard error", function()
  local err = t.raises(anyio.CalledProcessError, run_process,
    "seq 1 5000 >&2; exit 1")
  t.match(err.message, "  4991\n.*  5000$")
  t.no(err.message:find("4990", 1, true))
  t.eq(#err.stderr, 23893)
end)

t.test("[SP-03] without check a failure is a result", function()
  local result = run_process({ "sh", "-c", "exit 3" }, { check = false })
  t.eq(result.returncode, 3)
  t.raises(anyio.CalledProcessError, result.check_returncode, result)
end)

t.test("[SP-10] a program that a signal ends has its negated number", function()
  local result = run_process("kill -KILL $$", { check = false })
  t.eq(result.returncode, -9)
  local err = t.raises(anyio.CalledProcessError, run_process, "kill -TERM $$")
  t.match(err.message, "died of SIGTERM$")
end)

t.test("[SP-04] input together with stdin is refused, empty input is none", function()
  t.raises(anyio.ValueError, run_process, { "cat" }, { input = "x", stdin = false })
  local result = run_process({ "cat" }, { input = "", stdin = anyio.DEVNULL })
  t.eq(result.stdout, "")
end)

t.test("[SP-05] megabytes in and out do not stand in each other's way", function()
  local input = ("0123456789abcde\n"):rep(1 << 17)
  local result = run_process("tee /dev/stderr", { input = input })
  t.ok(result.stdout == input)
  t.ok(result.stderr == input)
end)

t.test("a program that does not read its input is no error", function()
  local result = run_process({ "true" }, { input = ("x"):rep(1 << 20) })
  t.eq(result.returncode, 0)
end)

t.test("[SP-06] streams that are not captured are ours, or what was asked for", function()
  local result = run_process("echo x; echo y >&2", {
    stdout = anyio.DEVNULL, stderr = false,
    check = true, stdin = anyio.DEVNULL,
  })
  t.eq(result.stdout, nil)
  t.eq(result.stderr, nil)
end)

t.test("[SP-07] files and descriptors are written to and read from", function()
  local file <close> = assert(io.tmpfile())
  file:write "before\n"
  run_process("echo out; echo err >&2", { stdout = file, stderr = anyio.STDOUT })
  file:seek "set"
  t.eq(file:read "a", "before\nout\nerr\n")
  file:seek "set"
  t.eq(run_process({ "cat" }, { stdin = file }).stdout, "before\nout\nerr\n")
end)

t.test("[SP-07] standard error goes where standard output goes", function()
  local result = run_process("echo out; echo err >&2", { stderr = anyio.STDOUT })
  t.eq(result.stdout, "out\nerr\n")
  t.eq(result.stderr, nil)
end)

t.test("[SP-09] a program that is not there is an OSError with its name", function()
  local err = t.raises(anyio.OSError, run_process, { "no-such-program", "x" })
  t.eq(err.code, "ENOENT")
  t.eq(err.errno, 2)
  t.match(err.message, "'no%-such%-program'")
  err = t.raises(anyio.OSError, run_process, { "/etc/passwd" })
  t.eq(err.code, "EACCES")
  err = t.raises(anyio.OSError, run_process, { "true" }, { cwd = "/no/such/folder" })
  t.eq(err.code, "ENOENT")
  t.match(err.message, "folder '/no/such/folder'")
end)

t.test("arguments of the wrong kind are refused", function()
  t.raises("bad argument #1 to 'run_process' (string or list of strings expected,"
    .. " got no value)", run_process)
  t.raises(anyio.ValueError, run_process, {})
  t.raises("item 2: string expected, got boolean", run_process, { "echo", true })
  t.raises(anyio.ValueError, run_process, { "echo", "a\0b" })
  t.raises(anyio.TypeError, run_process, "true", { shell = true })
  t.raises("option 'stdin'", run_process, "true", { stdin = "x" })
  t.raises("option 'stdout'", run_process, "true", { stdout = anyio.STDOUT })
  t.raises(anyio.ValueError, run_process, "true", { env = { ["a=b"] = "c" } })
  t.raises(anyio.ValueError, run_process, "true", { env = { a = true } })
  t.raises(anyio.ValueError, run_process, "true", { pass_fds = { "x" } })
  t.raises(anyio.ValueError, run_process, "true", { user = "no such user" })
  t.raises(anyio.ValueError, run_process, "true", { group = "no such group" })
  t.raises(anyio.TypeError, run_process, "true", { extra_groups = { true } })
end)

t.test("[SP-15] cancelling kills the program and leaves no zombie", function()
  local scope = anyio.move_on_after(0.05, function() run_process { "sleep", "100" } end)
  t.ok(scope.cancelled_caught)
end)

t.test("[SP-15] a cancelled task starts no program", function()
  local scope = anyio.CancelScope()
  scope(function()
    scope:cancel()
    run_process { "sleep", "100" }
  end)
  t.ok(scope.cancelled_caught)
end)

t.test("many programs at once", function()
  local n = 0
  anyio.create_task_group(function(tg)
    for i = 1, 50 do
      tg:start_soon(function()
        t.eq(run_process({ "echo", i }).stdout, i .. "\n")
        n = n + 1
      end)
    end
  end)
  t.eq(n, 50)
end)

t.test("values of the right type that are wrong are ValueErrors", function()
  for wanted, opts in pairs {
    ["option 'umask' is from 0 to 511 (octal 777), not 512"] = { umask = 512 },
    ["option 'stdout': a descriptor is at least 0, not -5"] = { stdout = -5 },
    ["option 'user': a number is at least 0, not -1"] = { user = -1 },
    ["option 'group': a number is at least 0, not -1"] = { group = -1 },
    ["extra_groups: a number is at least 0, not -1"] = { extra_groups = { -1 } },
    ["option 'grace' is at least 0, not -1"] = { grace = -1, process_group = true },
    ["option 'grace' is for a process group: process_group = true"] = { grace = 1 },
  } do
    t.isa(t.raises(wanted, run_process, "true", opts), anyio.ValueError)
  end
  run_process("true", { grace = 1, process_group = false })
end)

t.test("[SP-02] a list with a gap, or with options in it, is refused", function()
  t.raises("item 2: string expected, got nil", run_process, { "echo", nil, "x" })
  t.raises("a list of strings has no field 'cwd'; options are a table of their own",
    run_process, { "pwd", cwd = "/" })
end)

t.test("[SP-02] a path is run as it is", function()
  local folder <const> = anyio.Path(anyio.mkdtemp())
  local program = folder / "a program"
  program:write_text "#!/bin/sh\necho it ran\n"
  program:chmod(448)
  local result = run_process(program)
  t.eq(result.stdout, "it ran\n")
  t.match(tostring(result), "a program'': returned exit status 0>$")
  program:unlink()
  folder:rmdir()
end)
