-- TLS streams, cancelled at each of their waits: what was received is not lost,
-- what was sent is not garbled, what is below is closed.

local t = require "harness"
local anyio = require "anyio"
local peers = require "tlspeers"
local each_checkpoint = require("fault.checkpoints").each_checkpoint
local tls = require "anyio.streams.tls"

local contexts = {client = peers.client_context(), server = peers.server_context()}

-- Both ends, and the plain streams below, which hold a chunk each.
local function session()
  local near, far = peers.pair(1)
  local client, server = peers.session{transports = {near, far},
    client = contexts.client, server = contexts.server}
  return {near = near, far = far, client = client, server = server}
end

local function close_below(state)
  state.near:aclose()
  state.far:aclose()
end

-- What is still to come; how it ended.
local function drain(stream)
  local parts, err = {}
  while true do
    local ok, chunk = anyio.pcall(stream.receive, stream)
    if not ok then
      err = chunk
      break
    end
    parts[#parts + 1] = chunk
  end
  return table.concat(parts), err
end

t.test("a receive that is cancelled leaves the bytes to the next", function()
  each_checkpoint{
    setup = function()
      local state = session()
      state.got = {}
      return state
    end,
    partners = {function(state)
      for i = 1, 5 do
        if i == 3 then state.server._engine._native:update(true) end
        state.server:send(tostring(i))
      end
      state.server.transport_stream:send_eof()
    end},
    body = function(state)
      for _ = 1, 5 do state.got[#state.got + 1] = state.client:receive(1) end
    end,
    check = function(state, outcome)
      t.ok(outcome.ended or outcome.cancelled)
      local rest, err = drain(state.client)
      t.eq(table.concat(state.got) .. rest, "12345")
      t.isa(err, anyio.BrokenResourceError)
      close_below(state)
    end,
  }
end)

t.test("of a send that is cancelled the peer gets a beginning, and never a wrong byte",
  function()
  local chunk = ("0123456789"):rep(10000)
  each_checkpoint{
    setup = session,
    partners = {function(state)
      state.text, state.ending = drain(state.server)
    end},
    body = function(state)
      for _ = 1, 2 do state.client:send(chunk) end
      state.near:send_eof()
    end,
    check = function(state, outcome)
      if not outcome.ended then
        -- it was cut off, or not begun: then there is more to be sent
        local ok, err = anyio.pcall(state.client.send, state.client, chunk)
        if not ok then t.isa(err, anyio.BrokenResourceError) end
        state.near:send_eof()
      end
      while not state.ending do anyio.lowlevel.checkpoint() end
      t.eq(state.text, chunk:rep(3):sub(1, #state.text))
      t.isa(state.ending, anyio.BrokenResourceError)
      close_below(state)
    end,
  }
end)

t.test("a handshake that is cancelled leaves what is below open, the peer is not fooled",
  function()
  each_checkpoint{
    setup = function()
      local near, far = peers.pair(1)
      return {near = near, far = far}
    end,
    partners = {function(state)
      local ok, result = anyio.pcall(tls.TLSStream.wrap, state.far,
        {ssl_context = contexts.server})
      -- cut off after its last message the client may have been done with it
      if ok then result = select(2, anyio.pcall(result.receive, result)) end
      state.ending = result
    end},
    body = function(state)
      state.client = tls.TLSStream.wrap(state.near,
        {hostname = "localhost", ssl_context = contexts.client})
    end,
    check = function(state)
      state.near:send_eof()
      while not state.ending do anyio.lowlevel.checkpoint() end
      t.isa(state.ending, anyio.BrokenResourceError)
      close_below(state)
    end,
  }
end)

t.test("a close that is cancelled has closed what is below", function()
  each_checkpoint{
    setup = session,
    partners = {function(state) drain(state.server) end},
    body = function(state) state.client:aclose() end,
    check = function(state, outcome)
      if not outcome.ended then
        -- cancelled before it began, nothing is closed yet
        if state.client._closed then
          t.raises(anyio.ClosedResourceError, state.near.receive, state.near)
        end
      end
      close_below(state)
    end,
  }
end)
