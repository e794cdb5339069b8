--- UNIX stream sockets.
local anyio = require "anyio"
local t = require "harness"
local net = require "net"

local A = anyio.abc.SocketAttribute

-- Calls `body(path)` for a file's path, a path that is no UTF-8, an abstract name.
local function each_path(body)
  net.folder(function(folder)
    body(folder .. "/socket")
    body(folder .. "/\xff\xfe")
    body(net.abstract())
  end)
end

t.test("[UNIX-01 UNIX-02 UNIX-03 UNIX-16 UNIX-19] what is sent arrives, whatever the path", function()
  each_path(function(path)
    local listener <close> = anyio.create_unix_listener(path, {backlog = 5})
    t.isa(listener, anyio.abc.SocketListener)
    local client <close> = anyio.connect_unix(path)
    local server <close> = listener:accept()
    t.isa(client, anyio.abc.UNIXSocketStream)
    t.isa(server, anyio.abc.UNIXSocketStream)
    client:send "hello"
    t.eq(server:receive(), "hello")
    server:send "back"
    t.eq(client:receive(), "back")
    t.eq(listener:extra(A.local_address), path)
    t.eq(server:extra(A.local_address), path)
    t.eq(client:extra(A.remote_address), path)
  end)
end)

t.test("[UNIX-01] an object that says its path", function()
  net.folder(function(folder)
    local path = {__fspath = function() return folder .. "/p" end}
    local listener <close> = anyio.create_unix_listener(path)
    local client <close> = anyio.connect_unix(path)
    t.eq({listener:extra(A.local_address), client:extra(A.remote_address)},
      {folder .. "/p", folder .. "/p"})
  end)
end)

t.test("[UNIX-04] attributes", function()
  net.unix_pair(function(a, b)
    t.eq({a:extra(A.family), b:extra(A.family)}, {"AF_UNIX", "AF_UNIX"})
    t.eq(a:extra(A.local_address), "")
    t.eq(a:extra(A.remote_address), b:extra(A.local_address))
    t.eq(math.type(a:extra(A.raw_socket)), "integer")
    t.raises(anyio.TypedAttributeLookupError, a.extra, a, A.local_port)
    t.raises(anyio.TypedAttributeLookupError, a.extra, a, A.remote_port)
  end)
end)

