--- As allocations_child.lua: names looked up, an exchange over the streams of the
-- backend's own library, and large chunks, of which no byte may be lost.
local hooks = require "_anyrun.test"
local anyio = require "anyio"

local n = tonumber(arg[1])
local HOST <const> = "127.0.0.1"

local function look_up()
  assert(#anyio.getaddrinfo("localhost", "80") > 0)
  assert(#anyio.getaddrinfo("::1", 80) > 0)
  assert(anyio.getnameinfo({ HOST, 80 }, "NI_NUMERICHOST") == HOST)
  assert(not anyio.pcall(anyio.getaddrinfo, "x", 1, { flags = "AI_NUMERICHOST" }))
  anyio.move_on_after(0, function() anyio.getaddrinfo("localhost", "http") end)
end

local function on_asyncio()
  local asyncio = require "asyncio"
  local server = asyncio.start_server(function(reader, writer)
    for line in reader do writer:write(line) end
    writer:close()
  end, HOST, 0)
  local reader, writer = asyncio.open_connection(HOST,
    server.sockets[1]:getsockname()[2])
  writer:write "hello\n"
  assert(reader:readline() == "hello\n")
  writer:close()
  writer:wait_closed()
  server:close()
  server:wait_closed()
end

local function through_a_pipe()
  local asyncio = require "asyncio"
  local out, into = require("_anyrun.pipe").pair "none"
  local loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
  local source = loop:connect_read_pipe(function()
    return asyncio.StreamReaderProtocol(reader)
  end, out)
  local sink = loop:connect_write_pipe(asyncio.Protocol, into)
  sink:write "hello\n"
  assert(reader:readline() == "hello\n")
  sink:close()
  source:close()
end

local function descriptors()
  local path = "\0anyrun-fault-" .. tostring(io.stdout):gsub("%W", "")
  local listener <close> = anyio.create_unix_listener(path)
  local near <close> = anyio.connect_unix(path)
  local far <close> = listener:accept()
  near:send_fds("x", { 0 })
  local _, fds = far:receive_fds(1, 1)
  anyio.lowlevel.close_descriptor(fds[1])
end

local function on_trio()
  local trio = require "trio"
  trio.open_nursery(function(nursery)
    local listeners = nursery:start(trio.serve_tcp, function(stream)
      for chunk in stream do stream:send_all(chunk) end
    end, 0, { host = HOST })
    local stream <close> = trio.open_tcp_stream(HOST,
      listeners[1].socket:getsockname()[2])
    stream:send_all "hello"
    assert(stream:receive_some() == "hello")
    nursery.cancel_scope:cancel()
  end)
end

-- Who had no memory tries again.
local function receive_all(stream, size)
  local received = 0
  repeat
    local ok, chunk = anyio.pcall(stream.receive, stream)
    if ok then received = received + #chunk end
  until received == size
end

local function large_chunks()
  local listener <close> = anyio.create_tcp_listener { local_host = HOST }
  local port = listener:extra(anyio.abc.SocketAttribute.local_port)
  local client <close> = anyio.connect_tcp(HOST, port)
  local server <close> = listener.listeners[1]:accept()
  local data = ("x"):rep(20000)
  client:send(data)
  if not anyio.pcall(server.receive, server) then return end -- it was copied
  client:send(data)
  receive_all(server, #data)
  client:send "x"
  if not anyio.pcall(server.receive, server) then return end
end

local function main()
  look_up()
  large_chunks()
  descriptors()
  if current_async_library() == "trio" then return on_trio() end
  on_asyncio()
  through_a_pipe()
end

-- A connection whose other end ran out of memory waits for ever: not here.
local function bounded() anyio.fail_after(5, main) end

local _, _, before = hooks.memory()
hooks.fail_at(n, 2)
anyio.run(bounded)
hooks.fail_at(0)
local _, _, after = hooks.memory()
if n == 0 then print(math.tointeger(after - before)) end
