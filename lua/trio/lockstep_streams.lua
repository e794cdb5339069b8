--- Streams in memory without any buffer, for tests: sending ends when the
--- other side has received.

local checkpoints = require "trio.checkpoints"
local class = require "anyrun.class"
local ConflictDetector = require "trio.conflict"
local contracts = require "trio.contracts"
local errors = require "anyrun.errors"
local options = require "anyrun.options"
local parking_lot = require "trio.parking_lot"
local streams = require "trio.streams"

local checkpoint = checkpoints.checkpoint
local error = error

---@class trio.testing.lockstep_streams
local lockstep = {}

local function new_link()
  return {
    data = "", sender_closed = false, receiver_closed = false,
    receiver_waits = false, lot = parking_lot.ParkingLot(),
    sending = ConflictDetector "another task is already sending",
    receiving = ConflictDetector "another task is already receiving",
  }
end

local function wait_for(link, holds)
  if holds(link) then return checkpoint() end
  repeat link.lot:park() until holds(link)
end

local function check_sender(link)
  if link.sender_closed then
    error(errors.ClosedResourceError "this stream is closed", 0)
  end
end

local function taken(link)
  return link.data == "" or link.sender_closed or link.receiver_closed
end

local function send_all(link, data)
  check_sender(link)
  if link.receiver_closed then
    error(errors.BrokenResourceError "the other side was closed", 0)
  end
  link.data = data
  link.lot:unpark_all()
  wait_for(link, taken)
  check_sender(link)
  if link.receiver_closed and link.data ~= "" then
    error(errors.BrokenResourceError "the other side was closed", 0)
  end
end

local function wanted(link)
  return link.sender_closed or link.receiver_closed or link.receiver_waits
end

local function wait_send(link)
  check_sender(link)
  if link.receiver_closed then return checkpoint() end
  wait_for(link, wanted)
  check_sender(link)
end

local function any_data(link)
  return link.data ~= "" or link.sender_closed or link.receiver_closed
end

local function check_receiver(link)
  if link.receiver_closed then
    error(errors.ClosedResourceError "this stream is closed", 0)
  end
end

local function receive_some(link, max_bytes)
  check_receiver(link)
  link.receiver_waits = true
  link.lot:unpark_all()
  local ok, err = errors.try(wait_for, link, any_data)
  link.receiver_waits = false
  if not ok then errors.rethrow(err) end
  check_receiver(link)
  local data = link.data
  local got = max_bytes and data:sub(1, max_bytes) or data
  link.data = data:sub(#got + 1)
  link.lot:unpark_all()
  return got
end

-- The two ends -----------------------------------------------------------

local Send = class.new("LockstepSendStream", contracts.SendStream)

function Send:send_all(data)
  options.arg("send_all", 1, data, "string")
  self._link.sending:run(send_all, self._link, data)
end

function Send:wait_send_all_might_not_block()
  self._link.sending:run(wait_send, self._link)
end

function Send:close()
  self._link.sender_closed = true
  self._link.lot:unpark_all()
end

function Send:aclose()
  self:close()
  checkpoint()
end

local Receive = class.new("LockstepReceiveStream", contracts.ReceiveStream)

function Receive:receive_some(max_bytes)
  options.arg("receive_some", 1, max_bytes, "integer?")
  if max_bytes and max_bytes < 1 then
    error(errors.ValueError "max_bytes must be >= 1", 2)
  end
  return self._link.receiving:run(receive_some, self._link, max_bytes)
end

function Receive:close()
  self._link.receiver_closed = true
  self._link.lot:unpark_all()
end

function Receive:aclose()
  self:close()
  checkpoint()
end

--- A sending and a receiving end without a buffer between them.
---@return trio.abc.SendStream send
---@return trio.abc.ReceiveStream receive
---Checkpoint: never.
---@usage local send, receive = trio.testing.lockstep_stream_one_way_pair()
function lockstep.lockstep_stream_one_way_pair()
  local send, receive, link = Send(), Receive(), new_link()
  send._link, receive._link = link, link
  return send, receive
end

--- Two streams without a buffer: what is sent into one comes out of the other.
---@return trio.StapledStream left
---@return trio.StapledStream right
---Checkpoint: never.
---@usage local client, server = trio.testing.lockstep_stream_pair()
function lockstep.lockstep_stream_pair()
  local left_send, right_receive = lockstep.lockstep_stream_one_way_pair()
  local right_send, left_receive = lockstep.lockstep_stream_one_way_pair()
  return streams.StapledStream(left_send, left_receive),
    streams.StapledStream(right_send, right_receive)
end

return lockstep
