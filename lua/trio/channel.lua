--- Trio's memory channels: AnyIO's memory streams with rules of their own.
-- Closing an end wakes who waits on that end; the end of the data has another
-- name; an end that is collected is not closed.

local checkpoint = require("_anyrun.time").checkpoint
local colon = require("anyrun.class").colon
local contracts = require "trio.contracts"
local errors = require "anyrun.errors"
local guard = require "trio.guard"
local native = require "_anyrun.channel"

local error, ipairs, math_type, next = error, ipairs, math.type, next
local type = type
local huge = math.huge

---@class trio.channel
local channel = {}

local CLOSE_WAKES <const> = 1 -- a rule of _anyrun.channel

local function end_class(name, sends, contract)
  local cls = { __name = name, name = name, base = contract }
  cls.__index, cls.class = cls, cls
  return native.methods(cls, sends)
end

--- The end that values are sent into: `send`, `send_nowait`, `clone`.
---@class trio.MemorySendChannel : trio.abc.SendChannel
local Send = end_class("MemorySendChannel", true, contracts.SendChannel)
channel.MemorySendChannel = Send

--- The end that values come out of: `receive`, `receive_nowait`, `clone`; a
--- `for` loop over it ends when every sending end is closed.
---@class trio.MemoryReceiveChannel : trio.abc.ReceiveChannel
local Receive = end_class("MemoryReceiveChannel", false, contracts.ReceiveChannel)
channel.MemoryReceiveChannel = Receive

local common = {}

--- Closes this end.
---Checkpoint: always, after it was closed.
---Raises: Cancelled.
---@usage send:aclose()
function common:aclose()
  if not self then colon(Send, "aclose") end
  guard.needs_trio "aclose"
  self:close()
  checkpoint()
end

--- What the channel is like now, seen from either end.
---@return table `current_buffer_used`, `max_buffer_size`,
---  `open_send_channels`, `open_receive_channels`, `tasks_waiting_send`,
---  `tasks_waiting_receive`, `peak_buffer_used`
---Checkpoint: never.
---@usage print(receive:statistics().current_buffer_used)
function common:statistics()
  if not self then colon(Send, "statistics") end
  local used, max, send, receive, waiting_send, waiting, peak = self:_counts()
  return {
    current_buffer_used = used,
    max_buffer_size = max,
    open_send_channels = send,
    open_receive_channels = receive,
    tasks_waiting_send = waiting_send,
    tasks_waiting_receive = waiting,
    peak_buffer_used = peak,
  }
end

function common:__tostring()
  local used, max = self:_counts()
  return ("<%s: %d of %s buffered%s>"):format(self.name, used, max,
    self:_is_closed() and ", closed" or "")
end

for _, cls in ipairs { Send, Receive } do
  for key, value in next, common do cls[key] = value end
end

--- Makes a channel between tasks; also outside a run.
---@param max_buffer_size integer|number how many values may wait in it;
---  math.huge for any number; 0: `send` waits for a receiver
---@return trio.MemorySendChannel send
---@return trio.MemoryReceiveChannel receive
---Checkpoint: never.
---Raises: TypeError when the size is no whole number, ValueError when it is
---  negative.
---@usage local send, receive = trio.open_memory_channel(0)
function channel.open_memory_channel(max_buffer_size)
  if type(max_buffer_size) ~= "number" then
    error(("bad argument #1 to 'open_memory_channel' (number expected, got %s)")
      :format(type(max_buffer_size)), 2)
  elseif math_type(max_buffer_size) ~= "integer" and max_buffer_size ~= huge then
    error(errors.TypeError "max_buffer_size must be an integer or math.huge", 2)
  elseif max_buffer_size < 0 then
    error(errors.ValueError "max_buffer_size must be >= 0", 2)
  end
  return native.open(max_buffer_size, Send, Receive, CLOSE_WAKES)
end

return channel
