--- What a program is given: folder, environment, session, user, descriptors.

local anyio = require "anyio"
local t = require "harness"

local run_process = anyio.run_process

local function out(cmd, opts) return run_process(cmd, opts).stdout end

t.test("[SP-08] cwd", function()
  t.eq(out({ "pwd" }, { cwd = "/" }), "/\n")
end)

t.test("[SP-08] env replaces ours", function()
  t.eq(out({ "/usr/bin/env" }, { env = { A = "1", B = 2 } }):gsub("[^\n]+\n", "#"), "##")
  t.match(out({ "/usr/bin/env" }, { env = { A = "x y" } }), "^A=x y\n$")
  t.match(out "echo $HOME$PATH", "/")
end)

t.test("the program is looked for in the PATH of env", function()
  local err = t.raises(anyio.OSError, run_process, { "cat" }, { env = { PATH = "/nowhere:" } })
  t.eq(err.code, "ENOENT")
  t.eq(out({ "echo", "x" }, { env = {} }), "x\n")
end)

t.test("[SP-08] start_new_session", function()
  local pid, sid = out("echo $$ $(ps -o sid= -p $$)", { start_new_session = true })
    :match "(%d+) +(%d+)"
  t.eq(pid, sid)
  pid, sid = out "echo $$ $(ps -o sid= -p $$)":match "(%d+) +(%d+)"
  t.no(pid == sid)
end)

t.test("[SP-08] umask", function()
  t.eq(out("umask", { umask = 7 * 8 + 7 }), "0077\n")
end)

t.test("[SP-08] pass_fds; nothing else is inherited", function()
  local file <close> = assert(io.tmpfile())
  file:write "passed"
  file:seek "set"
  local number = require("_anyrun.pipe").file_number(file)
  t.eq(out("cat /dev/fd/" .. number, { pass_fds = { number } }), "passed")
  local open = out "ls /proc/self/fd"
  -- ls has the folder itself open
  t.eq(open, "0\n1\n2\n3\n")
  local err = t.raises(anyio.OSError, run_process, { "true" }, { pass_fds = { 999 } })
  t.eq(err.code, "EBADF")
  t.match(err.message, "pass_fds")
end)

t.test("descriptors may be given crosswise", function()
  local result = run_process("echo out; echo err >&2", { stdout = 2, stderr = anyio.PIPE })
  t.eq(result.stdout, nil)
  t.eq(result.stderr, "err\n")
  t.raises(anyio.OSError, run_process, "true", { stdout = 999 })
end)

local as_root = out { "id", "-u" } == "0\n"
local root = { skip = not as_root and "not root" or nil }

t.test("[SP-08] user, group, extra_groups", root, function()
  t.eq(out({ "id", "-u" }, { user = 65534 }), "65534\n")
  t.eq(out({ "id", "-u" }, { user = "nobody" }), "65534\n")
  t.eq(out({ "id", "-g" }, { group = 1 }), "1\n")
  t.eq(out({ "id", "-G" }, { group = "daemon", extra_groups = { 2, "sys" } }), "1 2 3\n")
  t.eq(out({ "id", "-G" }, { extra_groups = {} }), "0\n")
  t.eq(out({ "id", "-u" }), "0\n")
end)

t.test("[SP-08] as another user a missing program is reported, too", root, function()
  local err = t.raises(anyio.OSError, run_process, { "/no/such" }, { user = 65534 })
  t.eq(err.code, "ENOENT")
end)

t.test("one who may not change the user is told", { skip = as_root and "root may" or nil }, function()
  local err = t.raises(anyio.OSError, run_process, { "true" }, { user = 0, group = 0 })
  t.eq(err.code, "EPERM")
end)

t.test("signals are as a program expects them", function()
  local ignored <close> = anyio.open_signal_receiver("SIGUSR1", "SIGCHLD") -- luacheck: ignore
  local status = out { "cat", "/proc/self/status" }
  t.match(status, "SigBlk:\t0000000000000000\n")
  t.match(status, "SigCgt:\t0000000000000000\n")
  -- bit 12 is SIGPIPE
  local mask = tonumber(status:match "SigIgn:\t(%x+)", 16)
  t.eq(mask & (1 << 12), 0)
end)
