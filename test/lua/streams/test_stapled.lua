--- MultiListener, and closing several parts.
local anyio = require "anyio"
local memory = require "lua.streams.memory_listener"
local stapled = require "anyio.streams.stapled"
local t = require "harness"

t.test("[ST-22] one handler serves all listeners, nested ones too; all are closed", function()
  local parts = {memory.Listener(), memory.Listener(), memory.Listener()}
  local inner = stapled.MultiListener{parts[1], parts[2]}
  local all = stapled.MultiListener{inner, parts[3]}
  t.eq(#all.listeners, 3)
  for i = 1, 3 do t.ok(rawequal(all.listeners[i], parts[i]), "in order") end
  t.eq(inner.listeners, {})
  local served = 0
  anyio.create_task_group(function(tg)
    tg:start_soon(all.serve, all, function(stream)
      local _ <close> = stream
      stream:send(stream:receive() .. "!")
      served = served + 1
    end)
    for i = 1, 3 do
      local stream <close> = parts[i]:connect()
      stream:send("hello " .. i)
      t.eq(stream:receive(), "hello " .. i .. "!")
    end
    tg.cancel_scope:cancel()
  end)
  t.eq(served, 3)
  inner:aclose()
  for i = 1, 3 do t.eq(parts[i].closed, 0) end
  all:aclose()
  for i = 1, 3 do t.eq(parts[i].closed, 1) end
end)

t.test("[ST-22] one listener that fails ends the others", function()
  local good, bad = memory.Listener(), memory.Listener()
  function bad.serve() error("broken", 0) end
  local all <close> = stapled.MultiListener{good, bad}
  t.eq(t.group(all.serve, all, print):leaves(), {"broken"})
end)

t.test("[ST-23] attributes of later listeners win", {plain = true}, function()
  local Set = anyio.TypedAttributeSet("Set", {"one", "two"})
  local function listener(values)
    local getters = {}
    for key, value in pairs(values) do getters[Set[key]] = function() return value end end
    return memory.Listener(getters)
  end
  local parts = {listener{one = "first", two = 2}, listener{one = "last"}}
  local all = stapled.MultiListener(parts)
  t.eq(all:extra(Set.one), "last")
  t.eq(all:extra(Set.two), 2)
  for _, part in ipairs(parts) do part:aclose() end
end)

t.test("[ST-22] wrong arguments", {plain = true}, function()
  t.raises("bad argument #1 to 'MultiListener' (table expected", stapled.MultiListener, 1)
  local all = stapled.MultiListener{}
  t.raises("bad argument #1 to 'serve' (function expected", all.serve, all)
end)

-- Closing ------------------------------------------------------------------------

local function part(aclose)
  local closed = {}
  return {aclose = function() closed[1] = true; aclose() end}, closed
end

local function fails(what)
  return function() error(what, 0) end
end

t.test("[ST-19] the second part is closed when closing the first fails", function()
  local a = part(fails "a")
  local b, b_closed = part(function() end)
  local stream = stapled.StapledByteStream(a, b)
  t.raises("a", stream.aclose, stream)
  t.ok(b_closed[1])
end)

t.test("[ST-19 ST-22] when several cannot be closed no error is lost", function()
  local a, b = part(fails "a"), part(fails "b")
  local c, c_closed = part(function() end)
  for _, all in ipairs{stapled.StapledByteStream(a, b), stapled.MultiListener{a, b, c}} do
    t.eq(t.group(all.aclose, all):leaves(), {"a", "b"})
  end
  t.ok(c_closed[1])
end)

t.test("[ST-19 ST-22] closing that is cancelled closes every part, and is raised", function()
  local waits = function() anyio.lowlevel.checkpoint() end
  local a, b = part(fails "a"), part(waits)
  local c, c_closed = part(waits)
  local all = stapled.MultiListener{a, b, c}
  anyio.CancelScope(function(scope)
    scope:cancel()
    t.cancelled(all.aclose, all)
  end)
  t.ok(c_closed[1])
end)
