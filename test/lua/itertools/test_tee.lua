--- tee: several readers of one source.
local anyio = require "anyio"
local check = require "lua.itertools.check"
local it = require "anyio.itertools"
local t = require "harness"

t.test("[IT-23] each reader sees every item and the end", function()
  for _, source in ipairs{{1, 2, false}, check.async{1, 2, false}} do
    local a, b = it.tee(source)
    t.eq(a(), 1)
    t.eq(check.all(b), {1, 2, false})
    t.eq(check.all(a), {2, false})
    t.eq({a(), b()}, {})
  end
end)

t.test("[IT-23] so many readers as asked for", {plain = true}, function()
  t.eq(select("#", it.tee({1}, 0)), 0)
  t.eq(select("#", it.tee({1})), 2)
  t.eq(select("#", it.tee({1}, 5)), 5)
  t.raises(anyio.ValueError, it.tee, {1}, -1)
  t.raises("bad argument #2 to 'tee' (integer", it.tee, {1}, 1.5)
end)

t.test("[IT-23] a reader of a reader begins where that is: one can look ahead", function()
  local reader = it.tee({1, 2, 3}, 1)
  t.eq(reader(), 1)
  local ahead = it.tee(reader, 1)
  t.eq(ahead(), 2)
  t.eq(check.all(reader), {2, 3})
  t.eq(check.all(ahead), {3})
end)

t.test("[IT-24] concurrent readers take each item once", function()
  local taken, inside = 0, 0
  local function source()
    inside = inside + 1
    t.eq(inside, 1, "one at a time")
    for _ = 1, 3 do anyio.lowlevel.checkpoint() end
    inside = inside - 1
    taken = taken + 1
    if taken <= 20 then return taken end
  end
  local readers, want = {it.tee(source, 4)}, {}
  for i = 1, 20 do want[i] = i end
  anyio.create_task_group(function(tg)
    for _, reader in ipairs(readers) do
      tg:start_soon(function() t.eq(check.all(reader), want) end)
    end
  end)
  t.eq(taken, 21)
end)

t.test("[IT-24] a reader that is cancelled while it takes leaves the item to the others", function()
  local send, receive = anyio.create_memory_object_stream()
  local a, b = it.tee(receive)
  anyio.create_task_group(function(tg)
    local scope = anyio.CancelScope()
    tg:start_soon(function() scope(function() a() end) end)
    anyio.wait_all_tasks_blocked()
    local got
    tg:start_soon(function() got = b() end)
    anyio.wait_all_tasks_blocked()
    scope:cancel()
    anyio.wait_all_tasks_blocked()
    send:send "item"
    anyio.wait_all_tasks_blocked()
    t.eq(got, "item")
    t.eq(a(), "item")
  end)
  send:close()
  receive:close()
end)

t.test("[IT-23] an error of the source is raised to who takes, and is not the end", function()
  local n = 0
  local a, b = it.tee(function()
    n = n + 1
    if n == 2 then error("broken", 0) end
    return n
  end)
  t.eq(a(), 1)
  t.raises("broken", a)
  t.eq({b(), b()}, {1, 3})
  t.eq(a(), 3)
end)
