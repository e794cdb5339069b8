--- The ends of pipes that a child process reads or writes.

local class = require "anyrun.class"
local contracts = require "trio.contracts"
local errors = require "anyrun.errors"
local options = require "anyrun.options"

local colon = class.colon
local checkpoint = require("_anyrun.task").checkpoint
local error, tostring = error, tostring

---@class trio.pipes
local pipes = {}

local function end_class(name, base)
  local cls = class.new(name, base)
  function cls:_init(native) self._pipe = native end
  function cls:__tostring() return ("<%s: %s>"):format(name, tostring(self._pipe)) end
  return cls
end

--- What a child process reads.
---@class trio.PipeSendStream : trio.abc.SendStream
local Send = end_class("PipeSendStream", contracts.SendStream)
pipes.PipeSendStream = Send

--- Sends all the bytes. Cancelled, it may have sent some of them.
---@param data string
---Checkpoint: always.
---Raises: BusyResourceError when another task sends; ClosedResourceError;
---  BrokenResourceError when the child reads no more.
---@usage process.stdin:send_all "hello\n"
function Send:send_all(data)
  if not (self and data) then colon(Send, "send_all", self) end
  self._pipe:write(options.arg("send_all", 1, data, "string"))
end

--- Waits until there is room in the pipe.
---Checkpoint: always.
---Raises: as `send_all`.
---@usage process.stdin:wait_send_all_might_not_block()
function Send:wait_send_all_might_not_block()
  if not self then colon(Send, "wait_send_all_might_not_block") end
  self._pipe:wait "write"
end

--- What a child process writes; a `for` loop gives what comes.
---@class trio.PipeReceiveStream : trio.abc.ReceiveStream
local Receive = end_class("PipeReceiveStream", contracts.ReceiveStream)
pipes.PipeReceiveStream = Receive

--- Receives what is there, or waits for it.
---@param max_bytes? integer at most so many; 65536 when absent
---@return string empty at the end
---Checkpoint: always.
---Raises: BusyResourceError when another task receives; ClosedResourceError;
---  ValueError when `max_bytes` is less than 1.
---@usage local data = process.stdout:receive_some()
function Receive:receive_some(max_bytes)
  if not self then colon(Receive, "receive_some") end
  options.arg("receive_some", 1, max_bytes, "integer?")
  if max_bytes and max_bytes < 1 then
    error(errors.ValueError "max_bytes must be at least 1", 2)
  end
  return self._pipe:read(max_bytes or 65536) or ""
end

for _, cls in ipairs { Send, Receive } do
  --- Closes it, without waiting.
  ---Checkpoint: never.
  ---@usage process.stdin:close()
  function cls:close() self._pipe:close() end

  --- Closes it.
  ---Checkpoint: always, after it is closed.
  ---@usage process.stdin:aclose()
  function cls:aclose()
    self._pipe:close()
    checkpoint()
  end

  --- The number of its descriptor.
  ---@return integer
  ---Checkpoint: never.
  ---@usage print(process.stdin:fileno())
  function cls:fileno() return self._pipe:fileno() end
end

return pipes
