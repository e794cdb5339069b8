--- The ends of pipes that a child process reads or writes.

local contracts = require "anyio.abc.streams"
local class = require "anyrun.class"
local errors = require "anyrun.errors"
local stream_lib = require "anyrun.stream"

local colon = class.colon
local checkpoint = require("_anyrun.task").checkpoint
local error, tostring, type = error, tostring, type

---@class anyio.streams.pipe
local pipe = {}

local function close(self)
  self._pipe:close()
  checkpoint()
end

local function text(self) return ("<%s: %s>"):format(self.name, tostring(self._pipe)) end

--- What a child process reads.
---@class anyio.streams.pipe.PipeSendStream : anyio.abc.ByteSendStream
local Send = class.new("PipeSendStream", contracts.ByteSendStream)

function Send:_init(native) self._pipe = native end

--- Sends all the bytes.
---@param data string
---Checkpoint: always, before anything is sent.
---Raises: BrokenResourceError when the child reads no more; ClosedResourceError;
---  BusyResourceError when another task is sending.
---@usage process.stdin:send "hello\n"
function Send:send(data)
  if not (self and data) then colon(Send, "send", self) end
  if type(data) ~= "string" then
    error(("bad argument #1 to 'send' (string expected, got %s)"):format(
      data == nil and "no value" or type(data)), 2)
  end
  self._pipe:write(data)
end

--- Closes it: the child comes to the end of what it reads.
---Checkpoint: always, after it is closed.
---@usage process.stdin:aclose()
function Send:aclose()
  if not self then colon(Send, "aclose") end
  close(self)
end

Send.__tostring = text
pipe.PipeSendStream = Send

--- What a child process writes.
---@class anyio.streams.pipe.PipeReceiveStream : anyio.abc.ByteReceiveStream
local Receive = class.new("PipeReceiveStream", contracts.ByteReceiveStream)

function Receive:_init(native) self._pipe = native end

--- Receives what is there, or waits for it.
---@param max_bytes? integer at most so many; 65536 when absent
---@return string
---Checkpoint: always, before anything is received.
---Raises: EndOfStream when nobody can write any more; ClosedResourceError;
---  BusyResourceError when another task is receiving; ValueError when `max_bytes`
---  is less than 1.
---@usage local data = process.stdout:receive()
function Receive:receive(max_bytes)
  if not self then colon(Receive, "receive") end
  local data = self._pipe:read(stream_lib.check_max(max_bytes))
  if data then return data end
  error(errors.EndOfStream(), 2)
end

--- Closes it: a child that goes on writing dies of SIGPIPE.
---Checkpoint: always, after it is closed.
---@usage process.stdout:aclose()
function Receive:aclose()
  if not self then colon(Receive, "aclose") end
  close(self)
end

Receive.__tostring = text
pipe.PipeReceiveStream = Receive

return pipe
