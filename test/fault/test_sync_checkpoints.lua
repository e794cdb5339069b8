--- Every primitive and every stream between tasks, cancelled at each of the
--- places where its user waits: nothing it guards is lost, nothing is kept.
local anyio = require "anyio"
local each_checkpoint = require("fault.checkpoints").each_checkpoint
local t = require "harness"
local checkpoint = require("anyio.lowlevel").checkpoint

local function turns(n)
  for _ = 1, n do checkpoint() end
end

-- Within a time that only a lost wake-up would use up.
local function soon(f, ...)
  local args = table.pack(...)
  return select(2, anyio.fail_after(20, function()
    return f(table.unpack(args, 1, args.n))
  end))
end

local function torture(title, case)
  local opts = {backend = case.backend}
  case.backend = nil
  t.test(title, opts, function()
    local check = case.check
    function case.check(state, outcome)
      t.ok(outcome.ended or outcome.cancelled, "ends or is cancelled")
      soon(check, state, outcome)
    end
    t.ok(each_checkpoint(case) > 2, "was hit more than once")
  end)
end

-- Primitives -----------------------------------------------------------------

-- A lock-like thing: `make()`; `free(thing)` says whether nobody has it.
local function lock_like(title, make, free, backend)
  torture(title, {
    backend = backend,
    setup = function() return {thing = make(), inside = 0} end,
    partners = {function(state)
      for _ = 1, 2 do
        local _ <close> = state.thing:acquire()
        state.inside = state.inside + 1
        t.eq(state.inside, 1, "one at a time")
        state.inside = state.inside - 1
        turns(2)
      end
    end},
    body = function(state)
      for _ = 1, 2 do
        checkpoint()
        local _ <close> = state.thing:acquire()
        state.inside = state.inside + 1
        t.eq(state.inside, 1, "one at a time")
        state.inside = state.inside - 1
        checkpoint()
      end
    end,
    check = function(state)
      do local _ <close> = state.thing:acquire() end
      turns(12) -- the partner's
      t.ok(free(state.thing), "free in the end")
    end,
  })
end

local function unlocked(lock) return not lock:locked() end

lock_like("[SY-17 SY-18 SY-20] Lock", anyio.Lock, unlocked)
lock_like("[SY-15 SY-17] Lock with fast_acquire", function()
  return anyio.Lock{fast_acquire = true}
end, unlocked)
lock_like("[SY-37 SY-39] Semaphore", function() return anyio.Semaphore(1) end,
  function(semaphore) return semaphore.value == 1 end)
lock_like("[SY-35 SY-37] Semaphore with fast_acquire", function()
  return anyio.Semaphore(1, {fast_acquire = true})
end, function(semaphore) return semaphore.value == 1 end)
lock_like("[SY-58] CapacityLimiter", function() return anyio.CapacityLimiter(1) end,
  function(limiter) return limiter.borrowed_tokens == 0 end)
lock_like("[SY-23] Condition as a lock", anyio.Condition, function(condition)
  return not condition:locked()
end)

torture("[SY-58] CapacityLimiter on behalf of objects, while tokens come and go", {
  setup = function() return {limiter = anyio.CapacityLimiter(0), mine = {}} end,
  partners = {function(state)
    for i = 1, 4 do
      state.limiter.total_tokens = i % 2
      checkpoint()
    end
    state.limiter.total_tokens = 1
  end},
  body = function(state)
    local limiter = state.limiter
    for _ = 1, 2 do
      limiter:acquire_on_behalf_of(state.mine)
      local _ <close> = setmetatable({}, {__close = function()
        limiter:release_on_behalf_of(state.mine)
      end})
      checkpoint()
    end
  end,
  check = function(state)
    t.eq(state.limiter.borrowed_tokens, 0)
    do local _ <close> = state.limiter:acquire() end
    t.eq(state.limiter:statistics().tasks_waiting, 0)
  end,
})

torture("[SY-04 SY-05] Event", {
  setup = function() return {event = anyio.Event()} end,
  partners = {function(state)
    turns(3)
    state.event:set()
  end},
  body = function(state)
    state.event:wait()
    state.event:wait()
  end,
  check = function(state)
    state.event:wait()
    t.eq(state.event:statistics().tasks_waiting, 0)
  end,
})

torture("[SY-69] Future", {
  setup = function() return {future = anyio.Future()} end,
  partners = {function(state)
    turns(3)
    state.future.return_value = "value"
  end},
  body = function(state)
    t.eq(state.future:await(), "value")
    t.eq(state.future:await(), "value")
  end,
  check = function(state) t.eq(state.future:await(), "value") end,
})

