--- Caches of functions that wait; reduce.
local anyio = require "anyio"
local functools = require "anyio.functools"
local t = require "harness"
local checkpoint = anyio.lowlevel.checkpoint

local function counted(f)
  local calls = {n = 0}
  return function(...)
    calls.n = calls.n + 1
    checkpoint()
    return (f or function(x) return x end)(...)
  end, calls
end

t.test("[FT-01 FT-03] cache counts hits and misses; parameters", function()
  local f, calls = counted()
  local cached = functools.cache(f)
  t.eq(cached(1), 1)
  t.eq(cached(1), 1)
  t.eq(calls.n, 1)
  t.eq(cached:cache_info(), {hits = 1, misses = 1, currsize = 1})
  t.eq(functools.lru_cache(f):cache_parameters(),
    {maxsize = 128, typed = false, always_checkpoint = false})
  t.eq(functools.lru_cache{maxsize = 3, ttl = 2}(f):cache_parameters(),
    {maxsize = 3, typed = false, always_checkpoint = false, ttl = 2})
  t.raises(anyio.TypeError, functools.lru_cache, 1)
  t.raises(anyio.TypeError, functools.cache, {})
end)

t.test("[FT-04 FT-05] without room nothing is cached; clearing", function()
  local f, calls = counted()
  local none = functools.lru_cache(f, {maxsize = -1})
  none(1)
  none(1)
  t.eq(calls.n, 2)
  t.eq(none:cache_info(), {hits = 0, misses = 2, maxsize = 0, currsize = 0})
  local cached = functools.lru_cache(f)
  cached(1)
  cached:cache_clear()
  t.eq(cached:cache_info(), {hits = 0, misses = 0, maxsize = 128, currsize = 0})
  cached(1)
  t.eq(calls.n, 4)
end)

t.test("[FT-06] what makes a key", function()
  local f, calls = counted(function(...) return select("#", ...) end)
  local cached = functools.cache(f)
  cached(1, "2")
  cached(1.0, "2")
  t.eq(calls.n, 1)
  cached("1", "2")
  cached(1, {b = "2"})
  cached(1, {b = "2"})
  cached(1)
  cached(1, nil)
  cached(false)
  t.eq(calls.n, 6)
  local typed = functools.lru_cache(f, {typed = true})
  calls.n = 0
  typed(1)
  typed(1.0)
  t.eq(calls.n, 2)
end)

t.test("[FT-07] the one not used for longest goes first", function()
  local f, calls = counted()
  local cached = functools.lru_cache(f, {maxsize = 2})
  for _, x in ipairs{1, 2, 1, 3} do cached(x) end
  t.eq(calls.n, 3)
  cached(1)
  t.eq(calls.n, 3)
  cached(2)
  t.eq(calls.n, 4)
  t.eq(cached:cache_info().currsize, 2)
end)

t.test("[FT-08 FT-13] concurrent calls of one key are one call", function()
  for _, always in ipairs{true, false} do
    local calls = 0
    local cached = functools.lru_cache(function(x)
      calls = calls + 1
      if x == "slow" then anyio.wait_all_tasks_blocked() end
      return x
    end, {always_checkpoint = always, ttl = 10})
    anyio.create_task_group(function(tg)
      for _ = 1, 100 do
        tg:start_soon(function() t.eq(cached "slow", "slow") end)
      end
      t.eq(cached "other", "other")
    end)
    t.eq(calls, 2)
    local info = cached:cache_info()
    t.eq({info.hits, info.misses}, {99, 2})
  end
end)

t.test("[FT-09 FT-11] two wrappings are two caches; methods", function()
  local f, calls = counted(function(_, x) return x end)
  local Class = {get = functools.cache(f), other = functools.cache(f)}
  Class.__index = Class
  local a, b = setmetatable({}, Class), setmetatable({}, Class)
  t.eq({a:get(1), a:get(1), b:get(1), a:other(1)}, {1, 1, 1, 1})
  t.eq(calls.n, 3)
  t.eq(a.get:cache_info().hits, 1)
end)

t.test("[FT-10] a hit is a checkpoint only where asked for", function()
  for _, always in ipairs{true, false} do
    local cached = functools.lru_cache(function(x) return x end, {always_checkpoint = always})
    cached(1)
    local scope = anyio.CancelScope(function(scope)
      scope:cancel()
      cached(1)
    end)
    t.eq(scope.cancelled_caught, always)
  end
end)

t.test("[FT-12] an entry is stale after its time", {mock_clock = true}, function()
  local f, calls = counted()
  local cached = functools.lru_cache(f, {ttl = 0.05})
  cached(1)
  cached(1)
  t.eq(calls.n, 1)
  anyio.sleep(0.06)
  cached(1)
  t.eq(calls.n, 2)
  t.eq(cached:cache_info().currsize, 1)
end)

t.test("[FT-14] caches are per run", {plain = true}, function()
  local calls = 0
  local cached = functools.cache(function() calls = calls + 1 end)
  for _ = 1, 2 do
    t.run(function()
      cached()
      cached()
    end)
  end
  t.eq(calls, 2)
end)

t.test("[FT-15] a failing call is not cached, and the next tries again", function()
  local calls = 0
  local cached = functools.cache(function()
    calls = calls + 1
    checkpoint()
    if calls < 3 then error(anyio.ValueError "no") end
    return calls
  end)
  t.raises(anyio.ValueError, cached)
  t.eq(cached:cache_info().currsize, 0)
  local results = t.log()
  anyio.create_task_group(function(tg)
    for _ = 1, 3 do
      tg:start_soon(function()
        local ok, value = anyio.pcall(cached)
        results(ok and value or "failed")
      end)
    end
  end)
  table.sort(results.items, function(a, b) return tostring(a) < tostring(b) end)
  t.eq(results.items, {3, 3, "failed"})
  t.eq(cached:cache_info().currsize, 1)
end)

local function add(a, b)
  checkpoint()
  return a + b
end

t.test("[FT-16 FT-17] reduce folds lists, iterators and streams", function()
  t.eq(functools.reduce(add, {1, 2, 3}), 6)
  t.eq(functools.reduce(add, {1, 2, 3}, 10), 16)
  local send, receive = anyio.create_memory_object_stream(3)
  for i = 1, 3 do send:send(i) end
  send:close()
  t.eq(functools.reduce(add, receive, 1), 7)
  t.raises(anyio.TypeError, functools.reduce, add, receive)
  receive:close()
  t.raises(anyio.TypeError, functools.reduce, add, {})
  t.raises(anyio.TypeError, functools.reduce, add, 5)
  t.eq(functools.reduce(add, {}, 5), 5)
end)

t.test("[FT-18] reduce is a checkpoint, whatever it folds", function()
  for _, list in ipairs{{}, {1}} do
    local scope = anyio.CancelScope(function(scope)
      scope:cancel()
      functools.reduce(add, list, 0)
    end)
    t.ok(scope.cancelled_caught)
  end
end)
