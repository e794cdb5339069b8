-- Sockets, cancelled at each of their waits: no byte, packet, connection or
-- descriptor is lost.

local t = require "harness"
local anyio = require "anyio"
local net = require "net"
local each_checkpoint = require("fault.checkpoints").each_checkpoint
local checkpoint = require("anyio.lowlevel").checkpoint

local port_of = anyio.abc.SocketAttribute.local_port

local function tcp_pair()
  local listener = anyio.create_tcp_listener{local_host = "127.0.0.1"}
  local near = anyio.connect_tcp("127.0.0.1", listener:extra(port_of))
  local far = listener.listeners[1]:accept()
  listener:aclose()
  return near, far
end

local function close(...)
  for _, one in ipairs{...} do one:aclose() end
end

t.test("a receive that is cancelled leaves the bytes to the next", function()
  each_checkpoint{
    setup = function()
      local near, far = tcp_pair()
      return {near = near, far = far, got = {}}
    end,
    partners = {function(state)
      for i = 1, 5 do
        state.far:send(tostring(i))
        checkpoint()
      end
      state.far:send_eof()
    end},
    body = function(state)
      for chunk in state.near do state.got[#state.got + 1] = chunk end
    end,
    check = function(state, outcome)
      t.ok(outcome.ended or outcome.cancelled)
      state.got[#state.got + 1] = net.drain(state.near)
      t.eq(table.concat(state.got), "12345")
      close(state.near, state.far)
    end,
  }
end)

t.test("of a send that is cancelled nothing arrives twice or out of order", function()
  local chunk = ("0123456789"):rep(1000)
  each_checkpoint{
    setup = function()
      local near, far = tcp_pair()
      far:_set("receive_room", 4096)
      near:_set("send_room", 4096)
      return {near = near, far = far, sent = 0}
    end,
    partners = {function(state)
      state.text = net.drain(state.far)
      state.drained = true
    end},
    body = function(state)
      for _ = 1, 5 do
        state.near:send(chunk)
        state.sent = state.sent + #chunk
      end
    end,
    check = function(state)
      state.near:aclose()
      while not state.drained do checkpoint() end
      local text = state.text
      t.ok(#text >= state.sent and #text <= state.sent + #chunk, "how much arrived")
      t.eq(text, chunk:rep(5):sub(1, #text))
      state.far:aclose()
    end,
    limit = 20,
  }
end)

t.test("a connect that is cancelled leaves no descriptor", function()
  local listener <close> = anyio.create_tcp_listener{local_host = "127.0.0.1"}
  local port = listener:extra(port_of)
  local before = net.sockets()
  local _ <close> = net.names{both = {{"AF_INET6", "::1"}, {"AF_INET", "127.0.0.1"}}}
  for _, host in ipairs{"127.0.0.1", "both"} do
    each_checkpoint{
      setup = function() return {} end,
      body = function(state)
        state.stream = anyio.connect_tcp(host, port, {happy_eyeballs_delay = 0})
        checkpoint()
      end,
      check = function(state)
        if state.stream then state.stream:aclose() end
      end,
      after = function() t.eq(net.sockets(), before) end,
    }
  end
end)

t.test("an accept that is cancelled leaves the connection to the next", function()
  each_checkpoint{
    setup = function()
      return {listener = anyio.create_tcp_listener{local_host = "127.0.0.1"}.listeners[1],
        accepted = {}}
    end,
    partners = {function(state)
      state.clients = {}
      for i = 1, 3 do
        state.clients[i] = anyio.connect_tcp("127.0.0.1", state.listener:extra(port_of))
      end
    end},
    body = function(state)
      for i = 1, 3 do state.accepted[i] = state.listener:accept() end
    end,
    check = function(state)
      for i = #state.accepted + 1, 3 do
        local _
        _, state.accepted[i] = anyio.fail_after(5, function()
          return state.listener:accept()
        end)
      end
      close(state.listener, table.unpack(state.accepted))
    end,
    after = function(state) close(table.unpack(state.clients)) end,
  }
end)

t.test("a receive of a packet that is cancelled leaves it to the next", function()
  each_checkpoint{
    setup = function()
      return {socket = anyio.create_udp_socket{local_host = "127.0.0.1"}, got = {}}
    end,
    partners = {function(state)
      local socket <close> = anyio.create_udp_socket{local_host = "127.0.0.1"}
      for i = 1, 4 do socket:sendto(tostring(i), "127.0.0.1", state.socket:extra(port_of)) end
    end},
    body = function(state)
      for i = 1, 4 do state.got[i] = (state.socket:receive()) end
    end,
    check = function(state)
      for i = #state.got + 1, 4 do state.got[i] = (state.socket:receive()) end
      t.eq(table.concat(state.got), "1234")
      state.socket:aclose()
    end,
  }
end)

t.test("descriptors that came are whoever's gets them, or wait", function()
  local before = net.sockets()
  each_checkpoint{
    setup = function()
      local path = net.abstract()
      local listener <close> = anyio.create_unix_listener(path)
      local near = anyio.connect_unix(path)
      return {near = near, far = listener:accept(), got = 0}
    end,
    partners = {function(state)
      for _ = 1, 2 do state.far:send_fds("x", {state.far}) end
    end},
    body = function(state)
      for _ = 1, 2 do
        local _, fds = state.near:receive_fds(1, 1)
        net.close(fds[1])
        state.got = state.got + 1
      end
    end,
    check = function(state)
      while state.got < 2 do
        local _, fds = state.near:receive_fds(1, 1)
        t.eq(#fds, 1)
        net.close(fds[1])
        state.got = state.got + 1
      end
      close(state.near, state.far)
    end,
    after = function() t.eq(net.sockets(), before) end,
  }
end)

t.test("binding to a path, cancelled anywhere, closes the socket or gives it", function()
  net.folder(function(folder)
    local before = net.sockets()
    each_checkpoint{
      setup = function() return {} end,
      body = function(state)
        state.listener = anyio.create_unix_listener(folder .. "/s")
        checkpoint()
      end,
      check = function(state)
        if state.listener then state.listener:aclose() end
      end,
      after = function() t.eq(net.sockets(), before) end,
    }
  end)
end)

t.test("waiting for a descriptor, cancelled, leaves it to others", function()
  each_checkpoint{
    setup = function()
      local near, far = tcp_pair()
      return {near = near, far = far}
    end,
    partners = {function(state)
      checkpoint()
      state.far:send "x"
    end},
    body = function(state) anyio.wait_readable(state.near) end,
    check = function(state)
      t.eq(state.near:receive(), "x")
      close(state.near, state.far)
    end,
  }
end)
