--- Coroutines of the script: stock behaviour, and awaiting inside them.
local anyio = require "anyio"
local t = require "harness"
local new_gate = require "gate"
local checkpoint = anyio.lowlevel.checkpoint

t.test("a generator's own values are not mixed with the scheduler's", function()
  local seen = {}
  anyio.create_task_group(function(tg)
    for id = 1, 3 do
      seen[id] = {}
      tg:start_soon(function()
        local generator = coroutine.wrap(function(first)
          t.eq(first, "first " .. id)
          for i = 1, 3 do
            anyio.sleep(0)
            local answer = coroutine.yield(id, i)
            t.eq(answer, "answer " .. i)
            checkpoint()
          end
          return "end"
        end)
        local a, b = generator("first " .. id)
        while a ~= "end" do
          table.insert(seen[id], a .. "." .. b)
          checkpoint()
          a, b = generator("answer " .. b)
        end
      end)
    end
  end)
  t.eq(seen, {{"1.1", "1.2", "1.3"}, {"2.1", "2.2", "2.3"}, {"3.1", "3.2", "3.3"}})
end)

t.test("awaiting works fifty coroutines deep, and yields end where they belong", function()
  local function nest(depth)
    if depth == 0 then
      checkpoint()
      coroutine.yield "from the bottom"
      checkpoint()
      return "bottom"
    end
    local co = coroutine.wrap(nest)
    local value = co(depth - 1)
    while value ~= "bottom" do
      checkpoint()
      coroutine.yield(value)
      value = co()
    end
    return value
  end
  local co = coroutine.wrap(nest)
  t.eq(co(50), "from the bottom")
  t.eq(co(), "bottom")
end)

t.test("values pass through an await in both directions unchanged", function()
  local co = coroutine.create(function(...)
    local got = table.pack(...)
    checkpoint()
    local more = table.pack(coroutine.yield(table.unpack(got, 1, got.n)))
    checkpoint()
    return table.unpack(more, 1, more.n)
  end)
  t.eq(table.pack(coroutine.resume(co, nil, 1, nil)), {n = 4, true, nil, 1, nil})
  t.eq(table.pack(coroutine.resume(co)), {n = 1, true})
  t.eq(coroutine.status(co), "dead")
end)

t.test("coroutine.status tells running, normal, suspended and dead", function()
  local outer, inner
  outer = coroutine.create(function()
    t.eq(coroutine.status(outer), "running")
    inner = coroutine.create(function()
      checkpoint()
      t.eq(coroutine.status(inner), "running")
      t.eq(coroutine.status(outer), "normal")
      coroutine.yield()
    end)
    t.eq(coroutine.status(inner), "suspended")
    assert(coroutine.resume(inner))
    t.eq(coroutine.status(inner), "suspended")
  end)
  t.eq(coroutine.status(outer), "suspended")
  assert(coroutine.resume(outer))
  t.eq(coroutine.status(outer), "dead")
  t.eq(coroutine.status(coroutine.running()), "running")
end)

t.test("coroutine.running and isyieldable tell the coroutine, before and after an await",
  function()
    local task_co = coroutine.running()
    local co
    co = coroutine.create(function()
      t.ok(coroutine.isyieldable())
      t.eq({coroutine.running()}, {co, false})
      checkpoint()
      t.ok(coroutine.isyieldable())
      t.eq({coroutine.running()}, {co, false})
    end)
    assert(coroutine.resume(co))
    t.ok(coroutine.running() == task_co)
  end)

t.test("a task has no caller to yield to: coroutine.yield is refused as in a main chunk",
  function()
    local ok, err = pcall(coroutine.yield, 1)
    t.no(ok)
    t.match(tostring(err), "attempt to yield from outside a coroutine")
    t.no(coroutine.isyieldable())
    checkpoint()
  end)

t.test("coroutine.wrap raises the errors of its body, with the place as stock Lua", function()
  local function fail_with(value)
    return coroutine.wrap(function()
      checkpoint()
      error(value, 0)
    end)
  end
  local object = {}
  t.ok(rawequal(select(2, pcall(fail_with(object))), object))
  t.match(select(2, pcall(fail_with "text")), "text$")
  local err = anyio.ValueError("mine")
  t.ok(rawequal(select(2, pcall(fail_with(err))), err))
  local dead = coroutine.wrap(function() end)
  dead()
  t.raises("cannot resume dead coroutine", dead)
end)

t.test("coroutine.resume reports errors, dead and running coroutines", function()
  local co = coroutine.create(function()
    checkpoint()
    error("failed", 0)
  end)
  t.eq({coroutine.resume(co)}, {false, "failed"})
  t.eq(coroutine.status(co), "dead")
  t.eq({coroutine.resume(co)}, {false, "cannot resume dead coroutine"})
  t.eq({coroutine.resume(coroutine.running())}, {false, "cannot resume non-suspended coroutine"})
  local self
  self = coroutine.create(function() return coroutine.resume(self) end)
  t.eq({coroutine.resume(self)}, {true, false, "cannot resume non-suspended coroutine"})
end)

