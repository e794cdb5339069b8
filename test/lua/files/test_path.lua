--- Path: what can be said without the disk, and what is asked of it.

local anyio = require "anyio"
local scratch = require "scratch"
local t = require "harness"

local Path = anyio.Path
local test = scratch.test

-- The public members of Python's pathlib.Path (3.14) but its module `parser` and
-- its cache `info`.
local MEMBERS <const> = [[
  absolute anchor as_posix as_uri chmod copy copy_into cwd drive exists expanduser
  from_uri full_match glob group hardlink_to home is_absolute is_block_device
  is_char_device is_dir is_fifo is_file is_junction is_mount is_relative_to
  is_reserved is_socket is_symlink iterdir joinpath lchmod lstat match mkdir move
  move_into name open owner parent parents parts read_bytes read_text readlink
  relative_to rename replace resolve rglob rmdir root samefile stat stem suffix
  suffixes symlink_to touch unlink walk with_name with_segments with_stem
  with_suffix write_bytes write_text]]

t.test("[FIO-09] every public member of the standard path class is there", function()
  local path = Path("a", "b.c")
  for name in MEMBERS:gmatch "%S+" do t.ok(path[name] ~= nil, name) end
end)

test("[FIO-10] paths made of a path keep its limiter and its class", function(dir)
  local limiter = anyio.CapacityLimiter(2)
  local Mine = Path.extend "Mine"
  local root = Mine(dir, { limiter = limiter })
  local file = root / "a.txt"
  file:touch();
  (root / "link"):symlink_to("a.txt")
  local made = {
    file, "x" / root, root:joinpath("a", "b"), file.parent, file.parents[1],
    file:with_name "b", file:with_stem "b", file:with_suffix ".b",
    file:relative_to(root), file:absolute(), file:resolve(),
    (root / "link"):readlink(), root:iterdir()(), root:glob("*.txt")(),
    root:rglob("a*")(), (root:walk()()), root:with_segments("q"),
    Mine("~", { limiter = limiter }):expanduser(), file:rename(root / "b.txt"),
    (root / "b.txt"):copy(root / "c.txt"), (root / "c.txt"):move(root / "d.txt"),
    Mine(file),
  }
  for i, path in ipairs(made) do
    t.ok(path.limiter == limiter, "limiter of number " .. i)
    t.ok(path.class == Mine, "class of number " .. i)
  end
  t.eq(limiter.borrowed_tokens, 0)
  t.eq(Path("a").limiter, nil)
end)

t.test("[FIO-11] text, equality, order", function()
  t.eq(tostring(Path("/x/y/../z/")), "/x/y/../z")
  t.eq(tostring(Path()), ".")
  t.eq(tostring(Path("a", "", ".", "b//c")), "a/b/c")
  t.eq(tostring(Path("//a")), "//a")
  t.eq(tostring(Path("///a")), "/a")
  t.eq(tostring(Path("a", "/b", "c")), "/b/c")
  t.eq("is " .. Path("a") .. "!", "is a!")
  t.ok(Path("a") == Path("a/"))
  t.ok(Path("a") ~= Path("A"))
  t.ok(Path("a") ~= "a")
  t.ok(Path("a") < Path("b") and Path("a/b") < Path("a.b") and Path("a") <= Path("a"))
  t.ok(Path("/") < Path("a") == ("/" < "a"))
  local texts = { [tostring(Path "a/b")] = true }
  t.eq(texts[tostring(Path("a") / "b")], true)
  t.raises(anyio.TypeError, function() return Path("a") < "b" end)
  t.raises("path expected, got number", Path, 1)
  t.raises("path expected, got nil", function() return Path("a") / nil end)
  t.raises(anyio.ValueError, Path, "a\0b")
  t.raises(anyio.TypeError, Path, "a", { limit = 1 })
end)

