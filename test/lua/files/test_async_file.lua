--- AsyncFile: reading, writing, lines, places.

local anyio = require "anyio"
local scratch = require "scratch"
local t = require "harness"

local test = scratch.test

local function make(path, data)
  path:write_bytes(data)
  return path
end

test("[FIO-01] a file is opened by a thread and shows its limiter", function(dir)
  local path = make(dir / "a", "hello")
  local plain <close> = anyio.open_file(path)
  t.eq(plain.limiter, nil)
  t.eq(plain.mode, "r")
  t.eq(plain.name, tostring(path))
  local limiter = anyio.CapacityLimiter(1)
  local limited <close> = anyio.open_file(path, "r", { limiter = limiter })
  t.ok(limited.limiter == limiter)
  t.eq(limited:read(), "hello")
  t.eq(limiter.borrowed_tokens, 0)
end)

test("[FIO-02] leaving the block closes the file", function(dir)
  local path = make(dir / "a", "hello")
  local kept
  do
    local file <close> = anyio.open_file(path)
    t.eq(file.closed, false)
    kept = file
  end
  t.eq(kept.closed, true)
  t.eq(kept:close(), nil, "once more does nothing")
  local err = t.raises(anyio.ValueError, kept.read, kept)
  t.eq(err.message, "the file is closed")
  t.raises(anyio.ValueError, kept.tell, kept)
  t.raises(anyio.ValueError, kept.fileno, kept)
end)

test("[FIO-03] reading: all, so many bytes, what is there, lines", function(dir)
  local file <close> = anyio.open_file(make(dir / "a", "one\ntwo\n\nfour"), "rb")
  t.eq(file:read(2), "on")
  t.eq(file:read1(1), "e")
  t.eq(file:readline(), "\n")
  t.eq(file:readline(2), "tw")
  t.eq(file:readlines(), { "o\n", "\n", "four" })
  t.eq(file:read(), "")
  t.eq(file:read(5), nil)
  t.eq(file:read1(), nil)
  t.eq(file:readline(), nil)
  t.eq(file:seek(0), 0)
  t.eq(file:read(), "one\ntwo\n\nfour")
  file:seek(0)
  t.eq(file:readlines(5), { "one\n", "two\n" })
  t.eq(file:read(-1), "\nfour")
end)

test("Lua's formats, several at once", function(dir)
  local file <close> = anyio.open_file(make(dir / "a", "3 0x10 -1.5e1\nx\ny\nrest"))
  local a, b, c = file:read("n", "n", "n")
  t.eq({ a, b, c }, { 3, 16, -15.0 })
  t.eq({ file:read("l", "L", "l") }, { "", "x\n", "y" })
  t.eq({ file:read("*a", 1) }, { "rest" })
  t.eq(file:read("n"), nil)
  local err = t.raises("bad argument", file.read, file, "q")
  t.match(tostring(err), "invalid format")
end)

test("a number that is none is read and gives nil, as in Lua", function(dir)
  local path = make(dir / "a", "  zz 0x 12abc 1e5x")
  local mine <close> = anyio.open_file(path)
  local lua <close> = io.open(tostring(path))
  for _ = 1, 6 do
    t.eq(mine:read("n"), lua:read("n"))
    t.eq(mine:read(1), lua:read(1))
  end
end)

test("[FIO-04] writing, places, cutting", function(dir)
  local path = dir / "a"
  local file <close> = anyio.open_file(path, "w+b")
  t.eq(file:write("hello", 1, " ", 2.5), 10)
  t.eq(file:tell(), 10)
  file:writelines { "\none", "\ntwo" }
  file:flush()
  t.eq(path:read_bytes(), "hello1 2.5\none\ntwo")
  t.eq(file:seek(-3, "end"), 15)
  t.eq(file:seek(-5, 1), 10)
  t.eq(file:seek("cur", 1), 11)
  t.eq(file:seek("set"), 0)
  t.eq(file:seek("end"), 18)
  t.eq(file:seek(5), 5)
  t.eq(file:truncate(), 5)
  t.eq(file:seek(0), 0)
  t.eq(file:read(), "hello")
  t.eq(file:truncate(7), 7)
  t.eq(path:read_bytes(), "hello\0\0")
  t.raises(anyio.ValueError, file.seek, file, 0, 7)
  t.raises(anyio.ValueError, file.truncate, file, -1)
  t.eq(t.raises(anyio.OSError, file.seek, file, -1).code, "EINVAL")
end)

