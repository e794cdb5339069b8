--- Who closes a socket that nobody closed, and what says so.
local anyio = require "anyio"
local net = require "net"
local t = require "harness"

-- What a program prints, its standard error included.
local function output(code, opts)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(code)
  file:close()
  local pipe = io.popen(("%s%s --backend=%s %s %s 2>&1"):format(
    opts.before or "", os.getenv "ANYRUN" or "anyrun", t.backend, opts.flags or "", path))
  local text = pipe:read "a"
  pipe:close()
  os.remove(path)
  return text
end

t.test("a socket that is collected is closed", function()
  local before = net.sockets()
  do
    local kept = {} -- luacheck: ignore (else they may be collected at once)
    for i = 1, 3 do kept[i] = anyio.create_udp_socket{local_host = "127.0.0.1"} end
    t.eq(net.sockets(), before + 3)
    table.remove(kept)
    table.remove(kept)
    table.remove(kept)
  end
  collectgarbage()
  collectgarbage()
  t.eq(net.sockets(), before)
end)

t.test("a run closes what it left open, once", {plain = true}, function()
  local kept = {}
  local before = net.sockets()
  t.run(function()
    kept[1] = anyio.create_udp_socket{local_host = "127.0.0.1"}
    kept[2] = anyio.create_tcp_listener{local_host = "127.0.0.1"}.listeners[1]
  end)
  t.eq(net.sockets(), before)
  t.run(function()
    local other <close> = anyio.create_udp_socket{local_host = "127.0.0.1"}
    for _, socket in ipairs(kept) do
      t.match(tostring(socket), "closed")
      socket:aclose()
    end
    other:sendto("still open", "127.0.0.1", 9)
    t.raises(anyio.ClosedResourceError, kept[1].receive, kept[1])
  end)
end)

t.test("with warnings on both say so", {plain = true}, function()
  local text = output([[
    local anyio = require "anyio"
    anyio.create_udp_socket{local_host = "127.0.0.1"}
    collectgarbage()
    print "collected"
    kept = anyio.create_udp_socket{local_host = "127.0.0.1"}
    closed = anyio.create_udp_socket{local_host = "127.0.0.1"}
    closed:aclose()]], {flags = "-W"})
  t.match(text, "ResourceWarning: unclosed socket, descriptor %d+\ncollected\n"
    .. "Lua warning: ResourceWarning: unclosed socket, descriptor %d+\n$")
end)

t.test("an error does not keep a run's sockets open", {plain = true}, function()
  local before = net.sockets()
  t.raises("broken", t.run, function()
    anyio.create_udp_socket{local_host = "127.0.0.1"}
    error("broken", 0)
  end)
  t.eq(net.sockets(), before)
end)

t.test("where descriptors are out, accept waits for one, without spinning", {plain = true},
  function()
    local text = output([[
      local anyio = require "anyio"
      local all <close> = anyio.create_tcp_listener{local_host = "127.0.0.1"}
      local port = all:extra(anyio.abc.SocketAttribute.local_port)
      local clients = {}
      while true do
        local ok, client = anyio.pcall(anyio.connect_tcp, "127.0.0.1", port)
        if not ok then print(client.cause.code) break end
        clients[#clients + 1] = client
      end
      anyio.create_task_group(function(tg)
        local accepted = 0
        tg:start_soon(function()
          for i = 1, #clients do
            all.listeners[1]:accept():aclose()
            accepted = i
          end
        end)
        local clock = os.clock()
        anyio.sleep(0.35)
        print(accepted, os.clock() - clock < 0.2)
        clients[1]:aclose()
        anyio.sleep(0.35)
        print(accepted == #clients)
        for _, client in ipairs(clients) do client:aclose() end
      end)]], {before = "ulimit -n 30; exec "})
    t.eq(text, "EMFILE\n0\ttrue\ntrue\n")
  end)

t.test("accepting where descriptors are out can be cancelled, and ends by a close",
  {plain = true}, function()
    local text = output([[
      local anyio = require "anyio"
      local all = anyio.create_tcp_listener{local_host = "127.0.0.1"}
      local one = all.listeners[1]
      local port = all:extra(anyio.abc.SocketAttribute.local_port)
      local clients = {}
      while true do
        local ok, client = anyio.pcall(anyio.connect_tcp, "127.0.0.1", port)
        if not ok then break end
        clients[#clients + 1] = client
      end
      print(anyio.move_on_after(0.02, function() one:accept() end).cancelled_caught)
      anyio.create_task_group(function(tg)
        tg:start_soon(function()
          local ok, err = anyio.pcall(one.accept, one)
          print(ok, err.name)
        end)
        anyio.sleep(0.02)
        one:aclose()
      end)
      for _, client in ipairs(clients) do client:aclose() end]],
      {before = "ulimit -n 30; exec "})
    t.eq(text, "true\nfalse\tClosedResourceError\n")
  end)
