--- Scopes and nurseries left in the wrong order. A body function cannot do
--- it by itself; a generator that is abandoned in one can.
local anyio = require "anyio"
local t = require "harness"
local trio = require "trio"
local CancelScope = trio.CancelScope
local checkpoint = trio.lowlevel.checkpoint

-- Enters a scope and stays in it until it is called again.
local function holder()
  local scope = CancelScope()
  return coroutine.wrap(function() scope(function() coroutine.yield() end) end), scope
end

t.test("[TR-CS-25 TR-RSN-13] leaving an outer scope before an inner one is refused", function()
  local hold = holder()
  local err = t.raises(anyio.RuntimeError, CancelScope, function() hold() end)
  t.match(tostring(err), "still")
  checkpoint()
  pcall(hold)
  checkpoint()
end)

t.test("[TR-CS-26] a scope cannot be left by another task", function()
  local hold, scope = holder()
  trio.open_nursery(function(nursery)
    nursery:start_soon(function()
      hold()
      for _ = 1, 5 do checkpoint() end
      t.raises(trio.Cancelled, function()
        scope:cancel()
        checkpoint()
      end)
      t.no(scope.cancelled_caught)
    end)
    trio.lowlevel.cancel_shielded_checkpoint()
    trio.lowlevel.cancel_shielded_checkpoint()
    local err = t.raises(anyio.RuntimeError, hold)
    t.match(tostring(err), "different task")
    nursery.cancel_scope:cancel()
  end)
end)

t.test("[TR-NUR-17] nurseries are made by open_nursery only", function()
  t.eq({trio.Nursery, trio.lowlevel.Nursery, trio.lowlevel.Task}, {})
  trio.open_nursery(function(nursery)
    t.no(pcall(nursery, function() end))
    t.no(pcall(function() nursery.cancel_scope = 1 end))
  end)
end)

t.test("[TR-NUR-18] a task that ends inside an open nursery is told, and the nursery is closed",
  function()
    local kept, orphan_ended
    local group = t.group(function()
      trio.open_nursery(function(nursery)
        nursery:start_soon(function()
          local hold = coroutine.wrap(function()
            trio.open_nursery(function(inner)
              kept = inner
              inner:start_soon(function()
                pcall(trio.sleep_forever)
                orphan_ended = true
              end)
              coroutine.yield()
            end)
          end)
          hold()
        end)
      end)
    end)
    t.ok(group:subgroup(anyio.RuntimeError))
    t.match(tostring(group:leaves()[1]), "Nursery stack corrupted")
    for _ = 1, 5 do checkpoint() end
    t.ok(orphan_ended)
    t.raises(anyio.RuntimeError, kept.start_soon, kept, trio.sleep, 0)
  end)
