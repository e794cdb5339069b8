--- Files: what goes wrong, and what is left then.

local anyio = require "anyio"
local scratch = require "scratch"
local t = require "harness"

local test = scratch.test

test("a full disk is told by who writes, and the file closes all the same", function()
  local file = anyio.open_file("/dev/full", "w")
  t.eq(file:write("x"), 1)
  t.eq(t.raises(anyio.OSError, file.flush, file).code, "ENOSPC")
  local big = ("x"):rep(100000)
  t.eq(t.raises(anyio.OSError, file.write, file, big).code, "ENOSPC")
  t.eq(t.raises(anyio.OSError, file.write, file, "y").code, "ENOSPC")
  t.eq(t.raises(anyio.OSError, file.close, file).code, "ENOSPC")
  t.eq(file.closed, true)
  t.eq(t.raises(anyio.OSError, anyio.Path("/dev/full").write_bytes,
    anyio.Path "/dev/full", "x").code, "ENOSPC")
  local stream = require("anyio.streams.file").FileWriteStream.from_path("/dev/full")
  local err = t.raises(anyio.BrokenResourceError, function()
    for _ = 1, 10 do stream:send(big) end
  end)
  t.eq(err.cause.code, "ENOSPC")
  t.raises(anyio.OSError, stream.aclose, stream)
end)

test("a full disk where a file system has its limit", function(dir)
  local root = tostring(dir)
  if not os.execute(("mount -t tmpfs -o size=64k none '%s' 2>/dev/null"):format(root)) then
    t.skip "mounting is not allowed here"
  end
  local path, data = dir / "big", ("x"):rep(200000)
  local ok, err = pcall(path.write_bytes, path, data)
  local size = path:stat().st_size
  local copied, why = pcall(path.copy, path, dir / "copy")
  os.execute(("umount '%s'"):format(root))
  t.eq(ok, false)
  t.eq(err.code, "ENOSPC")
  t.ok(size <= 65536)
  t.eq(copied, false)
  t.eq(why.code, "ENOSPC")
end)

test("a file that vanishes can be read to its end", function(dir)
  local path = dir / "a"
  path:write_text("still here")
  local file <close> = anyio.open_file(path)
  path:unlink()
  t.eq(file:read(), "still here")
  t.eq(t.raises(anyio.OSError, path.read_text, path).code, "ENOENT")
  t.eq(t.raises(anyio.OSError, path.stat, path).code, "ENOENT")
end)

