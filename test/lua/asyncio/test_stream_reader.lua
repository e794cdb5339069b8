--- StreamReader: reading what was fed.

local asyncio = require "asyncio"
local t = require "harness"

local ValueError = require("anyio").ValueError

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
