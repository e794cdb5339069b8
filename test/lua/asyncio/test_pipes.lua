--- Transports over pipes, FIFOs, sockets and terminals.

local anyio = require "anyio"
local asyncio = require "asyncio"
local native = require "_anyrun.pipe"
local net = require "net"
local t = require "harness"

local RuntimeError, ValueError = anyio.RuntimeError, anyio.ValueError
local BIG <const> = ("0123456789abcdef"):rep(1 << 16) -- 1 MiB

local function test(title, opts, fn)
  if not fn then opts, fn = {}, opts end
  opts.backend = "asyncio"
  t.test(title, opts, fn)
end

local function loop() return asyncio.get_running_loop() end

-- A protocol that writes down what it hears.
local function recorder()
  local mine = setmetatable({ log = {}, data = "", lost = loop():create_future() },
    asyncio.Protocol)
  local function note(name) mine.log[#mine.log + 1] = name end
  function mine:connection_made() note "made" end
  function mine:data_received(data)
    if self.log[#self.log] ~= "data" then note "data" end
    self.data = self.data .. data
  end
  function mine:eof_received()
    note "eof"
    return true
  end
  function mine:connection_lost(err)
    note "lost"
    self.lost:set_result(err or false)
  end
  function mine:pause_writing() note "pause" end
  function mine:resume_writing() note "resume" end
  return mine
end

local function reading(pipe) return loop():connect_read_pipe(recorder, pipe) end
local function writing(pipe) return loop():connect_write_pipe(recorder, pipe) end

local function wait_for(condition)
  while not condition() do asyncio.sleep(0.001) end
end

-- Both ends of a pipe, as objects that have a fileno and are closed.
local function pair() return native.pair "none" end

test("what comes through a pipe is told in order, and its end once", function()
  local out, into = pair()
  local transport, protocol = reading(out)
  t.eq(transport:get_extra_info "pipe", out)
  t.eq(protocol.log, { "made" })
  into:write "1"
  wait_for(function() return protocol.data == "1" end)
  into:write "2345"
  wait_for(function() return protocol.data == "12345" end)
  into:close()
  t.eq(protocol.lost:await(), false)
  t.eq(protocol.log, { "made", "data", "eof", "lost" })
  t.eq(transport:is_closing(), true)
  wait_for(function() return out:is_closed() end)
end)

test("what a pipe does not take at once is written later", function()
  local out, into = pair()
  local transport, protocol = writing(into)
  transport:write(BIG)
  transport:write "end"
  t.eq(protocol.log, { "made", "pause" })
  local source, sink = reading(out)
  transport:close()
  t.eq(protocol.lost:await(), false)
  t.eq(sink.lost:await(), false)
  t.eq(sink.data == BIG .. "end", true)
  t.eq(protocol.log, { "made", "pause", "resume", "lost" })
  t.eq(source:is_closing(), true)
end)

test("write_eof closes, when all is written", function()
  local out, into = pair()
  local transport, protocol = writing(into)
  t.eq(transport:can_write_eof(), true)
  transport:write "last"
  transport:write_eof()
  local _, sink = reading(out)
  t.eq(protocol.lost:await(), false)
  sink.lost:await()
  t.eq(sink.data, "last")
end)

test("who writes hears that the other side is gone, also while nothing is written", function()
  local out, into = pair()
  local transport, protocol = writing(into)
  out:close()
  t.eq(protocol.lost:await(), false)
  t.eq(transport:is_closing(), true)
  out, into = pair()
  transport, protocol = writing(into)
  transport:write(BIG)
  out:close()
  t.eq(protocol.lost:await().code, "EPIPE")
end)

test("reading is paused and goes on", function()
  local out, into = pair()
  local transport, protocol = reading(out)
  transport:pause_reading()
  transport:pause_reading()
  t.eq(transport:is_reading(), false)
  into:write "later"
  for _ = 1, 20 do asyncio.sleep(0) end
  t.eq(protocol.data, "")
  transport:resume_reading()
  wait_for(function() return protocol.data == "later" end)
  transport:close()
  protocol.lost:await()
  into:close()
end)

test("what one cannot do is said", function()
  local out, into = pair()
  local source, a = reading(out)
  local sink, b = writing(into)
  t.eq(source:can_write_eof(), false)
  t.raises("'write': the transport of a pipe that is only read", source.write, source, "x")
  t.raises(RuntimeError, sink.pause_reading, sink)
  t.eq(sink:is_reading(), false)
  sink:close()
  a.lost:await()
  b.lost:await()
  t.raises("bad argument #2 to 'connect_read_pipe' (descriptor, file, socket or object with a "
    .. "fileno expected, got string)", reading, "x")
  t.raises("bad argument #1 to 'connect_read_pipe'", loop().connect_read_pipe, loop(), 5, 0)
  t.eq(t.raises(anyio.OSError, reading, 99999).code, "EBADF")
  out, into = pair()
  t.eq(t.raises(anyio.OSError, reading, into).code, "EBADF")
  t.eq(t.raises(anyio.OSError, writing, out).code, "EBADF")
  out:close()
  into:close()
  local file <close> = assert(io.tmpfile())
  local err = t.raises(ValueError, reading, file)
  t.match(err.message, "a pipe, a socket or a terminal is expected, not a file$")
end)

test("a program's output and input are pipes; what was read ahead comes first", function()
  local program = io.popen "printf 'one\\ntwo\\nthree\\n'"
  t.eq(program:read(), "one")
  local _, protocol = reading(program)
  protocol.lost:await()
  t.eq(protocol.data, "two\nthree\n")
  wait_for(function() return io.type(program) == "closed file" end)
  local path = os.tmpname()
  program = io.popen("cat >" .. path, "w")
  program:write "first "
  local transport
  transport, protocol = writing(program)
  transport:write "second"
  transport:close()
  protocol.lost:await()
  wait_for(function()
    local file <close> = assert(io.open(path))
    return file:read "a" == "first second"
  end)
  os.remove(path)
end)

test("a FIFO, by readers and writers of lines", function()
  net.folder(function(folder)
    local path = folder .. "/fifo"
    assert(os.execute("mkfifo " .. path))
    local reader = asyncio.StreamReader()
    local source = loop():connect_read_pipe(function()
      return asyncio.StreamReaderProtocol(reader)
    end, assert(io.open(path, "r+")))
    local sink, protocol = loop():connect_write_pipe(function()
      return asyncio.StreamReaderProtocol(asyncio.StreamReader())
    end, assert(io.open(path, "r+")))
    local writer = asyncio.StreamWriter(sink, protocol, nil, loop())
    writer:write "one\ntwo\n"
    writer:drain()
    t.eq(reader:readline(), "one\n")
    t.eq(reader:readline(), "two\n")
    writer:close()
    writer:wait_closed()
    source:close()
    asyncio.sleep(0)
  end)
end)

test("a descriptor's number is the transport's from then on", function()
  local out, into = pair()
  into:write "x"
  local fd = net.unix_pair(function(a, b) -- another number of the same pipe
    a:send_fds("x", { out })
    local _, fds = b:receive_fds(1, 1)
    return fds[1]
  end)
  local transport, protocol = reading(fd)
  t.eq(transport:get_extra_info "pipe", fd)
  wait_for(function() return protocol.data == "x" end)
  transport:close()
  protocol.lost:await()
  t.eq(t.raises(anyio.OSError, reading, fd).code, "EBADF")
  out:close()
  into:close()
end)

test("an empty device is at its end, and takes everything", function()
  local _, protocol = reading(assert(io.open "/dev/null"))
  t.eq(protocol.lost:await(), false)
  t.eq(protocol.log, { "made", "eof", "lost" })
  local transport
  transport, protocol = writing(assert(io.open("/dev/null", "w")))
  transport:write(BIG)
  transport:close()
  t.eq(protocol.lost:await(), false)
end)

test("a factory that raises leaves the pipe alone; cancelled, it is closed", function()
  local out, into = pair()
  t.raises("no protocol", function()
    loop():connect_read_pipe(function() error("no protocol", 0) end, out)
  end)
  t.eq(out:is_closed(), false)
  local task = asyncio.create_task(function() reading(out) end)
  asyncio.sleep(0)
  task:cancel()
  t.raises(asyncio.CancelledError, task.await, task)
  wait_for(function() return out:is_closed() end)
  into:close()
end)

test("standard input and output, which stay open", { slow = true }, function()
  local path = os.tmpname()
  local _ <close> = setmetatable({}, { __close = function() os.remove(path) end })
  do
    local file <close> = assert(io.open(path, "w"))
    file:write [[
      local asyncio = require "asyncio"
      local loop = asyncio.get_running_loop()
      local reader = asyncio.StreamReader()
      loop:connect_read_pipe(function() return asyncio.StreamReaderProtocol(reader) end, io.stdin)
      local out = loop:connect_write_pipe(asyncio.Protocol, 1)
      print "begin"
      for line in reader do out:write(line:upper()) end
      out:close()
      asyncio.sleep(0)
      print "end"]]
  end
  local anyrun = ("%s --backend=asyncio %s"):format(os.getenv "ANYRUN" or "anyrun", path)
  local pipe = io.popen(("printf 'one\\ntwo\\n' | %s"):format(anyrun))
  t.eq(pipe:read "a", "begin\nONE\nTWO\nend\n")
  pipe:close()
  if not os.execute "command -v script >/dev/null" then return end
  pipe = io.popen(("printf 'one\\n\\004' | script -qec '%s' /dev/null"):format(anyrun))
  local text = pipe:read "a"
  pipe:close()
  t.match(text, "begin\r\n.*ONE\r\n.*end\r\n")
end)