test("a folder that vanishes while it is walked", function(dir)
  (dir / "a" / "b"):mkdir { parents = true };
  (dir / "c"):mkdir()
  local errors, seen = {}, 0
  for folder in dir:walk { on_error = function(e) errors[#errors + 1] = e end } do
    seen = seen + 1
    if folder == dir then
      (dir / "a" / "b"):rmdir();
      (dir / "a"):rmdir()
    end
  end
  t.eq(seen, 2)
  t.eq(#errors, 1)
  t.eq(errors[1].code, "ENOENT")
end)

test("what is no folder, and what is one", function(dir)
  local file = dir / "file"
  file:touch()
  t.eq(t.raises(anyio.OSError, file.iterdir, file).code, "ENOTDIR")
  t.eq(t.raises(anyio.OSError, (file / "x").touch, file / "x").code, "ENOTDIR")
  t.eq(t.raises(anyio.OSError, dir.unlink, dir).code, "EISDIR")
  t.eq(t.raises(anyio.OSError, file.rmdir, file).code, "ENOTDIR")
  t.eq(t.raises(anyio.OSError, file.mkdir, file, { exist_ok = true }).code, "EEXIST")
  t.eq(t.raises(anyio.OSError, dir.read_bytes, dir).code, "EISDIR")
  t.eq((file / "x"):exists(), false)
end)

test("names with newlines and bytes that are no UTF-8", function(dir)
  local names = { "a\nb", "\xFF\xFE", "tab\there", " ", "-rf", "*", "é", "[x]", "..." }
  for _, name in ipairs(names) do (dir / name):write_text(name) end
  local found = {}
  for path in dir:iterdir() do
    t.eq(path:read_text(), path.name)
    found[#found + 1] = path.name
  end
  table.sort(found)
  table.sort(names)
  t.eq(found, names)
  t.eq(scratch.below(dir, dir:glob "?"), { " ", "*", "é" })
  t.eq(scratch.below(dir, dir:glob "??"), { "\xFF\xFE" })
  t.eq(scratch.below(dir, dir:glob "[[]x]"), { "[x]" })
end)

test("permissions count for those whom they bind", function(dir)
  local path = dir / "secret"
  path:write_text("x")
  path:chmod(0)
  t.eq(path:stat().st_mode & 511, 0)
  if anyio.Path("/proc/self/status"):read_text():find "Uid:%s+%d+%s+0%s" then
    t.skip "root may read everything"
  end
  t.eq(t.raises(anyio.OSError, path.read_text, path).code, "EACCES")
end)

test("permissions stop who is not root: files, folders, cleaning up", { slow = true }, function(dir)
  if not os.execute("setpriv --reuid=65534 true 2>/dev/null") then
    t.skip "cannot become another user here"
  end
  dir:chmod(511) -- all may write to it
  local script = dir / "script.lua"
  script:write_text [[
    local anyio = require "anyio"
    local dir = anyio.Path(arg[1])
    local function code(f, ...)
      local ok, err = pcall(f, ...)
      return ok and "ok" or err.code
    end
    local path = dir / "mine"
    path:write_text "x"
    path:chmod(0)
    print(code(path.read_text, path), code(anyio.open_file, path), path:exists())
    local shut = dir / "shut"
    shut:mkdir();
    (shut / "in"):touch()
    shut:chmod(0)
    print(code(shut.iterdir, shut), (shut / "in"):exists(), code((shut / "in").stat, shut / "in"))
    local found = 0
    for _ in dir:rglob "in" do found = found + 1 end
    print(found)
    local temp = anyio.TemporaryDirectory { dir = dir }
    local inner = anyio.Path(temp.name, "a")
    inner:mkdir();
    (inner / "b"):touch()
    inner:chmod(0)
    temp:cleanup()
    print(inner:exists(), anyio.Path(temp.name):exists())
    shut:chmod(448)
  ]]
  local pipe = io.popen(("setpriv --reuid=65534 --clear-groups '%s' --backend=%s '%s' '%s' 2>&1")
    :format(os.getenv "ANYRUN" or arg[-1], t.backend, script, dir))
  local output = pipe:read("a")
  pipe:close()
  if output:find "[Pp]ermission denied" and not output:find "EACCES" then
    t.skip "the program cannot be read by another user here"
  end
  t.eq(output, "EACCES\tEACCES\ttrue\nEACCES\tfalse\tEACCES\n0\nfalse\tfalse\n")
end)

test("a huge folder is listed, matched and removed", { slow = true }, function(dir)
  local big = dir / "big"
  big:mkdir()
  os.execute(("cd '%s' && seq 1 20000 | xargs touch"):format(big))
  local n = 0
  for _ in big:iterdir() do n = n + 1 end
  t.eq(n, 20000)
  n = 0
  for _ in big:glob "*99" do n = n + 1 end
  t.eq(n, 200)
end)

test("a tree deeper than there are descriptors is removed", { slow = true }, function(dir)
  local deep = anyio.TemporaryDirectory { dir = dir }
  os.execute(("cd '%s' && i=0; while [ $i -lt 1500 ]; do mkdir d && cd d || exit; : > f; i=$((i+1)); done")
    :format(deep.name))
  deep:cleanup()
  t.eq(anyio.Path(deep.name):exists(), false)
end)

test("removing a tree follows no link", function(dir)
  local kept = dir / "kept"
  kept:mkdir();
  (kept / "file"):touch()
  anyio.TemporaryDirectory({ dir = dir }, function(path)
    (anyio.Path(path) / "link"):symlink_to(kept)
    anyio.Path(path, "dangling"):symlink_to("nowhere")
  end)
  t.eq((kept / "file"):exists(), true)
end)

test("an unwritable folder for temporary files is told", function(dir)
  local missing = dir / "none"
  t.eq(t.raises(anyio.OSError, anyio.mkdtemp, { dir = missing }).code, "ENOENT")
  t.eq(t.raises(anyio.OSError, anyio.mkstemp, { dir = missing }).code, "ENOENT")
  t.eq(t.raises(anyio.OSError, anyio.TemporaryFile, { dir = missing }).code, "ENOENT")
  t.raises(anyio.ValueError, anyio.mkdtemp, { prefix = "a/b" })
  t.raises(anyio.TypeError, anyio.mkstemp, { sufix = "x" })
end)
