--- A protocol that wrote again when `resume_writing` told it to was refused.
--
-- The watch of the piece before was still there, a second one was not given: a
-- BusyResourceError came out of `write`, was reported as one of the protocol, and
-- what had been written was kept until somebody wrote once more.

local asyncio = require "asyncio"
local t = require "harness"

local PIECE <const>, ROUNDS <const> = ("0123456789abcdef"):rep(1 << 16), 4

local function sink(lost)
  local got = 0
  return setmetatable({
    data_received = function(_, data) got = got + #data end,
    connection_lost = function() lost:set_result(got) end,
  }, asyncio.Protocol)
end

-- Writes until it should not, each time it is told to; in the end: `finish`.
local function source(finish)
  local mine = setmetatable({ log = {}, rounds = 0, written = 0 }, asyncio.Protocol)
  function mine:connection_made(transport)
    self.transport = transport
    self:more()
  end
  function mine:more()
    if self.rounds == ROUNDS then return finish(self.transport) end
    self.rounds, self.paused = self.rounds + 1, false
    repeat
      self.transport:write(PIECE)
      self.written = self.written + #PIECE
    until self.paused
  end
  function mine:pause_writing()
    self.paused = true
    self.log[#self.log + 1] = "pause"
  end
  function mine:resume_writing()
    self.log[#self.log + 1] = "resume"
    self:more()
  end
  return mine
end

local function send_all(finish)
  local loop = asyncio.get_running_loop()
  local reported = {}
  loop:set_exception_handler(function(_, context) table.insert(reported, context) end)
  local lost = loop:create_future()
  local server <close> = loop:create_server(function() return sink(lost) end,
    "127.0.0.1", 0)
  local _, protocol = loop:create_connection(function() return source(finish) end,
    "127.0.0.1", server.sockets[1]:getsockname()[2])
  local got = lost:await()
  protocol.transport:close()
  t.eq(#reported, 0)
  return got, protocol
end

t.test("[AS-PRO-04] a protocol writes on when it is told to", { backend = "asyncio" }, function()
  local got, protocol = send_all(function(transport) transport:close() end)
  t.eq(got, protocol.written)
  local expected = {}
  for i = 1, ROUNDS do expected[2 * i - 1], expected[2 * i] = "pause", "resume" end
  t.eq(protocol.log, expected)
end)

t.test("[AS-PRO-04] and may end its half, or abort, in the same call", { backend = "asyncio" },
  function()
    local got, protocol = send_all(function(transport) transport:write_eof() end)
    t.eq(got, protocol.written)
    send_all(function(transport) transport:abort() end)
  end)
