--- asyncio's queues.
local anyio = require "anyio"
local asyncio = require "asyncio"
local t = require "harness"
local idle = anyio.wait_all_tasks_blocked
local task = asyncio.create_task

t.test("[AS-Q-01 AS-Q-02 D-47] what can be done at once", function()
  local queue, ran = asyncio.Queue(2), false
  local other = task(function() ran = true end)
  t.eq({queue.maxsize, queue:qsize(), queue:empty(), queue:full()}, {2, 0, true, false})
  t.raises(asyncio.QueueEmpty, queue.get_nowait, queue)
  queue:put(1)
  queue:put_nowait(false)
  t.ok(queue:full())
  t.raises(asyncio.QueueFull, queue.put_nowait, queue, 3)
  t.eq(queue:get(), 1)
  t.eq(queue:get_nowait(), false)
  t.no(ran)
  other:await()
  t.raises("bad argument #1 to 'put'", queue.put, queue, nil)
  local unbounded = asyncio.Queue()
  for i = 1, 1000 do unbounded:put_nowait(i) end
  for i = 1, 1000 do t.eq(unbounded:get_nowait(), i) end
end)

t.test("[AS-Q-01] put and get wait for each other", function()
  local queue, got = asyncio.Queue(1), {}
  local producer = task(function() for i = 1, 5 do queue:put(i) end end)
  for i = 1, 5 do got[i] = queue:get() end
  producer:await()
  t.eq(got, {1, 2, 3, 4, 5})
  t.match(tostring(queue), "^<Queue: 0 of 1, 5 unfinished>$")
end)

t.test("[AS-Q-03 D-46] join waits until the work on all items is done", function()
  local queue, done = asyncio.Queue(), false
  queue:join()
  t.raises(anyio.ValueError, queue.task_done, queue)
  queue:put(1)
  queue:put(2)
  local joiner = task(function()
    queue:join()
    done = true
  end)
  idle()
  queue:get()
  queue:task_done()
  idle()
  t.no(done)
  queue:get()
  queue:task_done()
  joiner:await()
  t.ok(done)
  t.raises(anyio.ValueError, queue.task_done, queue)
end)

t.test("[AS-Q-04] a cancelled getter or putter loses nothing", function()
  local queue = asyncio.Queue(1)
  local a = task(function() return queue:get() end)
  local b = task(function() return queue:get() end)
  idle()
  queue:put_nowait "item"
  a:cancel()
  t.raises(anyio.Cancelled, a.await, a)
  t.eq(asyncio.wait_for(b, 3), "item")
  queue:put_nowait(1)
  a = task(function() queue:put "a" end)
  b = task(function() queue:put "b" end)
  idle()
  t.eq(queue:get_nowait(), 1)
  a:cancel()
  t.raises(anyio.Cancelled, a.await, a)
  asyncio.wait_for(b, 3)
  t.eq(queue:get_nowait(), "b")
  t.ok(queue:empty())
end)

t.test("[AS-Q-05] the lowest first, and the newest first", function()
  local priority, lifo = asyncio.PriorityQueue(), asyncio.LifoQueue()
  local list = {5, 3, 9, 1, 7, 3, 8, 2}
  for _, v in ipairs(list) do
    priority:put(v)
    lifo:put(v)
  end
  local sorted = {table.unpack(list)}
  table.sort(sorted)
  for i = 1, #list do
    t.eq(priority:get(), sorted[i])
    t.eq(lifo:get(), list[#list + 1 - i])
  end
  for _, pair in ipairs{{2, "b"}, {1, "z"}, {2, "a"}} do priority:put(pair) end
  t.eq(priority:get(), {1, "z"})
  t.eq(priority:get(), {2, "a"})
  t.eq(priority:get(), {2, "b"})
end)

t.test("[AS-Q-06] shutdown: no more puts; gets go on until it is empty", function()
  local queue = asyncio.Queue(1)
  queue:put(1)
  local putter = task(function() t.raises(asyncio.QueueShutDown, queue.put, queue, 2) end)
  idle()
  queue:shutdown()
  putter:await()
  t.raises(asyncio.QueueShutDown, queue.put_nowait, queue, 2)
  t.eq(queue:get(), 1)
  t.raises(asyncio.QueueShutDown, queue.get, queue)
  t.raises(asyncio.QueueShutDown, queue.get_nowait, queue)
  local empty = asyncio.Queue()
  local getter = task(function() t.raises(asyncio.QueueShutDown, empty.get, empty) end)
  idle()
  empty:shutdown()
  getter:await()
end)

t.test("[AS-Q-07] shutdown at once drops the items, and join ends", function()
  local queue = asyncio.Queue()
  queue:put(1)
  queue:put(2)
  local joiner = task(function() queue:join() end)
  idle()
  queue:shutdown(true)
  joiner:await()
  t.eq(queue:qsize(), 0)
  t.raises(asyncio.QueueShutDown, queue.get, queue)
  t.eq(queue:statistics().unfinished_tasks, 0)
end)
