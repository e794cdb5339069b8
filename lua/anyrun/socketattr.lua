--- The typed attributes of sockets, for every face.

local typedattr = require "anyrun.typedattr"

local socketattr = {}

--- What is known of a socket: `family` ("AF_INET", "AF_INET6" or "AF_UNIX"),
--- `local_address` and `remote_address` ({host, port}, or a path), `local_port`
--- and `remote_port`, `raw_socket` (the descriptor's number).
---@class anyio.abc.SocketAttribute : anyio.TypedAttributeSet
local SocketAttribute = typedattr.TypedAttributeSet("SocketAttribute", {
  "family", "local_address", "local_port", "raw_socket", "remote_address",
  "remote_port",
})
socketattr.SocketAttribute = SocketAttribute

-- {host, port}, or a path.
local function address(host, port)
  if port == nil then return host end
  return { host, port }
end

--- The getters of a socket.
---@param socket userdata
---@param connected boolean whether it has a peer
---@return table<anyio.TypedAttribute, fun(): any>
---Checkpoint: never.
---@usage return socketattr.getters(self, true)
function socketattr.getters(socket, connected)
  local all = {
    [SocketAttribute.family] = function() return socket:_family() end,
    [SocketAttribute.local_address] = function()
      return address(socket:_local())
    end,
    [SocketAttribute.raw_socket] = function() return socket:_descriptor() end,
  }
  local has_ports = socket:_family() ~= "AF_UNIX"
  if has_ports then
    all[SocketAttribute.local_port] = function()
      local _, port = socket:_local()
      return port
    end
  end
  if connected then
    all[SocketAttribute.remote_address] = function()
      return address(socket:_peer())
    end
  end
  if connected and has_ports then
    all[SocketAttribute.remote_port] = function()
      local _, port = socket:_peer()
      return port
    end
  end
  return all
end

return socketattr
