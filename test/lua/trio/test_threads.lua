--- Threads in trio's own terms.
local anyio = require "anyio"
local t = require "harness"
local trio = require "trio"
local to_thread, from_thread = trio.to_thread, trio.from_thread
local ref = anyio.lowlevel.ref

local function name() return require("threading").current_thread().name end

t.test("[TR-THR-01] a function in a thread", {backend = "trio"}, function()
  t.eq({to_thread.run_sync(function(a, b) return a + b, b end, 1, 2)}, {3, 2})
  t.raises("boom", to_thread.run_sync, function() error("boom", 0) end)
  t.raises("unknown option", to_thread.run_sync, {print, cancellable = true})
end)

t.test("[TR-THR-02 D-49] cancellation waits for the thread by default", {backend = "trio"}, function()
  local cancelled = trio.CancelScope()
  cancelled(function()
    cancelled:cancel()
    to_thread.run_sync(function() end)
    t.fail "not cancelled"
  end)
  local scope, value = trio.move_on_after(0.01, function()
    return to_thread.run_sync(function()
      local n = 0
      for i = 1, 3000000 do n = n + i end
      return n
    end)
  end)
  t.eq(value, 4500001500000)
  t.ok(not scope.cancelled_caught)
end)

t.test("[TR-THR-03 TR-THR-04 TR-THR-19 D-50] an abandoned thread", {backend = "trio", plain = true}, function()
  local limiter = trio.CapacityLimiter(1)
  local go = false
  trio.run(function()
    local scope = trio.move_on_after(0.01, function()
      to_thread.run_sync({function(release)
        while not from_thread.run_sync(release) do end
        error("nobody hears of it")
      end, abandon_on_cancel = true, limiter = limiter}, ref(function() return go end))
    end)
    t.ok(scope.cancelled_caught)
    t.eq({limiter.borrowed_tokens, trio.testing.active_thread_count()}, {1, 1})
    go = true
    trio.testing.wait_all_threads_completed()
    t.eq({limiter.borrowed_tokens, trio.testing.active_thread_count()}, {0, 0})
  end)
  go = false
  trio.run(function() -- does not wait for it
    trio.move_on_after(0.01, function()
      to_thread.run_sync({function(release)
        while pcall(from_thread.run_sync, release) do end
      end, abandon_on_cancel = true}, ref(function() return go end))
    end)
  end)
end)

t.test("[TR-THR-05 D-51] the default limiter", {backend = "trio"}, function()
  local limiter = to_thread.current_default_thread_limiter()
  t.eq(limiter.total_tokens, 40)
  t.ok(limiter == to_thread.current_default_thread_limiter())
  limiter.total_tokens = 50
  t.eq(to_thread.current_default_thread_limiter().total_tokens, 50)
end)

t.test("[TR-THR-06] any limiter with the two methods will do", {backend = "trio"}, function()
  local log, held = t.log(), nil
  local limiter = {
    acquire_on_behalf_of = function(_, b) trio.lowlevel.checkpoint(); held = b; log "acquired" end,
    release_on_behalf_of = function(_, b) t.ok(b == held); log "released" end,
  }
  t.eq(to_thread.run_sync({function() return 1 end, limiter = limiter}), 1)
  t.eq(log.items, {"acquired", "released"})
  function limiter.release_on_behalf_of() error("no release", 0) end
  t.raises("no release", to_thread.run_sync, {function() return 1 end, limiter = limiter})
  function limiter.release_on_behalf_of() error(anyio.ValueError "no release") end
  local _, err = pcall(to_thread.run_sync,
    {function() error(anyio.LookupError "mine") end, limiter = limiter})
  t.eq({err.name, err.cause.name}, {"ValueError", "LookupError"})
end)

t.test("[TR-THR-07] what cannot be called", {backend = "trio"}, function()
  t.raises("bad argument #1 to 'run_sync'", to_thread.run_sync, 5)
  t.eq(to_thread.current_default_thread_limiter().borrowed_tokens, 0)
end)

t.test("[TR-THR-08] the name of the thread", {backend = "trio"}, function()
  local function work() return name() end
  local got = to_thread.run_sync(work)
  t.ok(got:find "work from ", got)
  t.eq(to_thread.run_sync({name, thread_name = "given"}), "given")
  local comm = to_thread.run_sync({function()
    local f = io.open "/proc/thread-self/comm"
    return f:read "l", f:close()
  end, thread_name = "a name of more than fifteen bytes"})
  t.eq(comm, "a name of more ")
  t.eq(anyio.to_thread.run_sync(name), "worker")
end)

