--- Streams of bytes from files and into them.

local anyio = require "anyio"
local scratch = require "scratch"
local t = require "harness"

local streams = require "anyio.streams.file"
local Read, Write = streams.FileReadStream, streams.FileWriteStream
local Attribute = streams.FileStreamAttribute
local test = scratch.test

test("[ST-29] a read stream gives pieces, then the end", function(dir)
  local path = dir / "a"
  path:write_text("hello")
  for _, make in ipairs {
    function() return Read.from_path(path) end,
    function() return Read.from_path(tostring(path)) end,
    function() return Read(anyio.open_file(path, "rb")) end,
    function() return Read(io.open(tostring(path), "rb")) end,
  } do
    local stream <close> = make()
    t.eq(stream:receive(2), "he")
    t.eq(stream:receive(), "llo")
    t.raises(anyio.EndOfStream, stream.receive, stream)
    t.raises(anyio.EndOfStream, stream.receive, stream)
  end
  local pieces = {}
  local stream <close> = Read.from_path(path)
  for piece in stream do pieces[#pieces + 1] = piece end
  t.eq(table.concat(pieces), "hello")
  t.raises(anyio.ValueError, stream.receive, stream, 0)
  t.raises("open file expected", Read, "x")
  t.raises("path expected", Read.from_path, 5)
  t.eq(t.raises(anyio.OSError, Read.from_path, dir / "none").code, "ENOENT")
end)

test("[ST-30] seek and tell of a read stream", function(dir)
  local path = dir / "a"
  path:write_text("hello")
  local stream <close> = Read.from_path(path)
  t.eq(stream:seek(3), 3)
  t.eq(stream:tell(), 3)
  t.eq(stream:receive(), "lo")
  t.eq(stream:seek(-4, "end"), 1)
  t.eq(stream:receive(2), "el")
  t.eq(stream:tell(), 3)
end)

test("[ST-31] a write stream begins anew, or appends", function(dir)
  local path = dir / "a"
  local function send(text, append)
    local stream <close> = Write.from_path(path, append)
    stream:send(text)
  end
  path:write_text("old")
  send("one")
  t.eq(path:read_text(), "one")
  send("two", true)
  t.eq(path:read_text(), "onetwo")
  send("three", { append = true })
  t.eq(path:read_text(), "onetwothree")
  local stream = Write(anyio.open_file(path, "wb"))
  stream:send("x")
  stream:aclose()
  t.eq(path:read_text(), "x")
  t.raises("string expected", stream.send, stream, {})
end)

test("[ST-32] a closed stream, and a file that fails", function(dir)
  local path = dir / "a"
  path:write_text("hello")
  local read, write = Read.from_path(path), Write.from_path(dir / "b")
  read:aclose()
  write:aclose()
  t.raises(anyio.ClosedResourceError, read.receive, read)
  t.raises(anyio.ClosedResourceError, read.seek, read, 0)
  t.raises(anyio.ClosedResourceError, read.tell, read)
  t.raises(anyio.ClosedResourceError, write.send, write, "x")
  local wrong = Read(anyio.open_file(dir / "b", "w"))
  local err = t.raises(anyio.BrokenResourceError, wrong.receive, wrong)
  t.isa(err.cause, anyio.OSError)
  wrong:aclose()
end)

test("[ST-33] attributes: file, path, descriptor", function(dir)
  local path = dir / "a"
  path:write_text("hello")
  for _, make in ipairs { Read.from_path, function(p) return Write.from_path(p, true) end } do
    local stream = make(path)
    t.eq(stream:extra(Attribute.path), path)
    t.eq(stream:extra(Attribute.file).mode, make == Read.from_path and "rb" or "ab")
    t.eq(stream:extra(Attribute.fileno), stream:extra(Attribute.file):fileno())
    stream:aclose()
    t.raises(anyio.TypedAttributeLookupError, stream.extra, stream, Attribute.fileno)
  end
  local spooled = anyio.SpooledTemporaryFile()
  local stream <close> = Write(spooled)
  t.eq(stream:extra(Attribute.path, "none"), "none")
end)
