--- asyncio's queues: put and get, and the counting of unfinished items.
-- A woken task looks again: between its waking and its step another may have
-- been quicker.

local base = require "asyncio.base"
local class = require "anyrun.class"
local errors = require "anyrun.errors"
local new_lot = require("_anyrun.lot").new
local options = require "anyrun.options"

local error, getmetatable, type = error, getmetatable, type
local table_remove = table.remove
local huge = math.huge

---@class asyncio.queues
local queues = {}

---@class asyncio.Queue
---@field maxsize integer 0: no limit
local Queue = class.new "Queue"
queues.Queue = Queue

--- Makes an empty queue; also outside a run.
---@param maxsize? integer how many items it holds; 0, the default, or less: any number
---@return asyncio.Queue
---Checkpoint: never.
---@usage local jobs = asyncio.Queue(10)
function Queue:_init(maxsize)
  options.arg(self.name, 1, maxsize, "integer?", 4)
  self.maxsize = maxsize or 0
  self._items, self._first, self._n = {}, 1, 0
  self._unfinished, self._shutdown = 0, false
  self._getters, self._putters = new_lot "an item of a queue", new_lot "room in a queue"
  self._joiners = new_lot "the end of a queue's work"
end

-- What the kinds of queues do differently.

function Queue:_push(item)
  self._items[self._first + self._n] = item
end

function Queue:_pop()
  local first = self._first
  local item = self._items[first]
  self._items[first] = nil
  self._first = first + 1
  return item
end

--- How many items are in it.
---@return integer
---Checkpoint: never.
---@usage print(jobs:qsize())
function Queue:qsize() return self._n end

--- Whether it is empty.
---@return boolean
---Checkpoint: never.
---@usage if jobs:empty() then return end
function Queue:empty() return self._n == 0 end

--- Whether it holds `maxsize` items.
---@return boolean
---Checkpoint: never.
---@usage if jobs:full() then return end
function Queue:full() return self.maxsize > 0 and self._n >= self.maxsize end

local function check_item(name, item)
  if item == nil then options.arg(name, 1, nil, "item", 4) end
end

local function check_open(self)
  if self._shutdown then
    error(errors.QueueShutDown "the queue was shut down", 0)
  end
end

--- Puts an item in.
---@param item any not nil
---Checkpoint: never.
---Raises: QueueFull; QueueShutDown.
---@usage jobs:put_nowait(job)
function Queue:put_nowait(item)
  check_item("put_nowait", item)
  check_open(self)
  if self:full() then error(errors.QueueFull "the queue is full", 0) end
  self:_push(item)
  self._n = self._n + 1
  self._unfinished = self._unfinished + 1
  self._getters:wake(1)
end

--- Takes an item out.
---@return any item
---Checkpoint: never.
---Raises: QueueEmpty; QueueShutDown when it is empty and was shut down.
---@usage local job = jobs:get_nowait()
function Queue:get_nowait()
  if self._n == 0 then
    check_open(self)
    error(errors.QueueEmpty "the queue is empty", 0)
  end
  local item = self:_pop()
  self._n = self._n - 1
  self._putters:wake(1)
  return item
end

--- Puts an item in, once there is room.
---@param item any not nil
---Checkpoint: when it is full.
---Raises: QueueShutDown; CancelledError, then nothing was put in.
---@usage jobs:put(job)
function Queue:put(item)
  base.needs_asyncio "Queue.put"
  check_item("put", item)
  while self:full() and not self._shutdown do
    local err, woken = self._putters:wait()
    if err ~= nil then
      if woken and not self:full() then self._putters:wake(1) end
      error(err, 0)
    end
  end
  self:put_nowait(item)
end