-- Two wait, one is notified at a time: a notification that came to one who was
-- cancelled goes to the other.
torture("[SY-28 SY-29] Condition", {
  setup = function() return {condition = anyio.Condition(), woken = 0} end,
  partners = {function(state)
    local _ <close> = state.condition:acquire()
    state.condition:wait()
    state.woken = state.woken + 1
  end, function(state)
    turns(4)
    for _ = 1, 2 do
      do
        local _ <close> = state.condition:acquire()
        state.condition:notify()
      end
      turns(2)
    end
    state.notified = true
  end},
  body = function(state)
    checkpoint()
    local _ <close> = state.condition:acquire()
    local ok, err = pcall(state.condition.wait, state.condition)
    t.ok(state.condition:locked(), "the lock is held again")
    t.eq(state.condition:statistics().lock_statistics.owner, anyio.get_current_task())
    if not ok then error(err, 0) end
  end,
  check = function(state)
    while not state.notified do checkpoint() end
    turns(6)
    t.eq(state.woken, 1, "the other one was woken")
    t.no(state.condition:locked())
    t.eq(state.condition:statistics().tasks_waiting, 0)
  end,
})

-- Streams ----------------------------------------------------------------------

-- Everything that was sent arrives, in order: what the body got, then the rest.
local function check_items(state, outcome, last)
  local got, receive = state.got, state.receive
  if outcome.cancelled or outcome.ended then
    while got[#got] ~= last do got[#got + 1] = receive(state) end
  end
  for i = 1, last do t.eq(got[i], i, "item") end
end

local function receiver(title, size, how, opts)
  opts = opts or {}
  torture(title, {
    backend = opts.backend,
    setup = function()
      local send, receive = (opts.open or anyio.create_memory_object_stream)(size)
      return {send = send, stream = receive, got = {}, receive = how}
    end,
    partners = {function(state)
      for i = 1, 6 do state.send:send(i) end
      state.sent = true
    end},
    body = function(state)
      for _ = 1, 3 do
        checkpoint()
        state.got[#state.got + 1] = how(state)
      end
    end,
    check = function(state, outcome)
      check_items(state, outcome, 6)
      while not state.sent do checkpoint() end
      state.send:close()
      state.stream:close()
    end,
  })
end

local function by_receive(state) return state.stream:receive() end
local function by_loop(state) return state.stream() end -- as `for` does

for _, size in ipairs{0, 1, 4} do
  receiver(("[MS-19 MS-21 MS-23] receive from a stream of %d"):format(size), size, by_receive)
  receiver(("[MS-07 MS-19] a loop over a stream of %d"):format(size), size, by_loop)
end

-- Who sends: an item whose send returned arrives, one whose send was cancelled
-- by a scope does not; a native request may take the result of a send away.
local function sender(title, size, opts)
  opts = opts or {}
  torture(title, {
    backend = opts.backend,
    setup = function()
      local send, receive = (opts.open or anyio.create_memory_object_stream)(size)
      return {send = send, stream = receive, sent = {}, got = {}}
    end,
    partners = {function(state)
      for item in state.stream do
        state.got[#state.got + 1] = item
        checkpoint()
      end
      state.over = true
    end},
    body = function(state)
      for i = 1, 4 do
        state.trying = i
        state.send:send(i)
        state.sent[i] = true
      end
    end,
    check = function(state, outcome)
      state.send:close()
      while not state.over do checkpoint() end
      local last = state.got[#state.got] or 0
      for i = 1, last do t.eq(state.got[i], i, "in order, each once") end
      for i in pairs(state.sent) do t.ok(i <= last, "what was sent arrives") end
      if outcome.cancelled and outcome.how == "scope" then
        t.eq(last, state.trying - 1, "what was not sent does not")
      end
      state.stream:close()
    end,
  })
end

for _, size in ipairs{0, 1, 4} do
  sender(("[MS-08 MS-20] send into a stream of %d"):format(size), size)
end

local trio_channels = {
  backend = "trio",
  open = function(size) return require("trio").open_memory_channel(size) end,
}
for _, size in ipairs{0, 2} do
  receiver(("[TR-CH-13] receive from trio's channel of %d"):format(size), size, by_receive,
    trio_channels)
  sender(("[TR-CH-13] send into trio's channel of %d"):format(size), size, trio_channels)
end

-- Wrappers: bytes and text in awkward pieces ------------------------------------------

-- The body reads with `read`, is cancelled, and the rest is read by the check:
-- together they have read everything.
local function reader(title, pieces, open, read)
  local all = table.concat(pieces)
  torture(title, {
    setup = function()
      local send, receive = anyio.create_memory_object_stream()
      return {send = send, stream = open(receive), got = {}}
    end,
    partners = {function(state)
      for _, piece in ipairs(pieces) do state.send:send(piece) end
      state.send:close()
    end},
    body = function(state)
      for _ = 1, 3 do state.got[#state.got + 1] = read(state.stream) end
    end,
    check = function(state)
      for chunk in state.stream do state.got[#state.got + 1] = chunk end
      t.eq(table.concat(state.got), all)
      state.stream:aclose()
    end,
  })
end

local PIECES <const> = {"a", "b|", "c", "|d", "e|f", "g"}
local buffered = require "anyio.streams.buffered"
local text = require "anyio.streams.text"

reader("[ST-06] receive_exactly keeps what it has", PIECES,
  buffered.BufferedByteReceiveStream, function(stream) return stream:receive_exactly(3) end)
reader("[ST-07] receive_until keeps what it has", PIECES,
  buffered.BufferedByteReceiveStream, function(stream) return stream:receive_until("|", 99) .. "|" end)
reader("[ST-10] receive keeps what is too much", PIECES,
  buffered.BufferedByteReceiveStream, function(stream) return stream:receive(1) end)
reader("[ST-24] a text stream keeps half a character", {"\xc3", "\xa5b\xe2", "\x82", "\xac", "z"},
  text.TextReceiveStream, function(stream) return stream:receive() end)

torture("[ST-19] closing a stapled stream closes both parts wherever it is cancelled", {
  setup = function()
    local closed = {}
    local function part(name)
      return {aclose = function()
        local _ <close> = setmetatable({}, {__close = function() closed[name] = true end})
        turns(2)
      end}
    end
    local stream = require("anyio.streams.stapled").StapledByteStream(part "a", part "b")
    return {stream = stream, closed = closed}
  end,
  body = function(state)
    state.begun = true
    state.stream:aclose()
  end,
  check = function(state)
    if state.begun then t.eq(state.closed, {a = true, b = true}) end
  end,
})

-- Functions over several tasks ---------------------------------------------------------

torture("[CU-02 CU-09] gather, amap, as_completed leave nobody behind", {
  setup = function() return {living = 0} end,
  body = function(state)
    local function work(n)
      state.living = state.living + 1
      local _ <close> = setmetatable({}, {__close = function() state.living = state.living - 1 end})
      turns(n)
      return n
    end
    t.eq({anyio.gather(function() return work(1) end, function() return work(2) end)}, {1, 2})
    t.eq(anyio.amap(work, {1, 2}), {1, 2})
    anyio.as_completed(function() return work(1) end, function() return work(3) end,
      function(receive)
        for handle in receive do t.ok(handle.return_value) end
      end)
  end,
  check = function(state) t.eq(state.living, 0) end,
})

torture("[FT-08] a cached function whose caller is cancelled is called by the next", {
  setup = function()
    local state = {calls = 0}
    state.f = require("anyio.functools").lru_cache(function(n)
      state.calls = state.calls + 1
      turns(2)
      return n
    end)
    return state
  end,
  partners = {function(state)
    checkpoint()
    t.eq(state.f(7), 7)
    state.other = true
  end},
  body = function(state)
    t.eq(state.f(7), 7)
    t.eq(state.f(7), 7)
  end,
  check = function(state)
    while not state.other do checkpoint() end
    t.eq(state.f(7), 7)
    t.eq(state.f:cache_info().currsize, 1)
    t.ok(state.calls <= 2, "calls")
  end,
})

torture("[IT-24] readers of one source share each item", {
  setup = function()
    local n = 0
    local a, b = require("anyio.itertools").tee(function()
      checkpoint()
      n = n + 1
      if n <= 6 then return n end
    end)
    return {a = a, b = b, mine = {}, other = {}}
  end,
  partners = {function(state)
    for item in state.b do state.other[#state.other + 1] = item end
    state.over = true
  end},
  body = function(state)
    for _ = 1, 4 do state.mine[#state.mine + 1] = state.a() end
  end,
  check = function(state)
    while not state.over do checkpoint() end
    for item in state.a do state.mine[#state.mine + 1] = item end
    t.eq(state.mine, {1, 2, 3, 4, 5, 6})
    t.eq(state.other, {1, 2, 3, 4, 5, 6})
  end,
})
