--- Streams in memory, for tests: each half is seen, fed and hooked by itself.

local checkpoints = require "trio.checkpoints"
local class = require "anyrun.class"
local ConflictDetector = require "trio.conflict"
local contracts = require "trio.contracts"
local errors = require "anyrun.errors"
local options = require "anyrun.options"
local parking_lot = require "trio.parking_lot"
local streams = require "trio.streams"

local checkpoint = checkpoints.checkpoint
local error, math_type, setmetatable = error, math.type, setmetatable

---@class trio.testing.memory_streams
local memory = {}

local function check_max(fname, max_bytes)
  options.arg(fname, 1, max_bytes, "integer?", 4)
  if max_bytes and math_type(max_bytes) and max_bytes < 1 then
    error(errors.ValueError "max_bytes must be >= 1", 3)
  end
end

local function closed(text) error(errors.ClosedResourceError(text), 0) end

-- Bytes on their way; any number of them.
local ByteQueue = {}
ByteQueue.__index = ByteQueue

local function new_queue()
  return setmetatable({
    data = "", closed = false, lot = parking_lot.ParkingLot(),
    fetching = ConflictDetector "another task is already fetching data",
  }, ByteQueue)
end

function ByteQueue:close(wipe)
  self.closed = true
  if wipe then self.data = "" end
  self.lot:unpark_all()
end

function ByteQueue:put(data)
  if self.closed then closed "virtual connection closed" end
  self.data = self.data .. data
  self.lot:unpark_all()
end

local function take(self, max_bytes)
  local data = self.data
  self.data = max_bytes and data:sub(max_bytes + 1) or ""
  return max_bytes and data:sub(1, max_bytes) or data
end

local function get(self, max_bytes)
  if self.data ~= "" or self.closed then
    checkpoint()
  else
    self.lot:park()
  end
  return take(self, max_bytes)
end

local function get_now(self, max_bytes)
  if self.data == "" and not self.closed then
    error(errors.WouldBlock "no data was sent", 0)
  end
  return take(self, max_bytes)
end

local HOOK <const> = "callable?"

--- What is sent into it is kept until somebody fetches it.
---@class trio.testing.MemorySendStream : trio.abc.SendStream
---@field send_all_hook? function called at the end of `send_all`
---@field wait_send_all_might_not_block_hook? function
---@field close_hook? function called when it is closed
local Send = class.new("MemorySendStream", contracts.SendStream)
memory.MemorySendStream = Send

local SEND_HOOKS <const> = {
  send_all_hook = HOOK, wait_send_all_might_not_block_hook = HOOK,
  close_hook = HOOK,
}

--- Makes one.
---@param hooks? table `send_all_hook`, `wait_send_all_might_not_block_hook`,
--- which may wait, and `close_hook`, which may not
---Checkpoint: never.
---@usage local stream = trio.testing.MemorySendStream()
function Send:_init(hooks)
  hooks = options.check("MemorySendStream", hooks, SEND_HOOKS, 1, 4)
  for name in next, SEND_HOOKS do self[name] = hooks[name] end
  self._conflict = ConflictDetector "another task is using this stream"
  self._outgoing = new_queue()
end

local function send(self, data, hook)
  -- Closed in the meantime, it says so: hence the checkpoint comes first.
  checkpoint()
  self._outgoing:put(data)
  if self[hook] then self[hook]() end
end

--- Keeps the bytes, then calls `send_all_hook`.
---@param data string
---Checkpoint: always.
---Raises: BusyResourceError; ClosedResourceError.
---@usage stream:send_all "hello"
function Send:send_all(data)
  options.arg("send_all", 1, data, "string")
  self._conflict:run(send, self, data, "send_all_hook")
end

--- Calls its hook.
---Checkpoint: always.
---Raises: BusyResourceError; ClosedResourceError.
---@usage stream:wait_send_all_might_not_block()
function Send:wait_send_all_might_not_block()
  self._conflict:run(send, self, "", "wait_send_all_might_not_block_hook")
end

--- Closes it, without a checkpoint.
---Checkpoint: never.
---@usage stream:close()
function Send:close()
  self._outgoing:close()
  if self.close_hook then self.close_hook() end
end

--- Closes it.
---Checkpoint: always.
---@usage stream:aclose()
function Send:aclose()
  self:close()
  checkpoint()
end

--- Fetches what was sent, waiting for it.
---@param max_bytes? integer at most so many
---@return string empty when it is closed and all was fetched
---Checkpoint: always.
---Raises: BusyResourceError when another task fetches; ValueError when
--- `max_bytes` is less than 1.
---@usage local data = stream:get_data()
function Send:get_data(max_bytes)
  check_max("get_data", max_bytes)
  return self._outgoing.fetching:run(get, self._outgoing, max_bytes)
end

