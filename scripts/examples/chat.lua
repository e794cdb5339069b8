-- A chat: each line of a client goes to all the others. A client that does not
-- read is left behind, and does not hold up the rest.
--   anyrun chat.lua 7777               nc localhost 7777
local anyio = require "anyio"
local buffered = anyio.streams.buffered

local members = {} -- name -> where its lines are sent to

local function tell_all_but(name, line)
  for other, send in pairs(members) do
    if other ~= name then
      local ok = anyio.pcall(send.send_nowait, send, line)
      if not ok then members[other] = nil end -- its queue is full
    end
  end
end

local function write_all(stream, receive)
  local lines <close> = receive
  for line in lines do stream:send(line .. "\n") end
end

local function read_all(stream, name)
  local lines = buffered.BufferedByteReceiveStream(stream)
  while true do
    local ok, line = anyio.pcall(lines.receive_until, lines, "\n", 4096)
    if not ok then return end
    tell_all_but(name, name .. ": " .. line)
  end
end

local function chat(stream)
  local client <close> = stream
  client:send "your name?\n"
  local name = client:receive():match "%S+" or "nobody"
  local send, receive = anyio.create_memory_object_stream(100)
  local _ <close> = send
  members[name] = send
  client:send(("welcome %s\n"):format(name))
  tell_all_but(name, "* " .. name .. " is here")
  anyio.create_task_group(function(tg)
    tg:start_soon(write_all, client, receive)
    read_all(client, name)
    tg.cancel_scope:cancel()
  end)
  members[name] = nil
  tell_all_but(name, "* " .. name .. " has left")
end

-- Two who talk with each other, for want of anybody else.
local function talk(port)
  local function join(name)
    local lines = buffered.BufferedByteStream(anyio.connect_tcp("127.0.0.1", port))
    lines:receive_until("\n", 100)
    lines:send(name .. "\n")
    lines:receive_until("\n", 100)
    return lines
  end
  local ann <close> = join "ann"
  local bob <close> = join "bob"
  print("ann sees", ann:receive_until("\n", 100))
  bob:send "hello\n"
  print("ann sees", ann:receive_until("\n", 100))
  ann:send "hello bob\n"
  print("bob sees", bob:receive_until("\n", 100))
  bob:aclose()
  print("ann sees", ann:receive_until("\n", 100))
end

run(function()
  local port = tonumber(arg[1]) -- 0: any
  io.stdout:setvbuf "line"
  local listener <close> = anyio.create_tcp_listener { local_port = port }
  if port then
    print("port " .. listener:extra(anyio.abc.SocketAttribute.local_port))
    return listener:serve(chat)
  end
  anyio.create_task_group(function(tg)
    tg:start_soon(listener.serve, listener, chat)
    talk(listener:extra(anyio.abc.SocketAttribute.local_port))
    tg.cancel_scope:cancel()
  end)
end)

-- Output:
-- ann sees	* bob is here
-- ann sees	bob: hello
-- bob sees	ann: hello bob
-- ann sees	* bob has left
