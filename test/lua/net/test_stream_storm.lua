--- Random programs over two connected streams: senders, receivers, and somebody
-- who cancels them at any moment. What arrives is what was sent, without a gap,
-- up to where the sender was stopped; what a send that returned was given has
-- arrived in the end.
local anyio = require "anyio"
local dice = require "lua.dice"
local net = require "lua.net"
local peers = require "lua.tlspeers"
local t = require "harness"
local checkpoint, random = anyio.lowlevel.checkpoint, dice.throw

local ROUNDS <const> = 10

-- What is sent: the byte at a place says which place it is, nearly.
local PERIOD <const> = 65521
local pattern
do
  local bytes, x = {}, 7
  for i = 1, PERIOD do
    x = (x * 75 + 74) % 65537
    bytes[i] = string.char(x % 256)
  end
  pattern = table.concat(bytes)
end

-- The n bytes that come after the first `from`.
local function text(from, n)
  local at = from % PERIOD
  local whole = (at + n) // PERIOD + 1
  return pattern:rep(whole):sub(at + 1, at + n)
end

local SIZES <const> = {1, 17, 1000, 4096, 70000, 400000, 3000000}

-- Now and then the other side has to wait.
local function dawdle()
  if random(3) > 1 then return end
  for _ = 1, random(10) do checkpoint() end
  if random(3) == 1 then anyio.sleep(random(20) / 10000) end
end

