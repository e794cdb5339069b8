-- The queue of a UNIX datagram socket was full. The system calls a socket that
-- is not connected to it writable all the same: asyncio's transports of
-- datagrams and `loop:sock_sendto` tried again without end, at full speed.

local asyncio = require "asyncio"
local net = require "net"
local t = require "harness"

local WINDOW <const> = 0.2 -- seconds of real time that are watched
local N <const> = 40 -- more than fit in

local function loop() return asyncio.get_running_loop() end

local function busy()
  local before = os.clock()
  asyncio.sleep(WINDOW)
  return os.clock() - before
end

-- A socket that reads when it is told to.
local function sleeper()
  local sock = asyncio.socket("AF_UNIX", "SOCK_DGRAM")
  local path = net.abstract()
  sock:bind(path)
  return sock, path
end

local function check_all(sock)
  for i = 1, N do t.eq(loop():sock_recv(sock, 10), tostring(i)) end
end

t.test("a transport waits for a full queue, and sends all in order",
  { backend = "asyncio" }, function()
    local sock <close>, path = sleeper()
    local transport = loop():create_datagram_endpoint(function()
      return setmetatable({}, asyncio.DatagramProtocol)
    end, { family = "AF_UNIX" })
    for i = 1, N do transport:sendto(tostring(i), path) end
    t.ok(transport:get_write_buffer_size() > 0)
    local used = busy()
    t.ok(used < WINDOW / 4, used .. " seconds of processor time")
    check_all(sock)
    t.eq(transport:get_write_buffer_size(), 0)
    transport:close()
    asyncio.sleep(0)
  end)

t.test("sock_sendto waits for a full queue", { backend = "asyncio" }, function()
  local sock <close>, path = sleeper()
  local sender <close> = asyncio.socket("AF_UNIX", "SOCK_DGRAM")
  local task = asyncio.create_task(function()
    for i = 1, N do loop():sock_sendto(sender, tostring(i), path) end
  end)
  local used = busy()
  t.ok(used < WINDOW / 4, used .. " seconds of processor time")
  t.no(task:done())
  check_all(sock)
  task:await()
end)

t.test("an endpoint of a connected socket sends to its peer",
  { backend = "asyncio" }, function()
    local sock <close>, path = sleeper()
    local connected = asyncio.socket("AF_UNIX", "SOCK_DGRAM")
    loop():sock_connect(connected, path)
    local transport = loop():create_datagram_endpoint(function()
      return setmetatable({}, asyncio.DatagramProtocol)
    end, { sock = connected })
    transport:sendto "hello"
    t.eq(loop():sock_recv(sock, 10), "hello")
    transport:close()
    asyncio.sleep(0)
  end)
