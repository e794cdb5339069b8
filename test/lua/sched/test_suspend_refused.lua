--- Where Lua itself cannot suspend: the error says so and names the function.
local anyio = require "anyio"
local t = require "harness"
local checkpoint = anyio.lowlevel.checkpoint

local function refusal(name)
  return "cannot await inside '" .. name .. "' (a C function that cannot be suspended)"
end

--- Every waiting call must be refused by the same words, here.
local function refuses(name, ...)
  local err = t.raises(refusal(name), ...)
  t.isa(err, anyio.RuntimeError)
  checkpoint()
  return err
end

local function unsorted() return {3, 1, 2, 5, 4} end

t.test("a comparator of table.sort", function()
  refuses("table.sort", table.sort, unsorted(), function(a, b)
    anyio.sleep(0)
    return a < b
  end)
end)

t.test("the message is exactly the one the manual quotes", function()
  local seen
  table.sort(unsorted(), function(a, b)
    local _, err = pcall(checkpoint)
    seen = err
    return a < b
  end)
  t.eq(seen.message,
    "cannot await inside 'table.sort' (a C function that cannot be suspended)")
end)

t.test("every waiting call is refused there, before it does anything", function()
  local ran = false
  anyio.create_task_group(function(tg)
    local finished = tg:start_soon(checkpoint)
    finished:wait()
    local calls = {
      checkpoint = checkpoint,
      cancel_shielded_checkpoint = anyio.lowlevel.cancel_shielded_checkpoint,
      sleep = function() anyio.sleep(0.01) end,
      sleep_forever = anyio.sleep_forever,
      await = function() finished:await() end,
      wait = function() finished:wait() end,
      start = function() tg:start(function() ran = true end) end,
      create_task_group = function()
        anyio.create_task_group(function(inner)
          inner:start_soon(function() end)
        end)
      end,
      wait_all_tasks_blocked = anyio.wait_all_tasks_blocked,
    }
    for name, call in pairs(calls) do
      local err
      table.sort({2, 1}, function(a, b)
        local ok
        ok, err = pcall(call)
        t.no(ok, name)
        return a < b
      end)
      t.ok(tostring(err):find(refusal "table.sort", 1, true), name .. ": " .. tostring(err))
    end
    checkpoint()
  end)
  t.no(ran)
end)

t.test("in a cancelled scope, too", function()
  anyio.CancelScope(function(scope)
    scope:cancel()
    t.raises(refusal "table.sort", table.sort, {2, 1}, function() checkpoint() end)
  end)
end)

t.test("the function in the way is named, not those that could be suspended", function()
  local calls = {
    function() anyio.CancelScope(checkpoint) end,
    function() anyio.move_on_after(1, checkpoint) end,
    function() assert(anyio.pcall(checkpoint)) end,
    function() assert(pcall(checkpoint)) end,
    function() coroutine.wrap(checkpoint)() end,
    function() anyio.with(setmetatable({}, {__close = function() end}), checkpoint) end,
  }
  for _, call in ipairs(calls) do
    t.raises(refusal "table.sort", table.sort, {2, 1}, call)
  end
  checkpoint()
end)

t.test("a callback of string.gsub", function()
  refuses("string.gsub", string.gsub, "text", "%w", function() anyio.sleep(0) end)
  refuses("string.gsub", string.gsub, "text", "%w", setmetatable({}, {
    __index = function() checkpoint() end,
  }))
end)

t.test("also when it is called as a method or through a local", function()
  local err = t.raises(refusal "string.gsub", function()
    return (("text"):gsub("%w", function() checkpoint() end))
  end)
  t.ok(err)
  local sort = table.sort
  t.raises(refusal "table.sort", function()
    sort({2, 1}, function() checkpoint() end)
  end)
end)

t.test("a reader of load, __tostring, an element of table.concat", function()
  -- load catches the errors of its reader
  local chunk, err = load(function() checkpoint() end)
  t.eq(chunk, nil)
  t.ok(tostring(err):find(refusal "load", 1, true), tostring(err))
  local waits = setmetatable({}, {__tostring = function() checkpoint() end})
  refuses("tostring", tostring, waits)
  refuses("table.concat", table.concat, setmetatable({}, {
    __len = function() return 2 end,
    __index = function() checkpoint() end,
  }))
end)

t.test("a finalizer", function()
  local ok, err
  do
    setmetatable({}, {__gc = function() ok, err = pcall(anyio.sleep, 0) end})
  end
  collectgarbage()
  t.eq(ok, false)
  t.ok(tostring(err):find("cannot await inside", 1, true), tostring(err))
  checkpoint()
end)

t.test("a message handler of xpcall", function()
  local ok, err
  xpcall(error, function() ok, err = pcall(anyio.sleep, 0) end)
  t.eq(ok, false)
  t.ok(tostring(err):find("cannot await inside", 1, true), tostring(err))
  checkpoint()
end)

t.test("what coroutine.close closes, at any depth", function()
  local function close_it()
    local co = coroutine.create(function()
      local _ <close> = setmetatable({}, {__close = checkpoint})
      coroutine.yield()
    end)
    coroutine.resume(co)
    local ok, err = coroutine.close(co)
    t.no(ok)
    t.eq(err.message, refusal "coroutine.close")
  end
  close_it()
  coroutine.wrap(close_it)()
  checkpoint()
end)

t.test("a hook", function()
  local _, err
  debug.sethook(function()
    debug.sethook()
    _, err = pcall(checkpoint)
  end, "l")
  t.ok(true)
  t.eq(err.message, "cannot await inside a hook of debug.sethook")
  checkpoint()
end)

t.test("a generator inside table.sort that awaits is refused", function()
  local generator = coroutine.wrap(function()
    checkpoint()
    coroutine.yield(true)
  end)
  refuses("table.sort", table.sort, unsorted(), function() return generator() end)
end)

t.test("and one that is two coroutines away", function()
  refuses("table.sort", table.sort, unsorted(), function()
    return coroutine.wrap(function()
      return coroutine.wrap(function()
        checkpoint()
        return true
      end)()
    end)()
  end)
end)

t.test("a generator that only yields works inside table.sort as in stock Lua", function()
  local list = unsorted()
  table.sort(list, function(a, b)
    local compare = coroutine.wrap(function()
      coroutine.yield(a < b)
    end)
    return compare()
  end)
  t.eq(list, {1, 2, 3, 4, 5})
  checkpoint()
end)

t.test("a refused generator is dead as after any error, and its task goes on", function()
  local co = coroutine.create(checkpoint)
  table.sort({2, 1}, function()
    local ok, err = coroutine.resume(co)
    t.no(ok)
    t.ok(tostring(err):find(refusal "table.sort", 1, true))
    return false
  end)
  t.eq(coroutine.status(co), "dead")
  checkpoint()
end)

t.test("inside a coroutine the same place is refused, the coroutine itself may await",
  function()
    local result = coroutine.wrap(function()
      checkpoint()
      t.raises(refusal "table.sort", table.sort, {2, 1}, function() checkpoint() end)
      checkpoint()
      return "done"
    end)()
    t.eq(result, "done")
  end)

t.test("work that does not await is not refused there", function()
  anyio.create_task_group(function(tg)
    local ran = false
    table.sort({2, 1}, function(a, b)
      tg:start_soon(function() ran = true end)
      anyio.CancelScope(function(scope) scope:cancel() end)
      anyio.current_time()
      t.ok(anyio.get_current_task())
      return a < b
    end)
    anyio.wait_all_tasks_blocked()
    t.ok(ran)
  end)
end)
