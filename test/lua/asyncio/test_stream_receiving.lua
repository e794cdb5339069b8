--- StreamReader over a socket: who receives, while a task reads and while none does.

local anyio = require "anyio"
local asyncio = require "asyncio"
local t = require "harness"

local OSError = anyio.OSError
local HOST <const> = "127.0.0.1"

local function test(title, fn) t.test(title, { backend = "asyncio" }, fn) end

local function turns(n)
  for _ = 1, n or 10 do asyncio.sleep(0) end
end

local function until_true(f)
  while not f() do asyncio.sleep(0) end
end

-- `body(reader, writer, far_reader, far_writer)`: both ends of a connection.
local function pair(opts, body)
  local far = asyncio.Future()
  local server <close> = asyncio.start_server(function(reader, writer)
    far:set_result { reader, writer }
    writer:wait_closed()
  end, HOST, 0, opts)
  local port = server.sockets[1]:getsockname()[2]
  local reader, writer = asyncio.open_connection(HOST, port, opts)
  local ends = far:await()
  body(reader, writer, ends[1], ends[2])
  writer.transport:abort()
  ends[2].transport:abort()
end

local function reading(reader, method, ...)
  local task = asyncio.create_task(reader[method], reader, ...)
  turns()
  t.eq(task:done(), false)
  return task
end

test("[AS-STR-03] a piece that is larger than wanted is kept for the next", function()
  pair(nil, function(reader, _, _, far)
    local task = reading(reader, "read", 3)
    far:write "abcdefgh"
    t.eq(task:await(), "abc")
    t.eq(reader:read(3), "def")
    t.eq(reader:read(100), "gh")
    task = reading(reader, "read", 100)
    far:write_eof()
    t.eq(task:await(), "")
    t.eq(reader:at_eof(), true)
  end)
end)

test("[AS-STR-04 AS-STR-06] lines and exact numbers over a socket, piece by piece", function()
  pair(nil, function(reader, _, _, far)
    local line = reading(reader, "readline")
    far:write "one "
    turns()
    t.eq(line:done(), false)
    far:write "line\nfour"
    t.eq(line:await(), "one line\n")
    t.eq(reader:readexactly(4), "four")
    local exact = reading(reader, "readexactly", 6)
    far:write "abc"
    turns()
    far:write "def--"
    t.eq(exact:await(), "abcdef")
    t.eq(reader:readuntil "--", "--")
    exact = reading(reader, "readexactly", 2)
    far:write "x"
    far:write_eof()
    local err = t.raises(asyncio.IncompleteReadError, exact.await, exact)
    t.eq(err.partial, "x")
  end)
end)

test("[AS-STR-08] a second task that reads a connection is refused", function()
  pair(nil, function(reader, _, _, far)
    local first = reading(reader, "read", 10)
    for _, name in ipairs { "read", "readexactly" } do
      local err = t.raises(anyio.RuntimeError, reader[name], reader, 10)
      t.match(err.message, "^" .. name .. "%(%) called while another task")
    end
    t.raises("readuntil() called while another", reader.readline, reader)
    far:write "mine"
    t.eq(first:await(), "mine")
  end)
end)

test("a task that is cancelled while it reads a connection takes nothing along", function()
  pair(nil, function(reader, _, _, far)
    local task = reading(reader, "read", 10)
    task:cancel()
    t.raises(asyncio.CancelledError, task.await, task)
    far:write "for the next"
    t.eq(reader:read(100), "for the next")
    -- in the moment that something comes, and before its first step
    for steps = 0, 6 do
      task = asyncio.create_task(reader.read, reader, 100)
      if steps > 0 then turns() end
      far:write(("round %d"):format(steps))
      turns(steps)
      task:cancel()
      local ok, got = pcall(task.await, task)
      t.eq(ok and got or reader:read(100), ("round %d"):format(steps))
    end
  end)
end)

test("a deadline while a connection is read loses nothing, on either kind of scope", function()
  pair(nil, function(reader, _, _, far)
    local function read_four() return reader:readexactly(4) end
    t.raises(anyio.TimeoutError, asyncio.wait_for, read_four, 0.001)
    far:write "ab"
    until_true(function() return reader._queue.size == 2 end)
    local scope = anyio.move_on_after(0.001, read_four)
    t.eq(scope.cancelled_caught, true)
    far:write "cd"
    t.eq(reader:readexactly(4), "abcd")
  end)
end)

test("what is fed by hand reaches the task that reads a connection", function()
  pair(nil, function(reader, _, _, far)
    local task = reading(reader, "read", 10)
    reader:feed_data "by hand"
    t.eq(task:await(), "by hand")
    far:write "by socket"
    t.eq(reader:read(100), "by socket")
    task = reading(reader, "readline")
    local broken = asyncio.TimeoutError "broken"
    reader:set_exception(broken)
    t.eq(t.raises(asyncio.TimeoutError, task.await, task), broken)
  end)
  pair(nil, function(reader)
    local task = reading(reader, "read", 10)
    reader:feed_eof()
    t.eq(task:await(), "")
  end)
end)

