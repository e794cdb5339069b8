--- Runs in two threads that call each other and block meanwhile.
local anyio = require "anyio"
local t = require "harness"
local start_blocking_portal = anyio.from_thread.start_blocking_portal

-- Two runs in threads of their own, of each pair of backends.
local function each_pair(body)
  for _, one in ipairs{"asyncio", "trio"} do
    for _, other in ipairs{"asyncio", "trio"} do
      start_blocking_portal({backend = one}, function(a)
        start_blocking_portal({backend = other}, function(b) body(a, b) end)
      end)
    end
  end
end

-- Whoever closes the circle hears of it: mostly who called last, but one that is
-- called may be quicker to wait than who called it. The name of the error,
-- whether it was raised here or is what `f` returned.
local function heard(portal, f, ...)
  local ok, result = pcall(portal.call, portal, f, ...)
  return ok and result or result.name
end

-- In the loop of `mine`: has `other` call `method` of `mine`.
local function there_and_back(method, mine, other)
  return other:call(function(portal)
    local ok, err = pcall(portal[method], portal, math.max, 1, 2)
    return ok or err.name
  end, mine)
end

t.test("a call back to a loop that blocks for the caller is a deadlock, and says so", {plain = true}, function()
  each_pair(function(a, b)
    for _, method in ipairs{"call", "start_task"} do
      t.eq(heard(a, there_and_back, method, a, b), "DeadlockError")
    end
    t.eq({a:call(math.max, 1, 2), b:call(math.max, 1, 2)}, {2, 2})
  end)
end)

t.test("a task is started in a loop that blocks for the caller", {plain = true}, function()
  each_pair(function(a, b)
    local value = a:call(function(mine, other)
      local future = other:call(function(portal)
        return portal:start_task_soon(math.max, 1, 2)
      end, mine)
      anyio.wait_all_tasks_blocked()
      return future:result()
    end, a, b)
    t.eq(value, 2)
  end)
end)

t.test("three in a circle", {plain = true}, function()
  start_blocking_portal({backend = t.backend}, function(a)
    each_pair(function(b, c)
      local got = heard(a, function(x, y, z)
        return y:call(function(u, w)
          return w:call(function(v)
            return select(2, pcall(v.call, v, math.max, 1)).name
          end, u)
        end, x, z)
      end, a, b, c)
      t.eq(got, "DeadlockError")
    end)
  end)
end)

t.test("from_thread by a token, too", {plain = true}, function()
  local from_thread = anyio.from_thread
  each_pair(function(a, b)
    local token = a:call(anyio.lowlevel.current_token)
    for _, name in ipairs{"run", "run_sync"} do
      local got = heard(a, function(other)
        return other:call(function()
          local _, err = pcall(from_thread[name], {print, token = token})
          return err.name
        end)
      end, b)
      t.eq(got, "DeadlockError")
    end
  end)
end)

-- In the loop of one: calls the other n times. Whatever is refused is so because
-- the other called at the same moment.
local function call_often(other, n)
  local made, refused = 0, 0
  for _ = 1, n do
    local ok, err = pcall(other.call, other, math.max, 1, 2)
    if ok then
      made = made + 1
    elseif err.name == "DeadlockError" then
      refused = refused + 1
    else
      error(err)
    end
    anyio.lowlevel.checkpoint()
  end
  return made + refused
end

t.test("two that call each other at the same moment go on", {plain = true}, function()
  each_pair(function(a, b)
    local one = a:start_task_soon(call_often, b, 100)
    local other = b:start_task_soon(call_often, a, 100)
    t.eq({one:result(), other:result()}, {100, 100})
  end)
end)

t.test("by start_task_soon nothing is refused", {plain = true}, function()
  each_pair(function(a, b)
    local function start_often(other)
      local list = {}
      for i = 1, 100 do
        list[i] = other:start_task_soon(math.max, 0, i)
        if i % 8 == 0 then anyio.lowlevel.checkpoint() end
      end
      return list
    end
    local one, other = a:start_task_soon(start_often, b), b:start_task_soon(start_often, a)
    for _, list in ipairs{one:result(), other:result()} do
      for i = 1, 100 do t.eq(list[i]:result(), i) end
    end
  end)
end)

t.test("through worker threads they do not wait for each other", {plain = true}, function()
  each_pair(function(a, b)
    local got = a:call(function(mine, other)
      return anyio.to_thread.run_sync(function()
        return other:call(function()
          return anyio.to_thread.run_sync(function() return mine:call(math.max, 3, 4) end)
        end)
      end)
    end, a, b)
    t.eq(got, 4)
  end)
end)