t.test("[FIO-12] parts, root, anchor, drive, name, stem, suffix, suffixes", function()
  local path = Path("/a/b/c.tar.gz")
  t.eq(path.parts, { "/", "a", "b", "c.tar.gz" })
  t.eq({ path.root, path.anchor, path.drive }, { "/", "/", "" })
  t.eq({ path.name, path.stem, path.suffix }, { "c.tar.gz", "c.tar", ".gz" })
  t.eq(path.suffixes, { ".tar", ".gz" })
  t.eq(tostring(path.parent), "/a/b")
  local parents = {}
  for i, parent in ipairs(path.parents) do parents[i] = tostring(parent) end
  t.eq(parents, { "/a/b", "/a", "/" })
  t.eq(tostring(Path("/").parent), "/")
  t.eq(tostring(Path("a").parent), ".")
  t.eq({ Path(".bashrc").stem, Path(".bashrc").suffix }, { ".bashrc", "" })
  t.eq(Path("a.").suffixes, {})
end)

t.test("[FIO-13] tests, patterns and URIs that need no disk", function()
  t.eq({ Path("/a"):is_absolute(), Path("a"):is_absolute() }, { true, false })
  t.eq(Path("con"):is_reserved(), false)
  t.eq(Path("/a/b"):is_relative_to("/a"), true)
  t.eq(Path("/a/b"):is_relative_to("/ab"), false)
  t.eq(Path("/a/b.py"):match("b.*"), true)
  t.eq(Path("/a/b.py"):match("/b.*"), false)
  t.eq(Path("/a/b.py"):match("/*/*.py"), true)
  t.eq(Path("a/b.py"):match("*.PY"), false)
  t.eq(Path("a/b.py"):match("*.PY", { case_sensitive = false }), true)
  t.eq(Path("a/b/c.py"):full_match("a/*.py"), false)
  t.eq(Path("a/b/c.py"):full_match("a/**/*.py"), true)
  t.eq(Path("a/c.py"):full_match("a/**/c.py"), true)
  t.eq(Path("/a/c.py"):full_match("**/*.py"), true)
  t.eq(Path("/c.py"):full_match("*.py"), false)
  t.raises(anyio.ValueError, Path.match, Path("a"), "")
  t.eq(Path("/a b/é"):as_uri(), "file:///a%20b/%C3%A9")
  t.raises(anyio.ValueError, Path("a").as_uri, Path("a"))
  t.eq(tostring(Path.from_uri "file:///a%20b/%C3%A9"), "/a b/é")
  t.eq(tostring(Path.from_uri "file://localhost/etc"), "/etc")
  t.raises(anyio.ValueError, Path.from_uri, "http://x/")
  t.raises(anyio.ValueError, Path.from_uri, "file:a")
  t.eq(Path("a/b"):as_posix(), "a/b")
end)

t.test("[FIO-14] with_name, with_stem, with_suffix", function()
  t.eq(tostring(Path("a/b.c"):with_name "d"), "a/d")
  t.eq(tostring(Path("a/b.c"):with_stem "d"), "a/d.c")
  t.eq(tostring(Path("a/b.c"):with_suffix ".d"), "a/b.d")
  t.eq(tostring(Path("a/b.c"):with_suffix ""), "a/b")
  t.eq(tostring(Path("a/b"):with_suffix ".d"), "a/b.d")
  t.raises(anyio.ValueError, Path.with_stem, Path("a/b.c"), "")
  t.raises(anyio.ValueError, Path.with_name, Path("/"), "x")
  t.raises(anyio.ValueError, Path.with_name, Path("a"), "x/y")
  t.raises(anyio.ValueError, Path.with_name, Path("a"), ".")
  t.raises(anyio.ValueError, Path.with_suffix, Path("a"), "b")
  t.raises(anyio.ValueError, Path.with_suffix, Path("a"), ".")
  t.raises(anyio.ValueError, Path.with_suffix, Path(""), ".b")
end)

