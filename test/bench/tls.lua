--- How fast much data goes through TLS, beside `openssl s_server`.
-- arg: MB (500), rounds (5). Both servers send to the same client, in turn, over
-- loopback with TLS 1.3; the median of each counts.
-- Unit: times openssl s_server; the figures in MB/s before it.
local anyio, ssl = require "anyio", require "ssl"
local tls = require "anyio.streams.tls"

local folder = (os.getenv "BUILD" or "build") .. "/fixtures/tls/"
local BLOCK <const> = ("\0"):rep(1 << 18)

local function serve(size)
  local context = ssl.create_default_context "CLIENT_AUTH"
  context:load_cert_chain(folder .. "server.pem", folder .. "server.key")
  local listener <close> = anyio.create_tcp_listener { local_host = "127.0.0.1" }
  print("ACCEPT :" .. listener:extra(anyio.abc.SocketAttribute.local_port))
  io.stdout:flush()
  tls.TLSListener(listener, context, { standard_compatible = false }):serve(function(stream)
    stream:receive()
    for at = 0, size - 1, #BLOCK do
      stream:send(size - at < #BLOCK and BLOCK:sub(1, size - at) or BLOCK)
    end
    stream:aclose()
  end)
end

if arg[1] == "serve" then return run(serve, {}, tonumber(arg[2])) end

local size = (tonumber(arg[1]) or 500) * 1000000
local rounds = tonumber(arg[2]) or 5

-- Starts a server; its port is on a line of its own.
local function start(command, cwd)
  local process = anyio.open_process(command, { cwd = cwd, stderr = anyio.STDOUT })
  local lines = require("anyio.streams.buffered").BufferedByteReceiveStream(process.stdout)
  local port
  repeat port = lines:receive_until("\n", 1000):match "^ACCEPT .*:(%d+)$" or port until port
  return process, math.tointeger(tonumber(port))
end

local function fetch(port, context)
  local begun, n = anyio.current_time(), 0
  local stream <close> = anyio.connect_tcp("127.0.0.1", port, { ssl_context = context,
    tls_hostname = "localhost", tls_standard_compatible = false })
  stream:send "GET /big HTTP/1.0\r\n\r\n"
  for chunk in stream do n = n + #chunk end
  assert(n >= size)
  return n / (anyio.current_time() - begun) / 1000000
end

local function median(list)
  table.sort(list)
  return list[(#list + 1) // 2]
end

run(function()
  assert(os.execute("test/fixtures/certificates " .. folder))
  local dir = os.tmpname()
  assert(os.execute(("rm %s && mkdir %s && truncate -s %d %s/big && cp %sserver.* %s"):format(
    dir, dir, size, dir, folder, dir)))
  local context = ssl.create_default_context(nil, { cafile = folder .. "ca.pem" })
  local program = -1
  while arg[program - 1] do program = program - 1 end
  local ours, our_port = start { arg[program], "--backend=" .. current_async_library(),
    arg[0], "serve", tostring(size) }
  local theirs, their_port = start({ "openssl", "s_server", "-accept", "127.0.0.1:0", "-WWW",
    "-cert", "server.pem", "-key", "server.key" }, dir)
  local figures = { {}, {} }
  for i = 1, rounds do
    figures[1][i] = fetch(our_port, context)
    figures[2][i] = fetch(their_port, context)
  end
  for _, process in ipairs { ours, theirs } do
    process:kill()
    process:aclose()
  end
  os.execute("rm -r " .. dir)
  local mine, other = median(figures[1]), median(figures[2])
  print(("anyrun %.0f MB/s, openssl %.0f MB/s"):format(mine, other))
  print(("%.2f times openssl s_server"):format(mine / other))
end)
