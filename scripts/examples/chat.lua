-- A chat: each line of a client goes to all the others. A client that does not
-- read is left behind, and does not hold up the rest.
--   anyrun chat.lua 7777               nc localhost 7777
local anyio = require "anyio"
local buffered = anyio.streams.buffered

local members = {} -- where lines are sent to -> the name

local function tell_all_but(me, line)
  for send in pairs(members) do
    if send ~= me and not anyio.pcall(send.send_nowait, send, line) then
      members[send] = nil -- its queue is full
    end
  end
end

-- Closed, it leaves.
local function join(send, name)
  members[send] = name
  tell_all_but(send, "* " .. name .. " is here")
  return setmetatable({}, { __close = function()
    members[send] = nil
    tell_all_but(send, "* " .. name .. " has left")
  end })
end

local function write_all(stream, receive)
  local lines <close> = receive
  for line in lines do stream:send(line .. "\n") end
end

local function chat(client, lines)
  local function line() -- what would harm a terminal is left out
    return (lines:receive_until("\n", 4096):gsub("%c", ""))
  end
  client:send "your name?\n"
  local name = line():match "%S+" or "nobody"
  client:send(("welcome %s\n"):format(name))
  local send, receive = anyio.create_memory_object_stream(100)
  local _ <close> = send
  local _ <close> = join(send, name)
  anyio.create_task_group(function(tg)
    tg:start_soon(write_all, client, receive)
    while true do tell_all_but(send, name .. ": " .. line()) end
  end)
end

local function gone() end -- it has ended, broken off, or sends no lines

local function serve(stream)
  local client <close> = stream
  anyio.catch({
    [anyio.IncompleteRead] = gone, [anyio.BrokenResourceError] = gone,
    [anyio.DelimiterNotFound] = gone,
  }, function() chat(client, buffered.BufferedByteReceiveStream(client)) end)
end

-- Two who talk with each other, for want of anybody else.
local function talk(port)
  local function enter(name)
    local lines = buffered.BufferedByteStream(anyio.connect_tcp("127.0.0.1", port))
    lines:receive_until("\n", 100)
    lines:send(name .. "\n")
    lines:receive_until("\n", 100)
    return lines
  end
  local ann <close> = enter "ann"
  local bob <close> = enter "bob"
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
    return listener:serve(serve)
  end
  anyio.create_task_group(function(tg)
    tg:start_soon(listener.serve, listener, serve)
    talk(listener:extra(anyio.abc.SocketAttribute.local_port))
    tg.cancel_scope:cancel()
  end)
end)

-- Output:
-- ann sees	* bob is here
-- ann sees	bob: hello
-- bob sees	ann: hello bob
-- ann sees	* bob has left
