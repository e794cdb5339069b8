--- Protocols: what a transport tells of, call by call.
-- A protocol may extend these classes; it must only have the methods that it
-- is interested in.

local class = require "anyrun.class"
local errors = require "anyrun.errors"

local error, type = error, type

---@class asyncio.protocols
local protocols = {}

--- What all protocols hear of.
---@class asyncio.BaseProtocol
local BaseProtocol = class.new "BaseProtocol"
protocols.BaseProtocol = BaseProtocol

--- The connection is made: called first, once.
---@param transport asyncio.Transport
---Checkpoint: never; no protocol's method may wait.
---@usage function Echo:connection_made(transport) self.transport = transport end
function BaseProtocol:connection_made(transport) end -- luacheck: ignore 212

--- The connection is over: called last, once.
---@param err any? why; nil after a regular end
---Checkpoint: never.
---@usage function Echo:connection_lost(err) done:set_result(err) end
function BaseProtocol:connection_lost(err) end -- luacheck: ignore 212

--- What was written lies above the high-water mark: better write no more.
---Checkpoint: never.
---@usage function Source:pause_writing() self.paused = true end
function BaseProtocol:pause_writing() end

--- What was written is at or below the low-water mark again.
---Checkpoint: never.
---@usage function Source:resume_writing() self:go_on() end
function BaseProtocol:resume_writing() end

--- The protocol of a stream of bytes.
---@class asyncio.Protocol : asyncio.BaseProtocol
local Protocol = class.new("Protocol", BaseProtocol)
protocols.Protocol = Protocol

--- Bytes came.
---@param data string not empty
---Checkpoint: never.
---@usage function Echo:data_received(data) self.transport:write(data) end
function Protocol:data_received(data) end -- luacheck: ignore 212

--- The other side sends no more: called once at most.
---@return boolean? keep_open true: writing goes on; else the transport closes
---Checkpoint: never.
---@usage function Echo:eof_received() return true end
function Protocol:eof_received() end

--- The protocol of datagrams.
---@class asyncio.DatagramProtocol : asyncio.BaseProtocol
local DatagramProtocol = class.new("DatagramProtocol", BaseProtocol)
protocols.DatagramProtocol = DatagramProtocol

--- A datagram came.
---@param data string
---@param address table|string `{host, port}`, or a path
---Checkpoint: never.
---@usage function Echo:datagram_received(data, from) self.transport:sendto(data, from) end
function DatagramProtocol:datagram_received(data, address) end -- luacheck: ignore 212

--- A datagram could not be sent or received.
---@param err any
---Checkpoint: never.
---@usage function Echo:error_received(err) print(err) end
function DatagramProtocol:error_received(err) end -- luacheck: ignore 212

--- The protocol that a factory makes.
---@param factory fun(): table
---@return table
---Checkpoint: never.
---Raises: TypeError when that is none; what the factory raises.
---@usage local ok, protocol = errors.try(protocols._make, factory)
function protocols._make(factory)
  local protocol = factory()
  local kind = type(protocol)
  if kind == "table" or kind == "userdata" then return protocol end
  error(errors.TypeError(("a protocol factory must return a protocol, a table, not %s")
    :format(kind == "nil" and "nil" or "a " .. kind)), 0)
end

return protocols
