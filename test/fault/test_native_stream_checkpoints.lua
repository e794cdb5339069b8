--- The streams of trio and asyncio, and look-ups of names, cancelled at each of
-- their waits: no byte is lost, no socket is left.

local t = require "harness"
local anyio = require "anyio"
local each_checkpoint = require("fault.checkpoints").each_checkpoint
local checkpoint = require("anyio.lowlevel").checkpoint

local HOST <const> = "127.0.0.1"

local function sockets()
  local pipe <close> = io.popen "ls -l /proc/$PPID/fd | grep -c socket:"
  return pipe:read "n"
end

-- Runs `body` and makes sure that it left no socket behind.
local function without_a_trace(title, backend, body)
  t.test(title, { backend = backend }, function()
    local before = sockets()
    body()
    t.eq(sockets(), before, "sockets")
  end)
end

t.test("a look-up that is cancelled gives its memory back, the next one works", function()
  each_checkpoint {
    setup = function() return {} end,
    body = function(state)
      for i = 1, 3 do
        state[i] = anyio.getaddrinfo("localhost", "80")
        anyio.getnameinfo { HOST, 80 }
      end
    end,
    check = function(state, outcome)
      t.ok(outcome.ended or outcome.cancelled)
      t.ok(not outcome.ended or #state == 3)
      t.ok(#anyio.getaddrinfo("localhost", "80") > 0)
    end,
    limit = 15,
  }
end)

-- asyncio ---------------------------------------------------------------------------

t.test("asyncio: what goes through a pipe comes out, and both ends are closed",
  { backend = "asyncio" }, function()
    local asyncio = require "asyncio"
    local loop = asyncio.get_running_loop()
    each_checkpoint {
      setup = function()
        local out, into = require("_anyrun.pipe").pair "none"
        return { out = out, into = into, reader = asyncio.StreamReader(), got = "" }
      end,
      body = function(state)
        state.source = loop:connect_read_pipe(function()
          return asyncio.StreamReaderProtocol(state.reader)
        end, state.out)
        state.sink = loop:connect_write_pipe(asyncio.Protocol, state.into)
        state.sink:write "1\n2\n"
        for _ = 1, 2 do state.got = state.got .. state.reader:readline() end
      end,
      check = function(state)
        if state.sink then state.sink:close() end
        if state.sink and state.source then
          state.got = state.got .. state.reader:read(-1)
          t.ok(state.got == "1\n2\n" or state.got == "")
        end
        if state.source then state.source:close() else state.out:close() end
        for _ = 1, 5 do asyncio.sleep(0) end
        t.ok(state.out:is_closed())
        t.ok(state.into:is_closed() or not state.sink)
        state.into:close()
      end,
      limit = 15,
    }
  end)

without_a_trace("asyncio: an exchange of lines", "asyncio", function()
  local asyncio = require "asyncio"
  local server = asyncio.start_server(function(reader, writer)
    for line in reader do writer:write(line) end
    writer:close()
  end, HOST, 0)
  local port = server.sockets[1]:getsockname()[2]
  each_checkpoint {
    setup = function() return { got = "" } end,
    body = function(state)
      local reader, writer = asyncio.open_connection("localhost", port)
      state.reader, state.writer = reader, writer
      for i = 1, 3 do
        writer:write(i .. "\n")
        writer:drain()
        state.got = state.got .. reader:readline()
      end
      writer:close()
      writer:wait_closed()
    end,
    check = function(state, outcome)
      t.ok(outcome.ended or outcome.cancelled)
      if not state.writer then return end
      if not state.writer:is_closing() then state.writer:write_eof() end
      local rest = state.reader:read() -- what the cancelled task did not get
      t.eq(("1\n2\n3\n"):sub(1, #(state.got .. rest)), state.got .. rest)
      state.writer:close()
      state.writer:wait_closed()
    end,
    limit = 40,
  }
  server:close()
  server:close_clients()
  server:wait_closed()
end)

without_a_trace("asyncio: writing more than fits, and draining", "asyncio", function()
  local asyncio = require "asyncio"
  local chunk = ("0123456789"):rep(30000)
  local received
  local server = asyncio.start_server(function(reader, writer)
    received = reader:read()
    writer:close()
  end, HOST, 0)
  local port = server.sockets[1]:getsockname()[2]
  each_checkpoint {
    setup = function()
      received = nil
      local _, writer = asyncio.open_connection(HOST, port)
      return { writer = writer, written = 0 }
    end,
    body = function(state)
      for _ = 1, 6 do
        state.writer:write(chunk)
        state.written = state.written + 1
        state.writer:drain()
      end
    end,
    check = function(state)
      state.writer:close() -- sends all that was written
      state.writer:wait_closed()
      while not received do checkpoint() end
      t.eq(#received, state.written * #chunk)
      t.ok(received == chunk:rep(state.written))
    end,
    limit = 15,
  }
  server:close()
  server:close_clients()
  server:wait_closed()
end)

without_a_trace("asyncio: a server that is being closed", "asyncio", function()
  local asyncio = require "asyncio"
  each_checkpoint {
    setup = function() return {} end,
    body = function(state)
      local server <close> = asyncio.start_server(function(reader, writer)
        writer:write(reader:readline())
        writer:close()
      end, "localhost", 0)
      state.server = server
      local reader, writer = asyncio.open_connection(HOST,
        server.sockets[1]:getsockname()[2])
      state.writer = writer
      writer:write "x\n"
      reader:readline()
      writer:close()
    end,
    check = function(state)
      if state.writer then state.writer:close() end
      if not state.server then return end
      state.server:close()
      state.server:abort_clients()
      state.server:wait_closed()
    end,
    limit = 30,
  }
end)

without_a_trace("asyncio: plain sockets", "asyncio", function()
  local asyncio = require "asyncio"
  local loop = asyncio.get_running_loop()
  each_checkpoint {
    setup = function()
      local listener = asyncio.socket()
      listener:bind { HOST, 0 }
      listener:listen()
      return { listener = listener, got = "" }
    end,
    partners = { function(state)
      state.far = asyncio.socket()
      loop:sock_connect(state.far, state.listener:getsockname())
      for i = 1, 5 do
        loop:sock_sendall(state.far, tostring(i))
        checkpoint()
      end
      state.sent = true
    end },
    body = function(state)
      state.near = loop:sock_accept(state.listener)
      while #state.got < 5 do state.got = state.got .. loop:sock_recv(state.near, 2) end
    end,
    check = function(state)
      state.near = state.near or loop:sock_accept(state.listener)
      while #state.got < 5 do state.got = state.got .. loop:sock_recv(state.near, 2) end
      t.eq(state.got, "12345")
      while not state.sent do checkpoint() end
      for _, sock in ipairs { state.near, state.far, state.listener } do sock:close() end
    end,
    limit = 30,
  }
end)

-- trio ------------------------------------------------------------------------------

without_a_trace("trio: an exchange over a served connection", "trio", function()
  local trio = require "trio"
  local function echo(stream)
    for chunk in stream do stream:send_all(chunk) end
  end
  trio.open_nursery(function(nursery)
    local listeners = nursery:start(trio.serve_tcp, echo, 0, { host = HOST })
    local port = listeners[1].socket:getsockname()[2]
    each_checkpoint {
      setup = function() return { got = "" } end,
      body = function(state)
        local stream = trio.open_tcp_stream("localhost", port)
        state.stream = stream
        for i = 1, 3 do
          stream:send_all(tostring(i))
          state.got = state.got .. stream:receive_some()
        end
      end,
      check = function(state, outcome)
        t.ok(outcome.ended or outcome.cancelled)
        local stream = state.stream
        if not stream then return end
        stream:send_eof()
        for chunk in stream do state.got = state.got .. chunk end
        t.eq(("123"):sub(1, #state.got), state.got)
        stream:aclose()
      end,
      limit = 25,
    }
    nursery.cancel_scope:cancel()
  end)
end)

without_a_trace("trio: accepting, cancelled, leaves the connection to the next", "trio",
  function()
    local trio = require "trio"
    each_checkpoint {
      setup = function()
        return { listener = trio.open_tcp_listeners(0, { host = HOST })[1], accepted = {} }
      end,
      partners = { function(state)
        local port = state.listener.socket:getsockname()[2]
        state.clients = {}
        for i = 1, 3 do state.clients[i] = trio.open_tcp_stream(HOST, port) end
      end },
      body = function(state)
        for i = 1, 3 do state.accepted[i] = state.listener:accept() end
      end,
      check = function(state)
        for i = #state.accepted + 1, 3 do state.accepted[i] = state.listener:accept() end
        for i = 1, 3 do
          state.accepted[i]:aclose()
          while not state.clients[i] do checkpoint() end
          state.clients[i]:aclose()
        end
        state.listener:aclose()
      end,
      limit = 20,
    }
  end)

without_a_trace("trio: listening, cancelled, leaves no listener", "trio", function()
  local trio = require "trio"
  each_checkpoint {
    setup = function() return {} end,
    body = function(state)
      state.listeners = trio.open_tcp_listeners(0, { host = "localhost" })
      checkpoint()
    end,
    check = function(state)
      for _, listener in ipairs(state.listeners or {}) do listener:aclose() end
    end,
  }
end)
