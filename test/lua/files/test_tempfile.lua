--- Temporary files and folders.

local anyio = require "anyio"
local scratch = require "scratch"
local t = require "harness"

local Path = anyio.Path
local test = scratch.test

local function entries(dir)
  local n = 0
  for _ in dir:iterdir() do n = n + 1 end
  return n
end

test("[TMP-01] TemporaryFile: written, read, closed, of no name", function(dir)
  local kept
  local text, more = anyio.TemporaryFile({ dir = dir }, function(file)
    kept = file
    t.eq(file.mode, "w+b")
    t.eq(entries(dir), 0)
    file:write("hello")
    file:seek(0)
    return file:read(), 2
  end)
  t.eq({ text, more }, { "hello", 2 })
  t.eq(kept.closed, true)
  local file <close> = anyio.TemporaryFile { mode = "w+", dir = dir, buffering = 1 }
  file:write("x\n")
  t.eq(file:seek("end"), 2)
  t.raises(anyio.ValueError, anyio.TemporaryFile, { mode = "rw" })
  t.raises(anyio.TypeError, anyio.TemporaryFile, { name = "x" })
  t.raises("function expected", anyio.TemporaryFile, {}, 5)
end)

test("[TMP-02] NamedTemporaryFile: there inside its block, gone after it", function(dir)
  local kept
  anyio.NamedTemporaryFile({ dir = dir, prefix = "a-", suffix = ".txt" }, function(file)
    kept = file
    t.match(file.name, "/a%-[%w_-]+%.txt$")
    t.eq(Path(file.name):stat().st_mode & 4095, 384)
    file:write("hello")
    file:flush()
    t.eq(Path(file.name):read_text(), "hello")
  end)
  t.eq(Path(kept.name):exists(), false)
  t.raises(anyio.ValueError, kept.write, kept, "x")
  t.raises("inside", anyio.NamedTemporaryFile, { dir = dir }, function() error "inside" end)
  anyio.CancelScope(function(scope)
    anyio.NamedTemporaryFile({ dir = dir }, function(file)
      file:write("never written")
      scope:cancel()
      sleep(0)
    end)
  end)
  t.eq(entries(dir), 0)
end)

test("NamedTemporaryFile: when it is removed, if at all", function(dir)
  local name = anyio.NamedTemporaryFile({ dir = dir, delete_on_close = false },
    function(file)
      file:write("kept")
      file:close()
      t.eq(Path(file.name):read_text(), "kept")
      return file.name
    end)
  t.eq(Path(name):exists(), false)
  name = anyio.NamedTemporaryFile({ dir = dir, delete = false }, function(file)
    file:write("kept")
    return file.name
  end)
  t.eq(Path(name):read_text(), "kept")
  anyio.CancelScope(function(scope)
    local file <close> = anyio.NamedTemporaryFile { dir = dir, delete_on_close = false }
    name = file.name
    scope:cancel()
  end)
  t.eq(Path(name):exists(), false)
  name = anyio.NamedTemporaryFile({ dir = dir, delete_on_close = false }).name
  collectgarbage()
  collectgarbage()
  t.eq(Path(name):exists(), false)
  local gone <close> = anyio.NamedTemporaryFile { dir = dir }
  Path(gone.name):unlink()
end)

