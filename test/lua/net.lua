--- What network tests have in common.

local anyio = require "anyio"
local native = require "_anyrun.socket"

local net = {}

local Attribute = anyio.abc.SocketAttribute

--- Calls `body(client, server)` with both ends of a connection over TCP, and
-- closes them.
function net.tcp_pair(body)
  local listener = anyio.create_tcp_listener{local_host = "127.0.0.1"}
  local client <close> =
    anyio.connect_tcp("127.0.0.1", listener:extra(Attribute.local_port))
  local server <close> = listener.listeners[1]:accept()
  listener:aclose()
  return body(client, server)
end

--- The same over a UNIX socket with an abstract name.
function net.unix_pair(body)
  local path = net.abstract()
  local listener = anyio.create_unix_listener(path)
  local client <close> = anyio.connect_unix(path)
  local server <close> = listener:accept()
  listener:aclose()
  return body(client, server)
end

local serial = 0

--- A name in the abstract space that nobody else has: processes that begin in
--- the same second may have the same random numbers.
function net.abstract()
  local stat <close> = assert(io.open "/proc/self/stat")
  serial = serial + 1
  return ("\0anyrun-test-%d-%d"):format(stat:read "n", serial)
end

--- Calls `body(folder)` with a new folder, which is removed.
function net.folder(body)
  local path = os.tmpname()
  os.remove(path)
  assert(os.execute("mkdir " .. path))
  local _ <close> = setmetatable({}, {__close = function()
    os.execute("rm -rf " .. path)
  end})
  return body(path)
end

--- All that comes until the end.
function net.drain(stream)
  local chunks = {}
  for chunk in stream do chunks[#chunks + 1] = chunk end
  return table.concat(chunks)
end

--- The descriptor of a new socket that nobody owns: `how(socket)` gets it ready.
function net.descriptor(kind, family, how)
  local cls = {}
  cls.__index = cls
  native.methods(cls, kind)
  local socket = native.open(cls, kind, family)
  if how then how(socket, cls) end
  return native.detach(socket)
end

--- Closes a descriptor that nobody owns.
net.close = anyio.lowlevel.close_descriptor

--- A port of the loopback device where nobody listens.
function net.free_port()
  local listener <close> = anyio.create_tcp_listener{local_host = "127.0.0.1"}
  return listener:extra(Attribute.local_port)
end

--- How many sockets this process has open.
function net.sockets()
  local pipe = io.popen "ls -l /proc/$PPID/fd 2>/dev/null | grep -c socket:"
  local n = pipe:read "n"
  pipe:close()
  return n
end

--- Makes names resolve to the given lists of {family, host}; closing the value
-- that comes back ends that.
function net.names(names)
  local dns = require "anyrun.dns"
  local real = dns.getaddrinfo
  function dns.getaddrinfo(host, port, opts)
    anyio.lowlevel.checkpoint()
    local entries = {}
    for _, row in ipairs(assert(names[host], host)) do
      if not (opts and opts.family) or opts.family == row[1] then
        entries[#entries + 1] = {row[1], "SOCK_STREAM", 6, "", {row[2], port}}
      end
    end
    return entries
  end
  return setmetatable({}, {__close = function() dns.getaddrinfo = real end})
end

return net