test("[AS-PRO-05] a transport that is paused by hand receives nothing for its reader", function()
  pair(nil, function(reader, writer, _, far)
    local task = reading(reader, "read", 10)
    writer.transport:pause_reading()
    far:write "late"
    turns()
    t.eq(task:done(), false)
    t.eq(reader._queue.size, 0)
    writer.transport:resume_reading()
    t.eq(task:await(), "late")
    -- paused after the bytes came, and before who reads took them
    task = reading(reader, "read", 10)
    far:write "again"
    writer.transport:pause_reading()
    turns()
    t.eq(task:done(), false)
    writer.transport:resume_reading()
    t.eq(task:await(), "again")
  end)
end)

test("closing a connection ends the read of another task", function()
  for _, name in ipairs { "close", "abort" } do
    pair(nil, function(reader, writer)
      local task = reading(reader, "read", 10)
      writer.transport[name](writer.transport)
      t.eq(task:await(), "")
      t.eq(reader:at_eof(), true)
    end)
  end
end)

test("another protocol gets what comes, and the reader no more of it", function()
  pair(nil, function(reader, writer, _, far)
    local task = reading(reader, "read", 10)
    local got = asyncio.Future()
    writer.transport:set_protocol(setmetatable({
      data_received = function(_, data) got:set_result(data) end,
    }, asyncio.Protocol))
    far:write "not for the reader"
    t.eq(got:await(), "not for the reader")
    t.eq(task:done(), false)
    reader:feed_data "fed"
    t.eq(task:await(), "fed")
  end)
end)

test("[AS-STR-07] with no one reading the transport stops at twice the limit", function()
  local far_writer
  pair({ limit = 1000 }, function(reader, writer, _, far)
    far_writer = far
    far:write(("x"):rep(3000))
    until_true(function() return not writer.transport:is_reading() end)
    t.ok(reader._queue.size > 2000)
    far:write(("y"):rep(1 << 23)) -- more than the system keeps
    turns(50)
    t.ok(far.transport:get_write_buffer_size() > 0)
    t.ok(reader._queue.size <= 2000 + 65536)
    t.eq(reader:readexactly(3000), ("x"):rep(3000))
    t.eq(#reader:readexactly(1 << 23), 1 << 23)
    far:drain()
    t.eq(far.transport:get_write_buffer_size(), 0)
  end)
  t.eq(far_writer:is_closing(), true)
end)

test("[AS-STR-05] a line over the limit on a connection is dropped", function()
  pair({ limit = 8 }, function(reader, _, _, far)
    local task = reading(reader, "readline")
    far:write "longer than eight\nshort\n"
    t.raises(anyio.ValueError, task.await, task)
    t.eq(reader:readline(), "short\n")
  end)
end)

test("the end, and the loss, of a connection are heard of with no one reading", function()
  pair(nil, function(reader, _, _, far)
    far:write_eof()
    until_true(function() return reader:at_eof() end)
    t.eq(reader:read(10), "")
  end)
  pair(nil, function(reader, writer, far_reader, far)
    far.transport:pause_reading()
    writer:write "never read"
    turns()
    far.transport:abort() -- the system sends a reset
    local err = t.raises(OSError, writer.wait_closed, writer)
    t.eq(err.code, "ECONNRESET")
    t.eq(reader:exception(), err)
    t.eq(t.raises(OSError, reader.read, reader, 1), err)
    t.eq(far_reader:read(), "")
  end)
end)

test("a socket that is closed under a reader says so", function()
  pair(nil, function(reader, writer)
    local task = reading(reader, "read", 10)
    writer:get_extra_info("socket"):close()
    t.raises(anyio.ClosedResourceError, task.await, task)
  end)
end)

test("a protocol that extends StreamReaderProtocol hears of every piece", function()
  local seen, far = {}, asyncio.Future()
  local server <close> = asyncio.start_server(function(_, writer)
    far:set_result(writer)
    writer:wait_closed()
  end, HOST, 0)
  local reader = asyncio.StreamReader()
  local protocol = asyncio.StreamReaderProtocol(reader)
  function protocol:data_received(data)
    seen[#seen + 1] = data
    asyncio.StreamReaderProtocol.data_received(self, data)
  end
  local loop = asyncio.get_running_loop()
  local transport = loop:create_connection(function() return protocol end, HOST,
    server.sockets[1]:getsockname()[2])
  local writer = asyncio.StreamWriter(transport, protocol, reader, loop)
  local task = reading(reader, "read", 10)
  local other = far:await()
  other:write "hello"
  t.eq(task:await(), "hello")
  t.eq(seen, { "hello" })
  writer:write "back"
  writer:drain()
  writer:close()
  writer:wait_closed()
  other:close()
end)
