--- The classes that others extend, and those that tell what a value is.
-- Its modules are loaded when one of their names is first used.

local rawset, require, setmetatable = rawset, require, setmetatable

-- module -> the names that are its fields of the same name
local EXPORTS <const> = {
  ["anyio.abc.resources"] = { "AsyncResource" },
  ["anyio.abc.streams"] = {
    "ByteReceiveStream", "ByteSendStream", "ByteStream",
    "ByteStreamConnectable", "Listener", "ObjectReceiveStream",
    "ObjectSendStream", "ObjectStream", "ObjectStreamConnectable",
    "UnreliableObjectReceiveStream", "UnreliableObjectSendStream",
    "UnreliableObjectStream",
  },
  ["anyio.abc.sockets"] = {
    "SocketListener", "SocketStream", "UNIXSocketStream",
  },
  ["anyio.process"] = { "Process" },
  ["anyio.abc.datagrams"] = {
    "ConnectedUDPSocket", "ConnectedUNIXDatagramSocket", "UDPSocket",
    "UNIXDatagramSocket",
  },
  ["anyrun.socketattr"] = { "SocketAttribute" },
  ["_anyrun.group"] = { "TaskGroup" },
  ["_anyrun.scope"] = { "CancelScope" },
}

-- names whose value is a module that is a class
local CLASSES <const> = {
  CapacityLimiter = "anyrun.sync.limiter",
  Condition = "anyrun.sync.condition",
  Event = "anyrun.sync.event",
  Lock = "anyrun.sync.lock",
  Semaphore = "anyrun.sync.semaphore",
  TaskStatus = "anyrun.taskstatus",
}

local where = {}
for module, names in next, EXPORTS do
  for i = 1, #names do where[names[i]] = module end
end

local function find(self, name)
  local value
  if CLASSES[name] then
    value = require(CLASSES[name])
  elseif where[name] then
    value = require(where[name])[name]
  end
  if value ~= nil then rawset(self, name, value) end
  return value
end

return setmetatable({}, { __index = find })
