--- The primitives of trio and asyncio, cancelled at each place where their user
--- waits.
local anyio = require "anyio"
local each_checkpoint = require("fault.checkpoints").each_checkpoint
local t = require "harness"
local checkpoint = require("anyio.lowlevel").checkpoint

local function turns(n)
  for _ = 1, n do checkpoint() end
end

local function torture(backend, title, case)
  t.test(title, {backend = backend}, function()
    local check = case.check
    function case.check(state, outcome)
      t.ok(outcome.ended or outcome.cancelled, "ends or is cancelled")
      anyio.fail_after(20, function() check(state, outcome) end)
    end
    t.ok(each_checkpoint(case) > 2, "was hit more than once")
  end)
end

local function lock_like(backend, title, make, free)
  torture(backend, title, {
    setup = function() return {thing = make(), inside = 0} end,
    partners = {function(state)
      for _ = 1, 2 do
        state.thing:acquire()
        turns(2)
        state.thing:release()
      end
    end},
    body = function(state)
      for _ = 1, 2 do
        checkpoint()
        state.thing:acquire()
        state.inside = state.inside + 1
        local ok, err = pcall(checkpoint)
        state.inside = state.inside - 1
        t.eq(state.inside, 0, "one at a time")
        state.thing:release()
        if not ok then error(err, 0) end
      end
    end,
    check = function(state)
      state.thing:acquire()
      state.thing:release()
      turns(12)
      t.ok(free(state.thing), "free in the end")
    end,
  })
end

local function unlocked(thing) return not thing:locked() end

-- trio ---------------------------------------------------------------------------

local trio = t.backend == "trio" and require "trio" or {}

lock_like("trio", "[TR-LOCK-03] trio's Lock", trio.Lock, unlocked)
lock_like("trio", "[TR-LOCK-06] StrictFIFOLock", trio.StrictFIFOLock, unlocked)
lock_like("trio", "[TR-SEM-02] trio's Semaphore",
  function() return trio.Semaphore(1, {max_value = 1}) end,
  function(semaphore) return semaphore.value == 1 end)
lock_like("trio", "[TR-CAP-06] trio's CapacityLimiter", function() return trio.CapacityLimiter(1) end,
  function(limiter)
    return limiter.borrowed_tokens == 0 and limiter:statistics().tasks_waiting == 0
  end)

torture("trio", "[TR-COND-04] trio's Condition", {
  setup = function() return {condition = trio.Condition()} end,
  partners = {function(state)
    turns(3)
    for _ = 1, 3 do
      do
        local _ <close> = state.condition:acquire()
        state.condition:notify_all()
      end
      checkpoint()
    end
  end},
  body = function(state)
    local _ <close> = state.condition:acquire()
    local ok, err = pcall(state.condition.wait, state.condition)
    t.ok(state.condition:locked(), "the lock is held again")
    if not ok then error(err, 0) end
  end,
  check = function(state)
    turns(20)
    t.no(state.condition:locked())
    t.eq(state.condition:statistics().tasks_waiting, 0)
  end,
})

