local t = require "harness"
local anyio = require "anyio"
local checkpoint = require("anyio.lowlevel").checkpoint

local group, scope = anyio.create_task_group, anyio.CancelScope

local function two_checkpoints()
  checkpoint()
  checkpoint()
end

t.test("[TG-01] leaving the block waits until every child has ended", function()
  local log = t.log()
  group(function(tg)
    tg:start_soon(function() two_checkpoints() log "first" end)
    tg:start_soon(function() log "second" end)
  end)
  table.sort(log.items)
  t.eq(log.items, {"first", "second"})
end)

t.test("[TG-01] the call returns what the body returned", function()
  t.eq(table.pack(group(function() return 1, nil, "three" end)),
    {1, nil, "three", n = 3})
  t.eq(table.pack(group(function(tg)
    tg:start_soon(two_checkpoints)
    return "late"
  end)), {"late", n = 1})
  t.eq(select("#", group(function() end)), 0)
end)

t.test("[TG-01] children get the arguments after the function", function()
  local got
  group(function(tg)
    tg:start_soon(function(...) got = table.pack(...) end, 1, nil, false)
  end)
  t.eq(got, {1, nil, false, n = 3})
end)

t.test("[TG-01] many children of one group all end", function()
  local ended = 0
  group(function(tg)
    for i = 1, 300 do
      tg:start_soon(function()
        for _ = 1, i % 4 do checkpoint() end
        ended = ended + 1
      end)
    end
  end)
  t.eq(ended, 300)
end)

t.test("[TG-02] a group that was never entered takes no task", function()
  local tg, ran = group(), false
  local function child() ran = true end
  t.raises(anyio.RuntimeError, tg.start_soon, tg, child)
  t.raises(anyio.RuntimeError, tg.create_task, tg, child)
  t.raises(anyio.RuntimeError, tg.start, tg, child)
  two_checkpoints()
  t.no(ran)
end)

t.test("[TG-02 TG-34] a group that has ended takes no task", function()
  local tg, ran = group(), false
  local function child() ran = true end
  tg(function() end)
  t.raises(anyio.RuntimeError, tg.start_soon, tg, child)
  t.raises(anyio.RuntimeError, tg.create_task, tg, child)
  t.raises(anyio.RuntimeError, tg.start, tg, child)
  two_checkpoints()
  t.no(ran)
end)

t.test("[TG-02] a group that ended with an error takes no task", function()
  local tg, ran = group(), false
  local function child() ran = true end
  t.group(tg, function() error(anyio.ValueError "broken") end)
  t.raises(anyio.RuntimeError, tg.start_soon, tg, child)
  t.raises(anyio.RuntimeError, tg.start, tg, child)
  two_checkpoints()
  t.no(ran)
end)

t.test("[TG-03] a group is entered once in its life", function()
  local tg, entered = group(), 0
  tg(function() entered = entered + 1 end)
  t.raises(anyio.RuntimeError, tg, function() entered = entered + 1 end)
  t.eq(entered, 1)
end)

t.test("[TG-03] a group cannot be entered while it is active", function()
  local tg, entered = group(), 0
  tg(function()
    t.raises(anyio.RuntimeError, tg, function() entered = entered + 1 end)
  end)
  t.eq(entered, 0)
end)

t.test("[TG-04] a child spawns while the host waits at the end", function()
  local log = t.log()
  group(function(tg)
    tg:start_soon(function()
      two_checkpoints()
      tg:start_soon(function()
        two_checkpoints()
        tg:start_soon(log, "grandchild")
        log "child"
      end)
    end)
  end)
  t.eq(log.items, {"child", "grandchild"})
end)

