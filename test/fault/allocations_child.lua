--- One small program in which the n-th request for memory fails (arg[1]; 0:
-- none, then it prints how many there were). Each run is a
-- process of its own: see allocations.lua.
local hooks = require "_anyrun.test"
local anyio = require "anyio"

local n = tonumber(arg[1])

local function child(k)
  anyio.move_on_after(10, function()
    for _ = 1, k do anyio.lowlevel.checkpoint() end
  end)
  return k
end

local function starter(task_status)
  task_status:started "ready"
  anyio.sleep(0)
end

local function wrapped()
  anyio.sleep(0)
  coroutine.yield(1)
  return 2
end

local function main()
  local send, receive = anyio.create_memory_object_stream(1)
  anyio.create_task_group(function(tg)
    for k = 1, 3 do tg:start_soon(child, k) end
    tg:start(starter)
    tg:start_soon(function()
      send:send(1)
      send:send(2)
      send:close()
    end)
    for value in receive do assert(value) end
    local co = coroutine.wrap(wrapped)
    co()
    co()
  end)
  anyio.move_on_after(0, function() anyio.sleep(1) end)
  local ok = pcall(anyio.create_task_group, function(tg)
    tg:start_soon(anyio.sleep_forever)
    tg:start_soon(function() error "broken" end)
    anyio.sleep(1)
  end)
  assert(not ok)
end

local _, _, before = hooks.memory()
-- Two in a row: Lua asks again after a collection.
hooks.fail_at(n, 2)
anyio.run(main)
hooks.fail_at(0)
local _, _, after = hooks.memory()
if n == 0 then print(math.tointeger(after - before)) end
