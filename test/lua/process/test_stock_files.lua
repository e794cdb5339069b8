--- Lua's own files, in a task that waits for them: the same, while others run.

local anyio = require "anyio"
local t = require "harness"

local native = require "_anyrun.pipe"
local stock = require "_anyrun.stock"
local ANYRUN <const> = os.getenv "ANYRUN" or "build/debug/anyrun"

-- A file of Lua's at one end of a pipe, and the other end.
local function file_and_pipe(mode)
  local ours, theirs = native.pair(mode == "r" and "write" or "read")
  local file = assert(io.open("/proc/self/fd/" .. theirs:fileno(), mode))
  theirs:close()
  return file, ours
end

-- Calls `body` while another task counts how often it is its turn: never, where
-- nothing waits.
local function turns_during(body)
  local turns = 0
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      while true do
        anyio.sleep(0)
        turns = turns + 1
      end
    end)
    body()
    tg.cancel_scope:cancel()
  end)
  return turns
end

t.test("io.popen answers as ever", function()
  local file <close> = io.popen "printf '12 0x1F rest\\nsecond\\nthird'"
  t.eq({ file:read("n", "n", "l") }, { 12, 31, " rest" })
  t.eq({ file:read(3, 0, "L", "a") }, { "sec", "", "ond\n", "third" })
  t.eq({ file:read("l", "l") }, { nil })
  t.eq(file:read "a", "")
  t.eq({ file:close() }, { true, "exit", 0 })
  t.raises("attempt to use a closed file", file.read, file)
  t.raises("attempt to use a closed file", file.close, file)
  t.eq({ io.popen("exit 3"):close() }, { nil, "exit", 3 })
  t.eq({ io.popen("kill -9 $$"):close() }, { nil, "signal", 9 })
  t.raises("bad argument #2 to 'popen' (invalid mode)", function() io.popen("true", "rw") end)
  t.eq(io.type(file), "closed file")
end)