test("reading and writing take turns at one place", function(dir)
  local path = make(dir / "a", "abcdefghij")
  local file <close> = anyio.open_file(path, "r+")
  t.eq(file:read(2), "ab")
  t.eq(file:write("XY"), 2)
  t.eq(file:read(2), "ef")
  t.eq(file:tell(), 6)
  file:write("Z")
  file:seek(0)
  t.eq(file:read(), "abXYefZhij")
end)

test("a writelines takes an iterator", function(dir)
  local file <close> = anyio.open_file(dir / "a", "w+")
  local n = 0
  file:writelines(function()
    n = n + 1
    if n < 4 then return n .. "\n" end
  end)
  file:seek(0)
  t.eq(file:read(), "1\n2\n3\n")
end)

test("[FIO-05] a loop goes by lines with their ends", function(dir)
  local lines = {}
  local file <close> = anyio.open_file(make(dir / "a", "a\n\nb\nlast"))
  for line in file do lines[#lines + 1] = line end
  t.eq(lines, { "a\n", "\n", "b\n", "last" })
  file:seek(0)
  lines = {}
  for line in file:lines() do lines[#lines + 1] = line end
  t.eq(lines, { "a", "", "b", "last" })
  file:seek(0)
  lines = {}
  for a, b in file:lines(1, 2) do lines[#lines + 1] = a .. "|" .. tostring(b) end
  t.eq(lines, { "a|\n\n", "b|\nl", "a|st" })
end)

test("lines longer than any buffer", function(dir)
  local long = ("x"):rep(300000)
  local file <close> = anyio.open_file(make(dir / "a", long .. "\n" .. long .. "\nend"))
  t.eq(#file:readline(), 300001)
  t.eq(#file:read("l"), 300000)
  t.eq(file:readline(), "end")
end)

test("[FIO-06] a file of the io library is wrapped and closed with it", function(dir)
  local path = make(dir / "a", "one\ntwo\n")
  local lua = assert(io.open(tostring(path), "r+"))
  t.eq(lua:read("l"), "one")
  local file = anyio.wrap_file(lua)
  t.ok(file.wrapped == lua)
  t.eq(file.mode, "r+")
  t.eq(file:read(), "two\n", "from where the other stood")
  file:write("three\n")
  file:close()
  t.eq(io.type(lua), "closed file")
  t.eq(path:read_text(), "one\ntwo\nthree\n")
  t.raises(anyio.ValueError, anyio.wrap_file, lua)
  t.raises("file of the io library expected", anyio.wrap_file, 5)
end)

test("[FIO-06] what was read ahead of a pipe is not lost", function()
  local pipe = io.popen("printf 'a\\nb\\nc\\n'")
  t.eq(pipe:read("l"), "a")
  local file <close> = anyio.wrap_file(pipe)
  t.eq(file:readlines(), { "b\n", "c\n" })
end)

test("[FIO-06] what was written before is written before", function(dir)
  local path = dir / "a"
  local lua = assert(io.open(tostring(path), "w"))
  lua:write("one ")
  local file = anyio.wrap_file(lua, { limiter = anyio.CapacityLimiter(1) })
  file:write("two")
  file:aclose()
  t.eq(io.type(lua), "closed file")
  t.eq(path:read_text(), "one two")
end)

test("[FIO-07] each operation borrows a token of the limiter", function(dir)
  local limiter = anyio.CapacityLimiter(1)
  local file <close> = anyio.open_file(make(dir / "a", "hello"), "r+",
    { limiter = limiter })
  anyio.create_task_group(function(tg)
    limiter:acquire_on_behalf_of("me")
    local handle = tg:create_task(function() return file:read() end)
    anyio.wait_all_tasks_blocked()
    t.eq(limiter:statistics().tasks_waiting, 1)
    limiter:release_on_behalf_of("me")
    t.eq(handle:await(), "hello")
  end)
  t.eq(limiter.borrowed_tokens, 0)
  local err = t.raises(anyio.TypeError, anyio.open_file, dir / "a", "r", { limiter = 3 })
  t.eq(err.message, "option 'limiter' of 'open_file' must be a CapacityLimiter, not number")
  t.raises(anyio.TypeError, anyio.Path, "x", { limiter = {} })
  t.raises(anyio.TypeError, anyio.wrap_file, io.stdout, { limiter = anyio.Event() })
end)

test("[FIO-08] a read is not abandoned: its data comes, then the cancellation", function(dir)
  local path = scratch.fifo(dir / "pipe")
  local got, went_on
  anyio.create_task_group(function(tg)
    local file
    tg:start_soon(function()
      file = anyio.open_file(path, "rb")
      anyio.CancelScope(function(scope)
        tg:start_soon(function()
          anyio.wait_all_tasks_blocked()
          scope:cancel()
          anyio.wait_all_tasks_blocked()
          t.eq(got, nil, "it waits")
          local out <close> = assert(io.open(tostring(path), "w"))
          out:write("data")
        end)
        got = file:read1()
        sleep(0)
        went_on = true
      end)
      file:close()
    end)
    -- opening a pipe waits for the other end
    local out = anyio.open_file(path, "wb")
    while not file do sleep(0.001) end
    -- kept open until the reader has its data
    while not got do sleep(0.001) end
    out:close()
  end)
  t.eq(got, "data")
  t.eq(went_on, nil)
end)

test("a cancelled task opens, reads and writes nothing", function(dir)
  local path = dir / "new"
  anyio.CancelScope(function(scope)
    scope:cancel()
    anyio.open_file(path, "w")
  end)
  t.eq(path:exists(), false)
  local file <close> = anyio.open_file(make(dir / "a", "hello"), "r+")
  anyio.CancelScope(function(scope)
    scope:cancel()
    file:read()
  end)
  anyio.CancelScope(function(scope)
    scope:cancel()
    file:write("X")
  end)
  t.eq(file:tell(), 0)
  t.eq(file:read(), "hello")
end)

test("[TR-IO-10] closing a file of a cancelled task writes and closes, then raises", function(dir)
  local path, file, after = dir / "a", nil, nil
  local scope = anyio.CancelScope(function(scope)
    file = anyio.open_file(path, "w")
    file:write("kept")
    scope:cancel()
    file:aclose()
    after = true
  end)
  t.eq(scope.cancelled_caught, true)
  t.eq(after, nil)
  t.eq(file.closed, true)
  t.eq(path:read_text(), "kept")
end)

test("an error is not replaced by a cancellation when its block closes a file", function(dir)
  local err = t.raises(anyio.ValueError, anyio.CancelScope, function(scope)
    local file <close> = anyio.open_file(dir / "a", "w")
    file:write("x")
    scope:cancel()
    error(anyio.ValueError "the error")
  end)
  t.eq(err.message, "the error")
end)

test("tasks that use one file take turns, and each line stays whole", function(dir)
  local path = dir / "log"
  local file = anyio.open_file(path, "w")
  file:setvbuf("no")
  anyio.create_task_group(function(tg)
    for i = 1, 10 do
      tg:start_soon(function()
        for _ = 1, 20 do file:write(("%d"):format(i % 10):rep(50) .. "\n") end
      end)
    end
  end)
  file:close()
  local n = 0
  for line in anyio.open_file(path):lines() do
    t.ok(line == line:sub(1, 1):rep(50))
    n = n + 1
  end
  collectgarbage()
  t.eq(n, 200)
end)

test("opening a named pipe waits for its other end, and can be cancelled", function(dir)
  for _, mode in ipairs { "rb", "wb" } do
    local path = scratch.fifo(dir / mode)
    local before = scratch.descriptors()
    local scope = anyio.move_on_after(0.01, function() anyio.open_file(path, mode) end)
    t.ok(scope.cancelled_caught)
    local both <close> = anyio.open_file(path, "r+b") -- luacheck: ignore (who is left goes on)
    repeat anyio.sleep(0.001) until scratch.descriptors() == before + 1
  end
  local path = scratch.fifo(dir / "pipe")
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      local out <close> = anyio.open_file(path, "wb")
      out:write "x"
    end)
    local file <close> = anyio.open_file(path, "rb")
    t.eq(file:read(), "x")
  end)
  anyio.CancelScope(function(scope)
    scope:cancel()
    anyio.open_file(path, "rb")
    t.fail "unreachable"
  end)
end)

test("a waiter for a file that is closed meanwhile hears of it", function(dir)
  local path = scratch.fifo(dir / "pipe")
  anyio.create_task_group(function(tg)
    local file
    local handle = tg:create_task(function() return anyio.open_file(path, "rb") end)
    local out = anyio.open_file(path, "wb")
    file = handle:await()
    local first = tg:create_task(function() return file:read1() end)
    anyio.wait_all_tasks_blocked()
    local closing = tg:create_task(function() file:close() end)
    anyio.wait_all_tasks_blocked()
    local second = tg:create_task(function() return (pcall(file.read1, file)) end)
    anyio.wait_all_tasks_blocked()
    out:write("x")
    out:close()
    t.eq(first:await(), "x")
    closing:await()
    t.eq(second:await(), false)
    t.eq(file.closed, true)
  end)
end)

test("a cancelled waiter leaves the queue, the next gets its turn", function(dir)
  local path = scratch.fifo(dir / "pipe")
  anyio.create_task_group(function(tg)
    local reader = tg:create_task(function() return anyio.open_file(path, "rb") end)
    local out = anyio.open_file(path, "wb")
    local file = reader:await()
    local first = tg:create_task(function() return file:read(1) end)
    anyio.wait_all_tasks_blocked()
    local second = tg:create_task(function()
      return (anyio.move_on_after(0.01, function() file:read(1) end)).cancelled_caught
    end)
    local third = tg:create_task(function() return file:read(1) end)
    t.eq(second:await(), true)
    out:write("ab")
    out:close()
    t.eq(first:await(), "a")
    t.eq(third:await(), "b")
    file:close()
  end)
end)

test("modes: what each may do, and what there must be before", function(dir)
  local path = make(dir / "a", "old")
  local read_only <close> = anyio.open_file(path, "rb")
  t.eq({ read_only:readable(), read_only:writable(), read_only:seekable() },
    { true, false, true })
  t.raises(anyio.OSError, read_only.write, read_only, "x")
  local appending = anyio.open_file(path, "a")
  t.eq(appending:tell(), 3)
  t.raises(anyio.OSError, appending.read, appending)
  appending:seek(0)
  appending:write("+new")
  appending:close()
  t.eq(path:read_text(), "old+new")
  t.eq(t.raises(anyio.OSError, anyio.open_file, path, "x").code, "EEXIST")
  t.eq(t.raises(anyio.OSError, anyio.open_file, dir / "none", "r+").code, "ENOENT")
  anyio.open_file(dir / "none", "xb"):close()
  anyio.open_file(path, "w+"):close()
  t.eq(path:read_text(), "")
  for _, mode in ipairs { "", "rw", "q", "r++", "b", "rbt", "rr" } do
    t.raises(anyio.ValueError, anyio.open_file, path, mode)
  end
end)

test("an OSError says what it is about", function(dir)
  local err = t.raises(anyio.OSError, anyio.open_file, dir / "no" / "x")
  t.eq(err.code, "ENOENT")
  t.eq(err.errno, 2)
  t.eq(err.filename, tostring(dir / "no" / "x"))
  t.eq(tostring(err), ("OSError: %s: No such file or directory"):format(dir / "no" / "x"))
  t.eq(t.raises(anyio.OSError, anyio.open_file, dir).code, "EISDIR")
  t.raises(anyio.ValueError, anyio.open_file, "a\0b")
  t.raises("path expected, got boolean", anyio.open_file, true)
  local unknown = t.raises(anyio.TypeError, anyio.open_file, dir, "r", { limit = 1 })
  t.match(unknown.message, "known: buffering, closefd, encoding, errors, limiter, newline")
end)

test("a descriptor is taken over, or left open", function(dir)
  local path = make(dir / "a", "hello")
  local file = anyio.open_file(path)
  local borrowed = anyio.open_file(file:fileno(), "r", { closefd = false })
  borrowed:close()
  t.eq(file:seek(0), 0)
  t.eq(file:read(), "hello")
  file:close()
  t.eq(t.raises(anyio.OSError, anyio.open_file, 987, "r").code, "EBADF")
  t.raises(anyio.ValueError, anyio.open_file, path, "r", { closefd = false })
  t.raises(anyio.ValueError, anyio.open_file, -1)
end)

test("buffering: none, by lines, by size", function(dir)
  local path = dir / "a"
  local raw <close> = anyio.open_file(path, "wb", { buffering = 0 })
  raw:write("a")
  t.eq(path:read_text(), "a")
  local lines <close> = anyio.open_file(path, "w", { buffering = 1 })
  lines:write("b")
  t.eq(path:read_text(), "")
  lines:write("c\n")
  t.eq(path:read_text(), "bc\n")
  local sized <close> = anyio.open_file(path, "w", { buffering = 4 })
  sized:write("abc")
  t.eq(path:read_text(), "")
  sized:write("d")
  t.eq(path:read_text(), "abcd")
  t.raises(anyio.ValueError, anyio.open_file, path, "w", { buffering = 0 })
  t.raises(anyio.ValueError, anyio.open_file, path, "w", { buffering = -2 })
end)

test("what grows is read further, what shrinks is not made up", function(dir)
  local path = make(dir / "a", "one")
  local file <close> = anyio.open_file(path)
  t.eq(file:read(), "one")
  t.eq(file:read(1), nil)
  local more <close> = anyio.open_file(path, "a")
  more:write("two")
  more:flush()
  t.eq(file:read(), "two")
  anyio.open_file(path, "w"):close()
  t.eq(file:read(), "")
end)

test("large files in one piece and in pieces of all sizes", function(dir)
  local bytes = {}
  for i = 1, 5000 do bytes[i] = ("%08d"):format(i):rep(50) end
  local data = table.concat(bytes) -- 2,000,000 bytes
  local path = make(dir / "big", data)
  local file <close> = anyio.open_file(path, "rb")
  t.ok(file:read() == data)
  for _, size in ipairs { 1000, 65535, 65536, 65537, 1 << 20, 3000000 } do
    file:seek(0)
    local pieces = {}
    while true do
      local piece = file:read(size)
      if not piece then break end
      pieces[#pieces + 1] = piece
    end
    t.ok(table.concat(pieces) == data, "pieces of " .. size)
  end
  local copy <close> = anyio.open_file(dir / "copy", "wb")
  for at = 1, #data, 70001 do copy:write(data:sub(at, at + 70000)) end
  copy:flush()
  t.ok((dir / "copy"):read_bytes() == data)
end)

test("text has an encoding where one is given", function(dir)
  local path = dir / "a"
  do
    local file <close> = anyio.open_file(path, "w", { encoding = "latin1", newline = "\r\n" })
    t.eq(file:write("é\nü"), 5)
  end
  t.eq(path:read_bytes(), "\xE9\r\n\xFC")
  local file <close> = anyio.open_file(path, "r", { encoding = "latin1", newline = "" })
  t.eq(file.closed, false)
  t.eq(file:read(1), "é")
  t.eq(file:tell(), 1)
  t.eq(file:readline(), "\r\n")
  t.eq(file:read("l"), "ü")
  t.eq(file:read(1), nil)
  t.eq(file:seek(0), 0)
  t.eq(file:readlines(), { "é\r\n", "ü" })
  local wrong <close> = anyio.open_file(path, "r", { encoding = "utf-8" })
  t.raises(anyio.UnicodeDecodeError, wrong.read, wrong)
  local lax <close> = anyio.open_file(path, "r", { errors = "replace" })
  t.eq(lax:read(), "\u{FFFD}\r\n\u{FFFD}")
  local out <close> = anyio.open_file(path, "w", { encoding = "ascii" })
  t.raises(anyio.UnicodeEncodeError, out.write, out, "é")
  t.raises(anyio.LookupError, anyio.open_file, path, "r", { encoding = "no-such" })
  t.raises(anyio.ValueError, anyio.open_file, path, "rb", { encoding = "utf-8" })
  t.raises(anyio.ValueError, anyio.open_file, path, "r", { newline = "x" })
  t.raises(anyio.ValueError, anyio.open_file, path, "r", { errors = "x" })
end)

test("pipes and devices are files, too", function()
  local null <close> = anyio.open_file("/dev/null", "r+")
  t.eq(null:write("gone"), 4)
  t.eq(null:read(), "")
  local zero <close> = anyio.open_file("/dev/zero", "rb")
  t.eq(zero:read(3), "\0\0\0")
  local proc <close> = anyio.open_file("/proc/self/status")
  t.match(proc:read(), "^Name:")
end)

test("a file that is collected open is closed, and reported where warnings are on", function(dir)
  local path = dir / "a"
  anyio.open_file(path, "w"):write("kept")
  collectgarbage()
  collectgarbage()
  t.eq(path:read_text(), "kept")
end)

t.test("a file can be made outside and used in several runs", { plain = true }, function()
  local file
  t.run(function()
    file = anyio.TemporaryFile()
    file:write("one")
  end)
  t.run(function()
    file:seek(0)
    t.eq(file:read(), "one")
    file:close()
  end)
end)