t.test("[TR-THR-09] threads are kept for the next", {backend = "trio"}, function()
  to_thread.run_sync(function() KEPT_HERE = true end) -- luacheck: ignore
  t.eq(to_thread.run_sync(function() return KEPT_HERE end), true) -- luacheck: ignore
  t.eq(select(3, require("_anyrun.thread").counts "thread"), 10)
end)

t.test("[TR-THR-10] context variables", {backend = "trio"}, function()
  local var = require("contextvars").ContextVar "v"
  var:set "before"
  t.eq(to_thread.run_sync(function()
    local seen = var:get()
    var:set "after"
    return seen
  end), "before")
  t.eq(var:get(), "before")
end)

t.test("[TR-THR-11 TR-THR-17] calls back", {backend = "trio"}, function()
  local me = trio.lowlevel.current_task()
  local got = to_thread.run_sync(function()
    local _, err = pcall(from_thread.run_sync, error, "e", 0)
    local _, err2 = pcall(from_thread.run, function() trio.sleep(0) error("f", 0) end)
    return {from_thread.run(function() trio.sleep(0) return 1 end), err, err2}
  end)
  t.eq(got, {1, "e", "f"})
  t.ok(me == trio.lowlevel.current_task())
end)

t.test("[TR-THR-12] which task runs them", {backend = "trio"}, function()
  local me = anyio.get_current_task().id
  local token = trio.lowlevel.current_trio_token()
  local function id() return anyio.get_current_task().id end
  t.eq({to_thread.run_sync(function()
    return from_thread.run(id), from_thread.run_sync(id)
  end)}, {me, me})
  local by_token = to_thread.run_sync(function(tok)
    return from_thread.run({id, trio_token = tok})
  end, token)
  t.ok(by_token ~= me)
  t.ok(to_thread.run_sync({function() return from_thread.run(id) end, abandon_on_cancel = true}) ~= me)
end)

t.test("[TR-THR-13] without a token, with a wrong one, in trio's own thread", {backend = "trio"}, function()
  t.raises(anyio.RuntimeError, from_thread.run, trio.sleep, 0)
  t.raises(anyio.RuntimeError, from_thread.run_sync, print)
  t.raises("must be a TrioToken", from_thread.run, {print, trio_token = {}})
  local token = trio.lowlevel.current_trio_token()
  t.raises("would wait for itself", from_thread.run, {print, trio_token = token})
end)

t.test("[TR-THR-14] a run that is over or ends", {backend = "trio", plain = true}, function()
  local token
  trio.run(function()
    token = trio.lowlevel.current_trio_token()
    t.eq(to_thread.run_sync(function(tok) return tok == tok end, token), true)
  end)
  local remote = token._twin
  t.raises(anyio.RunFinishedError, from_thread.run_sync, {print, trio_token = remote})
  t.raises(anyio.RunFinishedError, remote.run_sync_soon, remote, print)
  local begun, seen = false, nil
  local thread = require("threading").Thread
  trio.run(function()
    local function forever() begun = true; trio.sleep_forever() end
    local function tell(what) seen = what end
    trio.move_on_after(10, function()
      local worker = thread(function(tok, f)
        local _, err = pcall(require("trio").from_thread.run, {f, trio_token = tok})
        assert(err.name == "Cancelled" or err.name == "RunFinishedError")
      end, trio.lowlevel.current_trio_token(), ref(forever))
      worker:start()
      while not begun do trio.sleep(0.001) end
      tell "left"
    end)
  end)
  t.eq(seen, "left")
end)

t.test("[TR-THR-15] looking for a cancellation", {backend = "trio"}, function()
  for _, abandon in ipairs{false, true} do
    local scope = trio.CancelScope()
    scope(function()
      to_thread.run_sync({function(s)
        from_thread.check_cancelled()
        from_thread.run_sync(s.cancel, s)
        while true do from_thread.check_cancelled() end
      end, abandon_on_cancel = abandon}, scope)
    end)
    t.ok(scope.cancelled_caught)
  end
  t.raises(anyio.RuntimeError, from_thread.check_cancelled)
end)

