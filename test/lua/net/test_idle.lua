--- Ten thousand connections that do nothing.
local t = require "harness"

-- Both ends are in the program, which prints how many there were, and the
-- bytes that a pair of them takes. It leaves some descriptors for others.
local PROGRAM <const> = [[
  local anyio = require "anyio"
  local most = tonumber(arg[1]) or 20200
  local wanted = math.min(10000, (most - 200) // 2)
  local function resident()
    for line in io.lines "/proc/self/status" do
      local kb = line:match "^VmRSS:%s+(%d+)"
      if kb then return tonumber(kb) * 1024 end
    end
  end
  anyio.create_task_group(function(tg)
    local all <close> = anyio.create_tcp_listener{local_host = "127.0.0.1"}
    local port = all:extra(anyio.abc.SocketAttribute.local_port)
    local served = 0
    tg:start_soon(all.serve, all, function(accepted)
      local stream <close> = accepted
      served = served + 1
      for chunk in stream do stream:send(chunk) end
    end)
    anyio.connect_tcp("127.0.0.1", port):aclose()
    collectgarbage()
    local before, clients = resident(), {}
    for i = 1, wanted do clients[i] = anyio.connect_tcp("127.0.0.1", port) end
    while served <= wanted do anyio.sleep(0.01) end
    collectgarbage()
    print(wanted, (resident() - before) // wanted)
    for i = 1, wanted, 97 do
      clients[i]:send(tostring(i))
      assert(clients[i]:receive() == tostring(i))
    end
    for i = 1, wanted do clients[i]:aclose() end
    tg.cancel_scope:cancel()
  end)
  print "done"]]

t.test("10,000 idle connections take at most 5 KB each, and all still answer",
  {plain = true, slow = true}, function()
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(PROGRAM)
    file:close()
    local program = os.getenv "ANYRUN" or "anyrun"
    local pipe = io.popen(("ulimit -n $(ulimit -Hn); %s --backend=%s %s $(ulimit -n) 2>&1")
      :format(program, t.backend, path))
    local text = pipe:read "a"
    pipe:close()
    os.remove(path)
    t.match(text, "done\n$")
    local wanted, bytes = text:match "^(%d+)\t(%d+)\n"
    t.ok(tonumber(wanted) > 100, text)
    if program:find "/debug/" or program:find "/release/" then
      t.ok(tonumber(bytes) <= 2 * 5 * 1024, bytes .. " bytes for a pair")
    end
  end)
