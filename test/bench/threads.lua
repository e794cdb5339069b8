--- What a function in a worker thread costs, and copying to one.
-- arg: noop N (round trips of an empty function), fib N (N times fib(27) in two
-- threads, as against one), copy N (N times a table of some 10 MB, there and
-- back is one copy each). Units: ns/call, times as fast, MB/s.
local anyio = require "anyio"
local mode, times = arg[1] or "noop", tonumber(arg[2]) or 20000
local run_sync = anyio.to_thread.run_sync
local now = anyio.current_time

local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end

local modes = {}

function modes.noop()
  local function noop() end
  run_sync(noop)
  local start = now()
  for _ = 1, times do run_sync(noop) end
  print(("%.1f ns/call"):format((now() - start) * 1e9 / times))
end

function modes.fib()
  local limiter, start = anyio.CapacityLimiter(2), now()
  for _ = 1, times do fib(27) end
  local alone = now() - start
  start = now()
  anyio.create_task_group(function(tg)
    for _ = 1, times do tg:start_soon(run_sync, { fib, limiter = limiter }, 27) end
  end)
  print(("%.2f times"):format(alone / (now() - start)))
end

function modes.copy()
  collectgarbage()
  local before, list = collectgarbage "count", {}
  for i = 1, 45000 do list[i] = { id = i, name = "name of " .. i, value = i * 1.5 } end
  local size = (collectgarbage "count" - before) * 1024
  local seconds = math.huge
  for _ = 1, times do
    local start = now()
    run_sync(function(t) return #t end, list)
    seconds = math.min(seconds, now() - start)
  end
  print(("%.0f MB/s"):format(size / seconds / 1e6))
end

run(modes[mode])
