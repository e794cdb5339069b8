--- Worker processes that died late, early or not at all.
--
-- A child of a worker's inherited the worker's end of the connection: where the
-- worker died, its caller waited for that child. A worker that died while it
-- was idle failed the next call. One that computed went on for ever after its
-- parent was killed. And since workers ignored control-C while a group that was
-- cancelled by it waited for them, nothing happened for as long as they worked.

local anyio = require "anyio"
local t = require "harness"
local run_sync = anyio.to_process.run_sync

local function pid()
  local f <close> = io.open "/proc/self/stat"
  return f:read "n"
end

-- The state of a process as /proc has it; nil: it is gone.
local function state_of(id)
  local f <close> = io.open("/proc/" .. id .. "/stat")
  return f and (f:read "a" or ""):match "%) (%a)"
end

local function wait_for(f)
  local value = f()
  while not value do
    anyio.sleep(0.002)
    value = f()
  end
  return value
end

local function is_dead(id)
  local state = state_of(id)
  return state == nil or state == "Z" or state == "X"
end

-- A file that holds a number as soon as somebody wrote one into it.
local function number_in(path)
  return function()
    local f <close> = io.open(path)
    return f and f:read("a"):match "^(%d+)\n"
  end
end

t.test("the death of a worker is seen, whoever has its descriptors", function()
  for _, last in ipairs{"os.exit(3)", "io.popen('kill -9 $PPID'):read()"} do
    local path <const> = os.tmpname()
    local ok, err = anyio.pcall(run_sync, load(([[
      os.execute "sleep 1000 & echo $! >%s"
      %s]]):format(path, last)))
    local child = tonumber(number_in(path)())
    local alive = not is_dead(child)
    os.execute("kill -9 " .. child)
    os.remove(path)
    t.eq({ok, err.name, alive}, {false, "BrokenWorkerProcess", true})
    t.ok(err.message:find(last:find "exit" and "has ended with exit status 3" or "was killed by SIGKILL"))
  end
end)

t.test("a worker that died while it was idle is not used", function()
  for _ = 1, 3 do
    local first = run_sync(pid)
    os.execute("kill -9 " .. first)
    wait_for(function() return is_dead(first) end)
    t.ok(run_sync(pid) ~= first)
  end
end)

t.test("a worker that says something unasked is not used", function()
  local first = run_sync(function()
    local id = io.open "/proc/self/stat":read "n"
    setmetatable({}, {__gc = function() os.exit(0) end})
    return id
  end)
  t.ok(first)
  for _ = 1, 3 do t.eq(run_sync(function(a) return a end, 1), 1) end
end)

-- Starts this program, in a session of its own, with a script.
local function start(code, ...)
  local first = 0
  while arg[first - 1] do first = first - 1 end
  return anyio.open_process({os.getenv "ANYRUN" or arg[first], "--backend=" .. t.backend, "-e", code, ...},
    {start_new_session = true})
end

-- What works on calls the system now and then: the thread sanitizer holds back
-- signals until then.
local BUSY <const> = [[
  local anyio = require "anyio"
  local function work(path)
    local file = io.open(path, "w")
    file:write(io.open "/proc/self/stat":read "n", "\n")
    file:close()
    while true do os.remove "" end
  end
  run(function()
    local limiter = anyio.CapacityLimiter(9)
    anyio.create_task_group(function(tg)
      for i = 1, %d do tg:start_soon(anyio.to_process.run_sync, {work, limiter = limiter}, %q .. i) end
      if %s then anyio.to_process.run_sync({work, limiter = limiter}, %q .. "main") end
    end)
  end)]]

-- What was started with so many workers, once all of them are at work.
local function start_busy(n, in_main)
  local path, ids = os.tmpname(), {}
  local process = start(BUSY:format(n, path, in_main, path))
  for i = 1, n do ids[i] = wait_for(number_in(path .. i)) end
  if in_main then ids[n + 1] = wait_for(number_in(path .. "main")) end
  os.execute(("rm -f %s*"):format(path))
  return process, ids
end

t.test("a worker that computes ends with its parent", function()
  local process <close>, ids = start_busy(2, false)
  process:kill()
  process:wait()
  for _, id in ipairs(ids) do wait_for(function() return is_dead(id) end) end
end)

t.test("control-C at the terminal ends a program and its workers", function()
  for _, in_main in ipairs{false, true} do
    local process <close>, ids = start_busy(2, in_main)
    os.execute("kill -INT -" .. process.pid)
    local text = {}
    for chunk in process.stderr do text[#text + 1] = chunk end
    t.eq(process:wait(), -2)
    t.ok(table.concat(text):find "KeyboardInterrupt")
    for _, id in ipairs(ids) do wait_for(function() return is_dead(id) end) end
  end
end)

t.test("control-C that only the program gets ends a call that main waits for", function()
  local process <close> = start_busy(0, true)
  process:send_signal "SIGINT"
  t.eq(process:wait(), -2)
end)

t.test("control-C while a worker is idle means nothing to it", function()
  local first = run_sync(pid)
  for _ = 1, 4 do os.execute("kill -INT " .. first) end
  t.eq({run_sync(pid), run_sync(function() local n = 0 for i = 1, 1000 do n = n + i end return n end)},
    {first, 500500})
end)

t.test("what a function does about control-C is its own matter", function()
  t.eq({run_sync(function()
    local ok, err = pcall(function()
      io.popen("kill -INT $PPID"):close() -- system() ignores it meanwhile
      while true do end
    end)
    return ok, err.name
  end)}, {false, "KeyboardInterrupt"})
end)
