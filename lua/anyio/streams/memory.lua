--- Memory object streams: items from task to task, in the order sent.
-- Both ends are C: see src/bind/channellib.c.

local colon = require("anyrun.class").colon
local contracts = require "anyio.abc.streams"
local errors = require "anyrun.errors"
local native = require "_anyrun.channel"

local error, math_type, setmetatable = error, math.type, setmetatable
local type = type
local huge = math.huge

---@class anyio.streams.memory
local memory = {}

local COLLECT_CLOSES <const> = 2 -- a rule of _anyrun.channel

local function end_class(name, sends, contract)
  local cls = { __name = name, name = name, base = contract }
  cls.__index, cls.class = cls, cls
  return setmetatable(native.methods(cls, sends), { __index = contract })
end

--- The end that items are sent into.
---@class anyio.streams.memory.MemoryObjectSendStream : anyio.abc.ObjectSendStream
local Send =
  end_class("MemoryObjectSendStream", true, contracts.ObjectSendStream)
memory.MemoryObjectSendStream = Send

--- The end that items come out of. A `for` loop over it ends when every
--- sending end is closed: `for item in receive do`.
---@class anyio.streams.memory.MemoryObjectReceiveStream : anyio.abc.ObjectReceiveStream
local Receive =
  end_class("MemoryObjectReceiveStream", false, contracts.ObjectReceiveStream)
memory.MemoryObjectReceiveStream = Receive

--- Sends an item: to a task that waits for one, or into the buffer, or waits
--- until there is room or a receiver.
---@function Send:send
---@param item any not nil
---Checkpoint: always, before anything is sent.
---Raises: ClosedResourceError when this end is closed; BrokenResourceError
---  when every receiving end is; Cancelled, then the item was not sent.
---@usage send:send "hello"

--- Sends an item if that can be done at once.
---@function Send:send_nowait
---@param item any not nil
---Checkpoint: never.
---Raises: WouldBlock when nobody waits for an item and there is no room; as
---  `send` otherwise.
---@usage send:send_nowait(job)

--- Receives an item, the oldest one, or waits for it.
---@function Receive:receive
---@return any item
---Checkpoint: always, before anything is received.
---Raises: EndOfStream when all is received and every sending end is closed;
---  ClosedResourceError when this end is closed; Cancelled.
---@usage local item = receive:receive()

--- Receives an item if there is one.
---@function Receive:receive_nowait
---@return any item
---Checkpoint: never.
---Raises: WouldBlock when there is none; as `receive` otherwise.
---@usage local item = receive:receive_nowait()

-- What both ends have.
local common = {}

--- Another handle of the same end; the end counts as closed only when all its
--- clones are.
---@function Send:clone
---@return anyio.streams.memory.MemoryObjectSendStream
---Checkpoint: never.
---Raises: ClosedResourceError when this handle is closed.
---@usage tg:start_soon(producer, send:clone())

--- Closes this handle. Tasks that wait at the other end are woken when it was
--- the last; those that wait on this very end go on waiting.
---@function Send:close
---Checkpoint: never.
---@usage send:close()

--- As `close`.
---Checkpoint: never.
---@usage send:aclose()
function common:aclose()
  if not self then colon(Send, "aclose") end
  self:close()
end

--- What the stream is like now, seen from either end.
---@return table `current_buffer_used`, `max_buffer_size`,
---  `open_send_streams`, `open_receive_streams`, `tasks_waiting_send`,
---  `tasks_waiting_receive`
---Checkpoint: never.
---@usage print(receive:statistics().current_buffer_used)
function common:statistics()
  if not self then colon(Send, "statistics") end
  local used, max, send, receive, waiting_send, waiting = self:_counts()
  return {
    current_buffer_used = used,
    max_buffer_size = max,
    open_send_streams = send,
    open_receive_streams = receive,
    tasks_waiting_send = waiting_send,
    tasks_waiting_receive = waiting,
  }
end

function common:__tostring()
  local used, max, send, receive = self:_counts()
  return ("<%s: %d of %s buffered, %d sending and %d receiving open%s>"):format(
    self.name, used, max, send, receive,
    self:_is_closed() and ", this one closed" or "")
end

for _, cls in ipairs { Send, Receive } do
  for key, value in next, common do cls[key] = value end
end

local function check_size(max)
  if type(max) ~= "number" then
    error(("bad argument #1 to 'create_memory_object_stream' (number expected,"
      .. " got %s)"):format(type(max)), 3)
  elseif math_type(max) ~= "integer" and max ~= huge then
    error(errors.ValueError(
      "max_buffer_size must be either an integer or math.huge"), 3)
  elseif max < 0 then
    error(errors.ValueError "max_buffer_size cannot be negative", 3)
  end
end

--- Makes a stream between tasks; also outside a run.
---@param max_buffer_size? integer|number how many items may wait in it;
---  math.huge for any number; 0 when absent: `send` waits for a receiver
---@return anyio.streams.memory.MemoryObjectSendStream send
---@return anyio.streams.memory.MemoryObjectReceiveStream receive
---Checkpoint: never.
---Raises: ValueError when the size is negative or no whole number.
---@usage local send, receive = anyio.create_memory_object_stream(10)
function memory.create_memory_object_stream(max_buffer_size)
  if max_buffer_size == nil then max_buffer_size = 0 end
  check_size(max_buffer_size)
  return native.open(max_buffer_size, Send, Receive, COLLECT_CLOSES)
end

return memory
