--- Waits for descriptors that others read and write.

local guard = require "trio.guard"
local native = require "_anyrun.socket"

local needs_trio = guard.needs_trio

---@class trio.lowlevel.readiness
local readiness = {}

--- Waits until a descriptor can be read from without blocking, or its end or an
--- error is there to be read.
---@param fd integer|userdata|table a descriptor, a file of Lua's, a socket, or an
--- object with `fileno`
---Checkpoint: always.
---Raises: BusyResourceError when another task waits for it to become readable;
--- ClosedResourceError when `notify_closing` was called; OSError when there is no
--- such descriptor.
---@usage trio.lowlevel.wait_readable(0)
function readiness.wait_readable(fd)
  needs_trio "lowlevel.wait_readable"
  return native.wait_readable(fd)
end

--- Waits until a descriptor can be written to without blocking.
---@param fd integer|userdata|table as for `wait_readable`
---Checkpoint: always.
---Raises: as `wait_readable`.
---@usage trio.lowlevel.wait_writable(1)
function readiness.wait_writable(fd)
  needs_trio "lowlevel.wait_writable"
  return native.wait_writable(fd)
end

--- Says that a descriptor is about to be closed: who waits for it gets
--- ClosedResourceError. It does not close it.
---@param fd integer|userdata|table as for `wait_readable`
---Checkpoint: never.
---@usage trio.lowlevel.notify_closing(fd)
function readiness.notify_closing(fd)
  needs_trio "lowlevel.notify_closing"
  return native.notify_closing(fd)
end

return readiness
