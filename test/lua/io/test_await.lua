--- A task and an operation outside: what a cancellation does to both.

local anyio = require "anyio"
local t = require "harness"

local has, native = pcall(require, "_anyrun.test")
local nap = has and native.nap
local opts = { skip = not has and "no debug build" or nil }

t.test("a task waits for work in a thread, others run", opts, function()
  local order = {}
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      nap(0.02)
      order[#order + 1] = "nap"
    end)
    tg:start_soon(function() order[#order + 1] = "other" end)
  end)
  t.eq(order, { "other", "nap" })
end)

t.test("many threads' work at once, none lost", opts, function()
  local n = 0
  anyio.create_task_group(function(tg)
    for _ = 1, 200 do
      tg:start_soon(function()
        nap(0)
        n = n + 1
      end)
    end
  end)
  t.eq(n, 200)
end)

t.test("work that may be left is left at once when cancelled", opts, function()
  local scope = anyio.move_on_after(0.01, function() nap(0.3, "leaves") end)
  t.eq(scope.cancelled_caught, true)
end)

t.test("work cancelled before it begins is left, too", opts, function()
  local scope = anyio.CancelScope(function(s)
    s:cancel()
    nap(0.3, "leaves")
  end)
  t.eq(scope.cancelled_caught, true)
end)

t.test("shielded work gives its result, the next wait is cancelled", opts, function()
  local result, after
  local scope = anyio.CancelScope(function(s)
    s:cancel()
    result = nap(0.01, "shielded")
    sleep(0)
    after = true
  end)
  t.eq(scope.cancelled_caught, true)
  t.eq(result, true)
  t.eq(after, nil)
end)

t.test("a run that ends does not wait for work that was left", opts, function()
  anyio.move_on_after(0, function() nap(5, "leaves") end)
end)

t.test("waiting for a thread is no deadlock", opts, function()
  t.eq(nap(0.01, "shielded"), true)
end)
