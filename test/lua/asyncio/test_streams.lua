--- open_connection, start_server: readers and writers over sockets.

local anyio = require "anyio"
local asyncio = require "asyncio"
local t = require "harness"

local OSError = anyio.OSError
local HOST <const> = "127.0.0.1"
local BIG <const> = ("0123456789abcdef"):rep(1 << 18) -- 4 MiB

local function test(title, fn) t.test(title, { backend = "asyncio" }, fn) end

local function loop() return asyncio.get_running_loop() end

local function port_of(server) return server.sockets[1]:getsockname()[2] end

local function echo(reader, writer)
  while true do
    local data = reader:read(65536)
    if data == "" then break end
    writer:write(data)
    writer:drain()
  end
  writer:close()
  writer:wait_closed()
end

-- `body(reader, writer, port)` with a connection to a server of that handler.
local function with_server(handler, body)
  local server <close> = asyncio.start_server(handler, HOST, 0)
  local port = port_of(server)
  local reader, writer = asyncio.open_connection(HOST, port)
  body(reader, writer, port, server)
  writer:close()
  local ok, err = anyio.pcall(writer.wait_closed, writer)
  if not ok and reader:exception() == nil then error(err, 0) end
end

test("[AS-STR-01] a reader and a writer on both sides", function()
  with_server(echo, function(reader, writer)
    writer:write "hello\n"
    writer:writelines { "wor", "ld\n" }
    writer:drain()
    t.eq(reader:readline(), "hello\n")
    t.eq(reader:readline(), "world\n")
    writer:write_eof()
    t.eq(reader:read(), "")
  end)
end)

test("[AS-STR-01] the same on a UNIX socket", function()
  local path = os.tmpname()
  os.remove(path)
  local server <close> = asyncio.start_unix_server(echo, path)
  local reader, writer = asyncio.open_unix_connection(path)
  writer:write "hello"
  t.eq(reader:readexactly(5), "hello")
  t.eq(writer:get_extra_info "peername", path)
  writer:close()
  writer:wait_closed()
  t.eq(server:is_serving(), true)
end)

test("[AS-STR-01] the reader's limit is that of the options", function()
  local server <close> = asyncio.start_server(function(reader, writer)
    local ok, err = pcall(reader.readline, reader)
    writer:write(ok and "ok" or err.name)
    writer:close()
  end, HOST, 0, { limit = 8 })
  local reader, writer = asyncio.open_connection(HOST, port_of(server),
    { limit = 4 })
  writer:write "longer than eight\n"
  t.raises(anyio.ValueError, reader.readline, reader)
  writer:close()
  t.raises("bad argument #3 to 'open_connection'", asyncio.open_connection, HOST, 1,
    { limit = "x" })
  t.raises("unknown option 'lmit'", asyncio.open_connection, HOST, 1, { lmit = 1 })
end)