test("[TMP-03] SpooledTemporaryFile becomes a file when it is too large", function()
  for _, write in ipairs {
    function(f, s) return f:write(s) end, function(f, s) f:writelines { s } end,
  } do
    local file <close> = anyio.SpooledTemporaryFile { max_size = 5 }
    write(file, "12345")
    t.match(tostring(file), "in memory")
    t.eq(file:tell(), 5)
    write(file, "6")
    t.match(tostring(file), "a file")
    t.eq(file:tell(), 6)
    file:seek(2)
    t.eq(file:read(), "3456")
  end
  local file <close> = anyio.SpooledTemporaryFile()
  file:write(("x"):rep(100000))
  t.match(tostring(file), "in memory")
  t.ok(file:fileno() > 2)
  t.match(tostring(file), "a file")
  file:rollover()
  file:seek(0)
  t.eq(#file:read(), 100000)
end)

test("SpooledTemporaryFile: in memory as on disk", function()
  local results = {}
  for i, max_size in ipairs { 0, 1 } do
    local log = t.log()
    local file <close> = anyio.SpooledTemporaryFile { max_size = max_size }
    log(file:write("one\ntwo\n", 3, "\n"), file:tell(), file:seek(0), file:readline())
    log(file:read(1), file:read1(2), file:read("l"), file:read("n"), file:read("L"))
    log(file:read(), file:read(1), file:readline(), file:seek(0))
    for line in file do log(line) end
    file:seek(4)
    for line in file:lines() do log(line) end
    file:seek(1)
    log(file:write("XYZ"), file:seek("cur", -1), file:read(3), file:seek(-2, "end"))
    log(table.concat(file:readlines(), "|"), file:truncate(6), file:seek(0), file:read())
    log(file:seek(8), file:write("end"), file:seek(0), file:read(), file:truncate(2))
    log(file:seek(0), file:read("a"), file:readable(), file:writable(), file:seekable())
    log(t.raises(anyio.OSError, file.seek, file, -1).code)
    results[i] = {}
    for k, v in ipairs(log.items) do results[i][k] = tostring(v) end
    file:close()
    t.raises(anyio.ValueError, file.read, file)
  end
  t.eq(results[1], results[2])
end)

test("[TMP-05] in memory nothing waits: only a cancellation is looked for", function()
  local file <close> = anyio.SpooledTemporaryFile()
  local order = {}
  anyio.create_task_group(function(tg)
    tg:start_soon(function() order[#order + 1] = "other" end)
    file:write("x")
    file:seek(0)
    file:read()
    order[#order + 1] = "this"
  end)
  t.eq(order, { "this", "other" })
  local scope = anyio.CancelScope(function(scope)
    scope:cancel()
    file:write("y")
  end)
  t.eq(scope.cancelled_caught, true)
  file:seek(0)
  t.eq(file:read(), "x")
end)

test("[TMP-06] closed is false inside and true after", function(dir)
  local kept
  anyio.SpooledTemporaryFile({ dir = dir }, function(file)
    kept = file
    t.eq(file.closed, false)
  end)
  t.eq(kept.closed, true)
  anyio.SpooledTemporaryFile({ max_size = 1, dir = dir }, function(file)
    kept = file
    file:write("xx")
    t.eq(file.closed, false)
  end)
  t.eq(kept.closed, true)
end)

test("[TMP-07] TemporaryDirectory: a path, removed with its contents", function(dir)
  local kept = anyio.TemporaryDirectory({ dir = dir, prefix = "d-", suffix = "-e" },
    function(path)
      t.eq(type(path), "string")
      t.match(path, "/d%-[%w_-]+%-e$")
      t.eq(Path(path):stat().st_mode & 4095, 448)
      Path(path, "a/b"):mkdir { parents = true }
      Path(path, "a/b/c"):write_text("x")
      return path
    end)
  t.eq(Path(kept):exists(), false)
  local folder = anyio.TemporaryDirectory { dir = dir }
  Path(folder.name, "a"):touch()
  folder:cleanup()
  folder:cleanup()
  t.eq(Path(folder.name):exists(), false)
  t.raises("inside", anyio.TemporaryDirectory, { dir = dir }, function() error "inside" end)
  anyio.CancelScope(function(scope)
    anyio.TemporaryDirectory({ dir = dir }, function(path)
      Path(path, "a"):touch()
      scope:cancel()
      sleep(0)
    end)
  end)
  t.eq(entries(dir), 0)
  local stays = anyio.TemporaryDirectory({ dir = dir, delete = false }, function(path)
    return path
  end)
  t.eq(Path(stays):is_dir(), true)
end)

test("a TemporaryDirectory that somebody removed, or that is collected", function(dir)
  anyio.TemporaryDirectory({ dir = dir }, function(path) Path(path):rmdir() end)
  local name
  do
    local folder = anyio.TemporaryDirectory { dir = dir }
    name = folder.name
    Path(name, "a"):touch()
  end
  collectgarbage()
  collectgarbage()
  t.eq(Path(name):exists(), false)
end)

test("[TMP-08] mkstemp and mkdtemp: made for the user alone, and left", function(dir)
  local fd, path = anyio.mkstemp { dir = dir, prefix = "p", suffix = ".s" }
  t.eq(math.type(fd), "integer")
  t.match(path, "/p[%w_-]+%.s$")
  t.eq(Path(path):stat().st_mode & 4095, 384)
  local file = anyio.open_file(fd, "r+")
  file:write("x")
  file:close()
  t.eq(Path(path):read_text(), "x")
  local folder = anyio.mkdtemp { dir = tostring(dir), prefix = "f" }
  t.eq(type(folder), "string")
  t.eq(Path(folder):stat().st_mode & 4095, 448)
  local names = {}
  for _ = 1, 50 do names[anyio.mkdtemp { dir = dir }] = true end
  local n = 0
  for _ in pairs(names) do n = n + 1 end
  t.eq(n, 50)
end)

test("[TMP-09] gettempdir is the system's", function()
  local folder = anyio.gettempdir()
  t.eq(anyio.gettempdirb(), folder)
  t.eq(folder, os.getenv "TMPDIR" or os.getenv "TEMP" or os.getenv "TMP" or "/tmp")
  local fd, path = anyio.mkstemp()
  anyio.open_file(fd):close()
  t.eq(Path(path).parent, Path(folder))
  Path(path):unlink()
end)
