--- Deadlock: when nothing can ever run again, the run says who waits for what, and where.
local anyio = require "anyio"
local t = require "harness"
local new_gate = require "gate"

local HERE <const> = "test_deadlock.lua"

--- The number of the line that calls this.
local function line() return debug.getinfo(2, "l").currentline end

--- Wait, here, for what nobody will ever do.
local function wait_in_vain()
  if t.backend == "asyncio" then
    require("asyncio").Future():await()
  else
    require("trio").lowlevel.ParkingLot():park()
  end
end

--- The DeadlockError that a run of `main` ends with.
local function deadlock(main, opts)
  local err = t.raises(anyio.DeadlockError, t.run, main, opts)
  t.isa(err, anyio.RuntimeError)
  return err, tostring(err)
end

local function holds(text, part)
  t.ok(text:find(part, 1, true), "no '" .. part .. "' in: " .. text)
end

t.test("a main task that waits for what never comes is a deadlock", {plain = true}, function()
  local _, text = deadlock(wait_in_vain)
  holds(text, HERE)
end)

t.test("every waiting task is named, with what it waits for and where", {plain = true},
  function()
    local first_at, second_at, group_at
    local _, text = deadlock(function()
      group_at = line() + 1
      anyio.create_task_group(function(tg)
        local first, second
        first = tg:start_soon({function()
          first_at = line() + 1
          second:wait()
          return first
        end, name = "the first task"})
        second = tg:start_soon({function()
          second_at = line() + 1
          first:wait()
          return second
        end, name = "the second task"})
      end)
    end)
    holds(text, "the first task")
    holds(text, "the second task")
    holds(text, HERE .. ":" .. first_at)
    holds(text, HERE .. ":" .. second_at)
    holds(text, HERE .. ":" .. group_at)
  end)

t.test("what it waits for is told by a word", {plain = true}, function()
  local word = {asyncio = "future", trio = "parking lot"}
  local _, text = deadlock(function()
    anyio.create_task_group(function(tg)
      tg:start_soon({wait_in_vain, name = "the waiter"})
    end)
  end)
  holds(text, word[t.backend])
  holds(text, "the waiter")
  holds(text, "group")
end)

t.test("a sleeping task is no deadlock, its end brings one", {plain = true}, function()
  local slept = false
  local _, text = deadlock(function()
    anyio.create_task_group(function(tg)
      tg:start_soon(wait_in_vain)
      anyio.sleep(0.01)
      slept = true
    end)
  end, {mock_clock = true})
  t.ok(slept)
  holds(text, HERE)
end)

t.test("a deadline is no deadlock: it ends the wait", function()
  local scope = anyio.move_on_after(0.01, wait_in_vain)
  t.ok(scope.cancelled_caught)
end)

t.test("a wait for all tasks to be blocked is no deadlock", function()
  anyio.create_task_group(function(tg)
    local gate = new_gate()
    tg:start_soon(gate.wait, gate)
    anyio.wait_all_tasks_blocked()
    gate:open()
  end)
end)

t.test("a second run after a deadlock works", {plain = true}, function()
  deadlock(wait_in_vain)
  t.eq(t.run(function()
    anyio.sleep(0)
    return "fine"
  end), "fine")
end)

t.test("<close> values of the waiting tasks are closed", {plain = true}, function()
  local closed = 0
  local function waiter()
    local _ <close> = setmetatable({}, {__close = function() closed = closed + 1 end})
    wait_in_vain()
  end
  deadlock(function()
    anyio.create_task_group(function(tg)
      tg:start_soon(waiter)
      waiter()
    end)
  end)
  t.eq(closed, 2)
end)

t.test("a shielded waiter is reported although its group was cancelled", {plain = true},
  function()
    local _, text = deadlock(function()
      anyio.create_task_group(function(tg)
        tg:start_soon({function()
          anyio.CancelScope({shield = true}, wait_in_vain)
        end, name = "behind a shield"})
        tg.cancel_scope:cancel()
      end)
    end)
    holds(text, "behind a shield")
  end)

t.test("a waiter in a coroutine of the script is reported where it waits", {plain = true},
  function()
    local waits_at
    local _, text = deadlock(function()
      anyio.create_task_group(function(tg)
        local first, second
        first = tg:start_soon(function()
          coroutine.wrap(function()
            waits_at = line() + 1
            second:wait()
            coroutine.yield()
          end)()
        end)
        second = tg:start_soon(function() first:wait() end)
      end)
    end)
    holds(text, HERE .. ":" .. waits_at)
  end)

t.test("sleep_forever waits on purpose: while there is one, nothing is a deadlock",
  {plain = true}, function()
    local pipe <close> = io.popen "echo ${ANYRUN:-$(readlink /proc/$PPID/exe)}"
    local program = pipe:read "l"
    local script = [[
      local anyio = require "anyio"
      anyio.create_task_group(function(tg)
        local a, b
        a = tg:start_soon(function() b:wait() end)
        b = tg:start_soon(function() a:wait() end)
        tg:start_soon(anyio.sleep_forever)
      end)]]
    local _, how, status = os.execute(("timeout -k 5 0.5 '%s' --backend=%s -e '%s'"):format(
      program, t.backend, script))
    t.eq({how, status}, {"exit", 124}, "it must still wait when its time is up")
  end)
