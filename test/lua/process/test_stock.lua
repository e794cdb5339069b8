--- Lua's own functions about programs, inside a task and outside.

local anyio = require "anyio"
local t = require "harness"

local execute = os.execute

t.test("os.execute answers as ever", function()
  t.eq({ execute "true" }, { true, "exit", 0 })
  local ok, how, status = execute "exit 3"
  t.eq({ ok == nil, how, status }, { true, "exit", 3 })
  ok, how, status = execute "kill -9 $$"
  t.eq({ ok == nil, how, status }, { true, "signal", 9 })
  t.eq(execute(), true)
  t.raises("string expected, got table", execute, {})
end)

t.test("os.execute lets other tasks run", function()
  local order = t.log()
  anyio.create_task_group(function(tg)
    tg:start_soon(function() order "other" end)
    execute "sleep 0.01"
    order "executed"
  end)
  t.eq(order.items, { "other", "executed" })
end)

t.test("os.execute: a cancelled task's program is killed", function()
  local scope = anyio.move_on_after(0.02, function() execute "exec sleep 100" end)
  t.ok(scope.cancelled_caught)
end)

t.test("os.execute works where nothing can be suspended, and outside a run", { plain = true }, function()
  t.eq({ execute "true" }, { true, "exit", 0 })
  t.run(function()
    local list = { 2, 1 }
    table.sort(list, function(a, b)
      t.eq(execute "true", true)
      return a < b
    end)
  end)
end)

t.test("the stock function stays reachable", function()
  t.eq({ require("_anyrun.stock").os.execute "exit 4" }, { nil, "exit", 4 })
end)
