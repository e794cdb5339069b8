--- Cancellation that cannot be delivered costs nothing while it waits.
local anyio = require "anyio"
local t = require "harness"
local checkpoint = anyio.lowlevel.checkpoint

local WINDOW <const> = 0.2 -- seconds of real time that are watched

--- Do nothing for a while in a shield; fail if anybody else did something.
-- On trio an instrument counts the steps of tasks and the turns of the loop;
-- asyncio has no such thing, there the time of the processor tells.
local function watch_idleness()
  anyio.CancelScope({shield = true}, function()
    anyio.wait_all_tasks_blocked()
    if t.backend == "trio" then
      local lowlevel = require("trio").lowlevel
      local steps, turns = 0, 0
      local counter = {
        before_task_step = function() steps = steps + 1 end,
        before_io_wait = function() turns = turns + 1 end,
      }
      lowlevel.add_instrument(counter)
      anyio.sleep(WINDOW)
      lowlevel.remove_instrument(counter)
      t.ok(steps <= 3, steps .. " steps")
      t.ok(turns <= 8, turns .. " turns of the loop")
    else
      local before = os.clock()
      anyio.sleep(WINDOW)
      local used = os.clock() - before
      t.ok(used < WINDOW / 4, used .. " seconds of processor time")
    end
  end)
end

--- Wait in a shield until it is switched off.
local function stubborn(hold)
  anyio.CancelScope({shield = true}, function(scope)
    hold(scope)
    anyio.sleep_forever()
  end)
end

t.test("[CS-58 CS-60] a shielded child of a cancelled group", function()
  local shield
  anyio.create_task_group(function(tg)
    tg:start_soon(stubborn, function(scope) shield = scope end)
    anyio.wait_all_tasks_blocked()
    tg.cancel_scope:cancel()
    watch_idleness()
    shield:cancel()
  end)
end)

t.test("[CS-58] the host of a cancelled group waits for it at the end", function()
  local shield
  anyio.create_task_group(function(outer)
    outer:start_soon(function()
      anyio.create_task_group(function(tg)
        tg:start_soon(stubborn, function(scope) shield = scope end)
        anyio.wait_all_tasks_blocked()
        tg.cancel_scope:cancel()
      end)
    end)
    anyio.wait_all_tasks_blocked()
    watch_idleness()
    shield:cancel()
  end)
end)

t.test("[CS-58] a cancelled scope around nested groups with a shield inside", function()
  local shield
  anyio.create_task_group(function(outer)
    outer:start_soon(function()
      anyio.create_task_group(function(tg)
        tg:start_soon(stubborn, function(scope) shield = scope end)
      end)
    end)
    anyio.wait_all_tasks_blocked()
    outer.cancel_scope:cancel()
    watch_idleness()
    shield:cancel()
  end)
end)

t.test("[CS-60] a task that swallows its cancellation, then waits in a shield", function()
  local shield
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      for _ = 1, 3 do pcall(anyio.sleep_forever) end
      stubborn(function(scope) shield = scope end)
    end)
    anyio.wait_all_tasks_blocked()
    tg.cancel_scope:cancel()
    watch_idleness()
    shield:cancel()
  end)
end)

t.test("[CS-59] a cancelled scope whose owner has ended", function()
  local scope
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      local co = coroutine.create(function()
        anyio.CancelScope(function(s)
          scope = s
          coroutine.yield()
        end)
      end)
      assert(coroutine.resume(co))
    end)
  end)
  scope:cancel()
  watch_idleness()
end)

t.test("[CS-58] a native cancellation while the group waits for a shielded child",
  {backend = "asyncio"}, function()
    local asyncio = require "asyncio"
    local shield
    local task = asyncio.create_task(function()
      anyio.create_task_group(function(tg)
        tg:start_soon(stubborn, function(scope) shield = scope end)
      end)
    end)
    anyio.wait_all_tasks_blocked()
    task:cancel()
    watch_idleness()
    shield:cancel()
    t.raises(anyio.get_cancelled_exc_class(), task.await, task)
  end)

t.test("a task that refuses to be aborted is asked once", {backend = "trio"}, function()
  local lowlevel = require("trio").lowlevel
  local asked, task = 0, nil
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      task = lowlevel.current_task()
      lowlevel.wait_task_rescheduled(function()
        asked = asked + 1
        return lowlevel.Abort.FAILED
      end)
    end)
    anyio.wait_all_tasks_blocked()
    tg.cancel_scope:cancel()
    watch_idleness()
    t.eq(asked, 1)
    lowlevel.reschedule(task)
  end)
  checkpoint()
end)
