--- What network tests have in common.

local anyio = require "anyio"

local net = {}

local port_of = anyio.abc.SocketAttribute.local_port

--- Calls `body(client, server)` with both ends of a connection over TCP, and
-- closes them.
function net.tcp_pair(body)
  local listener = anyio.create_tcp_listener{local_host = "127.0.0.1"}
  local client <close> = anyio.connect_tcp("127.0.0.1", listener:extra(port_of))
  local server <close> = listener.listeners[1]:accept()
  listener:aclose()
  return body(client, server)
end

--- All that comes until the end.
function net.drain(stream)
  local chunks = {}
  for chunk in stream do chunks[#chunks + 1] = chunk end
  return table.concat(chunks)
end

return net
