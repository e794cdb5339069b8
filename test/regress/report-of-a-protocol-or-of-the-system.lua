--- A protocol's own error went unreported, one of the connection did not.
--
-- Errors that end a connection were sorted by their code alone. A `data_received`
-- that raised EPIPE, of another pipe perhaps, was taken for the other side's going
-- away; and a time-out of a connection, an unreachable host, of which
-- `connection_lost` tells, were written to standard error as if they were bugs.

local anyio = require "anyio"
local asyncio = require "asyncio"
local t = require "harness"

local function told(body)
  local loop, reported = asyncio.get_running_loop(), {}
  loop:set_exception_handler(function(_, context) table.insert(reported, context) end)
  local lost = loop:create_future()
  local protocol = setmetatable({
    connection_lost = function(_, err) lost:set_result(err) end,
  }, asyncio.Protocol)
  body(loop, protocol)
  return lost:await(), reported
end

t.test("[AS-PRO-07] what a protocol raises is reported, whatever its code",
  { backend = "asyncio" }, function()
    local raised = anyio.OSError("elsewhere", { code = "EPIPE" })
    local err, reported = told(function(loop, protocol)
      function protocol:data_received() error(raised) end
      local server <close> = loop:create_server(function() return protocol end,
        "127.0.0.1", 0)
      local _, writer <close> = asyncio.open_connection("127.0.0.1",
        server.sockets[1]:getsockname()[2])
      writer:write "x"
    end)
    t.eq(err, raised)
    t.eq(#reported, 1)
    t.eq(reported[1].exception, raised)
  end)

t.test("[AS-PRO-01] what the system says of a connection is for the protocol alone",
  { backend = "asyncio" }, function()
    local loop = asyncio.get_running_loop()
    local function unconnected()
      return told(function(_, protocol)
        loop:create_connection(function() return protocol end, nil, nil,
          { sock = asyncio.socket() })
      end)
    end
    local err, reported = unconnected()
    t.eq(err.code, "ENOTCONN")
    t.eq(#reported, 0)
    loop:set_debug(true)
    err, reported = unconnected()
    loop:set_debug(false)
    t.eq(err.code, "ENOTCONN")
    t.eq(#reported, 1) -- there it is of use
  end)