t.test("[FIO-15] relative_to: below, and a sibling only by walking up", function()
  t.eq(tostring(Path("/a/b/c"):relative_to("/a")), "b/c")
  t.eq(tostring(Path("/a"):relative_to("/a")), ".")
  t.eq(tostring(Path("/a/b"):relative_to("/a/c", { walk_up = true })), "../b")
  local err = t.raises(anyio.ValueError, Path.relative_to, Path("/a/b"), "/a/c")
  t.eq(err.message, "'/a/b' is not in the subpath of '/a/c'")
  t.raises(anyio.ValueError, Path.relative_to, Path("/a"), "b", { walk_up = true })
  t.raises(anyio.ValueError, Path.relative_to, Path("a/b"), "a/../c", { walk_up = true })
end)

test("[FIO-16] cwd, home, absolute, expanduser, resolve", function(dir)
  t.ok(Path.cwd():samefile("."))
  t.ok(Path.cwd():is_absolute())
  t.eq(Path("x"):absolute(), Path.cwd() / "x")
  t.eq(Path("~/x"):expanduser(), Path.home() / "x")
  t.eq(Path("~root"):expanduser(), Path("/root"))
  t.eq(Path("/~"):expanduser(), Path("/~"))
  t.raises(anyio.RuntimeError, Path.expanduser, Path "~nobody-of-this-name/x")
  dir = dir:resolve();
  (dir / "a"):mkdir();
  (dir / "link"):symlink_to("a");
  (dir / "loop"):symlink_to("loop");
  (dir / "dangling"):symlink_to("none/x")
  t.eq((dir / "link" / ".." / "b" / "." / "c"):resolve(), dir / "b" / "c")
  t.eq((dir / "a" / ".." / "link"):resolve { strict = true }, dir / "a")
  t.eq((dir / "dangling"):resolve(), dir / "none" / "x")
  t.eq((dir / "loop"):resolve(), dir / "loop")
  local function strictly(path) return path:resolve { strict = true } end
  t.eq(t.raises(anyio.OSError, strictly, dir / "none").code, "ENOENT")
  t.eq(t.raises(anyio.OSError, strictly, dir / "loop").code, "ELOOP")
  t.eq(Path("/../.."):resolve(), Path("/"))
end)

test("[FIO-17] tests of what is there, and of what is not", function(dir)
  local file, link, broken = dir / "f", dir / "l", dir / "b"
  file:touch()
  link:symlink_to(file)
  broken:symlink_to("none");
  (dir / "dl"):symlink_to(".")
  t.eq({ file:exists(), link:exists(), broken:exists() }, { true, true, false })
  t.eq(broken:exists { follow_symlinks = false }, true)
  t.eq({ file:is_file(), link:is_file(), dir:is_file() }, { true, true, false })
  t.eq(link:is_file { follow_symlinks = false }, false)
  t.eq({ dir:is_dir(), file:is_dir(), (dir / "dl"):is_dir() }, { true, false, true })
  t.eq((dir / "dl"):is_dir { follow_symlinks = false }, false)
  t.eq({ link:is_symlink(), file:is_symlink() }, { true, false })
  local fifo = scratch.fifo(dir / "p")
  t.eq({ fifo:is_fifo(), file:is_fifo() }, { true, false })
  t.eq({ Path("/dev/null"):is_char_device(), file:is_char_device() }, { true, false })
  t.eq({ file:is_block_device(), file:is_socket() }, { false, false })
  t.eq({ Path("/"):is_mount(), Path("/proc"):is_mount(), dir:is_mount(),
    file:is_mount() }, { true, true, false, false })
  t.eq(dir:is_junction(), false)
  local none = dir / "none"
  for _, name in ipairs { "exists", "is_dir", "is_file", "is_symlink", "is_mount",
    "is_fifo", "is_socket", "is_block_device", "is_char_device", "is_junction" } do
    t.eq(none[name](none), false, name)
  end
  t.raises(anyio.TypeError, file.exists, file, { follow = true })
end)

test("[FIO-18] stat, lstat, owner, group, samefile", function(dir)
  local file, link = dir / "f", dir / "l"
  file:write_bytes("12345")
  link:symlink_to("f")
  local st = link:stat()
  t.eq(st.st_size, 5)
  t.eq(st.st_mode & 0xF000, 0x8000)
  t.eq(link:lstat().st_mode & 0xF000, 0xA000)
  t.eq(link:stat({ follow_symlinks = false }).st_ino, link:lstat().st_ino)
  t.near(st.st_mtime, st.st_mtime_ns / 1e9, 0.001)
  t.ok(file:samefile(link))
  t.ok(not file:samefile("/"))
  t.eq(t.raises(anyio.OSError, file.samefile, file, dir / "none").code, "ENOENT")
  t.eq(Path("/"):owner(), "root")
  t.eq(Path("/"):group(), "root")
end)

