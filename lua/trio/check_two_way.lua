--- Whether a stream keeps what trio's streams promise: both directions.

local errors = require "anyrun.errors"
local options = require "anyrun.options"
local tools = require "trio.check_tools"
local nurseries = require "trio.nursery"
local testing = require "trio.testing"

local assert_checkpoints = testing.assert_checkpoints
local blocked = testing.wait_all_tasks_blocked
local check_one_way_stream = testing.check_one_way_stream
local both, expect, fail = tools.both, tools.expect, tools.fail
local receive, refused, send, with = tools.receive, tools.refused, tools.send, tools.with
local math, table = math, table

---@class trio.testing.check_two_way
local checks = {}

local function check_makers(fname, maker, clogged_maker)
  options.arg(fname, 1, maker, "callable", 4)
  options.arg(fname, 2, clogged_maker, "callable?", 4)
end

local function flipped(maker)
  return maker and function()
    local s, r = maker()
    return r, s
  end
end

local function send_all_of(s, data)
  local at = 1
  while at <= #data do
    local n = math.random(1, 10000)
    s:send_all(data:sub(at, at + n - 1))
    at = at + n
  end
end

local function receive_all_of(r, data)
  local parts, size = {}, 0
  while size < #data do
    local part = r:receive_some(math.random(1, 10000))
    parts[#parts + 1], size = part, size + #part
    if part == "" then fail "the end came too early" end
  end
  if table.concat(parts) ~= data then fail "other bytes arrived than were sent" end
end

-- Both sides send and receive at once, much more than fits between them.
local function full_duplex(s, r)
  local one, other = ("abcdefg"):rep(100000), ("0123456789"):rep(70000)
  nurseries.open_nursery(function(nursery)
    nursery:start_soon(send_all_of, s, one)
    nursery:start_soon(send_all_of, r, other)
    nursery:start_soon(receive_all_of, r, one)
    nursery:start_soon(receive_all_of, s, other)
  end)
end

--- Checks a stream that goes both ways.
---@param stream_maker fun(): trio.abc.Stream, trio.abc.Stream
---@param clogged_stream_maker? fun() as `stream_maker`, where sending has to wait
---Checkpoint: always.
---Raises: AssertionError that says which promise was broken.
---@usage trio.testing.check_two_way_stream(trio.testing.memory_stream_pair)
function checks.check_two_way_stream(stream_maker, clogged_stream_maker)
  check_makers("check_two_way_stream", stream_maker, clogged_stream_maker)
  check_one_way_stream(stream_maker, clogged_stream_maker)
  check_one_way_stream(flipped(stream_maker), flipped(clogged_stream_maker))
  with(stream_maker, full_duplex)
end

-- Half-closed ----------------------------------------------------------------

local function half_close(s, r)
  both(function()
    send(s, "x")
    assert_checkpoints(function() s:send_eof() end)
  end, function()
    expect("what was sent before send_eof", receive(r, 10), "x")
    expect("receive_some() after send_eof", receive(r, 10), "")
  end)
  both(function() send(r, "y") end, function()
    expect("the other direction after send_eof", receive(s, 10), "y")
  end)
  refused("send_all after send_eof", errors.ClosedResourceError, send, s, "x")
  assert_checkpoints(function() s:send_eof() end)
end

local function clogged_eof(s)
  refused("send_eof while another task sends", errors.BusyResourceError, both,
    function() s:send_all "x" end, function()
      blocked()
      s:send_eof()
    end)
end

--- Checks a stream whose two directions end by themselves.
---@param stream_maker fun(): trio.abc.HalfCloseableStream, trio.abc.HalfCloseableStream
---@param clogged_stream_maker? fun() as `stream_maker`, where sending has to wait
---Checkpoint: always.
---Raises: AssertionError that says which promise was broken.
---@usage trio.testing.check_half_closeable_stream(trio.testing.memory_stream_pair)
function checks.check_half_closeable_stream(stream_maker, clogged_stream_maker)
  check_makers("check_half_closeable_stream", stream_maker, clogged_stream_maker)
  checks.check_two_way_stream(stream_maker, clogged_stream_maker)
  with(stream_maker, half_close)
  with(flipped(stream_maker), half_close)
  if clogged_stream_maker then with(clogged_stream_maker, clogged_eof) end
end

return checks