t.test("[TR-THR-16] calls back for a host that is cancelled", {backend = "trio"}, function()
  local scope, log = trio.CancelScope(), t.log()
  scope(function()
    to_thread.run_sync(function(s, l)
      from_thread.run_sync(s.cancel, s)
      from_thread.run_sync(l, "sync")
      local ok = pcall(from_thread.run, function()
        l "began"
        trio.sleep(0)
        l "too far"
      end)
      from_thread.run_sync(l, tostring(ok))
    end, scope, ref(log))
    trio.lowlevel.checkpoint()
  end)
  t.eq(log.items, {"sync", "began", "false"})
end)

t.test("[TR-THR-18] calls may be nested", {backend = "trio"}, function()
  t.eq(to_thread.run_sync(function()
    return from_thread.run(function()
      return to_thread.run_sync(function()
        return from_thread.run(function() trio.sleep(0) return "deep" end)
      end)
    end)
  end), "deep")
end)

t.test("[TR-LL-15] threads below the surface", {backend = "trio"}, function()
  local token = trio.lowlevel.current_trio_token()
  local got, event = nil, trio.Event()
  local tell = ref(function(...) got = {...}; event:set() end)
  trio.lowlevel.start_thread_soon(function() return name(), 2 end, function(ok, a, b)
    token:run_sync_soon(tell, ok, a, b)
  end, "soon")
  event:wait()
  t.eq(got, {true, "soon", 2})
  event = trio.Event()
  trio.lowlevel.start_thread_soon(function() error("e", 0) end, function(ok, e)
    token:run_sync_soon(tell, ok, e)
  end)
  event:wait()
  t.eq(got, {false, "e"})
end)

t.test("[TR-TOK-01] the token that comes home is the same", {backend = "trio"}, function()
  local token = trio.lowlevel.current_trio_token()
  local back, same = to_thread.run_sync(function(tok)
    local mine = from_thread.run_sync(trio.lowlevel.current_trio_token)
    return mine, mine == tok
  end, token)
  t.eq({back == token, token == back, same, token == {}}, {true, true, true, false})
end)

t.test("[TR-TOK-02 TR-TOK-03] the token from another thread", {backend = "trio"}, function()
  local token, log, event = trio.lowlevel.current_trio_token(), t.log(), trio.Event()
  to_thread.run_sync(function(tok, l, e)
    for i = 1, 10 do tok:run_sync_soon(l, i) end
    tok:run_sync_soon(e.set, e)
  end, token, ref(log), event)
  event:wait()
  t.eq(log.items, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
end)

t.test("[TR-TOK-04] what another thread brings while the run ends is made, or refused",
  {backend = "trio", plain = true}, function()
  local thread, Thread = require "_anyrun.thread", require("threading").Thread
  for round = 1, 20 do
    local made, accepted, threads = 0, thread.cell(), {}
    local function flood(tok, cell, count)
      local n = 0
      while pcall(tok.run_sync_soon, tok, count) do
        n = n + 1 -- and now and then the run gets its turn
        if n % 64 == 0 and not pcall(from_thread.run_sync, {tostring, trio_token = tok}, 1) then break end
      end
      local sum = cell:lock() or 0
      cell:unlock(sum + n)
    end
    trio.run(function()
      local token = trio.lowlevel.current_trio_token()
      local count = ref(function() made = made + 1 end)
      for i = 1, 2 do
        threads[i] = Thread(flood, token, accepted, count)
        threads[i]:start()
      end
      while made < round * 5 do trio.sleep(0) end
    end)
    for i = 1, 2 do threads[i]:join() end
    local sum = accepted:lock()
    accepted:unlock(sum)
    t.eq(made, sum)
    t.ok(sum >= round * 5)
  end
end)

t.test("[TR-KI-12] control-C in a call back reaches the thread", {backend = "trio"}, function()
  local got = to_thread.run_sync(function()
    local _, err = pcall(from_thread.run_sync, function() error(anyio.KeyboardInterrupt()) end)
    return err.name
  end)
  t.eq(got, "KeyboardInterrupt")
end)

t.test("[TR-RUN-06 RUN-19] each thread may have a run of its own", {backend = "trio"}, function()
  local function inner(backend)
    return anyio.run(function() anyio.sleep(0.001) return current_async_library() end, {backend = backend})
  end
  local got = {}
  trio.open_nursery(function(nursery)
    for i, backend in ipairs{"asyncio", "trio", "asyncio", "trio"} do
      nursery:start_soon(function() got[i] = to_thread.run_sync(inner, backend) end)
    end
  end)
  t.eq(got, {"asyncio", "trio", "asyncio", "trio"})
end)
