--- Waits for descriptors that others read and write.

local native = require "_anyrun.socket"

local warn = warn

---@class anyio.readiness
local readiness = {}

--- Waits until a descriptor can be read from without blocking, or its end or an
--- error is there to be read.
---@param obj integer|userdata|table a descriptor, a file of Lua's, a socket, or an
---  object with `fileno`
---Checkpoint: always.
---Raises: BusyResourceError when another task waits for it to become readable;
---  ClosedResourceError when `notify_closing` was called, or it is one of our
---  sockets and was closed; OSError when there is no such descriptor.
---@usage anyio.wait_readable(0)
readiness.wait_readable = native.wait_readable

--- Waits until a descriptor can be written to without blocking.
---@param obj integer|userdata|table as for `wait_readable`
---Checkpoint: always.
---Raises: as `wait_readable`.
---@usage anyio.wait_writable(1)
readiness.wait_writable = native.wait_writable

--- Says that a descriptor is about to be closed: who waits for it gets
--- ClosedResourceError. It does not close it.
---@param obj integer|userdata|table as for `wait_readable`
---Checkpoint: never.
---@usage anyio.notify_closing(descriptor)
readiness.notify_closing = native.notify_closing

local function deprecated(old, new)
  warn(("DeprecationWarning: %s is deprecated, use %s"):format(old, new))
end

--- Deprecated: `wait_readable`.
---@param sock integer|userdata|table
---Checkpoint: always.
---@usage anyio.wait_readable(socket)
function readiness.wait_socket_readable(sock)
  deprecated("wait_socket_readable", "wait_readable")
  native.wait_readable(sock)
end

--- Deprecated: `wait_writable`.
---@param sock integer|userdata|table
---Checkpoint: always.
---@usage anyio.wait_writable(socket)
function readiness.wait_socket_writable(sock)
  deprecated("wait_socket_writable", "wait_writable")
  native.wait_writable(sock)
end

return readiness
