--- Random programs over primitives and memory streams, held against a model.
--
-- `sync(bytes)` is one program: the bytes say what each of several tasks does
-- next, so the same bytes are the same program. Tasks lock, borrow, wait, send,
-- receive, clone, close, and cancel each other at any moment. What must stay
-- true: a lock has one holder, tokens are conserved, who waited longest is
-- served first, items arrive at most once, in the order of each sender, those
-- whose send returned do arrive and those whose send was cancelled do not; and
-- when all is over nobody waits and nothing is held.

local anyio = require "anyio"
local run_lib = require "_anyrun.run"
local checkpoint = require("anyio.lowlevel").checkpoint

local UNITS <const> = 2
local LIVES <const> = 4 -- how often a task goes on after it was cancelled
local DEPTH <const> = 20 -- of scopes in scopes: Lua has a limit, too

-- The bytes --------------------------------------------------------------------

local Program = {}
Program.__index = Program

--- A number from 0 to n - 1; 0 when the bytes are used up.
function Program:draw(n)
  local byte = self.bytes:byte(self.at)
  if not byte then return 0 end
  self.at = self.at + 1
  return byte % n
end

function Program:is_over() return self.at > #self.bytes end

-- Who is served first ---------------------------------------------------------------

-- Tasks in the order in which they began to wait for something.
local Queue = {}
Queue.__index = Queue

local function new_queue(name) return setmetatable({name = name, last = 0}, Queue) end

function Queue:arrive(me)
  self.last = self.last + 1
  self[me] = self.last
end

function Queue:leave(me) self[me] = nil end

-- Nobody may be left who came earlier, but for those whose wait was cancelled and
-- those, `pending` at most, that have it already and did not run yet.
function Queue:served(me, pending)
  local mine = self[me]
  self[me] = nil
  if not mine then return end -- it was free
  for other, ticket in pairs(self) do
    if type(other) == "table" and ticket < mine and not other.cancelled and not other.hasty then
      pending = pending - 1
      if pending < 0 then
        error(("%s: %s was served before %s"):format(self.name, me.name, other.name), 0)
      end
    end
  end
end

-- What a task does ------------------------------------------------------------------

-- How many have a thing, as it says itself; who takes it now need not wait.
local function users(thing, most)
  if thing.locked then return thing:locked() and 1 or 0 end
  return thing.borrowed_tokens or most - thing.value
end

local function is_free(thing)
  if thing.locked then return not thing:locked() end
  return (thing.available_tokens or thing.value) > 0
end

-- Takes something that has `acquire` and `release`, keeps it for some turns.
local function hold(w, me, thing, queue, most)
  local acquired = false
  local _ <close> = setmetatable({}, {__close = function()
    if acquired then
      queue.held = queue.held - 1
      thing:release()
    else
      queue:leave(me)
    end
  end})
  if not is_free(thing) then queue:arrive(me) end
  thing:acquire()
  acquired, queue.held = true, (queue.held or 0) + 1
  queue:served(me, users(thing, most) - queue.held)
  if queue.held > most then error(queue.name .. ": too many holders", 0) end
  for _ = 1, w.program:draw(4) do checkpoint() end
end

local function hold_now(thing, queue, most)
  local ok, err = anyio.pcall(thing.acquire_nowait, thing)
  if not ok and not anyio.isinstance(err, anyio.WouldBlock) then error(err, 0) end
  if not ok then return end
  queue.held = (queue.held or 0) + 1
  if queue.held > most then error(queue.name .. ": too many holders", 0) end
  queue.held = queue.held - 1
  thing:release()
end

local function wait_for_change(w)
  local _ <close> = w.condition:acquire()
  local ok, err = pcall(w.condition.wait, w.condition)
  local owner = w.condition:statistics().lock_statistics.owner
  if owner ~= anyio.get_current_task() then error("a wait ended without the lock", 0) end
  if not ok then error(err, 0) end
end

local function notify(w)
  local _ <close> = w.condition:acquire()
  w.condition:notify(w.program:draw(3))
end

local EXPECTED <const> = {
  anyio.WouldBlock, anyio.ClosedResourceError, anyio.BrokenResourceError, anyio.EndOfStream,
}

-- What a stream may answer in its place is no failure.
local function tolerate(ok, err)
  if not ok and not anyio.isinstance(err, EXPECTED) then error(err, 0) end
  return ok
end

local function is_cancelled(err) return anyio.isinstance(err, anyio.get_cancelled_exc_class()) end

