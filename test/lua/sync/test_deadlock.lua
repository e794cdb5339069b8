--- The report of a deadlock says who holds what is waited for.
local anyio = require "anyio"
local t = require "harness"

t.test("[SY-22] a cycle of locks is named with the owners", {plain = true}, function()
  local err = t.raises(anyio.DeadlockError, t.run, function()
    local a, b = anyio.Lock(), anyio.Lock()
    local function take(first, second)
      local _ <close> = first:acquire()
      anyio.lowlevel.checkpoint()
      anyio.lowlevel.checkpoint()
      local _ <close> = second:acquire()
    end
    anyio.create_task_group(function(tg)
      tg:start_soon({take, name = "left"}, a, b)
      tg:start_soon({take, name = "right"}, b, a)
    end)
  end)
  t.match(tostring(err), "'left' waits for lock <Lock: locked, 1 waiting, held by 'right'>")
  t.match(tostring(err), "'right' waits for lock <Lock: locked, 1 waiting, held by 'left'>")
end)

t.test("[MS-24] a stream shows which of its ends are open", {plain = true}, function()
  local err = t.raises(anyio.DeadlockError, t.run, function()
    local send, receive = anyio.create_memory_object_stream()
    receive:receive()
    send:close()
  end)
  t.match(tostring(err), "an item from a stream <MemoryObjectReceiveStream: 0 of 0 buffered, 1 sending")
end)

local function stuck(body)
  return t.raises(anyio.DeadlockError, t.run, body)
end

t.test("[MS-24] it says which task has which clone of the other side", {plain = true}, function()
  local err = stuck(function()
    local send, receive = anyio.create_memory_object_stream()
    local lost = {send:clone()}
    anyio.create_task_group(function(tg)
      tg:start_soon({function(mine)
        local _ <close> = mine
        anyio.Event():wait()
      end, name = "producer"}, send:clone())
      tg:start_soon({function(job) t.ok(job) anyio.Event():wait() end, name = "other"},
        {output = send:clone()})
      tg:start_soon({function()
        local next_item = coroutine.wrap(function() for item in receive do coroutine.yield(item) end end)
        next_item()
      end, name = "consumer"})
      -- what nobody has at hand: in a table of a table
      lost = {lost}
      tg:start_soon({function(list) t.ok(list) anyio.Event():wait() end, name = "loser"}, lost)
      send:close()
    end)
  end)
  local text = tostring(err)
  t.match(text, "'consumer' waits for an item from a stream <MemoryObjectReceiveStream: "
    .. "0 of 0 buffered, 3 sending and 1 receiving open> at [^\n]*\n"
    .. "    a sending end is open: task 'other' %(job.output%)\n"
    .. "    a sending end is open: task 'producer' %(mine%)\n"
    .. "    open sending ends that none of the tasks has at hand: 1\n")
  for _, task in ipairs(err.tasks_waiting) do t.eq({task.stack, task.inner_stack}, {}) end
end)

t.test("[MS-24] a sender that waits sees the receiving ends", {plain = true}, function()
  local err = stuck(function()
    local send, receive = anyio.create_memory_object_stream()
    anyio.create_task_group(function(tg)
      tg:start_soon({function() send:send(1) end, name = "sender"})
      tg:start_soon({function() t.ok(receive) anyio.Event():wait() end, name = "lazy"})
    end)
  end)
  t.match(tostring(err), "'sender' waits for room in a stream <[^\n]*\n"
    .. "    a receiving end is open: [^\n]*task 'lazy' %(receive%)")
end)

t.test("[SY-61] who borrowed the tokens; what the other primitives are like", {plain = true}, function()
  local err = stuck(function()
    local limiter, lock = anyio.CapacityLimiter(2), anyio.Lock()
    local condition = anyio.Condition(lock)
    anyio.create_task_group(function(tg)
      tg:start_soon({function()
        limiter:acquire()
        limiter:acquire_on_behalf_of "a request"
        condition:acquire()
        condition:wait()
      end, name = "greedy"})
      anyio.wait_all_tasks_blocked()
      tg:start_soon({function() limiter:acquire() end, name = "late"})
      tg:start_soon({function() anyio.Semaphore(0):acquire() end, name = "semaphore"})
      tg:start_soon({function() anyio.Event():wait() end, name = "event"})
      tg:start_soon({function() anyio.Future():await() end, name = "future"})
    end)
  end)
  local text = tostring(err)
  t.match(text, "'greedy' waits for condition <Condition: 1 waiting, <Lock: unlocked, 0 waiting>>")
  t.match(text, "'late' waits for capacity limiter <CapacityLimiter: 2 of 2 borrowed by ")
  t.match(text, "'greedy'")
  t.match(text, "a request")
  t.match(text, "'semaphore' waits for semaphore <Semaphore: value 0, 1 waiting>")
  t.match(text, "'event' waits for event <Event: not set, 1 waiting>")
  t.match(text, "'future' waits for future <Future: PENDING>")
end)

t.test("[SY-22] a waiter of a condition sees who has its lock", {plain = true}, function()
  local err = stuck(function()
    local condition = anyio.Condition()
    anyio.create_task_group(function(tg)
      tg:start_soon({function()
        condition:acquire()
        condition:wait()
      end, name = "notified"})
      tg:start_soon({function()
        condition:acquire()
        condition:notify()
        anyio.Event():wait()
      end, name = "holder"})
    end)
  end)
  t.match(tostring(err), "'notified' waits for [^\n]*held by 'holder'")
end)
