--- A trio program from outside: its exit status and what it says at its end.
local t = require "harness"

local plain = {plain = true}

-- The program under test, as it was started.
local function program()
  local first = 0
  while arg[first - 1] do first = first - 1 end
  return os.getenv "ANYRUN" or arg[first]
end

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

-- Runs Lua code on the trio backend; returns its output with standard error,
-- how it ended and with what status or signal. `prefix` is shell code.
local function run_code(code, prefix)
  local command = ("%s%s --backend=trio -e %s"):format(prefix or "exec ", program(), quote(code))
  local pipe = assert(io.popen("sh -c " .. quote(command) .. " 2>&1"))
  local output = pipe:read "a"
  local _, how, status = pipe:close()
  -- the shell says 128 + n for signal n
  if how == "exit" and status > 128 then how, status = "signal", status - 128 end
  return output, how, status
end

local HEAD = "local trio, anyio = require 'trio', require 'anyio' "

t.test("[TR-EXC-10 D-15] an uncaught group is printed as a tree, and the exit status is 1", plain,
  function()
    local output, how, status = run_code(HEAD .. [[
      trio.run(function()
        trio.open_nursery(function(nursery)
          nursery:start_soon(function() error(anyio.ValueError("first")) end)
          nursery:start_soon(function()
            trio.open_nursery(function() error(anyio.LookupError("second")) end)
          end)
        end)
      end)]])
    t.eq({how, status}, {"exit", 1})
    t.match(output, "^anyrun: ")
    t.match(output, "Exceptions from Trio nursery %(2 sub%-exceptions%)")
    t.match(output, "ValueError: first")
    t.match(output, "LookupError: second")
  end)

t.test("[TR-EXC-11 D-18] the status of a SystemExit is the program's", plain, function()
  local _, how, status = run_code(HEAD .. "trio.run(function() error(anyio.SystemExit(3)) end)")
  t.eq({how, status}, {"exit", 3})
end)

t.test("[TR-EXC-11 D-33] an uncaught KeyboardInterrupt is death by SIGINT, grouped or not", plain,
  function()
    local _, how, status = run_code(HEAD .. "trio.run(function() error(anyio.KeyboardInterrupt()) end)")
    t.eq({how, status}, {"signal", 2})
    _, how, status = run_code(HEAD .. [[
      trio.run(function()
        trio.open_nursery(function() error(anyio.KeyboardInterrupt()) end)
      end)]])
    t.eq({how, status}, {"signal", 2})
  end)

t.test("[TR-KI-01] a SIGINT that is ignored stays ignored", plain, function()
  local output, how, status = run_code(HEAD .. [[
    trio.run(function()
      io.popen("kill -INT $PPID"):close()
      trio.sleep(0.01)
      print "went on"
    end)]], "trap '' INT; exec ")
  t.eq({output, how, status}, {"went on\n", "exit", 0})
end)

t.test("[TR-RUN-10] strict_exception_groups = false warns where warnings are on", plain, function()
  local code = HEAD .. [[
    warn "@on"
    print(trio.run(function() return "ran" end, {strict_exception_groups = false}))]]
  local output = run_code(code)
  t.match(output, "TrioDeprecationWarning")
  t.match(output, "ran")
end)