t.test("coroutine.close closes what is pending and reports its error", function()
  local log = t.log()
  local function opened(err)
    local co = coroutine.create(function()
      local _ <close> = setmetatable({}, {__close = function()
        log "closed"
        if err then error(err, 0) end
      end})
      checkpoint()
      coroutine.yield()
    end)
    assert(coroutine.resume(co))
    return co
  end
  local co = opened()
  t.eq({coroutine.close(co)}, {true})
  t.eq(coroutine.status(co), "dead")
  t.eq({coroutine.close(opened "in close")}, {false, "in close"})
  t.eq(log.items, {"closed", "closed"})
  t.eq({coroutine.close(coroutine.create(checkpoint))}, {true})
  t.raises("cannot close a running coroutine", coroutine.close, coroutine.running())
end)

t.test("pcall inside a coroutine catches errors after an await and a yield", function()
  local co = coroutine.wrap(function()
    local ok, err = pcall(function()
      checkpoint()
      coroutine.yield "between"
      checkpoint()
      error("late", 0)
    end)
    return ok, err
  end)
  t.eq(co(), "between")
  t.eq({co()}, {false, "late"})
end)

t.test("one coroutine may be resumed by several tasks in turn", function()
  local log = t.log()
  local generator = coroutine.wrap(function()
    for i = 1, 4 do
      checkpoint()
      coroutine.yield(i)
    end
  end)
  for i = 1, 4 do
    anyio.create_task_group(function(tg)
      tg:start_soon(function() log(generator()) end)
    end)
    t.eq(#log.items, i)
  end
  t.eq(log.items, {1, 2, 3, 4})
end)

t.test("a coroutine that awaits for one task cannot be resumed or closed by another", function()
  local gate, owner_got = new_gate(), nil
  anyio.create_task_group(function(tg)
    local closed = false
    local co = coroutine.create(function()
      local _ <close> = setmetatable({}, {__close = function() closed = true end})
      return gate:wait()
    end)
    tg:start_soon(function() owner_got = {coroutine.resume(co)} end)
    anyio.wait_all_tasks_blocked()
    t.no(coroutine.status(co) == "dead")
    local ok, err = coroutine.resume(co, "stolen")
    t.no(ok)
    t.match(tostring(err), "cannot resume")
    t.no((pcall(coroutine.close, co)))
    t.no(closed)
    gate:open("value")
    anyio.wait_all_tasks_blocked()
    t.ok(closed)
  end)
  t.eq(owner_got, {true, "value"})
end)

t.test("nor can the coroutine of a task itself", function()
  local gate, done = new_gate(), false
  anyio.create_task_group(function(tg)
    local co
    tg:start_soon(function()
      co = coroutine.running()
      gate:wait()
      done = true
    end)
    anyio.wait_all_tasks_blocked()
    local ok, err = coroutine.resume(co)
    t.no(ok)
    t.match(tostring(err), "cannot resume")
    t.no((pcall(coroutine.close, co)))
    gate:open()
  end)
  t.ok(done)
end)

t.test("a cancellation inside a coroutine is an error of the coroutine", function()
  local resumed, wrapped
  local scope = anyio.CancelScope(function(scope)
    scope:cancel()
    local co = coroutine.create(checkpoint)
    local ok, err = coroutine.resume(co)
    resumed = err
    t.no(ok)
    t.eq(coroutine.status(co), "dead")
    wrapped = t.raises(anyio.get_cancelled_exc_class(), coroutine.wrap(checkpoint))
    error(err, 0)
  end)
  t.isa(resumed, anyio.get_cancelled_exc_class())
  t.ok(wrapped)
  t.ok(scope.cancelled_caught)
end)

t.test("a __close of a coroutine that dies can await, and keeps the error", function()
  local log = t.log()
  local function generator(fails)
    return coroutine.wrap(function()
      local _ <close> = setmetatable({}, {__close = function()
        anyio.CancelScope({shield = true}, function() checkpoint() end)
        log "closed"
      end})
      coroutine.yield(1)
      fails()
    end)
  end
  local failing = generator(function() error(anyio.ValueError "mine") end)
  failing()
  t.eq(t.raises(anyio.ValueError, failing).message, "mine")
  local scope = anyio.CancelScope(function(scope)
    local cancelled = generator(checkpoint)
    cancelled()
    scope:cancel()
    cancelled()
  end)
  t.ok(scope.cancelled_caught)
  t.eq(log.items, {"closed", "closed"})
end)

t.test("a coroutine that is left suspended and collected harms nobody", function()
  for _ = 1, 10 do
    local generator = coroutine.wrap(function()
      checkpoint()
      coroutine.yield(1)
    end)
    t.eq(generator(), 1)
  end
  collectgarbage()
  checkpoint()
end)
