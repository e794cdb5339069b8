--- StreamReader: reading what was fed.

local asyncio = require "asyncio"
local t = require "harness"

local anyio = require "anyio"
local RuntimeError, ValueError = anyio.RuntimeError, anyio.ValueError

local function test(title, fn) t.test(title, { backend = "asyncio" }, fn) end

local function fed(data, limit, eof)
  local reader = asyncio.StreamReader { limit = limit }
  reader:feed_data(data)
  if eof then reader:feed_eof() end
  return reader
end

-- What comes out of `f(...)` while `data` is fed piece by piece.
local function while_fed(reader, pieces, f, ...)
  local task = asyncio.create_task(f, reader, ...)
  for _, piece in ipairs(pieces) do
    asyncio.sleep(0)
    reader:feed_data(piece)
  end
  return task
end

-- A transport that notes what it is told.
local function transport()
  local self = { calls = {} }
  for _, name in ipairs { "pause_reading", "resume_reading" } do
    self[name] = function() self.calls[#self.calls + 1] = name end
  end
  return self
end

test("[AS-STR-03] read gives what is there, then the empty string", function()
  local reader = fed("hello", nil, true)
  t.eq(reader:read(3), "hel")
  t.eq(reader:read(0), "")
  t.eq(reader:read(10), "lo")
  t.eq(reader:read(10), "")
  t.eq(reader:at_eof(), true)
end)

test("[AS-STR-03] read without a number goes on to the end", function()
  local reader = asyncio.StreamReader { limit = 2 }
  local task = while_fed(reader, { "one ", "two ", "three" }, reader.read)
  asyncio.sleep(0)
  t.eq(task:done(), false)
  reader:feed_eof()
  t.eq(task:await(), "one two three")
  t.eq(reader:read(-1), "")
end)

test("[AS-STR-03] read waits for the first bytes only", function()
  local reader = asyncio.StreamReader()
  local task = while_fed(reader, { "a" }, reader.read, 100)
  t.eq(task:await(), "a")
  t.eq(reader:at_eof(), false)
end)

test("[AS-STR-04] readexactly gives exactly so many", function()
  local reader = asyncio.StreamReader()
  local task = while_fed(reader, { "ab", "cd", "ef" }, reader.readexactly, 5)
  t.eq(task:await(), "abcde")
  t.eq(reader:readexactly(0), "")
  t.eq(reader:readexactly(1), "f")
end)

test("[AS-STR-04] readexactly tells what there was when the data ends", function()
  local reader = fed("abc", nil, true)
  local err = t.raises(asyncio.IncompleteReadError, reader.readexactly, reader, 5)
  t.eq(err.partial, "abc")
  t.eq(err.expected, 5)
  t.match(err.message, "3 bytes read on a total of 5 expected bytes")
  t.eq(reader:read(), "")
  t.raises(ValueError, reader.readexactly, reader, -1)
  t.raises("bad argument #1 to 'readexactly'", reader.readexactly, reader, "x")
end)

test("[AS-STR-05] readline gives lines, the last perhaps without an end", function()
  local reader = fed("one\ntwo\nthree", nil, true)
  t.eq(reader:readline(), "one\n")
  t.eq(reader:readline(), "two\n")
  t.eq(reader:readline(), "three")
  t.eq(reader:readline(), "")
end)

test("[AS-STR-05] a line comes in pieces", function()
  local reader = asyncio.StreamReader()
  local task = while_fed(reader, { "a", "b", "c\nd" }, reader.readline)
  t.eq(task:await(), "abc\n")
  t.eq(reader:read(10), "d")
end)

test("[AS-STR-05] a line over the limit is dropped with a ValueError", function()
  local reader = fed("12345678\nnext\n", 6)
  local err = t.raises(ValueError, reader.readline, reader)
  t.match(err.message, "Separator is found, but chunk is longer than limit")
  t.eq(reader:readline(), "next\n")
  reader:feed_data "1234567890"
  err = t.raises(ValueError, reader.readline, reader)
  t.match(err.message, "Separator is not found, and chunk exceed the limit")
  reader:feed_data "\n"
  t.eq(reader:readline(), "\n")
end)

test("a for loop gives the lines", function()
  local lines = {}
  for line in fed("a\nb\n\nc", nil, true) do lines[#lines + 1] = line end
  t.eq(lines, { "a\n", "b\n", "\n", "c" })
end)

test("[AS-STR-06] readuntil goes up to and with the separator", function()
  local reader = fed("head\r\n\r\nbody", nil, true)
  t.eq(reader:readuntil "\r\n\r\n", "head\r\n\r\n")
  local err = t.raises(asyncio.IncompleteReadError, reader.readuntil, reader, "\r\n")
  t.eq(err.partial, "body")
  t.eq(err.expected, nil)
  t.eq(reader:at_eof(), true)
end)

test("[AS-STR-06] a separator in two pieces is found", function()
  local reader = asyncio.StreamReader()
  local task = while_fed(reader, { "ab-", "-", "-cd--", "->" }, reader.readuntil, "--->")
  t.eq(task:await(), "ab---cd--->")
end)

test("[AS-STR-06] of several separators the one that ends first counts", function()
  local reader = fed "a;b,c--d;"
  local separators = { ";", ",", "--" }
  t.eq(reader:readuntil(separators), "a;")
  t.eq(reader:readuntil(separators), "b,")
  t.eq(reader:readuntil(separators), "c--")
  t.eq(reader:readuntil { "-->", ";" }, "d;")
  reader:feed_data "x--->y"
  t.eq(reader:readuntil { "--->", "->" }, "x--->")
end)

test("[AS-STR-06] over the limit the data stays", function()
  local reader = fed("1234567890", 4)
  local err = t.raises(asyncio.LimitOverrunError, reader.readuntil, reader, "--")
  t.eq(err.consumed, 9)
  t.eq(reader:readexactly(10), "1234567890")
  reader:feed_data "12345-"
  err = t.raises(asyncio.LimitOverrunError, reader.readuntil, reader, "-")
  t.eq(err.consumed, 5)
  t.eq(reader:readexactly(6), "12345-")
end)

test("a separator that is none is refused", function()
  local reader = fed "x"
  t.raises("at least one-byte", reader.readuntil, reader, "")
  t.raises("at least one element", reader.readuntil, reader, {})
  t.raises("bad argument #1 to 'readuntil'", reader.readuntil, reader, 5)
  t.raises("Limit cannot be", asyncio.StreamReader, { limit = 0 })
  t.raises("unknown option 'limt'", asyncio.StreamReader, { limt = 0 })
end)

test("[AS-STR-07] the transport is paused above twice the limit, resumed at it", function()
  local reader, source = asyncio.StreamReader { limit = 4 }, transport()
  reader:set_transport(source)
  reader:feed_data "12345678"
  t.eq(source.calls, {})
  reader:feed_data "9"
  t.eq(source.calls, { "pause_reading" })
  reader:feed_data "0"
  t.eq(source.calls, { "pause_reading" })
  reader:readexactly(5)
  t.eq(source.calls, { "pause_reading" })
  reader:readexactly(1)
  t.eq(source.calls, { "pause_reading", "resume_reading" })
end)

test("[AS-STR-07] who waits for more than the transport may give resumes it", function()
  local reader, source = asyncio.StreamReader { limit = 4 }, transport()
  reader:set_transport(source)
  reader:feed_data "123456789"
  local task = asyncio.create_task(reader.readexactly, reader, 20)
  asyncio.sleep(0)
  t.eq(source.calls, { "pause_reading", "resume_reading" })
  reader:feed_data "01234567890"
  t.eq(task:await(), "12345678901234567890")
end)

test("[AS-STR-08] a second task that reads is refused", function()
  local reader = asyncio.StreamReader()
  local first = asyncio.create_task(reader.read, reader, 5)
  asyncio.sleep(0)
  local err = t.raises("while another task is already waiting", reader.readline, reader)
  t.match(err.message, "^readuntil%(%) called")
  reader:feed_data "x"
  t.eq(first:await(), "x")
end)

test("an error ends the stream for who reads, now and later", function()
  local reader = asyncio.StreamReader()
  local task = asyncio.create_task(reader.read, reader, 5)
  asyncio.sleep(0)
  t.eq(reader:exception(), nil)
  local broken = asyncio.TimeoutError "gone"
  reader:set_exception(broken)
  t.eq(t.raises(asyncio.TimeoutError, task.await, task), broken)
  t.eq(reader:exception(), broken)
  for _, name in ipairs { "read", "readline", "readuntil" } do
    t.eq(t.raises(asyncio.TimeoutError, reader[name], reader), broken)
  end
  t.eq(t.raises(asyncio.TimeoutError, reader.readexactly, reader, 1), broken)
end)

test("a reader that is cancelled leaves the bytes to the next", function()
  local reader = asyncio.StreamReader()
  local task = asyncio.create_task(reader.readexactly, reader, 4)
  asyncio.sleep(0)
  reader:feed_data "ab"
  asyncio.sleep(0)
  task:cancel()
  reader:feed_data "cd"
  t.raises(asyncio.CancelledError, task.await, task)
  t.eq(reader:readexactly(4), "abcd")
end)

test("a reader that was fed in the moment of its cancellation loses nothing", function()
  local reader = asyncio.StreamReader()
  local task = asyncio.create_task(reader.read, reader, 4)
  asyncio.sleep(0)
  reader:feed_data "abcd"
  task:cancel()
  t.raises(asyncio.CancelledError, task.await, task)
  t.eq(reader:read(4), "abcd")
end)

test("after the end nothing more is fed", function()
  local reader = fed("x", nil, true)
  t.raises("feed_data after feed_eof", reader.feed_data, reader, "y")
  t.match(tostring(reader), "^<StreamReader 1 bytes eof>$")
end)

-- Case by case ----------------------------------------------------------------

local ERR <const> = asyncio.TimeoutError "broken"

test("[AS-STR-03] an empty piece is none, a piece not read whole stays", function()
  local reader = fed ""
  t.eq(tostring(reader), "<StreamReader>")
  reader:feed_data "line1"
  reader:feed_data "line2"
  t.eq(reader:read(5), "line1")
  t.eq(reader:read(100), "line2")
end)

test("[AS-STR-03 AS-STR-04] the limit of lines is none of read and readexactly", function()
  local reader = fed("chunk", 3)
  t.eq(reader:read(5), "chunk")
  reader:feed_data "chunk"
  t.eq(reader:readexactly(5), "chunk")
end)

test("[AS-STR-05] read and readline go on where the other stopped", function()
  local reader = fed "line1\nline2\nline3\n"
  t.eq(reader:readline(), "line1\n")
  t.eq(reader:read(7), "line2\nl")
  t.eq(reader:readline(), "ine3\n")
  t.eq(reader:at_eof(), false)
  reader:feed_data "last"
  reader:feed_eof()
  t.eq(reader:at_eof(), false)
  t.eq(reader:readline(), "last")
  t.eq(reader:at_eof(), true)
end)

test("[AS-STR-05] a line over the limit goes with its end, or with all there is", function()
  local reader = fed("li", 3)
  reader:feed_data "ne1\nline2\n"
  t.raises(ValueError, reader.readline, reader)
  t.eq(reader:read(100), "line2\n")
  for _, piece in ipairs { "li", "ne1", "li" } do reader:feed_data(piece) end
  t.raises(ValueError, reader.readline, reader)
  reader:feed_data "\n"
  t.eq(reader:readline(), "\n")
end)

test("[AS-STR-05] a line that grows over the limit while it is waited for", function()
  local reader = asyncio.StreamReader { limit = 7 }
  local task = while_fed(reader, { "chunk1", "chunk2", "chunk3\n" }, reader.readline)
  t.raises(ValueError, task.await, task)
  t.eq(reader:readline(), "chunk3\n")
  task = asyncio.create_task(reader.readline, reader)
  asyncio.sleep(0)
  for _, piece in ipairs { "chunk1", "chunk2\n", "chunk3\n" } do
    reader:feed_data(piece)
  end
  t.raises(ValueError, task.await, task)
  t.eq(reader:readline(), "chunk3\n")
end)

test("[AS-STR-05 AS-STR-06] the limit counts what is before the separator", function()
  local reader = fed("1234567\n12345678\n", 7)
  t.eq(reader:readline(), "1234567\n")
  t.raises(ValueError, reader.readline, reader)
  t.eq(reader._queue.size, 0)
  reader = fed("some dataAA", 3)
  local err = t.raises(asyncio.LimitOverrunError, reader.readuntil, reader, "AAA")
  t.match(err.message, "not found")
  t.eq(err.consumed, 9)
  reader:feed_data "A"
  err = t.raises(asyncio.LimitOverrunError, reader.readuntil, reader, "AAA")
  t.match(err.message, "is found")
  t.eq(err.consumed, 9)
  t.eq(reader:read(100), "some dataAAA")
end)

test("[AS-STR-06] a separator that repeats itself is found where it first ends", function()
  for _, pieces in ipairs { { "QWEaa", "XYaa", "a" }, { "QWEaa", "XYa", "aa" },
    { "aaa" }, { "Xaaa" }, { "XXX", "a", "a", "a" } } do
    local reader = asyncio.StreamReader()
    for _, piece in ipairs(pieces) do reader:feed_data(piece) end
    t.eq(reader:readuntil "aaa", table.concat(pieces))
  end
end)

test("[AS-STR-04] readexactly of less than nothing leaves the bytes", function()
  local reader = fed "data"
  t.raises("can not be less than zero", reader.readexactly, reader, -1)
  t.eq(reader:readexactly(0), "")
  t.eq(reader:readexactly(4), "data")
end)

test("an error ends the stream although there are bytes", function()
  local reader = fed "line\n"
  t.eq(reader:read(2), "li")
  reader:set_exception(ERR)
  for _, name in ipairs { "read", "readline", "readuntil", "readexactly" } do
    t.eq(t.raises(asyncio.TimeoutError, reader[name], reader, name ~= "readuntil"
      and 1 or "x"), ERR)
  end
end)

test("an error that comes after a reader was cancelled is for the next", function()
  local reader = asyncio.StreamReader()
  local task = asyncio.create_task(reader.readline, reader)
  asyncio.sleep(0)
  task:cancel()
  reader:set_exception(ERR)
  t.raises(asyncio.CancelledError, task.await, task)
  t.eq(t.raises(asyncio.TimeoutError, reader.readline, reader), ERR)
end)

test("a reader as text says what there is to say", function()
  local reader = asyncio.StreamReader { limit = 123 }
  t.eq(tostring(reader), "<StreamReader limit=123>")
  reader = fed("data", nil, true)
  reader:set_exception(ERR)
  reader:set_transport "<Transport>"
  t.eq(tostring(reader),
    "<StreamReader 4 bytes eof exception=TimeoutError: broken transport=<Transport>>")
  reader = asyncio.StreamReader()
  local task = asyncio.create_task(reader.read, reader, 1)
  asyncio.sleep(0)
  t.match(tostring(reader), "^<StreamReader waiter=<Future pending .*>>$")
  reader:feed_eof()
  task:await()
end)

test("a reader belongs to the loop it is given, or that runs", function()
  local loop = asyncio.get_running_loop()
  t.eq(asyncio.StreamReader()._loop, loop)
  t.eq(asyncio.StreamReader({ loop = loop })._loop, loop)
  t.eq(asyncio.StreamReaderProtocol(fed "")._loop, loop)
  t.raises("StreamReader expected", asyncio.StreamReaderProtocol, {})
  t.raises("bad argument #2", asyncio.StreamReaderProtocol, fed "", 5)
end)

t.test("there is no reader without a loop", { backend = "asyncio", plain = true }, function()
  anyio.run(function() t.raises(RuntimeError, asyncio.StreamReader) end,
    { backend = "trio" })
end)

test("errors of readers come from another thread as they are", function()
  local err = t.raises(asyncio.IncompleteReadError, asyncio.to_thread, function()
    error(require "asyncio".IncompleteReadError("too few", { partial = "abc", expected = 10 }))
  end)
  t.eq({ err.message, err.partial, err.expected }, { "too few", "abc", 10 })
  err = t.raises(asyncio.LimitOverrunError, asyncio.to_thread, function()
    error(require "asyncio".LimitOverrunError("too many", { consumed = 10 }))
  end)
  t.eq({ err.message, err.consumed }, { "too many", 10 })
end)
