--- Generators that may open nurseries and scopes: as_safe_channel.
-- A generator that is left half way is a danger: its scopes stay open in a task
-- that is elsewhere. Here it is a task of its own in a nursery, which hands its
-- values over one by one and is cancelled, where it waits, with the block.

local Semaphore = require "anyrun.sync.semaphore"
local channel = require "trio.channel"
local class = require "anyrun.class"
local contracts = require "trio.contracts"
local errors = require "anyrun.errors"
local guard = require "trio.guard"
local open_nursery = require("_anyrun.group").open_nursery
local options = require "anyrun.options"

local error, pack, setmetatable = error, table.pack, setmetatable
local unpack = table.unpack

---@class trio.safe_channel
local safe_channel = {}

--- What the block of a safe channel receives from.
---@class trio.SafeReceiveChannel : trio.abc.ReceiveChannel
---@field package _channel trio.MemoryReceiveChannel
---@field package _turns anyio.Semaphore one unit for each value that is wanted
---@field package _waiting integer tasks that wait for a value
---@field package _wanted integer values that were asked for and not received
local Receive = class.new("SafeReceiveChannel", contracts.ReceiveChannel)

local Waiting = {
  __close = function(self) self.channel._waiting = self.channel._waiting - 1 end,
}

--- Lets the generator go on to its next value, and receives that. What a receive
--- asked for that was cancelled, the next one gets.
---@return any
---Checkpoint: always.
---Raises: EndOfChannel when the generator has ended; ClosedResourceError.
---@usage local value = values:receive()
function Receive:receive()
  self._waiting = self._waiting + 1
  local _ <close> = setmetatable({ channel = self }, Waiting)
  if self._wanted < self._waiting then
    self._wanted = self._wanted + 1
    self._turns:release()
  end
  local value = self._channel:receive()
  self._wanted = self._wanted - 1
  return value
end

--- Closes it: nothing more is received. The generator ends with the block.
---Checkpoint: never.
---@usage values:close()
function Receive:close() self._channel:close() end

--- Closes it.
---Checkpoint: always, after it was closed.
---Raises: Cancelled.
---@usage values:aclose()
function Receive:aclose() self._channel:aclose() end

function Receive:__close() self._channel:close() end

-- One opening of a generator: it is called with its block.
local Manager = class.new "SafeChannel"

-- The generator's task. It begins when the first value is wanted. One that fails
-- does not look like one that has ended: the nursery cancels who waits for it.
local function generate(manager, send, turns)
  local function yield(value)
    if value == nil then
      error("bad argument #1 to 'yield' (nil cannot be sent)", 2)
    end
    -- Whoever closed the receiving end wants no values; nor is there a turn.
    if send:statistics().open_receive_channels > 0 then send:send_nowait(value) end
    turns:acquire()
  end
  turns:acquire()
  manager._generator(yield, unpack(manager._args, 1, manager._args.n))
  send:close()
end

local function run(manager, body)
  local send, receive = channel.open_memory_channel(math.huge)
  local values <close> = Receive()
  values._channel, values._turns = receive, Semaphore(0)
  values._waiting, values._wanted = 0, 0
  return open_nursery(function(nursery)
    nursery:start_soon({ generate, name = "safe channel" }, manager, send,
      values._turns)
    local results = pack(body(values))
    nursery.cancel_scope:cancel()
    return unpack(results, 1, results.n)
  end)
end

local function unwrap(ok, ...)
  if ok then return ... end
  errors.rethrow(errors.lone_error((...)))
end

function Manager:__call(body)
  guard.needs_trio "as_safe_channel"
  options.arg("as_safe_channel", 1, body, "callable")
  return unwrap(errors.try(run, self, body))
end

Manager.__with = Manager.__call

--- Makes a generator safe. It is a function that is given `yield` before its own
--- arguments, and calls `yield(value)` for each value, also from deep inside, in
--- nurseries and scopes of its own. It only runs while a value is wanted; when
--- the block is left it is cancelled where it waits in `yield`.
---@param generator fun(yield: fun(value: any), ...: any)
---@return fun(...: any): fun(body: fun(values: trio.SafeReceiveChannel): any): any
---  what it returns, given the generator's arguments, is called with the block
---Checkpoint: never; the block's call: always.
---Raises: the block's call: what the block or the generator raised; an
---  ExceptionGroup when both did.
---@usage local ticks = trio.as_safe_channel(function(yield, n)
---  for i = 1, n do yield(i) end
---end)
---ticks(3)(function(values) for i in values do print(i) end end)
function safe_channel.as_safe_channel(generator)
  options.arg("as_safe_channel", 1, generator, "callable")
  return function(...)
    local manager = Manager()
    manager._generator, manager._args = generator, pack(...)
    return manager
  end
end

return safe_channel
