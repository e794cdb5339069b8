--- The standard streams: `anyio.stdin`, `anyio.stdout`, `anyio.stderr`.

local class = require "anyrun.class"
local pipe = require "_anyrun.pipe"
local pipes = require "anyio.streams.pipe"
local vars = require("_anyrun.run").vars

local setmetatable = setmetatable

---@class anyio.standard
local standard = {}

-- Each run watches them by itself, from the first use on; what it has is kept
-- among its variables. A stream that was closed stays closed in that run.
local function native(self)
  local kept = vars()
  local one = kept[self]
  if not one then
    one = pipe.standard(self._number)
    kept[self] = one
  end
  return one
end

local function lazy(name, base)
  local cls = class.new(name, base)
  function cls:__index(key)
    if key == "_pipe" then return native(self) end
    return cls[key]
  end
  function cls:__tostring() return ("<%s>"):format(self._name) end
  return cls
end

--- Standard input as a stream of bytes: a terminal, a pipe, a file, a socket.
--- What `io.read` has read ahead comes first. The descriptor stays as it is for
--- others who have it, too.
---@class anyio.StandardReceiveStream : anyio.abc.ByteReceiveStream
local Input = lazy("StandardReceiveStream", pipes.PipeReceiveStream)

--- Standard output or error as a stream of bytes. What `print` and `io.write`
--- have not written out yet goes first.
---@class anyio.StandardSendStream : anyio.abc.ByteSendStream
local Output = lazy("StandardSendStream", pipes.PipeSendStream)

local function make(cls, number, name)
  return setmetatable({ _number = number, _name = name }, cls)
end

standard.stdin = make(Input, 0, "stdin")
standard.stdout = make(Output, 1, "stdout")
standard.stderr = make(Output, 2, "stderr")

return standard