test("[FIO-19] making, removing, permissions, links", function(dir)
  local file = dir / "f"
  file:touch()
  file:touch()
  t.eq(t.raises(anyio.OSError, file.touch, file, { exist_ok = false }).code, "EEXIST")
  file:chmod(448)
  t.eq(file:stat().st_mode & 4095, 448)
  local private = dir / "private"
  private:touch(384)
  t.eq(private:stat().st_mode & 511, 384)
  local deep = dir / "a" / "b" / "c"
  t.eq(t.raises(anyio.OSError, deep.mkdir, deep).code, "ENOENT")
  deep:mkdir(448, { parents = true })
  t.eq(deep:stat().st_mode & 511, 448)
  t.eq(t.raises(anyio.OSError, deep.mkdir, deep).code, "EEXIST")
  deep:mkdir { exist_ok = true }
  t.eq(t.raises(anyio.OSError, deep.parent.rmdir, deep.parent).code, "ENOTEMPTY")
  deep:rmdir()
  t.eq(deep:exists(), false)
  local link = dir / "l"
  link:symlink_to("f", { target_is_directory = false })
  t.eq(tostring(link:readlink()), "f")
  t.eq(t.raises(anyio.OSError, file.readlink, file).code, "EINVAL")
  local hard = dir / "h"
  hard:hardlink_to(file)
  t.ok(hard:samefile(file))
  local ok, err = pcall(link.lchmod, link, 448)
  t.ok(ok or err.code == "ENOTSUP" or err.code == "EOPNOTSUPP" or err.code == "ENOSYS",
    "lchmod works or says that it cannot")
end)

test("[FIO-20] unlink of a missing file is an error unless that may be", function(dir)
  local file = dir / "f"
  file:touch()
  file:unlink()
  t.eq(file:exists(), false)
  t.eq(t.raises(anyio.OSError, file.unlink, file).code, "ENOENT")
  file:unlink { missing_ok = true }
end)

test("[FIO-21] rename, replace, copy, move return the new path", function(dir)
  local a, b = dir / "a", dir / "b"
  a:write_text("1")
  t.eq(a:rename(b), b)
  t.eq({ a:exists(), b:read_text() }, { false, "1" })
  a:write_text("2")
  t.eq(a:replace(tostring(b)), b)
  t.eq(b:read_text(), "2")
  t.eq(b:copy(a), a)
  t.eq(a:read_text(), "2");
  (dir / "into"):mkdir()
  t.eq(b:copy_into(dir / "into"), dir / "into" / "b")
  t.eq(a:move_into(dir / "into"), dir / "into" / "a")
  t.eq(a:exists(), false)
  t.eq((dir / "into"):move(dir / "moved"), dir / "moved")
  t.eq(scratch.below(dir, (dir / "moved"):iterdir()), { "moved/a", "moved/b" })
  t.eq(t.raises(anyio.OSError, b.copy, b, b).code, "EINVAL")
  t.eq(b:read_text(), "2")
  t.eq(t.raises(anyio.OSError, dir.copy, dir, dir / "x").code, "EINVAL")
end)

