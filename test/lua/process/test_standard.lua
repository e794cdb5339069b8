--- The standard streams, of a script that is run for that.

local anyio = require "anyio"
local t = require "harness"

local ANYRUN <const> = os.getenv "ANYRUN" or "build/debug/anyrun"

-- Runs a script; what `run_process` returns.
local function script(text, opts)
  opts = opts or {}
  if opts.check == nil then opts.check = false end
  local head = 'local anyio = require "anyio" '
  return anyio.run_process({ ANYRUN, "--backend=" .. t.backend, "-e", head .. text }, opts)
end

local COPY <const> = [[
  for chunk in anyio.stdin do anyio.stdout:send(chunk) end
  anyio.stderr:send "end"
]]

t.test("from a pipe to a pipe", function()
  local input = ("0123456789abcde\n"):rep(1 << 15)
  local result = script(COPY, { input = input })
  t.eq(result.returncode, 0)
  t.ok(result.stdout == input)
  t.eq(result.stderr, "end")
end)

t.test("from a file to a file, at the place where they stand", function()
  local from <close> = io.tmpfile()
  local to <close> = io.tmpfile()
  from:write "skipped rest"
  from:seek("set", 8)
  to:write "before "
  local result = script(COPY, { stdin = from, stdout = to })
  t.eq(result.returncode, 0)
  to:seek "set"
  t.eq(to:read "a", "before rest")
end)

t.test("print, io.write and io.read are kept in order with them", function()
  local result = script([[
    print "one"
    io.write "two "
    anyio.stdout:send "three\n"
    print(io.read())
    anyio.stdout:send(anyio.stdin:receive())
  ]], { input = "first\nsecond\n" })
  t.eq(result.stdout, "one\ntwo three\nfirst\nsecond\n")
end)

t.test("other tasks run while one waits for input", function()
  local child <close> = anyio.open_process({ ANYRUN, "--backend=" .. t.backend, "-e", [[
    local anyio = require "anyio"
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        anyio.sleep(0.01)
        anyio.stdout:send "other "
      end)
      anyio.stdout:send(anyio.stdin:receive())
    end)
  ]] })
  t.eq(child.stdout:receive(), "other ")
  child.stdin:send "input"
  t.eq(child.stdout:receive(), "input")
end)

t.test("the end of the input, and a limit on the wait for it", function()
  local result = script([[
    print(select(2, anyio.pcall(anyio.stdin.receive, anyio.stdin)).name)
  ]], { stdin = anyio.DEVNULL })
  t.eq(result.stdout, "EndOfStream\n")
  local child <close> = anyio.open_process({ ANYRUN, "--backend=" .. t.backend, "-e", [[
    local anyio = require "anyio"
    print(anyio.move_on_after(0.01, function() anyio.stdin:receive() end).cancelled_caught)
    print(anyio.stdin:receive())
  ]] })
  t.eq(child.stdout:receive(), "true\n")
  child.stdin:send "late"
  t.eq(child.stdout:receive(), "late\n")
end)

t.test("a full disk and a reader that is gone are errors that say so", function()
  local full <close> = assert(io.open("/dev/full", "w"))
  local result = script([[
    local ok, err = anyio.pcall(anyio.stdout.send, anyio.stdout, "x")
    anyio.stderr:send(tostring(err) .. " " .. err.code .. " " .. err.cause.name)
  ]], { stdout = full })
  t.eq(result.stderr, "BrokenResourceError: standard output: No space left on device"
    .. " ENOSPC OSError")
  local child <close> = anyio.open_process({ ANYRUN, "--backend=" .. t.backend, "-e", [[
    local anyio = require "anyio"
    anyio.stdin:receive()
    local ok, err = anyio.pcall(anyio.stdout.send, anyio.stdout, "x")
    anyio.stderr:send(err.name .. " " .. err.code)
  ]] })
  child.stdout:aclose()
  child.stdin:send "go"
  t.eq(child.stderr:receive(), "BrokenResourceError EPIPE")
end)

t.test("closed ones, and ones that are closed", function()
  local result = anyio.run_process({ "sh", "-c", 'exec "$@" <&-', "sh", ANYRUN,
    "--backend=" .. t.backend, "-e", [[
    local anyio = require "anyio"
    local ok, err = anyio.pcall(anyio.stdin.receive, anyio.stdin)
    print(err.name)
    anyio.stdout:aclose()
    ok, err = anyio.pcall(anyio.stdout.send, anyio.stdout, "x")
    print(err.name)
  ]] })
  t.eq(result.stdout, "BrokenResourceError\nClosedResourceError\n")
end)

t.test("a socket, which stays as it is for others", { skip = not anyio.connect_unix
  and "no sockets" or nil }, function()
  local path = os.tmpname()
  os.remove(path)
  local result
  anyio.create_task_group(function(tg)
    local listener <close> = anyio.create_unix_listener(path)
    tg:start_soon(function()
      local stream <close> = anyio.connect_unix(path)
      stream:send "over a socket"
      stream:send_eof()
      result = stream:receive()
    end)
    local stream <close> = listener:accept()
    local fd = stream:extra(anyio.abc.SocketAttribute.raw_socket)
    script(COPY, { stdin = fd, stdout = fd, stderr = anyio.DEVNULL })
  end)
  os.remove(path)
  t.eq(result, "over a socket")
end)
