-- A client of redis over TCP or a UNIX socket: commands are sent without
-- waiting for the answers to those before. Without an address it talks to a
-- stand-in that knows two commands.
--   anyrun redis-client.lua localhost 6379 SET greeting hello
--   anyrun redis-client.lua /run/redis.sock GET greeting
local anyio = require "anyio"
local buffered = anyio.streams.buffered

local Redis = {}
Redis.__index = Redis

local function connect(where)
  local stream = anyio.as_connectable(where):connect()
  return setmetatable({ stream = buffered.BufferedByteStream(stream) }, Redis)
end

function Redis:__close() self.stream:aclose() end

function Redis:send(...)
  local parts = { ("*%d\r\n"):format(select("#", ...)) }
  for _, word in ipairs { ... } do
    word = tostring(word)
    parts[#parts + 1] = ("$%d\r\n%s\r\n"):format(#word, word)
  end
  self.stream:send(table.concat(parts))
end

-- One answer: a string, an integer, nil, or a list of answers.
function Redis:answer()
  local line = self.stream:receive_until("\r\n", 65536)
  local kind, rest = line:sub(1, 1), line:sub(2)
  if kind == "+" then return rest end
  if kind == "-" then error(anyio.RuntimeError(rest), 0) end
  local n = math.tointeger(rest)
  if kind == ":" then return n end
  if n == -1 then return nil end
  if kind == "$" then return self.stream:receive_exactly(n + 2):sub(1, n) end
  local list = { n = n } -- some may be nil
  for i = 1, n do list[i] = self:answer() end
  return list
end

function Redis:call(...)
  self:send(...)
  return self:answer()
end

-- What redis would say to SET and GET.
local function stand_in(stream)
  local client <close> = buffered.BufferedByteStream(stream)
  local store = {}
  local redis = setmetatable({ stream = client }, Redis)
  while true do
    local ok, words = anyio.pcall(redis.answer, redis)
    if not ok then return end
    if words[1] == "SET" then
      store[words[2]] = words[3]
      client:send "+OK\r\n"
    else
      local value = store[words[2]]
      client:send(value and ("$%d\r\n%s\r\n"):format(#value, value) or "$-1\r\n")
    end
  end
end

local function show(value)
  if type(value) ~= "table" then return print(value) end
  for i = 1, value.n do show(value[i]) end
end

run(function()
  if arg[1] then
    local unix = arg[1]:find "/" ~= nil
    local where = unix and arg[1] or { arg[1], math.tointeger(arg[2]) }
    local redis <close> = connect(where)
    return show(redis:call(table.unpack(arg, unix and 2 or 3)))
  end
  local listener <close> = anyio.create_tcp_listener { local_host = "127.0.0.1" }
  local port = listener:extra(anyio.abc.SocketAttribute.local_port)
  anyio.create_task_group(function(tg)
    tg:start_soon(listener.serve, listener, stand_in)
    local redis <close> = connect { "127.0.0.1", port }
    for i = 1, 3 do redis:send("SET", "key" .. i, i * i) end
    for i = 1, 3 do redis:send("GET", "key" .. i) end
    for _ = 1, 6 do print(redis:answer()) end
    print(redis:call("GET", "no such key"))
    tg.cancel_scope:cancel()
  end)
end)

-- Output:
-- OK
-- OK
-- OK
-- 1
-- 4
-- 9
-- nil