test("copying a folder: what is in it, links, times", function(dir)
  local from = dir / "from";
  (from / "sub"):mkdir { parents = true };
  (from / "sub" / "f"):write_text("text");
  (from / "sub" / "f"):chmod(416);
  (from / "l"):symlink_to("sub")
  os.execute(("touch -d 2001-02-03 '%s' '%s'"):format(from / "sub" / "f", from / "sub"))
  from:copy(dir / "followed")
  t.eq((dir / "followed" / "l"):is_symlink(), false)
  t.eq((dir / "followed" / "l" / "f"):read_text(), "text")
  from:copy(dir / "kept", { follow_symlinks = false, preserve_metadata = true })
  t.eq(tostring((dir / "kept" / "l"):readlink()), "sub")
  for _, name in ipairs { "sub", "sub/f" } do
    t.eq((dir / "kept" / name):stat().st_mtime_ns, (from / name):stat().st_mtime_ns)
  end
  t.eq((dir / "kept" / "sub" / "f"):stat().st_mode & 511, 416)
  t.eq(t.raises(anyio.OSError, from.copy, from, dir / "kept").code, "EEXIST")
end)

test("moving to another file system", function(dir)
  if Path("/dev/shm"):stat().st_dev == dir:stat().st_dev then t.skip "there is only one" end
  anyio.TemporaryDirectory({ dir = "/dev/shm" }, function(there)
    local from = dir / "from";
    (from / "sub"):mkdir { parents = true };
    (from / "sub" / "f"):write_text("text");
    (from / "l"):symlink_to("sub/f")
    from:move(Path(there, "to"))
    t.eq(from:exists(), false)
    t.eq(Path(there, "to", "l"):read_text(), "text")
    local file = Path(there, "to", "sub", "f")
    t.eq(file:move(dir / "back"), dir / "back")
    t.eq({ file:exists(), (dir / "back"):read_text() }, { false, "text" })
  end)
end)

test("[FIO-22] whole files, text and bytes; open", function(dir)
  local file = dir / "f"
  t.eq(file:write_bytes("a\r\nb\0"), 5)
  t.eq(file:read_bytes(), "a\r\nb\0")
  t.eq(file:read_text { newline = "" }, "a\r\nb\0")
  t.eq(file:write_text("é\n", { encoding = "latin1", newline = "\r\n" }), 3)
  t.eq(file:read_bytes(), "\xE9\r\n")
  t.eq(file:read_text { encoding = "latin1" }, "é\r\n")
  t.raises(anyio.UnicodeDecodeError, file.read_text, file, { encoding = "utf-8" })
  t.eq(file:read_text { encoding = "ascii", errors = "ignore" }, "\r\n")
  t.raises(anyio.UnicodeEncodeError, file.write_text, file, "é", { encoding = "ascii" })
  t.raises(anyio.ValueError, file.read_text, file, { errors = "lax" })
  t.raises(anyio.ValueError, file.read_text, file, { newline = "x" })
  t.raises("string expected", file.write_bytes, file, 5)
  local opened <close> = file:open("rb")
  t.eq(opened:read(1), "\xE9")
  t.eq(t.raises(anyio.OSError, file.open, file, "x").code, "EEXIST")
  local limiter = anyio.CapacityLimiter(1)
  local limited <close> = Path(file, { limiter = limiter }):open()
  t.ok(limited.limiter == limiter)
  t.eq(Path("/proc/self/cmdline"):read_bytes():find "run.lua" ~= nil, true)
end)

test("[FIO-25] a question is left by who is cancelled, a change is waited for", { slow = true },
  function(dir)
    -- every thread waits for the other end of a pipe
    local pipes = {}
    for i = 1, 70 do pipes[i] = dir / ("p" .. i) end
    os.execute(("cd '%s' && mkfifo $(seq -f 'p%%.0f' 1 70)"):format(dir))
    anyio.create_task_group(function(tg)
      for _, path in ipairs(pipes) do
        tg:start_soon(function() path:read_bytes() end)
      end
      anyio.wait_all_tasks_blocked()
      local asked = anyio.move_on_after(0.01, function() dir:stat() end)
      t.eq(asked.cancelled_caught, true)
      local touched = false
      tg:start_soon(function()
        anyio.move_on_after(0.01, function()
          (dir / "new"):touch()
          touched = true
        end)
      end)
      sleep(0.05)
      t.eq(touched, false)
      -- a writer for each, which waits for its reader
      os.execute(("cd '%s' && for p in p*; do : > $p & done; wait"):format(dir))
    end)
    t.eq((dir / "new"):exists(), true)
  end)
