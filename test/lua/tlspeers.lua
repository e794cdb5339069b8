--- What the tests of TLS share: certificates, contexts, two ends in memory.
local anyio = require "anyio"
local ssl = require "ssl"
local stapled = require "anyio.streams.stapled"
local tls = require "anyio.streams.tls"

local peers = {}

local folder = (os.getenv "BUILD" or "build") .. "/fixtures/tls"
local made = io.open(folder .. "/made")
if made then
  made:close()
else
  assert(os.execute("test/fixtures/certificates " .. folder))
end

--- The path of a file that test/fixtures/certificates makes.
function peers.file(name) return folder .. "/" .. name end

--- A client's context that trusts the tests' root.
function peers.client_context(name)
  local context = ssl.create_default_context("SERVER_AUTH",
    { cafile = peers.file "ca.pem" })
  if name then
    context:load_cert_chain(peers.file(name .. ".pem"), peers.file(name .. ".key"))
  end
  return context
end

--- A server's context with one of the certificates.
function peers.server_context(name)
  name = name or "server"
  local context = ssl.create_default_context "CLIENT_AUTH"
  context:load_cert_chain(peers.file(name .. ".pem"), peers.file(name .. ".key"))
  return context
end

--- Two plain streams of bytes that lead to each other.
function peers.pair(size)
  local a_send, b_receive = anyio.create_memory_object_stream(size or math.huge)
  local b_send, a_receive = anyio.create_memory_object_stream(size or math.huge)
  return stapled.StapledByteStream(a_send, a_receive),
    stapled.StapledByteStream(b_send, b_receive)
end

--- Calls all functions at the same time; what the first returned.
function peers.together(...)
  local functions, results = {...}, nil
  anyio.create_task_group(function(tg)
    for i = 2, #functions do tg:start_soon(functions[i]) end
    results = table.pack(functions[1]())
  end)
  return table.unpack(results, 1, results.n)
end

--- Two ends of a session after the handshake: client, server. opts: client,
-- server (contexts), hostname, standard_compatible, size, transports.
function peers.session(opts)
  opts = opts or {}
  local near, far = table.unpack(opts.transports or {peers.pair(opts.size)})
  local server
  local client = peers.together(function()
    return tls.TLSStream.wrap(near, {hostname = opts.hostname or "localhost",
      ssl_context = opts.client or peers.client_context(),
      standard_compatible = opts.standard_compatible})
  end, function()
    server = tls.TLSStream.wrap(far, {server_side = true,
      ssl_context = opts.server or peers.server_context(),
      standard_compatible = opts.standard_compatible})
  end)
  return client, server
end

--- Closes both ends: the second when it has seen the first's end.
function peers.close(client, server)
  peers.together(function() client:aclose() end, function()
    for _ in server do end
    server:aclose()
  end)
end

return peers
