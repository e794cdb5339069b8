--- What a shell sees of an asyncio script: exit status and standard error.
local t = require "harness"

local plain = {plain = true}

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

-- The program under test is the one that runs this.
local function program()
  local pipe = io.popen "echo ${ANYRUN:-$(readlink /proc/$PPID/exe)}"
  local path = pipe:read "l"
  pipe:close()
  return path
end

--- Runs a script in a process of its own: its output (both kinds), how it
-- ended ("exit" or "signal") and the number.
local function run_script(script, env)
  local pipe = io.popen(("%s exec %s --backend=asyncio -e %s 2>&1"):format(env or "",
    quote(program()), quote('local asyncio, anyio = require "asyncio", require "anyio"\n'
      .. script)))
  local output = pipe:read "a"
  local _, how, number = pipe:close()
  return output, how, number
end

t.test("[AS-RUN-20 D-15] a background error nobody awaits: reported, status 0", plain, function()
  local output, how, status = run_script [[
    asyncio.run(function()
      asyncio.create_task(function() error(anyio.ValueError("background")) end)
      asyncio.sleep(0.01)
    end)
    print "the end"]]
  t.eq({how, status}, {"exit", 0})
  t.match(output, "Task exception was never retrieved")
  t.match(output, "ValueError: background")
  t.match(output, "the end")
end)

t.test("[AS-RUN-20 D-15 AS-TASK-12] the same at the top level of a script", plain, function()
  local output, how, status = run_script [[
    asyncio.create_task(function() error(anyio.ValueError("background")) end)
    asyncio.sleep(0.01)]]
  t.eq({how, status}, {"exit", 0})
  t.match(output, "Task exception was never retrieved")
end)

t.test("[AS-RUN-20 D-18] SystemExit(n) of any task is the status n", plain, function()
  local output, how, status = run_script [[
    asyncio.run(function()
      asyncio.create_task(function() error(anyio.SystemExit(3)) end)
      asyncio.sleep(60)
    end)]]
  t.eq({how, status, output}, {"exit", 3, ""})
end)

t.test("[AS-RUN-13 AS-RUN-20] an uncaught CancelledError is an error like others: status 1", plain, function()
  local output, how, status = run_script [[
    asyncio.run(function()
      asyncio.current_task():cancel("bye")
      asyncio.sleep(0)
    end)]]
  t.eq({how, status}, {"exit", 1})
  t.match(output, "CancelledError: bye")
end)

t.test("[AS-RUN-20 D-33 AS-RUN-14] an uncaught control-C is death by SIGINT", plain, function()
  local _, how, status = run_script [[
    asyncio.run(function()
      asyncio.get_running_loop():call_soon(function()
        io.popen("kill -INT $PPID"):close()
      end)
      asyncio.TaskGroup(function(group) group:create_task(asyncio.sleep, 10) end)
    end)]]
  t.eq({how, status}, {"signal", 2})
end)

t.test("[AS-RUN-15] a second control-C is raised where the code is", plain, function()
  local output, how, status = run_script [[
    local function interrupt() io.popen("kill -INT $PPID"):close() end
    asyncio.run(function()
      asyncio.get_running_loop():call_soon(interrupt)
      pcall(asyncio.sleep, 10)
      print "swallowed the first"
      interrupt()
      for _ = 1, 1e9 do end
      print "not reached"
    end)]]
  t.match(output, "swallowed the first")
  t.no(output:find("not reached", 1, true))
  t.eq({how, status}, {"signal", 2})
end)

t.test("[AS-RUN-04 AS-DBG-01] the environment switches debug mode on", plain, function()
  local script = [[
    asyncio.run(function() print(asyncio.get_running_loop():get_debug()) end)
    asyncio.run(function() print(asyncio.get_running_loop():get_debug()) end, {debug = false})]]
  t.eq(run_script(script, "ANYRUN_ASYNCIO_DEBUG=1"), "true\nfalse\n")
  t.eq(run_script(script, "ANYRUN_ASYNCIO_DEBUG="), "false\nfalse\n")
end)

t.test("[AS-EXH-05 AS-TASK-03] an error in a callback is written, the script goes on", plain, function()
  local output, how, status = run_script [[
    asyncio.get_running_loop():call_soon(function() error(anyio.ValueError("in a callback")) end)
    asyncio.sleep(0.001)
    print "went on"]]
  t.eq({how, status}, {"exit", 0})
  t.match(output, "Exception in callback ")
  t.match(output, "ValueError: in a callback")
  t.match(output, "went on\n$")
end)

t.test("[AS-LOOP-15] at the top level of a script asyncio's functions begin the run", plain, function()
  t.eq(run_script [[
    local task = asyncio.create_task(function() asyncio.sleep(0) return "value" end)
    print(task:await(), asyncio.get_running_loop():is_running())
    print(asyncio.gather(function() return "gathered" end):await()[1])
  ]], "value\ttrue\ngathered\n")
end)
