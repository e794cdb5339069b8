--- A wait that another task ends, made of each backend's own wait queue.
local gate = {}
gate.__index = gate

local backends = {}

function backends.asyncio()
  local asyncio = require "asyncio"
  return setmetatable({futures = {}, asyncio = asyncio}, gate)
end

function backends.trio()
  local trio = require "trio"
  return setmetatable({lot = trio.lowlevel.ParkingLot()}, gate)
end

--- Wait until the gate is opened and return the value it was opened with.
---Checkpoint: always.
function gate:wait()
  if self.lot then
    self.lot:park()
    return self.value
  end
  local future = self.asyncio.Future()
  self.futures[#self.futures + 1] = future
  return future:await()
end

--- Wake everybody who waits now.
---Checkpoint: never.
function gate:open(value)
  self.value = value
  if self.lot then
    self.lot:unpark_all()
    return
  end
  local futures = self.futures
  self.futures = {}
  for _, future in ipairs(futures) do
    if not future:done() then future:set_result(value) end
  end
end

--- A new, closed gate for the backend that runs.
return function()
  return backends[require("sniffio").current_async_library()]()
end