local function send(w, me, how)
  me.count = me.count + 1
  local item = {by = me, number = me.count}
  w.items[#w.items + 1] = item
  local ok, err = pcall(me.send[how], me.send, item)
  if ok then
    item.sent = true
  elseif is_cancelled(err) then
    -- asyncio's own request takes the result away, whatever it was
    item.gone = not me.native
    if item.gone and item.received then error("an item arrived whose send was cancelled", 0) end
    error(err, 0)
  else
    tolerate(false, err)
    item.gone = true
    if item.received then error("an item arrived whose send failed", 0) end
  end
end

local function note_received(me, item)
  if item.received then error("an item was received twice", 0) end
  if item.gone then error("an item was received that was not sent", 0) end
  item.received = true
  local last = me.seen[item.by] or 0
  if item.number <= last then error("items of one sender changed places", 0) end
  me.seen[item.by] = item.number
end

local function receive(_, me, how)
  local ok, item = anyio.pcall(me.receive[how], me.receive)
  if tolerate(ok, item) then note_received(me, item) end
end

-- Another handle of an end, in place of the one there was.
local function clone(w, me)
  local which = w.program:draw(2) == 0 and "send" or "receive"
  local ok, new = anyio.pcall(me[which].clone, me[which])
  if not tolerate(ok, new) then return end
  me[which]:close()
  me[which] = new
end

local function close(w, me)
  local which = w.program:draw(2) == 0 and "send" or "receive"
  me[which]:close()
  if w.keeper.receive:statistics().open_receive_streams == 0 then w.lossy = true end
end

-- A turn later it would have been too late, or too soon, or just in time.
local function hasty(w, me)
  me.hasty = true
  local _ <close> = setmetatable({}, {__close = function() me.hasty = false end})
  anyio.move_on_after(0, function() w.step(w, me) end)
end

local function shielded(w, me)
  local was = me.hasty
  me.hasty = true -- it cannot be known whether its wait was cancelled
  local _ <close> = setmetatable({}, {__close = function() me.hasty = was end})
  anyio.move_on_after(0.001, {shield = true}, function() w.step(w, me) end)
end

local function cancel(w)
  local other = w.workers[w.program:draw(#w.workers) + 1]
  other.cancelled = true
  other.scope:cancel()
end

local function cancel_natively(w)
  local other = w.workers[w.program:draw(#w.workers) + 1]
  if not w.on_asyncio or not other.task or other.over then return end
  other.cancelled, other.native = true, true
  other.task:cancel()
end

local function change_tokens(w)
  w.limiter.total_tokens = w.program:draw(UNITS + 1)
end

local OPERATIONS <const> = {
  function() checkpoint() end,
  function(w, me) hold(w, me, w.lock, w.queues.lock, 1) end,
  function(w, me) hold(w, me, w.fast, w.queues.fast, 1) end,
  function(w, me) hold(w, me, w.semaphore, w.queues.semaphore, UNITS) end,
  function(w, me) hold(w, me, w.limiter, w.queues.limiter, UNITS) end,
  function(w) hold_now(w.lock, w.queues.lock, 1) end,
  function(w) hold_now(w.semaphore, w.queues.semaphore, UNITS) end,
  function(w) hold_now(w.limiter, w.queues.limiter, UNITS) end,
  wait_for_change,
  notify,
  function(w) w.events[w.program:draw(2) + 1]:wait() end,
  function(w) w.events[w.program:draw(2) + 1]:set() end,
  function(w, me) send(w, me, "send") end,
  function(w, me) send(w, me, "send_nowait") end,
  function(w, me) receive(w, me, "receive") end,
  function(w, me) receive(w, me, "receive_nowait") end,
  clone,
  close,
  hasty,
  shielded,
  cancel,
  cancel_natively,
  change_tokens,
}

local function step(w, me)
  if w.program:is_over() or me.depth >= DEPTH then return end
  me.depth = me.depth + 1
  local _ <close> = setmetatable({}, {__close = function() me.depth = me.depth - 1 end})
  OPERATIONS[w.program:draw(#OPERATIONS) + 1](w, me)
end

-- A task: it goes on after it was cancelled, a few times.
local function live(w, me)
  me.task = w.on_asyncio and require("asyncio").current_task()
  for _ = 1, LIVES do
    me.scope, me.cancelled, me.native = anyio.CancelScope(), false, false
    local ok, err = pcall(me.scope, function()
      while not w.program:is_over() do
        step(w, me)
        checkpoint() -- nobody may go on for ever alone
      end
    end)
    if not ok and not (me.native and is_cancelled(err)) then error(err, 0) end
    while me.task and me.task:cancelling() > 0 do me.task:uncancel() end
    if w.program:is_over() then break end
  end
  me.over = true
  me.send:close()
  me.receive:close()
end

-- The whole -----------------------------------------------------------------------------

local function new_world(program, on_asyncio)
  local w = {
    program = program, on_asyncio = on_asyncio, step = step, items = {}, workers = {},
    lock = anyio.Lock(), fast = anyio.Lock{fast_acquire = true},
    semaphore = anyio.Semaphore(UNITS, {max_value = UNITS}),
    limiter = anyio.CapacityLimiter(UNITS), condition = anyio.Condition(),
    events = {anyio.Event(), anyio.Event()}, queues = {}, keeper = {seen = {}, name = "keeper"},
  }
  for _, name in ipairs{"lock", "fast", "semaphore", "limiter"} do
    w.queues[name] = new_queue(name)
  end
  w.keeper.send, w.keeper.receive =
    anyio.create_memory_object_stream(({0, 1, 3, math.huge})[program:draw(4) + 1])
  w.lossy = program:draw(4) == 0 -- then not even the keeper keeps it open
  return w
end

local function new_worker(w, i)
  return {
    name = "task " .. i, count = 0, depth = 0, seen = {}, scope = anyio.CancelScope(),
    send = w.keeper.send:clone(), receive = w.keeper.receive:clone(),
  }
end

local function all_over(w)
  for _, worker in ipairs(w.workers) do
    if not worker.over then return false end
  end
  return true
end

-- Whenever nothing moves any more, something happens; in the end all are cancelled.
local function conduct(w)
  while true do
    anyio.wait_all_tasks_blocked()
    if all_over(w) then return end
    if w.program:is_over() then
      w.limiter.total_tokens = UNITS
      for _, worker in ipairs(w.workers) do
        worker.cancelled = true
        worker.scope:cancel()
      end
    else
      local pick = w.program:draw(4)
      if pick == 0 then w.events[w.program:draw(2) + 1]:set()
      elseif pick == 1 then change_tokens(w)
      elseif pick == 2 then tolerate(anyio.pcall(receive, w, w.keeper, "receive_nowait"))
      else cancel(w) end
    end
  end
end

local function check(condition, what)
  if not condition then error(what, 0) end
end

local function check_end(w)
  if not w.lossy then
    while w.keeper.receive:statistics().current_buffer_used > 0 do
      receive(w, w.keeper, "receive_nowait")
    end
    for _, item in ipairs(w.items) do
      check(item.received or not item.sent, "an item was lost")
    end
  end
  for _, name in ipairs{"lock", "fast"} do
    local now = w[name]:statistics()
    check(not now.locked and now.tasks_waiting == 0, name .. " is not free in the end")
  end
  check(w.semaphore.value == UNITS, "units of the semaphore were lost")
  check(w.semaphore:statistics().tasks_waiting == 0, "somebody waits for the semaphore")
  check(w.limiter.borrowed_tokens == 0, "tokens of the limiter were lost")
  check(w.limiter:statistics().tasks_waiting == 0, "somebody waits for the limiter")
  local condition = w.condition:statistics()
  check(condition.tasks_waiting == 0 and not condition.lock_statistics.locked, "the condition")
  for _, event in ipairs(w.events) do
    check(event:statistics().tasks_waiting == 0, "somebody waits for an event")
  end
  local stream = w.keeper.receive:statistics()
  check(stream.tasks_waiting_send == 0 and stream.tasks_waiting_receive == 0,
    "somebody waits at the stream")
end

local function main(program, on_asyncio)
  local w = new_world(program, on_asyncio)
  for i = 1, 2 + program:draw(4) do w.workers[i] = new_worker(w, i) end
  if w.lossy then
    w.keeper.send:close()
    w.keeper.receive:close()
  end
  anyio.create_task_group(function(tg)
    for _, worker in ipairs(w.workers) do tg:start_soon(live, w, worker) end
    conduct(w)
  end)
  check_end(w)
  w.keeper.send:close()
  w.keeper.receive:close()
end

-- A seed for the orders that trio draws.
local function with_seed(seed, body)
  local native_run = run_lib.run
  local function restore() run_lib.run = native_run end
  local _ <close> = setmetatable({}, {__close = restore})
  function run_lib.run(opts, ...)
    if opts.backend == "trio" then opts.seed = seed end
    return native_run(opts, ...)
  end
  return body()
end

--- Runs a program; raises where the model and the library disagree.
return function(bytes, backend)
  local program = setmetatable({bytes = bytes, at = 1}, Program)
  backend = backend or (program:draw(2) == 0 and "asyncio" or "trio")
  with_seed(program:draw(256), function()
    anyio.run(main, {backend = backend}, program, backend == "asyncio")
  end)
end
