--- Random programs over the primitives, held against what must stay true:
--- tokens conserved, items neither lost nor doubled, nobody left waiting.
local anyio = require "anyio"
local dice = require "lua.dice"
local t = require "harness"
local checkpoint, random = anyio.lowlevel.checkpoint, dice.throw

-- Runs n workers; cancels some of them, at any moment, in each of the ways
-- the backend knows.
local function storm(n, work)
  anyio.create_task_group(function(tg)
    local scopes = {}
    for i = 1, n do
      scopes[i] = anyio.CancelScope()
      tg:start_soon(function()
        scopes[i](function() work(i) end)
      end)
    end
    for _ = 1, n do
      for _ = 1, random(6) do checkpoint() end
      if random(2) == 1 then scopes[random(n)]:cancel() end
    end
  end)
end

local function native_storm(n, work)
  local asyncio = require "asyncio"
  local tasks = {}
  for i = 1, n do tasks[i] = asyncio.create_task(work, i) end
  for _ = 1, n do
    for _ = 1, random(6) do checkpoint() end
    if random(2) == 1 then tasks[random(n)]:cancel() end
  end
  for i = 1, n do pcall(tasks[i].await, tasks[i]) end
end

-- The same check for both kinds of cancellation.
local function check(title, body)
  local storms = {[""] = storm}
  if t.backend == "asyncio" then storms[" (natively)"] = native_storm end
  for how, run in pairs(storms) do
    t.test(title .. how, function()
      for round = 1, 60 do
        dice.seed(t.seed * 1000 + round)
        t.label = "round " .. round
        anyio.fail_after(10, function() body(run) end)
      end
      t.label = nil
    end)
  end
end

check("[SY-17 SY-21] a lock is held by one at a time, and free in the end", function(run)
  local lock, inside = anyio.Lock{fast_acquire = random(2) == 1}, 0
  run(8, function()
    for _ = 1, random(5) do
      local _ <close> = lock:acquire()
      t.eq(inside, 0)
      inside = inside + 1
      local ok, err = pcall(checkpoint)
      inside = inside - 1
      if not ok then error(err, 0) end
    end
  end)
  t.eq(lock:statistics(), {locked = false, tasks_waiting = 0})
end)

check("[SY-37 SY-40] no unit of a semaphore is lost", function(run)
  local units = random(3)
  local semaphore = anyio.Semaphore(units, {max_value = units})
  run(8, function()
    for _ = 1, random(5) do
      local _ <close> = semaphore:acquire()
      checkpoint()
    end
  end)
  t.eq(semaphore.value, units)
  t.eq(semaphore:statistics().tasks_waiting, 0)
end)

check("[SY-58 SY-59] no token of a limiter is lost, nor lent twice", function(run)
  local limiter = anyio.CapacityLimiter(random(3))
  run(8, function()
    for _ = 1, random(5) do
      local _ <close> = limiter:acquire()
      t.ok(limiter.borrowed_tokens <= 3)
      if random(4) == 1 then limiter.total_tokens = random(3) end
      checkpoint()
    end
  end)
  t.eq(limiter.borrowed_tokens, 0)
  t.eq(limiter:statistics().tasks_waiting, 0)
end)

check("[SY-28 SY-29] a condition's lock is held after each wait, and free in the end", function(run)
  local condition, open = anyio.Condition(), true
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      while open do
        local _ <close> = condition:acquire()
        condition:notify(random(3))
        checkpoint()
      end
    end)
    run(8, function()
      for _ = 1, random(3) do
        local _ <close> = condition:acquire()
        local ok, err = pcall(condition.wait, condition)
        t.eq(condition:statistics().lock_statistics.owner, anyio.get_current_task())
        if not ok then error(err, 0) end
      end
    end)
    open = false
  end)
  t.eq(condition:statistics(),
    {tasks_waiting = 0, lock_statistics = {locked = false, tasks_waiting = 0}})
end)

-- A send that was cancelled natively may have been taken all the same: the
-- request takes its result away. One that returned must arrive.
check("[MS-02 MS-21 MS-23] items are neither lost nor doubled", function(run)
  local send, receive = anyio.create_memory_object_stream(random(4) - 1)
  local sent, tried, seen = {}, {}, {}
  local function note(item)
    t.no(seen[item], "received once")
    t.ok(tried[item], "was sent")
    seen[item] = true
  end
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      for item in receive do note(item) end
    end)
    run(8, function(i)
      for k = 1, random(6) do
        if i % 2 == 0 then
          local item = i * 100 + k
          tried[item] = true
          send:send(item)
          sent[item] = true
        else
          anyio.move_on_after(0.001, function() note(receive:receive()) end)
        end
      end
    end)
    send:close()
  end)
  receive:close()
  for item in pairs(sent) do t.ok(seen[item], "arrived") end
end)
