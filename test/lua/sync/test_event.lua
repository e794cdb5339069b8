--- Event: set once, wakes all who wait.
local anyio = require "anyio"
local t = require "harness"

t.test("[SY-01 SY-02] primitives are made, asked and changed outside a run",
  {plain = true}, function()
    local event, lock = anyio.Event(), anyio.Lock()
    local condition, semaphore = anyio.Condition(), anyio.Semaphore(1)
    local limiter, future = anyio.CapacityLimiter(1), anyio.Future()
    event:set()
    limiter.total_tokens = 2
    t.eq(event:statistics(), {tasks_waiting = 0})
    t.eq(lock:statistics(), {locked = false, tasks_waiting = 0})
    t.eq(condition:statistics(),
      {tasks_waiting = 0, lock_statistics = {locked = false, tasks_waiting = 0}})
    t.eq(semaphore:statistics(), {tasks_waiting = 0})
    t.eq(limiter:statistics(),
      {borrowed_tokens = 0, total_tokens = 2, borrowers = {}, tasks_waiting = 0})
    t.eq(future.status, "PENDING")
    t.run(function()
      event:wait()
      do local _ <close> = lock:acquire() end
      do local _ <close> = condition:acquire() end
      do local _ <close> = semaphore:acquire() end
      do local _ <close> = limiter:acquire() end
      t.eq(limiter.total_tokens, 2)
      future.return_value = 3
      t.eq(future:await(), 3)
    end)
  end)

t.test("[SY-01] what was waited for in one run is refused in another", {plain = true},
  function()
    local event = anyio.Event()
    local function wait()
      anyio.move_on_after(0, function() event:wait() end)
    end
    t.run(wait)
    t.raises(anyio.RuntimeError, t.run, wait)
  end)

t.test("[SY-04 SY-07] set wakes all who wait, once and for all", function()
  local event, woken = anyio.Event(), 0
  anyio.create_task_group(function(tg)
    for _ = 1, 3 do
      tg:start_soon(function()
        event:wait()
        woken = woken + 1
      end)
    end
    anyio.wait_all_tasks_blocked()
    t.eq(event:statistics().tasks_waiting, 3)
    t.no(event:is_set())
    event:set()
    event:set()
    t.ok(event:is_set())
    t.eq(event:statistics().tasks_waiting, 0)
  end)
  t.eq(woken, 3)
  event:wait()
  t.ok(event:is_set())
  t.eq(event.clear, nil)
end)

t.test("[SY-05] waiting for a set event is a checkpoint", function()
  local event = anyio.Event()
  event:set()
  local scope = anyio.CancelScope(function(scope)
    scope:cancel()
    event:wait()
    t.fail "not cancelled"
  end)
  t.ok(scope.cancelled_caught)
end)

t.test("[SY-06] a task that was woken and then cancelled has waited well", function()
  local event, passed = anyio.Event(), false
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      event:wait()
      passed = true
      t.raises(anyio.Cancelled, anyio.lowlevel.checkpoint)
    end)
    anyio.wait_all_tasks_blocked()
    event:set()
    tg.cancel_scope:cancel()
  end)
  t.ok(passed)
end)

t.test("[SY-04] a waiter that was cancelled is not waiting", function()
  local event = anyio.Event()
  anyio.move_on_after(0.001, function() event:wait() end)
  t.eq(event:statistics().tasks_waiting, 0)
  t.match(tostring(event), "^<Event: not set, 0 waiting>$")
end)

t.test("[SY-04] a generator can wait inside a task", function()
  local event = anyio.Event()
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      local step = coroutine.wrap(function()
        event:wait()
        coroutine.yield "after"
      end)
      t.eq(step(), "after")
    end)
    anyio.wait_all_tasks_blocked()
    event:set()
  end)
end)