t.test("[TG-05] a group with a failed child still takes a task", function()
  local log = t.log()
  local err = t.group(group, function(tg)
    tg:start_soon(function()
      local _, cancellation = pcall(anyio.sleep_forever)
      tg:start_soon(function()
        log "runs"
        checkpoint()
        log "goes on"
      end)
      error(cancellation)
    end)
    tg:start_soon(function() error(anyio.ValueError "first") end)
  end)
  t.eq(#err.exceptions, 1)
  t.eq(log.items, {"runs"})
end)

t.test("[TG-05] a cancelled group still takes a task", function()
  local log = t.log()
  group(function(tg)
    tg.cancel_scope:cancel()
    tg:start_soon(function()
      log "runs"
      checkpoint()
      log "goes on"
    end)
  end)
  t.eq(log.items, {"runs"})
end)

t.test("[TG-05] a newcomer's error joins the group's errors", function()
  local err = t.group(group, function(tg)
    tg:start_soon(function()
      pcall(anyio.sleep_forever)
      tg:start_soon(function() error(anyio.ValueError "newcomer") end)
    end)
    tg:start_soon(function() error(anyio.ValueError "first") end)
  end)
  t.eq(#err.exceptions, 2)
  t.eq(err.exceptions[1].message, "first")
  t.eq(err.exceptions[2].message, "newcomer")
end)

t.test("[TG-06] a task outside the group spawns into it", function()
  local log = t.log()
  group(function(outer)
    local inner_open, spawned = anyio.Event(), anyio.Event()
    local inner
    outer:start_soon(function()
      inner_open:wait()
      inner:start_soon(log, "child of inner")
      spawned:set()
    end)
    group(function(tg)
      inner = tg
      inner_open:set()
      spawned:wait()
    end)
    log "inner has ended"
  end)
  t.eq(log.items, {"child of inner", "inner has ended"})
end)

t.test("[TG-07 T05] leaving an empty group lets other tasks run", function()
  local ran = false
  group(function(tg)
    -- On trio the first yield may come back before the new task's turn.
    group(function() end)
    tg:start_soon(function() ran = true end)
    group(function() end)
    group(function() end)
    t.ok(ran)
  end)
end)

t.test("[TG-07] leaving a group whose children have ended yields", function()
  local ran = false
  group(function(outer)
    group(function(tg)
      local child = tg:start_soon(function() end)
      child:wait()
      outer:start_soon(function() ran = true end)
    end)
    group(function() end)
    t.ok(ran)
  end)
end)

t.test("[TG-08 T05] an empty group in a cancelled scope raises nothing", function()
  local log = t.log()
  local outer = scope(function(outer)
    outer:cancel()
    group(function() log "in the group" end)
    log "after the group"
    checkpoint()
    log "after a checkpoint"
  end)
  t.eq(log.items, {"in the group", "after the group"})
  t.ok(outer.cancelled_caught)
end)

t.test("[TG-31] a child's function runs in a task of its own", function()
  local outer, inner = anyio.get_current_task().id, nil
  group(function(tg)
    tg:start_soon(function() inner = anyio.get_current_task().id end)
    t.eq(inner, nil)
  end)
  t.ok(inner)
  t.ok(inner ~= outer)
end)

t.test("[TG-32 TG-33] what cannot be called is refused at once", function()
  group(function(tg)
    for _, name in ipairs{"start_soon", "create_task", "start"} do
      local pattern = "bad argument #1 to '" .. name .. "'"
      t.raises(pattern, tg[name], tg, 5)
      t.raises(pattern, tg[name], tg, nil)
      t.raises(pattern, tg[name], tg, "print")
    end
  end)
end)

t.test("[TG-32] a value with a __call metamethod is a task function", function()
  local got
  local callable = setmetatable({}, {__call = function(_, v) got = v end})
  group(function(tg) tg:start_soon(callable, 7) end)
  t.eq(got, 7)
end)

t.test("[TG-33] an unknown field of a task spec is refused", function()
  group(function(tg)
    local err = t.raises("colour", tg.start_soon, tg,
      {function() end, colour = "red"})
    t.match(tostring(err), "name")
  end)
end)

t.test("[TG-01] a group as a to-be-closed value is refused", function()
  local err = t.raises("create_task_group", function()
    local tg <close> = group() -- luacheck: ignore
  end)
  t.match(tostring(err), "function")
end)

t.test("[TG-41] an ended child is collected while the group lives", function()
  local weak = setmetatable({}, {__mode = "v"})
  group(function(tg)
    (function()
      weak.handle = tg:start_soon(function() end)
      weak.handle:wait()
      checkpoint()
    end)()
    collectgarbage()
    collectgarbage()
    t.eq(weak.handle, nil)
  end)
end)