--- Fetches what was sent.
---@param max_bytes? integer at most so many
---@return string empty when it is closed and all was fetched
---Checkpoint: never.
---Raises: WouldBlock when there is nothing; as `get_data`.
---@usage local data = stream:get_data_nowait()
function Send:get_data_nowait(max_bytes)
  check_max("get_data_nowait", max_bytes)
  return self._outgoing.fetching:run(get_now, self._outgoing, max_bytes)
end

--- What is received from it is what was put there.
---@class trio.testing.MemoryReceiveStream : trio.abc.ReceiveStream
---@field receive_some_hook? function called at the begin of `receive_some`
---@field close_hook? function called when it is closed
local Receive = class.new("MemoryReceiveStream", contracts.ReceiveStream)
memory.MemoryReceiveStream = Receive

local RECEIVE_HOOKS <const> = { receive_some_hook = HOOK, close_hook = HOOK }

--- Makes one.
---@param hooks? table `receive_some_hook`, which may wait, and `close_hook`,
--- which may not
---Checkpoint: never.
---@usage local stream = trio.testing.MemoryReceiveStream()
function Receive:_init(hooks)
  hooks = options.check("MemoryReceiveStream", hooks, RECEIVE_HOOKS, 1, 4)
  for name in next, RECEIVE_HOOKS do self[name] = hooks[name] end
  self._conflict = ConflictDetector "another task is using this stream"
  self._incoming, self._closed = new_queue(), false
end

local function receive(self, max_bytes)
  checkpoint()
  if self._closed then closed "this stream is closed" end
  if self.receive_some_hook then self.receive_some_hook() end
  local data = get(self._incoming, max_bytes)
  if self._closed then closed "this stream is closed" end
  return data
end

--- Calls `receive_some_hook`, then gives what was put there, waiting for it.
---@param max_bytes? integer at most so many
---@return string empty at the end
---Checkpoint: always.
---Raises: BusyResourceError; ClosedResourceError; ValueError when `max_bytes` is
--- less than 1.
---@usage local data = stream:receive_some()
function Receive:receive_some(max_bytes)
  check_max("receive_some", max_bytes)
  return self._conflict:run(receive, self, max_bytes)
end

--- Closes it, without a checkpoint; what was not received is lost.
---Checkpoint: never.
---@usage stream:close()
function Receive:close()
  self._closed = true
  self._incoming:close(true)
  if self.close_hook then self.close_hook() end
end

--- Closes it.
---Checkpoint: always.
---@usage stream:aclose()
function Receive:aclose()
  self:close()
  checkpoint()
end

--- Puts bytes there.
---@param data string
---Checkpoint: never.
---Raises: ClosedResourceError after `put_eof`, or when it is closed.
---@usage stream:put_data "hello"
function Receive:put_data(data)
  options.arg("put_data", 1, data, "string")
  self._incoming:put(data)
end

--- Says that no more will be put there.
---Checkpoint: never.
---@usage stream:put_eof()
function Receive:put_eof() self._incoming:close() end

--- Carries bytes from a sending half to a receiving one, or the end of them.
---@param send_stream trio.testing.MemorySendStream
---@param receive_stream trio.testing.MemoryReceiveStream
---@param opts? table `max_bytes`
---@return boolean whether there was anything to carry
---Checkpoint: never.
---Raises: BrokenResourceError when the receiving half is closed.
---@usage trio.testing.memory_stream_pump(send, receive)
function memory.memory_stream_pump(send_stream, receive_stream, opts)
  opts = options.check("memory_stream_pump", opts, { max_bytes = "integer?" }, 3)
  local ok, data = errors.pcall(send_stream.get_data_nowait, send_stream,
    opts.max_bytes)
  if not ok then
    if errors.isinstance(data, errors.WouldBlock) then return false end
    errors.rethrow(data)
  end
  if receive_stream._incoming.closed and data ~= "" then
    error(errors.BrokenResourceError "MemoryReceiveStream was closed", 0)
  end
  if data == "" then receive_stream:put_eof() else receive_stream:put_data(data) end
  return true
end

--- A sending half whose bytes come out of the receiving one.
---@return trio.testing.MemorySendStream send
---@return trio.testing.MemoryReceiveStream receive
---Checkpoint: never.
---@usage local send, receive = trio.testing.memory_stream_one_way_pair()
function memory.memory_stream_one_way_pair()
  local a, b = Send(), Receive()
  local function pump() memory.memory_stream_pump(a, b) end
  a.send_all_hook, a.close_hook = pump, pump
  return a, b
end

--- Two streams: what is sent into one comes out of the other.
---@return trio.StapledStream left
---@return trio.StapledStream right
---Checkpoint: never.
---@usage local client, server = trio.testing.memory_stream_pair()
function memory.memory_stream_pair()
  local left_send, right_receive = memory.memory_stream_one_way_pair()
  local right_send, left_receive = memory.memory_stream_one_way_pair()
  return streams.StapledStream(left_send, left_receive),
    streams.StapledStream(right_send, right_receive)
end

return memory