--- Takes an item out, once there is one.
---@return any item
---Checkpoint: when it is empty.
---Raises: QueueShutDown when it is empty and was shut down; CancelledError,
---  then nothing was taken.
---@usage local job = jobs:get()
function Queue:get()
  base.needs_asyncio "Queue.get"
  while self._n == 0 and not self._shutdown do
    local err, woken = self._getters:wait()
    if err ~= nil then
      if woken and self._n > 0 then self._getters:wake(1) end
      error(err, 0)
    end
  end
  return self:get_nowait()
end

local function finish_one(self)
  self._unfinished = self._unfinished - 1
  if self._unfinished == 0 then self._joiners:wake(huge) end
end

--- Says that the work on one item that was taken out is done.
---Checkpoint: never.
---Raises: ValueError when it is called more often than there were items.
---@usage jobs:task_done()
function Queue:task_done()
  if self._unfinished <= 0 then
    error(errors.ValueError "task_done() called too many times", 0)
  end
  finish_one(self)
end

--- Waits until the work on every item is done.
---Checkpoint: when there is unfinished work.
---Raises: CancelledError.
---@usage jobs:join()
function Queue:join()
  base.needs_asyncio "Queue.join"
  if self._unfinished > 0 then self._joiners:park() end
end

--- Ends it: nothing more can be put in; what is in it can still be taken out.
---@param immediate? boolean drops what is in it, as if it were done
---Checkpoint: never.
---@usage jobs:shutdown()
function Queue:shutdown(immediate)
  if type(immediate) == "table" then
    immediate = options.check("shutdown", immediate,
      { immediate = "boolean?" }, 1).immediate
  end
  self._shutdown = true
  if immediate then
    while self._n > 0 do
      self:_pop()
      self._n = self._n - 1
      if self._unfinished > 0 then finish_one(self) end
    end
  end
  self._getters:wake(huge)
  self._putters:wake(huge)
end

--- What it is like now.
---@return table `qsize`, `unfinished_tasks`, `tasks_waiting_get`, `tasks_waiting_put`
---Checkpoint: never.
---@usage print(jobs:statistics().unfinished_tasks)
function Queue:statistics()
  return {
    qsize = self._n,
    unfinished_tasks = self._unfinished,
    tasks_waiting_get = #self._getters,
    tasks_waiting_put = #self._putters,
  }
end

function Queue:__tostring()
  return ("<%s: %d of %d, %d unfinished>"):format(self.name, self._n,
    self.maxsize, self._unfinished)
end

--- The item put in last comes out first.
---@class asyncio.LifoQueue: asyncio.Queue
queues.LifoQueue = class.new("LifoQueue", Queue)

function queues.LifoQueue:_push(item) self._items[self._n + 1] = item end

function queues.LifoQueue:_pop() return table_remove(self._items) end

--- The lowest item comes out first. Items are compared by `<`; lists
--- (`{priority, item}`) by their elements in turn.
---@class asyncio.PriorityQueue: asyncio.Queue
queues.PriorityQueue = class.new("PriorityQueue", Queue)

local function less(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a < b end
  local mt = getmetatable(a)
  if mt and mt.__lt then return a < b end
  for i = 1, #a do
    if b[i] == nil then return false end
    if less(a[i], b[i]) then return true end
    if less(b[i], a[i]) then return false end
  end
  return #a < #b
end

function queues.PriorityQueue:_push(item)
  local heap, i = self._items, self._n + 1
  while i > 1 do
    local parent = i // 2
    if not less(item, heap[parent]) then break end
    heap[i], i = heap[parent], parent
  end
  heap[i] = item
end

function queues.PriorityQueue:_pop()
  local heap, n = self._items, self._n
  local top, last, i = heap[1], heap[n], 1
  heap[n] = nil
  n = n - 1
  while n > 0 do
    local child = 2 * i
    if child < n and less(heap[child + 1], heap[child]) then child = child + 1 end
    if child > n or not less(heap[child], last) then break end
    heap[i], i = heap[child], child
  end
  if n > 0 then heap[i] = last end
  return top
end

return queues
