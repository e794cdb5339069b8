-- A task gets what it needs to run when it begins, and leaves it to the next
-- at its end: what was one task's must never show in another.

local t = require "harness"
local anyio = require "anyio"
local checkpoint = require("anyio.lowlevel").checkpoint
local native = require "_anyrun.task"

local group, scope = anyio.create_task_group, anyio.CancelScope

t.test("a task that is cancelled before it begins runs up to its first wait", function()
  local log = t.log()
  group(function(tg)
    local handle = tg:create_task(function()
      log "begins"
      checkpoint()
      log "goes on"
    end)
    handle:cancel("no need")
    t.eq(handle.status, "CANCELLING")
    handle:wait()
    t.eq(handle.status, "CANCELLED")
  end)
  t.eq(log.items, {"begins"})
end)

t.test("the reason of a cancellation before the first step is kept", function()
  local seen
  group(function(tg)
    local handle = tg:create_task(function()
      local _, err = pcall(checkpoint)
      seen = tostring(err)
      error(err, 0)
    end)
    handle:cancel("too early")
  end)
  t.match(seen, "too early")
end)

t.test("a cancelled task is not cancelled in the next one's frame", function()
  group(function(tg)
    for round = 1, 3 do
      local early = tg:create_task(checkpoint)
      early:cancel()
      early:wait()
      local late = tg:create_task(function()
        checkpoint()
        return round
      end)
      t.eq(late:await(), round)
      t.eq(late.status, "FINISHED")
    end
  end)
end)

t.test("many may await a task that has not begun", function()
  local woken = 0
  group(function(tg)
    local last
    local function waits()
      last:wait()
      woken = woken + 1
    end
    for _ = 1, 3 do tg:start_soon(waits) end
    last = tg:create_task(checkpoint)
    last:wait()
  end)
  t.eq(woken, 3)
end)

t.test("who awaits a task that has not begun can be cancelled", function()
  group(function(tg)
    local handle = tg:create_task(function()
      for _ = 1, 5 do checkpoint() end
      return "done"
    end)
    local waited = anyio.move_on_after(0, function() handle:wait() end)
    t.ok(waited.cancelled_caught)
    t.eq(handle:await(), "done")
  end)
end)

t.test("children that have not begun end with the group that was lost", function()
  local log = t.log()
  t.group(group, function(outer)
    outer:start_soon(function()
      local lost = coroutine.wrap(function()
        group(function(tg)
          tg:start_soon(function()
            log "begins"
            anyio.sleep_forever()
          end)
          coroutine.yield()
        end)
      end)
      lost()
    end)
  end)
  anyio.wait_all_tasks_blocked()
  t.eq(log.items, {"begins"})
end)

t.test("contexts are inherited, whatever else a task keeps", function()
  local contextvars = require "contextvars"
  local var = contextvars.ContextVar("var", {default = "none"})
  local seen = {}
  local function look(key) seen[key] = var:get() end
  group(function(tg)
    tg:start_soon(look, "before")
    var:set("mine")
    tg:start_soon(look, "plain")
    tg:start_soon({function()
      look "named"
      var:set("its own")
      group(function(inner) inner:start_soon(look, "below") end)
    end, name = "named"})
    native.set_face(native.current(), native.face(native.current()))
    tg:start_soon(look, "after a face")
  end)
  t.eq(seen, {before = "none", plain = "mine", named = "mine",
    below = "its own", ["after a face"] = "mine"})
end)

t.test("frames of tasks that fail, are cancelled and return serve others", function()
  local sum = 0
  local function works(i)
    if i % 3 == 0 then checkpoint() end
    if i % 5 == 0 then
      scope(function(inner)
        inner:cancel()
        checkpoint()
      end)
    end
    sum = sum + i
  end
  for _ = 1, 3 do
    group(function(tg)
      for i = 1, 40 do tg:start_soon(works, i) end
    end)
    group(function(tg)
      for _ = 1, 40 do tg:start_soon(anyio.sleep_forever) end
      checkpoint()
      tg.cancel_scope:cancel()
    end)
  end
  t.eq(sum, 3 * 40 * 41 // 2)
end)

t.test("more coroutines than are kept are made, and let go of", {slow = true}, function()
  group(function(tg)
    for _ = 1, 3000 do tg:start_soon(anyio.sleep_forever) end
    anyio.wait_all_tasks_blocked()
    tg.cancel_scope:cancel()
  end)
  local ran = 0
  group(function(tg)
    for _ = 1, 3000 do
      tg:start_soon(function()
        checkpoint()
        ran = ran + 1
      end)
    end
  end)
  t.eq(ran, 3000)
end)