test("[AS-STR-02 D-66] a handler's error is reported, its connection closed", function()
  local reported = {}
  loop():set_exception_handler(function(_, context)
    reported[#reported + 1] = context
  end)
  local n = 0
  with_server(function(_, writer)
    n = n + 1
    if n == 1 then error "no such thing" end
    writer:write "second"
    writer:close()
  end, function(reader, _, port)
    t.eq(reader:read(), "")
    t.eq(#reported, 1)
    t.match(reported[1].message, "Unhandled exception in client_connected_cb")
    t.match(reported[1].exception, "no such thing")
    local again, writer = asyncio.open_connection(HOST, port)
    t.eq(again:read(), "second")
    writer:close()
  end)
end)

test("[AS-STR-02] a handler that is cancelled leaves a closed connection", function()
  local task
  with_server(function(reader)
    task = asyncio.current_task()
    reader:read()
  end, function(reader)
    while not task do asyncio.sleep(0) end
    task:cancel()
    t.eq(reader:read(), "")
  end)
end)

test("[AS-STR-09] drain waits above the high-water mark only, for any number", function()
  local go_on = loop():create_future()
  with_server(function(reader, writer)
    go_on:await()
    t.eq(#reader:read(), 5 + 2 * #BIG)
    writer:close()
  end, function(reader, writer)
    writer:write "small"
    writer:drain()
    writer:write(BIG)
    writer:write(BIG)
    local drained = 0
    local tasks = {}
    for i = 1, 3 do
      tasks[i] = asyncio.create_task(function()
        writer:drain()
        drained = drained + 1
      end)
    end
    local left = asyncio.create_task(writer.drain, writer)
    for _ = 1, 10 do asyncio.sleep(0) end
    t.eq(drained, 0)
    left:cancel()
    go_on:set_result(true)
    for i = 1, 3 do tasks[i]:await() end
    t.raises(asyncio.CancelledError, left.await, left)
    writer:write_eof()
    t.eq(reader:read(), "")
  end)
end)

test("[AS-STR-10] draining a lost connection says that it is lost", function()
  with_server(function(_, writer)
    writer.transport:abort()
  end, function(reader, writer)
    reader:read()
    writer.transport:abort()
    local err = t.raises(OSError, writer.drain, writer)
    t.eq(err.code, "ECONNRESET")
    t.match(err.message, "Connection lost")
  end)
end)

test("[AS-STR-10] an error of the reader comes out of drain", function()
  with_server(echo, function(reader, writer)
    local broken = asyncio.TimeoutError "broken"
    reader:set_exception(broken)
    t.eq(t.raises(asyncio.TimeoutError, writer.drain, writer), broken)
  end)
end)

test("a reset by the other side reaches reader, drain and wait_closed", function()
  local ready, gone = loop():create_future(), loop():create_future()
  local server <close> = asyncio.start_server(function(_, writer)
    writer.transport:pause_reading()
    ready:set_result(true)
    gone:await()
    writer.transport:abort() -- with unread bytes: the system sends a reset
  end, HOST, 0)
  local reader, writer = asyncio.open_connection(HOST, port_of(server))
  ready:await()
  writer:write "never read"
  gone:set_result(true)
  local err = t.raises(OSError, reader.read, reader)
  t.eq(err.code, "ECONNRESET")
  t.eq(t.raises(OSError, writer.wait_closed, writer), err)
  t.eq(t.raises(OSError, writer.drain, writer), err)
end)

test("[AS-STR-11] close, wait_closed, is_closing, write_eof, get_extra_info", function()
  with_server(echo, function(reader, writer)
    t.eq(writer:is_closing(), false)
    t.eq(writer:can_write_eof(), true)
    t.eq(writer:get_extra_info "sockname"[1], HOST)
    t.eq(writer:get_extra_info("nothing", 1), 1)
    writer:write(BIG)
    local reading = asyncio.create_task(reader.readexactly, reader, #BIG)
    t.eq(#reading:await(), #BIG)
    writer:close()
    t.eq(writer:is_closing(), true)
    writer:wait_closed()
    writer:wait_closed()
    t.eq(reader:at_eof(), true)
    t.match(tostring(writer), "^<StreamWriter transport=<Transport closed> reader=<StreamReader eof ")
  end)
end)

test("a writer closes at the end of its block", function()
  with_server(echo, function(_, _, port)
    local other
    do
      local _, writer = asyncio.open_connection(HOST, port)
      local held <close> = writer
      other = held
    end
    t.eq(other.transport._sock, nil)
  end)
end)

test("[AS-STR-12] a writer that is dropped is closed", function()
  local ended = loop():create_future()
  with_server(function(reader, writer)
    if reader:read() == "" and not ended:done() then ended:set_result(true) end
    writer:close()
  end, function(_, _, port)
    do asyncio.open_connection(HOST, port) end
    collectgarbage()
    collectgarbage()
    t.eq(ended:await(), true)
  end)
end)

test("[AS-STR-13] a server ends with its block, its clients before it", function()
  local log = t.log()
  do
    local server <close> = asyncio.start_server(function(reader, writer)
      log(reader:read())
      writer:close()
    end, HOST, 0)
    local _, writer = asyncio.open_connection(HOST, port_of(server))
    writer:write "bye"
    writer:close()
    while #server._clients == 0 and #log == 0 do asyncio.sleep(0) end
  end
  t.eq(log.items, { "bye" })
end)

test("a hundred clients at once", function()
  with_server(echo, function(_, _, port)
    local tasks = {}
    for i = 1, 100 do
      tasks[i] = asyncio.create_task(function()
        local reader, writer = asyncio.open_connection(HOST, port)
        for j = 1, 5 do
          local line = ("client %d line %d\n"):format(i, j)
          writer:write(line)
          writer:drain()
          t.eq(reader:readline(), line)
        end
        writer:close()
        writer:wait_closed()
        return true
      end)
    end
    for i = 1, 100 do t.eq(tasks[i]:await(), true) end
  end)
end)

test("connecting that is cancelled leaves no socket behind", function()
  local server <close> = asyncio.start_server(echo, HOST, 0)
  for steps = 0, 6 do
    local task = asyncio.create_task(asyncio.open_connection, "localhost",
      port_of(server))
    for _ = 1, steps do asyncio.sleep(0) end
    task:cancel()
    local ok, _, writer = pcall(task.await, task)
    if ok and writer then writer:close() end
  end
  server:close_clients()
end)

test("[AS-STR-01] what a server calls may begin tasks of its own and return", function()
  local function later(reader, writer) asyncio.create_task(echo, reader, writer) end
  with_server(later, function(reader, writer)
    writer:write "hello world!\n"
    t.eq(reader:readline(), "hello world!\n")
  end)
  local path = os.tmpname()
  os.remove(path)
  local _ <close> = asyncio.start_unix_server(later, path)
  local reader, writer <close> = asyncio.open_unix_connection(path)
  writer:write "hello world!\n"
  t.eq(reader:readline(), "hello world!\n")
end)

test("[AS-STR-10] who only writes hears in the end that nobody is there", function()
  with_server(function(_, writer) writer:close() end, function(_, writer)
    local err = t.raises(OSError, function()
      while true do
        writer:write "foo\n"
        writer:drain()
      end
    end)
    t.ok(({ ECONNRESET = true, EPIPE = true, ECONNABORTED = true })[err.code], err)
  end)
end)

test("[AS-STR-10] draining what was written after the end says that it is lost", function()
  with_server(echo, function(_, writer)
    writer:close()
    writer:write "data"
    t.eq(t.raises(OSError, writer.drain, writer).code, "ECONNRESET")
  end)
end)

test("[AS-STR-10] an error of the connection reaches who reads", function()
  with_server(echo, function(reader, writer)
    local broken = asyncio.TimeoutError "broken"
    writer.transport:get_protocol():connection_lost(broken)
    t.eq(t.raises(asyncio.TimeoutError, reader.read, reader), broken)
  end)
end)

test("[AS-STR-11] closing with bytes unread, and reading after it", function()
  with_server(echo, function(reader, writer)
    writer:write "line\nand more"
    t.eq(reader:readline(), "line\n")
    writer:close()
    writer:wait_closed()
    reader:read()
    t.eq(reader:at_eof(), true)
    t.eq(reader:read(), "")
  end)
end)

test("[AS-STR-11] a writer's start_tls takes no options but its own", function()
  with_server(echo, function(_, writer)
    local context = require "ssl".create_default_context()
    t.raises("unknown option 'server_side' to 'start_tls'", writer.start_tls, writer,
      context, { server_side = true })
  end)
end)

test("[AS-STR-13] closing the clients of a closed server ends it in two turns", function()
  for _, name in ipairs { "close_clients", "abort_clients" } do
    with_server(function(reader, writer)
      anyio.pcall(reader.read, reader)
      writer:close()
    end, function(_, _, _, server)
      while next(server._clients) == nil do asyncio.sleep(0) end
      local task = asyncio.create_task(server.wait_closed, server)
      asyncio.sleep(0)
      t.eq(task:done(), false)
      server:close()
      server[name](server)
      asyncio.sleep(0)
      asyncio.sleep(0)
      t.eq(task:done(), true)
    end)
  end
end)

test("[AS-STR-13] abort_clients does not wait for what nobody takes", function()
  local far = loop():create_future()
  local server <close> = asyncio.start_server(function(_, writer)
    far:set_result(writer)
    anyio.pcall(writer.wait_closed, writer)
  end, HOST, 0)
  local _, writer = asyncio.open_connection(HOST, port_of(server), { limit = 4096 })
  local other = far:await()
  other:write(("a"):rep(3 * 4096))
  while writer.transport:is_reading() do asyncio.sleep(0) end
  other:write(BIG)
  other:write(BIG)
  t.ok(other.transport:get_write_buffer_size() > 0)
  local task = asyncio.create_task(server.wait_closed, server)
  asyncio.sleep(0)
  server:close()
  server:abort_clients()
  asyncio.sleep(0)
  asyncio.sleep(0)
  t.eq(task:done(), true)
  writer.transport:abort()
end)

test("[AS-STR-13] a server and its last client that close in one turn", function()
  local server = asyncio.start_server(function(reader, writer)
    reader:read()
    writer:close()
    writer:wait_closed()
  end, HOST, 0)
  local waiting = asyncio.create_task(server.wait_closed, server)
  asyncio.sleep(0)
  t.eq(waiting:done(), false)
  local _, writer = asyncio.open_connection(HOST, port_of(server))
  loop():call_soon(server.close, server)
  loop():call_soon(writer.close, writer)
  server:wait_closed()
  waiting:await()
end)

test("[AS-STR-13] a server with a backlog of none, or of too many, serves", function()
  for _, backlog in ipairs { 0, -1, 1 << 32 } do
    local server <close> = asyncio.start_server(echo, HOST, 0, { backlog = backlog })
    local reader, writer = asyncio.open_connection(HOST, port_of(server))
    writer:write "hello"
    t.eq(reader:read(10), "hello")
    writer:close()
  end
end)

test("who waits for the end and is cancelled is forgotten, the others hear of it", function()
  local server = asyncio.start_server(function(reader, writer)
    reader:read()
    writer:close()
  end, HOST, 0)
  local _, writer = asyncio.open_connection(HOST, port_of(server))
  local waits = { [writer] = writer._protocol._closers, [server] = server._waiters }
  local tasks = {}
  for closable, list in pairs(waits) do
    local patient = asyncio.create_task(closable.wait_closed, closable)
    for _ = 1, 3 do
      t.raises(asyncio.TimeoutError, asyncio.wait_for,
        function() closable:wait_closed() end, 0.001)
    end
    t.eq(#list, 1)
    tasks[#tasks + 1] = patient
  end
  writer:close()
  server:close()
  for _, task in ipairs(tasks) do task:await() end
end)
