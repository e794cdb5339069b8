-- Who runs when: what each backend promises about it, and what it does not.

local t = require "harness"
local anyio = require "anyio"
local checkpoint = require("anyio.lowlevel").checkpoint
local wait_all_tasks_blocked = require("anyio.testing").wait_all_tasks_blocked

local group = anyio.create_task_group

--- How many different texts stand in the list, and the number of each.
local function count(list)
  local kinds, counts = 0, {}
  for _, text in ipairs(list) do
    if not counts[text] then kinds = kinds + 1 end
    counts[text] = (counts[text] or 0) + 1
  end
  return kinds, counts
end

local function start_order()
  local log = t.log()
  group(function(tg)
    for i = 1, 4 do tg:start_soon(log, i) end
  end)
  return table.concat(log.items)
end

local function sorted(text)
  local letters = {}
  for letter in text:gmatch "." do letters[#letters + 1] = letter end
  table.sort(letters)
  return table.concat(letters)
end

t.test("[RUN-25 T25] tasks begin in the order in which they were spawned",
  {plain = true, backend = "asyncio"}, function()
    local _, counts = count(t.repeat_runs(20, start_order))
    t.eq(counts, {["1234"] = 20})
  end)

t.test("[RUN-25 T25] tasks spawned together begin forwards or backwards, by coin",
  {plain = true, backend = "trio", unseeded = true, tosses_coin = true}, function()
    local kinds, counts = count(t.repeat_runs(60, start_order))
    t.eq(kinds, 2)
    t.ok(counts["1234"] and counts["4321"], t.show(counts))
  end)

t.test("[RUN-25] a run with a seed repeats its order", {plain = true, backend = "trio"},
  function()
    local first, second = t.repeat_runs(10, start_order), t.repeat_runs(10, start_order)
    t.eq(first, second)
    t.ok(count(first) > 1, "seeds give different orders")
    for _, order in ipairs(first) do t.eq(sorted(order), "1234") end
  end)

local function wake_order()
  local log = t.log()
  group(function(tg)
    local event = anyio.Event()
    for i = 1, 4 do
      tg:start_soon(function()
        event:wait()
        log(i)
      end)
      wait_all_tasks_blocked()
    end
    event:set()
  end)
  return table.concat(log.items)
end

t.test("[RUN-26 T25] waiters of an event wake in the order of their waiting",
  {plain = true, backend = "asyncio"}, function()
    t.eq(t.repeat_runs(3, wake_order), {"1234", "1234", "1234"})
  end)

t.test("[RUN-26 T25] waiters of an event wake in an order that changes",
  {plain = true, backend = "trio"}, function()
    local orders = t.repeat_runs(60, wake_order)
    for _, order in ipairs(orders) do t.eq(sorted(order), "1234") end
    t.ok(count(orders) > 1, "one order only")
  end)

t.test("[RUN-25] tasks that yield in turn keep their order",
  {backend = "asyncio"}, function()
    local log = t.log()
    group(function(tg)
      for i = 1, 3 do
        tg:start_soon(function()
          for _ = 1, 3 do
            log(i)
            checkpoint()
          end
        end)
      end
    end)
    t.eq(table.concat(log.items), "123123123")
  end)

t.test("[RUN-25] in every batch each ready task has one turn", function()
  local log = t.log()
  group(function(tg)
    for i = 1, 3 do
      tg:start_soon(function()
        for _ = 1, 4 do
          log(i)
          checkpoint()
        end
      end)
    end
  end)
  local text = table.concat(log.items)
  t.eq(#text, 12)
  for round = 0, 3 do t.eq(sorted(text:sub(round * 3 + 1, round * 3 + 3)), "123") end
end)

t.test("[RUN-27] a new task never runs before its spawner yields", function()
  local ran = 0
  group(function(tg)
    for _ = 1, 5 do tg:start_soon(function() ran = ran + 1 end) end
    t.eq(ran, 0)
    local scope = anyio.CancelScope(function() end)
    t.no(scope.cancel_called)
    t.eq(ran, 0)
    tg.cancel_scope:cancel()
    t.eq(ran, 0)
  end)
  t.eq(ran, 5)
end)

t.test("[RUN-27] nor does a child of a child", function()
  local log = t.log()
  group(function(tg)
    tg:start_soon(function()
      tg:start_soon(log, "grandchild")
      log "child"
    end)
  end)
  t.eq(log.items, {"child", "grandchild"})
end)

t.test("[RUN-27] calls that are no checkpoints run nobody else", function()
  local ran = false
  group(function(tg)
    local event, lock = anyio.Event(), anyio.Lock()
    tg:start_soon(function() ran = true end)
    event:set()
    lock:acquire_nowait()
    lock:release()
    anyio.current_time()
    anyio.current_effective_deadline()
    anyio.get_current_task()
    require("anyio.lowlevel").checkpoint_if_cancelled()
    t.no(ran)
  end)
  t.ok(ran)
end)

t.test("[RUN-25] callbacks and tasks share one queue", {backend = "asyncio"},
  function()
    local log = t.log()
    local loop = require("asyncio").get_running_loop()
    group(function(tg)
      tg:start_soon(log, "task 1")
      loop:call_soon(function() log "callback" end)
      tg:start_soon(log, "task 2")
    end)
    t.eq(log.items, {"task 1", "callback", "task 2"})
  end)