t.test("[UNIX-08 UNIX-09] descriptors arrive with the message, and are open", function()
  net.unix_pair(function(a, b)
    local file <close> = assert(io.tmpfile())
    a:send_fds("take", {file, a, a:extra(A.raw_socket)})
    local message, fds = b:receive_fds(10, 5)
    t.eq(message, "take")
    t.eq(#fds, 3)
    local again <close> = anyio.abc.UNIXSocketStream.from_socket(fds[2])
    again:send "through the copy"
    t.eq(b:receive(), "through the copy")
    net.close(fds[3])
    t.raises("does not refer to a socket", anyio.abc.SocketStream.from_socket, fds[1])
    local via = assert(io.open("/proc/self/fd/" .. fds[1], "w"))
    via:write "written elsewhere"
    via:close()
    net.close(fds[1])
    t.raises("there is no descriptor", anyio.abc.SocketStream.from_socket, fds[1])
    file:seek "set"
    t.eq(file:read "a", "written elsewhere")
  end)
end)

t.test("[UNIX-08] descriptors that are too many are closed", function()
  net.unix_pair(function(a, b)
    local before = net.sockets()
    a:send_fds("x", {a, a, a})
    local _, fds = b:receive_fds(1, 1)
    t.eq(#fds, 1)
    net.close(fds[1])
    t.eq(net.sockets(), before)
  end)
end)

t.test("[UNIX-08 UNIX-09] bad arguments", function()
  net.unix_pair(function(a)
    t.raises("number expected, got string", function() a:receive_fds("x", 1) end)
    t.raises("msglen must be an integer of at least 0", a.receive_fds, a, -1, 1)
    t.raises("maxfds must be an integer of at least 1", a.receive_fds, a, 10, 0)
    t.isa(t.raises("message must not be empty", a.send_fds, a, "", {0}), anyio.ValueError)
    t.isa(t.raises("fds must not be empty", a.send_fds, a, "x", {}), anyio.ValueError)
    t.raises("a descriptor is a number, a file or a socket, not a string", a.send_fds, a,
      "x", {"0"})
    t.raises("the file is closed", a.send_fds, a, "x", {(function()
      local file = io.tmpfile()
      file:close()
      return file
    end)()})
  end)
end)

t.test("a long message goes on after the descriptors", function()
  net.unix_pair(function(a, b)
    local data = ("x"):rep(3000000)
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        a:send_fds(data, {a})
        a:send_eof()
      end)
      local message, fds = b:receive_fds(65536, 1)
      net.close(fds[1])
      t.eq(#message + #net.drain(b), #data)
    end)
  end)
end)

t.test("receive_fds at the end, and while another receives", function()
  net.unix_pair(function(a, b)
    anyio.create_task_group(function(tg)
      tg:start_soon(function() t.cancelled(b.receive, b) end)
      anyio.wait_all_tasks_blocked()
      t.raises(anyio.BusyResourceError, b.receive_fds, b, 1, 1)
      tg.cancel_scope:cancel()
    end)
    a:aclose()
    t.raises(anyio.EndOfStream, b.receive_fds, b, 10, 1)
    b:aclose()
    t.raises(anyio.ClosedResourceError, b.receive_fds, b, 10, 1)
    t.raises(anyio.ClosedResourceError, b.send_fds, b, "x", {0})
  end)
end)

t.test("[UNIX-10] a second sender or receiver is refused", function()
  net.unix_pair(function(a)
    anyio.create_task_group(function(tg)
      tg:start_soon(function() t.cancelled(a.receive, a) end)
      tg:start_soon(function() t.cancelled(a.send, a, ("y"):rep(10000000)) end)
      anyio.wait_all_tasks_blocked()
      t.raises(anyio.BusyResourceError, a.receive, a)
      t.raises(anyio.BusyResourceError, a.send, a, "z")
      t.raises(anyio.BusyResourceError, a.send_fds, a, "z", {0})
      tg.cancel_scope:cancel()
    end)
  end)
end)

t.test("[UNIX-11] closing wakes who receives and who sends", function()
  net.unix_pair(function(a)
    anyio.create_task_group(function(tg)
      tg:start_soon(function() t.raises(anyio.ClosedResourceError, a.receive, a) end)
      tg:start_soon(function()
        t.raises(anyio.ClosedResourceError, a.send, a, ("y"):rep(10000000))
      end)
      anyio.wait_all_tasks_blocked()
      a:aclose()
    end)
  end)
end)

t.test("[UNIX-12] closing right after a cancelled receive and send", function()
  net.unix_pair(function(a)
    anyio.create_task_group(function(tg)
      tg:start_soon(function() a:receive() end)
      tg:start_soon(function() a:send(("y"):rep(10000000)) end)
      anyio.wait_all_tasks_blocked()
      tg.cancel_scope:cancel()
    end)
    a:aclose()
  end)
end)

t.test("[UNIX-16 UDG-05] permissions that are none are refused", function()
  net.folder(function(folder)
    local path = folder .. "/socket"
    for _, mode in ipairs { -1, 4096, 1 << 32 } do
      local err = t.raises(anyio.ValueError, anyio.create_unix_listener, path,
        {mode = mode})
      t.eq(err.message, ("permissions are a number from 0 to 4095 (octal 7777), "
        .. "not %d"):format(mode))
      t.raises(anyio.ValueError, anyio.create_unix_datagram_socket,
        {local_path = path, local_mode = mode})
    end
    t.eq(io.open(path), nil)
  end)
end)

t.test("[UNIX-14] who cannot connect gets the system's error, bare", function()
  net.folder(function(folder)
    local before = net.sockets()
    local err = t.raises(anyio.OSError, anyio.connect_unix, folder .. "/missing")
    t.eq(err.code, "ENOENT")
    t.match(tostring(err), "cannot connect to .*/missing: No such file or directory")
    t.no(anyio.isinstance(err, anyio.ConnectionFailed))
    t.eq(t.raises(anyio.OSError, anyio.connect_unix, net.abstract()).code, "ECONNREFUSED")
    t.eq(net.sockets(), before)
    t.raises("has at most 107 bytes", anyio.connect_unix, ("x"):rep(108))
    t.raises("has at most 108 bytes", anyio.connect_unix, "\0" .. ("x"):rep(108))
    t.raises("must not be empty", anyio.connect_unix, "")
    t.raises("bad argument #1 to 'connect_unix'", anyio.connect_unix, 5)
  end)
end)

t.test("a full queue is waited for", function()
  local path = net.abstract()
  local listener <close> = anyio.create_unix_listener(path, {backlog = 1})
  anyio.create_task_group(function(tg)
    for _ = 1, 6 do
      tg:start_soon(function() anyio.connect_unix(path):aclose() end)
    end
    anyio.sleep(0.01)
    for _ = 1, 6 do listener:accept():aclose() end
  end)
end)

t.test("[UNIX-15] what is wrong with a descriptor is said", function()
  local from_socket = anyio.abc.UNIXSocketStream.from_socket
  local tcp <close> = anyio.create_tcp_listener{local_host = "127.0.0.1"}
  local inet = net.descriptor("stream", "AF_INET", function(socket)
    socket:_connect("127.0.0.1", tcp:extra(A.local_port))
  end)
  t.isa(t.raises("address family mismatch: expected AF_UNIX, got AF_INET", from_socket,
    inet), anyio.ValueError)
  net.close(inet)
  local stream = net.descriptor("stream", "AF_UNIX")
  t.raises("the socket must be connected", from_socket, stream)
  net.close(stream)
  local path = net.abstract()
  local listener <close> = anyio.create_unix_listener(path)
  local good = net.descriptor("stream", "AF_UNIX", function(socket) socket:_connect(path) end)
  local mine <close> = from_socket(good)
  local server <close> = listener:accept()
  mine:send "x"
  t.eq(server:receive(), "x")
end)

local function mode_of(path)
  local pipe = io.popen("stat -c %a " .. path)
  local mode = pipe:read "l"
  pipe:close()
  return mode
end

t.test("[UNIX-16] the permissions of the file", function()
  net.folder(function(folder)
    local path = folder .. "/s"
    local listener <close> = anyio.create_unix_listener(path, {mode = tonumber("640", 8)})
    t.eq({listener:extra(A.local_address), mode_of(path)}, {path, "640"})
  end)
end)

t.test("[UNIX-17 UNIX-18] a socket makes way, a file does not; the file stays", function()
  net.folder(function(folder)
    local path = folder .. "/s"
    for _ = 1, 2 do
      local listener = anyio.create_unix_listener(path)
      local client <close> = anyio.connect_unix(path)
      local server <close> = listener:accept()
      client:send "x"
      t.eq(server:receive(), "x")
      listener:aclose()
      t.match(mode_of(path), "^%d+$")
    end
    local file = assert(io.open(folder .. "/f", "w"))
    file:close()
    local err = t.raises(anyio.OSError, anyio.create_unix_listener, folder .. "/f")
    t.eq(err.code, "EADDRINUSE")
    t.match(mode_of(folder .. "/f"), "^%d+$")
  end)
end)

t.test("[UNIX-20] a listener of another's making accepts UNIX streams", function()
  local path = net.abstract()
  local descriptor = net.descriptor("listener", "AF_UNIX", function(socket, cls)
    socket:_bind(path)
    socket:_listen(5, cls)
  end)
  local listener <close> = anyio.abc.SocketListener.from_socket(descriptor)
  local client <close> = anyio.connect_unix(path)
  local server <close> = listener:accept()
  t.isa(server, anyio.abc.UNIXSocketStream)
  client:send "x"
  t.eq(server:receive(), "x")
end)