-- Calls op(...), which may be cancelled: before it begins, at any checkpoint of
-- whoever else runs, by a deadline, or never. Whether it was; what it returned.
local function risk(victims, op, ...)
  local scope, how = anyio.CancelScope(), random(10)
  if how == 1 then scope:cancel() end
  if how == 2 or how == 3 then scope.deadline = anyio.current_time() + random(10) / 10000 end
  if how > 3 and how < 8 then victims[#victims + 1] = scope end
  local results
  local args = table.pack(...)
  scope(function() results = table.pack(op(table.unpack(args, 1, args.n))) end)
  if results then return false, table.unpack(results, 1, results.n) end
  return true
end

-- The same by asyncio's own means: the task is cancelled, and goes on.
local function risk_natively(victims, op, ...)
  local asyncio, how = require "asyncio", random(10)
  local me = asyncio.current_task()
  if how == 1 then me:cancel() end
  if how > 1 and how < 7 then victims[#victims + 1] = me end
  local results = table.pack(pcall(op, ...))
  for i, victim in ipairs(victims) do
    if victim == me then table.remove(victims, i) break end
  end
  while me:cancelling() > 0 do me:uncancel() end
  if results[1] then return false, table.unpack(results, 2, results.n) end
  if anyio.isinstance(results[2], anyio.get_cancelled_exc_class()) then return true end
  error(results[2], 0)
end

-- One direction of a connection: the sizes of what is to be sent, how much was
-- sent for certain, how much was tried, how much came.
local function new_way()
  local way = {plan = {}, total = 0, sent = 0, tried = 0, came = 0}
  for i = 1, random(8) do
    way.plan[i] = SIZES[random(#SIZES)]
    way.total = way.total + way.plan[i]
  end
  return way
end

-- `near` sends as planned, until it is stopped, and says when that is all.
local function send_all(way, near, victims, how)
  for _, size in ipairs(way.plan) do
    local data, stopped = text(way.sent, size), false
    way.tried = way.sent + size
    if near.finish then
      stopped = how(victims, near.send, data)
    else
      near.send(data)
    end
    if stopped then break end
    way.sent = way.tried
    dawdle()
  end
  if near.finish then near.finish() end
end

local function receive_all(way, far, victims, how)
  while far.finish or way.came < way.total do
    dawdle()
    local max = SIZES[random(#SIZES)]
    local stopped, chunk = how(victims, far.receive, max)
    if not stopped then
      if chunk == nil or chunk == "" then return end
      t.ok(#chunk <= max, "not more than was wanted")
      t.ok(chunk == text(way.came, #chunk), "what was sent, at its place")
      way.came = way.came + #chunk
    end
  end
end

-- Cancels one of those who said that they may be, now and then, until all is over.
local function harass(victims, is_over)
  while not is_over() do
    for _ = 1, random(4) do checkpoint() end
    local victim = #victims > 0 and table.remove(victims, random(#victims))
    if victim then victim:cancel() end
    if random(10) == 1 then anyio.sleep(0.0005) end
  end
end

-- An end has `send`, `receive`, and, where it can say that it sends no more,
-- `finish`; where it cannot, sends are not stopped.
local function storm(a, b, how)
  local there, back = new_way(), new_way()
  local victims, left = {}, 4
  local function run(f, ...)
    f(...)
    left = left - 1
  end
  anyio.create_task_group(function(tg)
    tg:start_soon(run, send_all, there, a, victims, how)
    tg:start_soon(run, send_all, back, b, victims, how)
    tg:start_soon(run, receive_all, there, b, victims, how)
    tg:start_soon(run, receive_all, back, a, victims, how)
    harass(victims, function() return left == 0 end)
  end)
  for _, way in ipairs{there, back} do
    t.ok(way.came >= way.sent, "what was sent has come")
    t.ok(way.came <= way.tried, "nothing else has")
  end
end

local ways = {[""] = risk}
if t.backend == "asyncio" then ways[" (natively)"] = risk_natively end

-- with_ends(body): calls body(a, b) with the two ends of a new connection.
local function check(title, with_ends)
  for name, how in pairs(ways) do
    t.test(title .. name, function()
      local sockets = net.sockets()
      for round = 1, ROUNDS do
        dice.seed(t.seed * 1000 + round)
        t.label = "round " .. round
        anyio.fail_after(30, function()
          with_ends(function(a, b) storm(a, b, how) end)
        end)
      end
      t.label = nil
      t.eq(net.sockets(), sockets)
    end)
  end
end

-- The kinds -------------------------------------------------------------------

local function anyio_end(stream, can_half_close)
  return {
    send = function(data) stream:send(data) end,
    receive = function(max)
      local ok, chunk = anyio.pcall(stream.receive, stream, max)
      if ok then return chunk end
      if anyio.isinstance(chunk, anyio.EndOfStream) then return nil end
      error(chunk, 0)
    end,
    finish = can_half_close and function() stream:send_eof() end,
  }
end

check("[TCP-01 TCP-09] bytes over TCP", function(body)
  net.tcp_pair(function(a, b) body(anyio_end(a, true), anyio_end(b, true)) end)
end)

check("[UNIX-01] bytes over a UNIX socket", function(body)
  net.unix_pair(function(a, b) body(anyio_end(a, true), anyio_end(b, true)) end)
end)

check("[TLS-01] bytes over TLS", function(body)
  net.tcp_pair(function(a, b)
    local client, server = peers.session{transports = {a, b}}
    body(anyio_end(client), anyio_end(server))
    -- Each waits for the other's farewell.
    peers.together(function() client:aclose() end, function() server:aclose() end)
  end)
end)

if t.backend == "trio" then
  local trio = require "trio"

  local function trio_end(stream, can_half_close)
    return {
      send = function(data) stream:send_all(data) end,
      receive = function(max) return stream:receive_some(max) end,
      finish = can_half_close and function() stream:send_eof() end,
    }
  end

  local function with_pair(body)
    local listener = trio.open_tcp_listeners(0, {host = "127.0.0.1"})[1]
    local a = trio.open_tcp_stream("127.0.0.1", listener.socket:getsockname()[2])
    local b = listener:accept()
    listener:aclose()
    body(a, b)
    a:aclose()
    b:aclose()
  end

  check("[TR-IO-03 TR-IO-04] bytes over trio's SocketStream", function(body)
    with_pair(function(a, b) body(trio_end(a, true), trio_end(b, true)) end)
  end)

  check("[TR-SSL-03] bytes over trio's SSLStream", function(body)
    with_pair(function(a, b)
      local client = trio.SSLStream(a, peers.client_context(),
        {server_hostname = "localhost"})
      local server = trio.SSLStream(b, peers.server_context(), {server_side = true})
      -- A handshake that is cancelled is no good any more.
      peers.together(function() client:do_handshake() end,
        function() server:do_handshake() end)
      body(trio_end(client), trio_end(server))
    end)
  end)
else
  local asyncio = require "asyncio"

  local function asyncio_end(reader, writer)
    return {
      send = function(data)
        writer:write(data)
        writer:drain()
      end,
      receive = function(max) return reader:read(max) end,
      finish = function() writer:write_eof() end,
    }
  end

  check("[AS-STR-01] bytes over asyncio's streams", function(body)
    local accepted = asyncio.Future()
    local server <close> = asyncio.start_server(function(reader, writer)
      accepted:set_result{reader, writer}
    end, "127.0.0.1", 0)
    local reader, writer = asyncio.open_connection("127.0.0.1",
      server.sockets[1]:getsockname()[2])
    local other = accepted:await()
    body(asyncio_end(reader, writer), asyncio_end(other[1], other[2]))
    for _, w in ipairs{writer, other[2]} do
      w:close()
      w:wait_closed()
    end
  end)
end
