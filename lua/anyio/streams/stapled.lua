--- Two one-way streams as one that goes both ways, several listeners as one.

local class = require "anyrun.class"
local contracts = require "anyio.abc.streams"
local create_task_group = require("_anyrun.group").create_task_group
local errors = require "anyrun.errors"
local options = require "anyrun.options"
local stream_lib = require "anyrun.stream"

local colon = class.colon
local error, ipairs, next, type = error, ipairs, next, type

---@class anyio.streams.stapled
local stapled = {}

-- The attributes of several parts; a later part's win.
local function merged(parts)
  local all = {}
  for _, part in ipairs(parts) do
    for key, get in next, stream_lib.attributes(part) do all[key] = get end
  end
  return all
end

--- Two streams of bytes.
---@class anyio.streams.stapled.StapledByteStream : anyio.abc.ByteStream
---@field send_stream table
---@field receive_stream table
local Bytes = class.new("StapledByteStream", contracts.ByteStream)
stapled.StapledByteStream = Bytes

--- Two streams of items.
---@class anyio.streams.stapled.StapledObjectStream : anyio.abc.ObjectStream
---@field send_stream table
---@field receive_stream table
local Objects = class.new("StapledObjectStream", contracts.ObjectStream)
stapled.StapledObjectStream = Objects

-- What both have.
local common = {}

--- Staples two streams.
---@param send_stream table
---@param receive_stream table
---Checkpoint: never.
---@usage local stream = StapledByteStream(process.stdin, process.stdout)
function common:_init(send_stream, receive_stream)
  options.arg(self.name, 1, send_stream, "table|userdata", 4)
  options.arg(self.name, 2, receive_stream, "table|userdata", 4)
  self.send_stream, self.receive_stream = send_stream, receive_stream
end

--- The attributes of the wrapped streams; the receiving one's win.
---@return table<anyio.TypedAttribute, fun(): any>
---Checkpoint: never.
---@usage local getters = stream:extra_attributes()
function common:extra_attributes()
  return merged { self.send_stream, self.receive_stream }
end

--- Sends through the sending part.
---@param item any
---Checkpoint: as that part.
---Raises: as that part.
---@usage stream:send "hello"
function common:send(item) self.send_stream:send(item) end

--- Closes the sending part; receiving goes on.
---Checkpoint: as that part.
---@usage stream:send_eof()
function common:send_eof() self.send_stream:aclose() end

--- Closes the sending part, then the receiving one, whatever the first does.
---Checkpoint: as the parts.
---@usage stream:aclose()
function common:aclose()
  stream_lib.close_all { self.send_stream, self.receive_stream }
end

for _, cls in ipairs { Bytes, Objects } do
  for key, value in next, common do cls[key] = value end
end

--- Receives from the receiving part.
---@param max_bytes? integer at most so many bytes; 65536 when absent
---@return string
---Checkpoint: as that part.
---Raises: as that part; ValueError when `max_bytes` is less than 1.
---@usage local data = stream:receive()
function Bytes:receive(max_bytes)
  if not self then colon(Bytes, "receive") end
  return self.receive_stream:receive(stream_lib.check_max(max_bytes))
end

--- Receives an item from the receiving part.
---@return any item
---Checkpoint: as that part.
---Raises: as that part.
---@usage local item = stream:receive()
function Objects:receive()
  if not self then colon(Objects, "receive") end
  return self.receive_stream:receive()
end

--- Sends at once through the sending part, if that can.
---@param item any
---Checkpoint: never.
---Raises: NotImplementedError when that part has no `send_nowait`; as that part.
---@usage stream:send_nowait(job)
function Objects:send_nowait(item)
  local part = self.send_stream
  local send_nowait = part.send_nowait
  if not send_nowait then
    error(errors.NotImplementedError(("%s does not support send_nowait()")
      :format(part.name or type(part))), 2)
  end
  return send_nowait(part, item)
end

--- Several listeners as one; those of a MultiListener among them are taken
--- over.
---@class anyio.streams.stapled.MultiListener : anyio.abc.Listener
---@field listeners table[]
local MultiListener = class.new("MultiListener", contracts.Listener)
stapled.MultiListener = MultiListener

--- Makes one listener of several.
---@param listeners table[]
---Checkpoint: never.
---@usage local both = MultiListener { tcp_listener, unix_listener }
function MultiListener:_init(listeners)
  options.arg(self.name, 1, listeners, "table", 4)
  local all = {}
  for _, listener in ipairs(listeners) do
    local inner = class.is(listener, MultiListener) and listener.listeners
    for _, one in ipairs(inner or { listener }) do all[#all + 1] = one end
    if inner then listener.listeners = {} end
  end
  self.listeners = all
end

--- Serves all of them with one handler.
---@param handler fun(stream: table)|table it closes the stream; or a task spec
---@param task_group? anyio.TaskGroup where its tasks are started; one of each
---  listener's own when absent
---Checkpoint: always.
---Raises: an ExceptionGroup when one of them fails; the others are cancelled.
---@usage tg:start_soon(both.serve, both, handle)
function MultiListener:serve(handler, task_group)
  if not (self and handler) then colon(MultiListener, "serve", self) end
  stream_lib.check_serve(handler, task_group)
  create_task_group(function(tg)
    for _, listener in ipairs(self.listeners) do
      tg:start_soon(listener.serve, listener, handler, task_group)
    end
  end)
end

--- Closes all of them, whatever one does.
---Checkpoint: as the listeners.
---Raises: the first cancellation, else what one raised, else a group of what
---  several raised.
---@usage both:aclose()
function MultiListener:aclose()
  if not self then colon(MultiListener, "aclose") end
  stream_lib.close_all(self.listeners)
end

--- The attributes of all of them; those of a later one win.
---@return table<anyio.TypedAttribute, fun(): any>
---Checkpoint: never.
---@usage local getters = both:extra_attributes()
function MultiListener:extra_attributes() return merged(self.listeners) end

return stapled
