--- Waiting until a descriptor is ready.
local anyio = require "anyio"
local t = require "harness"
local net = require "net"

local A = anyio.abc.SocketAttribute

-- A pair of descriptors that nobody owns: `body(fd, peer stream)`.
local function pair(body)
  local path = net.abstract()
  local listener = anyio.create_unix_listener(path)
  local fd = net.descriptor("stream", "AF_UNIX", function(s) s:_connect(path) end)
  local peer <close> = listener:accept()
  listener:aclose()
  local _ <close> = setmetatable({}, {__close = function() net.close(fd) end})
  body(fd, peer)
end

t.test("[LL-11] a descriptor's number, a socket, an object with fileno", function()
  pair(function(fd, peer)
    anyio.wait_writable(fd)
    anyio.wait_writable(peer)
    anyio.wait_writable{fileno = function() return fd end}
    anyio.wait_writable{fileno = fd}
    anyio.create_task_group(function(tg)
      local ready = false
      tg:start_soon(function()
        anyio.wait_readable(fd)
        ready = true
      end)
      anyio.wait_all_tasks_blocked()
      t.no(ready)
      peer:send "x"
    end)
    anyio.wait_readable(fd)
  end)
end)

t.test("[LL-11] a file of Lua's; a plain file is always ready", function()
  local pipe = io.popen "sleep 0.05; echo x"
  anyio.wait_readable(pipe)
  t.eq(pipe:read "l", "x")
  pipe:close()
  local file <close> = io.tmpfile()
  local others = 0
  anyio.create_task_group(function(tg)
    tg:start_soon(function() others = others + 1 end)
    anyio.wait_readable(file)
    anyio.wait_writable(file)
    t.eq(others, 1)
  end)
end)

t.test("[LL-12] a second one on the same side is refused; one of each is fine", function()
  pair(function(fd, peer)
    anyio.create_task_group(function(tg)
      tg:start_soon(function() anyio.wait_readable(fd) end)
      anyio.wait_all_tasks_blocked()
      t.raises(anyio.BusyResourceError, anyio.wait_readable, fd)
      anyio.wait_writable(fd)
      peer:send "x"
    end)
    anyio.wait_readable(fd)
  end)
end)

t.test("[LL-12] a descriptor of a stream of ours, too", function()
  net.unix_pair(function(a, b)
    local fd = a:extra(A.raw_socket)
    anyio.create_task_group(function(tg)
      tg:start_soon(function() t.eq(a:receive(), "x") end)
      anyio.wait_all_tasks_blocked()
      t.raises(anyio.BusyResourceError, anyio.wait_readable, fd)
      t.raises(anyio.BusyResourceError, anyio.wait_readable, a)
      anyio.wait_writable(fd)
      b:send "x"
    end)
    anyio.create_task_group(function(tg)
      tg:start_soon(function() anyio.wait_readable(fd) end)
      anyio.wait_all_tasks_blocked()
      t.raises(anyio.BusyResourceError, a.receive, a)
      b:send "y"
    end)
    t.eq(a:receive(), "y")
  end)
end)

t.test("[LL-13] notify_closing wakes who waits, and closes nothing", function()
  pair(function(fd, peer)
    anyio.create_task_group(function(tg)
      tg:start_soon(function() t.raises(anyio.ClosedResourceError, anyio.wait_readable, fd) end)
      anyio.wait_all_tasks_blocked()
      anyio.notify_closing(fd)
    end)
    peer:send "x"
    anyio.wait_readable(fd)
    anyio.notify_closing(fd)
  end)
  net.unix_pair(function(a, b)
    anyio.create_task_group(function(tg)
      tg:start_soon(function() t.raises(anyio.ClosedResourceError, a.receive, a) end)
      anyio.wait_all_tasks_blocked()
      anyio.notify_closing(a)
    end)
    b:send "still open"
    t.eq(a:receive(), "still open")
  end)
end)

t.test("closing a stream wakes who waits for its descriptor", function()
  net.unix_pair(function(a)
    anyio.create_task_group(function(tg)
      local fd = a:extra(A.raw_socket)
      tg:start_soon(function() t.raises(anyio.ClosedResourceError, anyio.wait_readable, fd) end)
      anyio.wait_all_tasks_blocked()
      a:aclose()
    end)
    t.raises(anyio.ClosedResourceError, anyio.wait_readable, a)
  end)
end)

t.test("[LL-14] the old names warn", {plain = true}, function()
  local path = os.tmpname()
  local code = [[
    local anyio = require "anyio"
    anyio.create_task_group(function()
      local a <close> = anyio.create_udp_socket{local_host = "127.0.0.1"}
      anyio.wait_socket_writable(a)
      a:sendto("x", "127.0.0.1", a:extra(anyio.abc.SocketAttribute.local_port))
      anyio.wait_socket_readable(a)
    end)]]
  local file = assert(io.open(path, "w"))
  file:write(code)
  file:close()
  local pipe = io.popen(("%s --backend=%s -W %s 2>&1"):format(os.getenv "ANYRUN",
    t.backend, path))
  local text = pipe:read "a"
  pipe:close()
  os.remove(path)
  t.match(text, "DeprecationWarning: wait_socket_writable is deprecated, use wait_writable")
  t.match(text, "DeprecationWarning: wait_socket_readable is deprecated, use wait_readable")
end)

t.test("a cancelled wait leaves nothing", function()
  pair(function(fd)
    for _ = 1, 3 do
      local scope = anyio.move_on_after(0.005, function() anyio.wait_readable(fd) end)
      t.ok(scope.cancelled_caught)
    end
  end)
end)

t.test("a plain file's readiness is a checkpoint: who is cancelled leaves", function()
  local file <close> = io.tmpfile()
  for _, wait in ipairs { anyio.wait_readable, anyio.wait_writable } do
    local came = false
    local scope = anyio.CancelScope()
    scope:cancel()
    scope(function()
      wait(file)
      came = true
    end)
    t.ok(scope.cancelled_caught)
    t.no(came)
  end
end)

t.test("what is no descriptor", function()
  local err = t.raises(anyio.OSError, anyio.wait_readable, 54321)
  t.eq(err.message, "descriptor 54321: Bad file descriptor")
  for _, number in ipairs { 1 << 32, math.maxinteger } do
    err = t.raises(anyio.OSError, anyio.wait_writable, number)
    t.eq(err.message, ("descriptor %d: Bad file descriptor"):format(number))
    t.raises(anyio.OSError, anyio.lowlevel.close_descriptor, number)
    t.raises(("there is no descriptor %d"):format(number),
      anyio.abc.SocketStream.from_socket, number)
  end
  t.raises(anyio.ValueError, anyio.wait_readable, math.mininteger)
  t.raises(anyio.ValueError, anyio.wait_readable, -1)
  t.raises("descriptor, file or socket expected", anyio.wait_readable, "0")
  t.raises("descriptor, file or socket expected", anyio.wait_writable, {})
  t.raises("descriptor, file or socket expected", anyio.notify_closing)
end)