t.test("lines of a program, by formats, to the end and beyond", function()
  local lines = {}
  local seq <close> = io.popen "seq 5"
  for a, b in seq:lines("n", 1) do lines[#lines + 1] = { a, b } end
  t.eq(lines, { { 1, "\n" }, { 2, "\n" }, { 3, "\n" }, { 4, "\n" }, { 5, "\n" } })
  local file <close> = io.popen "printf 'a\\n\\nb'"
  local next_line = file:lines "L"
  t.eq({ next_line(), next_line(), next_line(), next_line() }, { "a\n", "\n", "b" })
  file:close()
  t.raises("file is already closed", next_line)
  t.raises("bad argument #2 to 'for iterator' (invalid format)", function() -- as stock Lua says
    local echo <close> = io.popen "echo x"
    for _ in echo:lines "x" do t.fail "unreachable" end
  end)
end)

-- Calls `body(gate, open)`: a program that reads from `gate` goes on when another
-- task, which begins by `open()`, has had a few turns.
local function at_gate(body)
  local gate = os.tmpname()
  assert(os.execute(("rm %s && mkfifo %s"):format(gate, gate)))
  anyio.create_task_group(function(tg)
    body(gate, function()
      tg:start_soon(function()
        for _ = 1, 3 do anyio.sleep(0) end
        anyio.open_file(gate, "w"):aclose()
      end)
    end)
  end)
  os.remove(gate)
end

t.test("other tasks run while one reads, and while it waits for the end", function()
  at_gate(function(gate, open)
    local file <close> = io.popen(("read x <%s; echo x; exec >&-; read x <%s; exit 0")
      :format(gate, gate))
    open()
    t.eq(file:read(), "x")
    open()
    t.eq({ file:close() }, { true, "exit", 0 })
  end)
end)

t.test("other tasks run while a pipe is full", function()
  at_gate(function(gate, open)
    local big = ("0123456789"):rep(30000)
    local path = os.tmpname()
    local file <close> = io.popen(("read x <%s; cat >%s"):format(gate, path), "w")
    open()
    t.eq(file:write(big, 1, " ", 2.5), file)
    t.eq({ file:close() }, { true, "exit", 0 })
    local copy <close> = io.open(path)
    t.ok(copy:read "a" == big .. "1 2.5")
    os.remove(path)
    local late <close> = io.popen(("read x <%s; cat >/dev/null"):format(gate), "w")
    open()
    for _ = 1, 40 do late:write(("x"):rep(2000)) end
    t.eq(late:flush(), true)
    t.raises("bad argument #1 to 'write' (string expected, got table)",
      function() late:write {} end)
  end)
end)

t.test("a program that has its data ready leaves others their turn", function()
  local file <close> = io.popen "yes"
  t.ok(turns_during(function()
    local next_line = file:lines()
    for _ = 1, 20000 do t.eq(next_line(), "y") end
  end) > 0)
end)

t.test("whatever the pieces in which bytes come, the results are stock Lua's", function()
  local text = "12 -0x1p4\n\n  .5e3x line\n" .. ("long"):rep(2000) .. "\n1e5 99999999 0x\nend 7"
  local formats = { { "n", "n", "l", "L" }, { "l", "L", 1, 0, "n" }, { "n" }, { "l" }, { 3, 5000 },
    { "a" }, { "L", "a", 0 }, { 0, 7 }, { "n", "a", "n" }, { 1, "n", "n", "l" } }
  local plain <close> = io.tmpfile()
  plain:write(text)
  for round = 1, 3 do
    for _, format in ipairs(formats) do
      plain:seek "set"
      local file <close>, pipe = file_and_pipe "r"
      anyio.create_task_group(function(tg)
        tg:start_soon(function()
          local at, size = 1, round == 1 and #text or round == 2 and 1500 or 7
          while at <= #text do
            pipe:write(text:sub(at, at + size - 1))
            at = at + size
          end
          pipe:close()
        end)
        local wanted, got
        for _ = 1, 12 do
          wanted = table.pack(stock.file.read(plain, table.unpack(format)))
          got = table.pack(file:read(table.unpack(format)))
          t.eq(got, wanted)
        end
      end)
    end
  end
end)

t.test("a cancelled read has taken nothing", function()
  local file <close>, pipe = file_and_pipe "r"
  pipe:write "one\ntwo\nthr"
  for _, format in ipairs { { "l", "l", "l" }, { "a" }, { 20 }, { "L", 1, "l", "a" } } do
    local scope = anyio.move_on_after(0.01, function() file:read(table.unpack(format)) end)
    t.ok(scope.cancelled_caught)
  end
  t.eq(file:read "l", "one")
  local big = ("y"):rep(20000)
  anyio.create_task_group(function(tg)
    tg:start_soon(function() pipe:write("ee\n" .. big) end)
    local scope = anyio.move_on_after(0.05, function() file:read("l", "l", "l", "l") end)
    t.ok(scope.cancelled_caught)
  end)
  t.eq({ file:read("l", "l", 20000) }, { "two", "three", big })
  pipe:close()
  t.eq(file:read "a", "")
end)

t.test("a cancelled read has taken nothing: stock Lua finds it as well", function()
  local file <close>, pipe = file_and_pipe "r"
  pipe:write(("z"):rep(9000))
  t.ok(anyio.move_on_after(0.01, function() file:read() end).cancelled_caught)
  t.eq(stock.file.read(file, 8990), ("z"):rep(8990))
  pipe:write "\nrest\n"
  t.eq({ stock.file.read(file), file:read() }, { ("z"):rep(10), "rest" })
  pipe:close()
end)

t.test("a scope that is cancelled already ends a read before it waits", function()
  local file <close>, pipe = file_and_pipe "r"
  pipe:write "line\n"
  local scope = anyio.CancelScope(function(scope)
    scope:cancel()
    file:read()
  end)
  t.ok(scope.cancelled_caught)
  t.eq(file:read(), "line")
  pipe:close()
end)

t.test("tasks share a file by whole reads, first come, first served", function()
  local file <close>, pipe = file_and_pipe "r"
  local got = t.log()
  anyio.create_task_group(function(tg)
    for i = 1, 3 do
      tg:start_soon(function() got(i .. table.concat({ file:read("l", "l") }, "+")) end)
      anyio.wait_all_tasks_blocked()
    end
    tg:start_soon(anyio.move_on_after, 0.01, function() file:read() end)
    anyio.wait_all_tasks_blocked()
    tg:start_soon(function() got("5" .. file:read "a") end)
    anyio.sleep(0.02)
    for _, text in ipairs { "a\nb", "\n", "c\nd\ne\nf\nre", "st" } do
      pipe:write(text)
      anyio.wait_all_tasks_blocked()
    end
    pipe:close()
  end)
  t.eq(got.items, { "1a+b", "2c+d", "3e+f", "5rest" })
end)

t.test("who cannot wait for his turn reads first, as stock Lua does", function()
  local file <close>, pipe = file_and_pipe "r"
  local late
  anyio.create_task_group(function(tg)
    tg:start_soon(function() late = { file:read("l", "l") } end)
    anyio.wait_all_tasks_blocked()
    pipe:write "one\ntw"
    anyio.wait_all_tasks_blocked()
    local early
    table.sort({ 1, 2 }, function(a, b)
      early = early or file:read()
      return a < b
    end)
    t.eq(early, "one")
    pipe:write "o\nthree\n"
  end)
  t.eq(late, { "two", "three" })
  pipe:close()
end)

t.test("closing a file wakes who waits for it", function()
  local file = io.popen "exec sleep 100"
  anyio.create_task_group(function(tg)
    tg:start_soon(t.raises, "ClosedResourceError", file.read, file)
    anyio.wait_all_tasks_blocked()
    tg:start_soon(t.raises, "attempt to use a closed file", file.read, file)
    anyio.wait_all_tasks_blocked()
    local scope = anyio.move_on_after(0.01, function() file:close() end)
    t.ok(scope.cancelled_caught)
  end)
end)

t.test("a program whose closing is cancelled is killed", function()
  local from, to = io.popen "exec sleep 100", io.popen("exec sleep 100", "w")
  to:write(("x"):rep(5000))
  for _, file in ipairs { from, to } do
    t.ok(anyio.move_on_after(0.01, function() file:close() end).cancelled_caught)
    t.eq(io.type(file), "closed file")
  end
  local full = io.popen("exec sleep 100", "w")
  local scope = anyio.move_on_after(0.01, function()
    local file <close> = full
    file:write(("x"):rep(200000))
  end)
  t.ok(scope.cancelled_caught)
  t.eq(io.type(full), "closed file")
end)

t.test("the block of a program's file is left: its end is waited for", function()
  local path = os.tmpname()
  do
    local file <close> = io.popen("sleep 0.01; cat >" .. path, "w")
    file:write "text"
  end
  local copy <close> = io.open(path)
  t.eq(copy:read "a", "text")
  os.remove(path)
end)

t.test("a program whose file is collected goes on, and is reaped", function()
  io.popen "exec sleep 0.02"
  repeat
    collectgarbage()
    anyio.sleep(0.01)
    local list <close> = io.open "/proc/thread-self/children"
  until not list or list:read "a" == ""
end)

t.test("outside a run, and where nothing can be suspended, it is stock Lua", { plain = true },
  function()
    local file <close> = io.popen "echo one; echo two; echo three; exit 4"
    t.eq(file:read(), "one")
    t.run(function() t.eq(file:read(), "two") end)
    t.run(function()
      t.eq(anyio.move_on_after(0, function() file:read(100) end).cancelled_caught, true)
    end)
    t.eq(file:read(), "three")
    t.eq({ file:close() }, { nil, "exit", 4 })
    local to <close> = io.popen("cat >/dev/null", "w")
    t.eq(to:write(("x"):rep(100000)), to)
    t.eq({ to:close() }, { true, "exit", 0 })
  end)

t.test("a run that is given up while a task reads leaves the bytes", { plain = true }, function()
  local file <close> = io.popen "printf 'one\\ntwo'; exec sleep 100"
  t.ok(not pcall(t.run, function()
    anyio.create_task_group(function(tg)
      tg:start_soon(function() file:read("l", "l") end)
      anyio.sleep(0.02)
      error "stop"
    end)
  end))
  t.eq(file:read(), "one")
  t.eq(file:read(3), "two")
  t.run(function() anyio.move_on_after(0, function() file:close() end) end)
end)

-- Runs a script with a pipe as its standard input.
local function script(text, body)
  local child <close> = anyio.open_process { ANYRUN, "--backend=" .. t.backend, "-e", text }
  body(child)
  child:wait()
  return child.returncode
end

t.test("a task that reads standard input leaves others their turn", function()
  local status = script([[
    local anyio = require "anyio"
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        anyio.sleep(0.01)
        anyio.stdout:send "other "
      end)
      local n, lines = io.read("n", "l"), {}
      for line in io.lines() do lines[#lines + 1] = line end
      io.write(n, table.concat(lines, "+"))
    end)
  ]], function(child)
    t.eq(child.stdout:receive(), "other ")
    child.stdin:send "42\none\ntw"
    child.stdin:send "o"
    child.stdin:aclose()
    t.eq(child.stdout:receive(), "42one+two")
  end)
  t.eq(status, 0)
end)

t.test("SIGINT and SIGTERM end a script that reads", function()
  for number, name in pairs { [2] = "SIGINT", [15] = "SIGTERM" } do
    for _, how in ipairs { "io.read()", "sleep(0) io.read()",
      "sleep(0) for _ in io.lines() do end", "sleep(0) io.popen('exec sleep 100'):read()",
      "sleep(0) io.popen('exec sleep 100'):close()" } do
      local status = script("print 'ready' io.flush() " .. how, function(child)
        t.eq(child.stdout:receive(), "ready\n")
        child:send_signal(name)
      end)
      t.eq(status, -number, how)
    end
  end
end)

t.test("the stock functions stay reachable", function()
  local file = stock.io.popen "echo x; exit 2"
  t.eq(stock.file.read(file), "x")
  t.eq({ stock.file.close(file) }, { nil, "exit", 2 })
end)
