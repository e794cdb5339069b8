--- A program and what it starts, as a group.

local anyio = require "anyio"
local t = require "harness"

local open = anyio.open_process

-- Whether a process is there and has not ended.
local function lives(pid)
  local file = io.open("/proc/" .. pid .. "/stat")
  if not file then return false end
  local text = file:read "a"
  file:close()
  return not text:match "%) [ZX]"
end

local function gone(pid)
  for _ = 1, 2000 do
    if not lives(pid) then return true end
    anyio.sleep(0.001)
  end
end

t.test("a cancelled group ends as a whole", function()
  local child, group
  local scope = anyio.CancelScope()
  scope(function()
    local sh <close> = open("sleep 100 & echo $!; wait", { process_group = true })
    child, group = math.tointeger(tonumber(sh.stdout:receive())), sh
    t.ok(lives(child))
    scope:cancel()
    anyio.sleep(1)
  end)
  t.ok(scope.cancelled_caught)
  t.no(lives(child))
  t.eq(group.returncode, -15)
end)

t.test("what the program left behind ends with the block", function()
  local child
  do
    local sh <close> = open("sleep 100 & echo $!; exit 3", { process_group = true })
    child = math.tointeger(tonumber(sh.stdout:receive()))
    t.eq(sh:wait(), 3)
    t.ok(lives(child))
    t.eq(sh.returncode, 3)
  end
  t.no(lives(child))
end)

t.test("without process_group it stays", function()
  local child
  do
    local sh <close> = open("sleep 100 >/dev/null 2>&1 & echo $!")
    child = math.tointeger(tonumber(sh.stdout:receive()))
  end
  t.ok(lives(child))
  anyio.run_process { "kill", child }
  t.ok(gone(child))
end)

t.test("members that ignore SIGTERM are killed after the grace", function()
  local child
  local sh = open("(trap '' TERM; echo ready; exec sleep 100) & wait", {
    process_group = true, grace = 0.05,
  })
  t.eq(sh.stdout:receive(), "ready\n")
  child = require("_anyrun.process").group_member(sh.pid)
  t.ok(child)
  anyio.move_on_after(0, function() sh:aclose() end)
  t.eq(sh.returncode, -15)
  t.no(lives(child))
end)

t.test("members that are stopped are ended, too", function()
  local sh = open("sleep 100 & echo $!; kill -STOP $!; wait", { process_group = true })
  local child = math.tointeger(tonumber(sh.stdout:receive()))
  anyio.move_on_after(0, function() sh:aclose() end)
  t.no(lives(child))
end)

t.test("signals are for the whole group", function()
  local sh <close> = open("sleep 100 & echo ready; wait; echo over",
    { process_group = true })
  sh.stdout:receive()
  sh:send_signal "SIGUSR1"
  t.eq(sh:wait(), -10)
end)

t.test("a group whose leader was reaped hears nothing", function()
  local native = require "_anyrun.process"
  local child = native.spawn {
    file = "true", argv = { "true" }, path = os.getenv "PATH", group = true,
  }
  t.eq(child:wait(), 0)
  t.eq(child:signal(15, true), true) -- not reaped: its number is its own
  child:reap()
  t.eq(child:signal(15, true), false)
  t.eq(child:status(), 0)
end)

t.test("run_process takes a group, too", function()
  t.eq(anyio.run_process("echo x | cat", { process_group = true }).stdout, "x\n")
  local scope = anyio.move_on_after(0.05, function()
    anyio.run_process("sleep 100 | sleep 100", { process_group = true })
  end)
  t.ok(scope.cancelled_caught)
end)