torture("trio", "[TR-PL-02] a parking lot forgets who is cancelled", {
  setup = function() return {lot = trio.lowlevel.ParkingLot()} end,
  partners = {function(state)
    for _ = 1, 6 do
      checkpoint()
      state.lot:unpark()
    end
    state.over = true
  end},
  body = function(state)
    state.lot:park()
    state.lot:park()
  end,
  check = function(state)
    while not state.over do checkpoint() end
    t.eq(#state.lot, 0)
  end,
})

torture("trio", "[TR-CH-16] a safe channel closes its generator, and loses no value", {
  setup = function() return {made = 0, got = {}} end,
  body = function(state)
    local safe = trio.as_safe_channel(function(yield)
      local _ <close> = setmetatable({}, {__close = function() state.closed = true end})
      for i = 1, 3 do
        checkpoint()
        state.made = i
        yield(i)
      end
    end)
    state.begun = true
    safe()(function(values)
      for value in values do state.got[#state.got + 1] = value end
    end)
  end,
  check = function(state)
    t.ok(state.closed or state.made == 0, "closed where it had begun")
    for i, value in ipairs(state.got) do t.eq(value, i) end
    t.ok(state.made - #state.got <= 1, "one at a time")
  end,
})

-- asyncio ------------------------------------------------------------------------

local asyncio = t.backend == "asyncio" and require "asyncio" or {}

lock_like("asyncio", "[AS-LOCK-03] asyncio's Lock", asyncio.Lock, unlocked)
lock_like("asyncio", "[AS-SEM-01] asyncio's Semaphore", asyncio.Semaphore, unlocked)
lock_like("asyncio", "[AS-SEM-02] BoundedSemaphore",
  function() return asyncio.BoundedSemaphore(1) end, unlocked)

torture("asyncio", "asyncio's Event", {
  setup = function() return {event = asyncio.Event()} end,
  partners = {function(state)
    turns(3)
    state.event:set()
  end},
  body = function(state)
    checkpoint()
    state.event:wait()
    checkpoint()
  end,
  check = function(state) state.event:wait() end,
})

torture("asyncio", "asyncio's Condition", {
  setup = function() return {condition = asyncio.Condition(), woken = 0} end,
  partners = {function(state)
    state.condition:acquire()
    state.condition:wait()
    state.woken = state.woken + 1
    state.condition:release()
  end, function(state)
    turns(4)
    for _ = 1, 2 do
      state.condition:acquire()
      state.condition:notify()
      state.condition:release()
      turns(2)
    end
    state.notified = true
  end},
  body = function(state)
    checkpoint()
    state.condition:acquire()
    local ok, err = pcall(state.condition.wait, state.condition)
    t.ok(state.condition:locked(), "the lock is held again")
    state.condition:release()
    if not ok then error(err, 0) end
  end,
  check = function(state)
    while not state.notified do checkpoint() end
    turns(6)
    t.eq(state.woken, 1, "the other one was woken")
    t.no(state.condition:locked())
  end,
})

torture("asyncio", "a Barrier that one leaves works for those who come", {
  setup = function() return {barrier = asyncio.Barrier(2), passed = 0} end,
  partners = {function(state)
    turns(2)
    state.barrier:wait()
    state.passed = state.passed + 1
  end},
  body = function(state)
    checkpoint()
    state.barrier:wait()
    state.passed = state.passed + 1
    checkpoint()
  end,
  check = function(state)
    turns(6)
    if state.barrier.n_waiting == 1 then
      state.barrier:wait()
      turns(4)
      t.ok(state.passed >= 1, "the other one passed")
    end
    t.eq(state.barrier.n_waiting, 0)
    t.no(state.barrier.broken)
  end,
})

local function queue_case(class)
  return {
    setup = function() return {queue = asyncio[class](1), got = {}} end,
    partners = {function(state)
      for i = 1, 6 do state.queue:put(i) end
      state.put = true
    end},
    body = function(state)
      for _ = 1, 3 do
        checkpoint()
        state.got[#state.got + 1] = state.queue:get()
      end
    end,
    check = function(state)
      while #state.got < 6 do state.got[#state.got + 1] = state.queue:get() end
      for i = 1, 6 do t.eq(state.got[i], i) end
      while not state.put do checkpoint() end
      t.ok(state.queue:empty())
    end,
  }
end

for _, class in ipairs{"Queue", "PriorityQueue", "LifoQueue"} do
  torture("asyncio", "[AS-Q-04] get from a " .. class, queue_case(class))
end

torture("asyncio", "[AS-Q-04] put into a queue", {
  setup = function() return {queue = asyncio.Queue(1), got = {}, sent = 0} end,
  partners = {function(state)
    while true do
      state.got[#state.got + 1] = state.queue:get()
      state.queue:task_done()
      checkpoint()
    end
  end},
  body = function(state)
    for i = 1, 4 do
      state.queue:put(i)
      state.sent = i
    end
    state.queue:join()
  end,
  check = function(state)
    state.queue:join()
    for i, item in ipairs(state.got) do t.eq(item, i) end
    t.ok(#state.got >= state.sent, "what was put arrives")
    state.queue:put "last"
    state.queue:join()
    t.eq(state.got[#state.got], "last")
  end,
})
