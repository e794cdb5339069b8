--- Empty datagrams that the system had not taken were lost by `close`.
--
-- What a transport keeps was measured in bytes: a queue of datagrams without any
-- looked like none, and the socket was closed with them.

local asyncio = require "asyncio"
local scratch = require "scratch"
local t = require "harness"

scratch.test("[AS-PRO-09] closing sends the datagrams that wait, empty ones, too",
  { backend = "asyncio" }, function(folder)
    local loop = asyncio.get_running_loop()
    local path = tostring(folder / "sink")
    local sink <close> = asyncio.socket("AF_UNIX", "SOCK_DGRAM")
    sink:bind(path)
    local lost = loop:create_future()
    local transport = loop:create_datagram_endpoint(function()
      return setmetatable({ connection_lost = function() lost:set_result(true) end },
        asyncio.DatagramProtocol)
    end, { remote_addr = path })
    local sent = 0
    repeat -- until the system takes no more, and then some
      transport:sendto ""
      sent = sent + 1
    until #transport._queue == 5
    transport:close()
    for _ = 1, sent do t.eq((loop:sock_recvfrom(sink, 10)), "") end
    t.eq(lost:await(), true)
  end)
