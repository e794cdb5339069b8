--- Programs at a terminal: who has it, who gets control-C and control-Z, and in
--- which state it is left.

local anyio = require "anyio"
local t = require "harness"

require "_anyrun.pipe" -- the class of what native.terminal gives
local has, native = pcall(require, "_anyrun.test")
local opts = { skip = not (has and native.terminal) and "no debug build" or nil }
local ANYRUN <const> = os.getenv "ANYRUN" or "build/debug/anyrun"
local BACKEND <const> = "--backend=" .. t.backend

-- Someone at a terminal of their own, where a program runs.
local Person = {}
Person.__index = Person

function Person:type(text) self.terminal:write(text) end

-- Reads on until the pattern has been seen; what matched is forgotten.
function Person:expect(pattern)
  local ok, err = anyio.pcall(anyio.fail_after, 10, function()
    while true do
      local _, last = self.seen:find(pattern)
      if last then
        local text = self.seen:sub(1, last)
        self.seen = self.seen:sub(last + 1)
        return text
      end
      local data = self.terminal:read(4096)
      if not data then break end
      self.seen = self.seen .. data
    end
  end)
  if not ok or not self.seen then
    t.fail(("waited for %s, saw %q (%s)"):format(pattern, self.seen, tostring(err)))
  end
end

local function at_terminal(argv, body)
  local terminal, path = native.terminal()
  local words = { "sh", "-c", 'exec <>"$0" >&0 2>&0; exec "$@"', path }
  for _, word in ipairs(argv) do words[#words + 1] = word end
  local program <close> = anyio.open_process(words, {
    stdin = anyio.DEVNULL, stdout = anyio.DEVNULL, stderr = anyio.DEVNULL,
    start_new_session = true,
  })
  local person = setmetatable({ terminal = terminal, seen = "", program = program }, Person)
  body(person)
  program:wait()
  terminal:close()
  return program.returncode
end

-- The script, with what the tests share in front.
local function script(text)
  return { ANYRUN, BACKEND, "-e", [[
    local anyio = require "anyio"
    local function modes()
      return anyio.run_process({ "stty", "-g" }, { stdin = false }).stdout
    end
  ]] .. text }
end

t.test("control-C reaches the script and its child alike", opts, function()
  local status = at_terminal(script [[
    print "begin"
    anyio.run_process({ "sh", "-c", "echo ready; sleep 100" }, { stdout = false })
  ]], function(person)
    person:expect "ready"
    person:type "\3"
  end)
  t.eq(status, -2)
end)

t.test("a child in a group of its own has the terminal, and control-C", opts, function()
  local status = at_terminal(script [[
    local result = anyio.run_process("trap 'echo caught; exit 7' INT; echo ready; read x",
      { stdin = false, stdout = false, process_group = true, check = false })
    print("status " .. result.returncode)
    print("read " .. io.read())
  ]], function(person)
    person:expect "ready"
    person:type "\3"
    person:expect "caught"
    person:expect "status 7"
    person:type "mine again\n"
    person:expect "read mine again"
  end)
  t.eq(status, 0)
end)

t.test("a task that reads a line: its prompt is seen, others run, control-C ends it", opts, function()
  local status = at_terminal(script [[
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        anyio.sleep(0.01)
        anyio.stdout:send "other"
      end)
      io.write "name? "
      print("hello " .. io.read())
    end)
    io.write "more? "
    io.read()
  ]], function(person)
    person:expect "name%? "
    person:expect "other"
    person:type "Lua\n"
    person:expect "hello Lua"
    person:expect "more%? "
    person:type "\3"
  end)
  t.eq(status, -2)
end)

t.test("a child that was killed leaves no raw terminal", opts, function()
  for _, group in ipairs { "true", "false" } do
    local status = at_terminal(script([[
      local before = modes()
      local program = anyio.open_process("stty raw -echo; echo ready; sleep 100",
        { stdin = false, stdout = anyio.PIPE, process_group = ]] .. group .. [[ })
      program.stdout:receive()
      assert(modes() ~= before)
      program:kill()
      program:wait()
      assert(modes() == before)
      program:aclose()
      print "done"
    ]]), function(person) person:expect "done" end)
    t.eq(status, 0)
  end
end)

t.test("what a program changed on purpose stays", opts, function()
  local status = at_terminal(script [[
    local before = modes()
    anyio.run_process({ "stty", "-echo" }, { stdin = false, process_group = true })
    assert(modes() ~= before)
    anyio.run_process({ "stty", "echo" }, { stdin = false })
    assert(modes() == before)
    print "done"
  ]], function(person) person:expect "done" end)
  t.eq(status, 0)
end)

t.test("control-Z stops the script with its child, fg continues both", opts, function()
  local file = os.tmpname()
  local handle = assert(io.open(file, "w"))
  handle:write [[
    local anyio = require "anyio"
    anyio.create_task_group(function(tg)
      tg:start_soon(function() anyio.sleep(0.01) end)
      anyio.run_process("echo ready; read x; echo got $x", {
        stdin = false, stdout = false, process_group = true })
    end)
    print "after"
  ]]
  handle:close()
  local status = at_terminal({ "bash", "--norc", "--noprofile", "-i" }, function(person)
    person:type "PS1='$ '; PROMPT_COMMAND=; echo shell$((1+1))\n"
    person:expect "shell2"
    person:type(("%s %s %s\n"):format(ANYRUN, BACKEND, file))
    person:expect "ready"
    person:type "\26"
    person:expect "Stopped"
    person:type "echo still$((1+1))\n"
    person:expect "still2"
    person:type "fg\n"
    person:expect "anyrun"
    person:type "word\n"
    person:expect "got word"
    person:expect "after"
    person:type "exit 5\n"
  end)
  os.remove(file)
  t.eq(status, 5)
end)

t.test("control-Z where nobody can continue the script: the child goes on", opts, function()
  local status = at_terminal(script [[
    anyio.run_process("echo ready; read x; echo got $x", {
      stdin = false, stdout = false, process_group = true })
  ]], function(person)
    person:expect "ready"
    person:type "\26word\n"
    person:expect "got word"
  end)
  t.eq(status, 0)
end)

t.test("anyio.stdin reads a terminal, and leaves it as it is", opts, function()
  local status = at_terminal(script [[
    local before = modes()
    anyio.stdout:send "name? "
    anyio.stdout:send("hello " .. anyio.stdin:receive())
    assert(modes() == before)
    local flags = io.open("/proc/self/fdinfo/0"):read("a"):match("flags:%s*(%d+)")
    assert(tonumber(flags, 8) & 2048 == 0, "O_NONBLOCK is set")
    for chunk in anyio.stdin do print("chunk " .. chunk) end
    print "end"
  ]], function(person)
    person:expect "name%? "
    person:type "you\n"
    person:expect "hello you"
    person:type "more\n"
    person:expect "chunk more"
    person:type "\4"
    person:expect "end"
  end)
  t.eq(status, 0)
end)
