--- Why a task was cancelled: reason, source and name of the canceller.
local anyio = require "anyio"
local t = require "harness"
local checkpoint = anyio.lowlevel.checkpoint

local function cancellation()
  return t.raises(anyio.get_cancelled_exc_class(), checkpoint)
end

t.test("[CS-49] the error's text holds the reason and the name of the task that cancelled",
  function()
    local err
    anyio.CancelScope(function(scope)
      scope:cancel("test reason")
      err = cancellation()
      error(err, 0)
    end)
    local text = tostring(err)
    t.ok(text:find("test reason", 1, true), text)
    t.ok(text:find(anyio.get_current_task().name, 1, true), text)
  end)

t.test("[CS-49] the canceller is another task: it is named, not the victim", function()
  local text
  anyio.create_task_group(function(tg)
    local scope
    tg:start_soon({function()
      anyio.CancelScope(function(s)
        scope = s
        local _, err = pcall(anyio.sleep_forever)
        text = tostring(err)
        error(err, 0)
      end)
    end, name = "the victim"})
    anyio.wait_all_tasks_blocked()
    tg:start_soon({function() scope:cancel("because") end, name = "the canceller"})
  end)
  t.ok(text:find("because", 1, true), text)
  t.ok(text:find("the canceller", 1, true), text)
  t.no(text:find("the victim", 1, true), text)
end)

t.test("[CS-49] a cancel before entering names its reason, too", function()
  local scope = anyio.CancelScope()
  scope:cancel("early reason")
  scope(function()
    t.ok(tostring(cancellation()):find("early reason", 1, true))
  end)
end)

t.test("[CS-49 TR-RSN-02 TR-RSN-04 TR-RSN-05] the error tells source, reason and task as fields",
  {backend = "trio"}, function()
    anyio.CancelScope(function(scope)
      scope:cancel("test reason")
      local err = cancellation()
      t.eq(err.source, "explicit")
      t.eq(err.reason, "test reason")
      t.ok(tostring(err.source_task):find(anyio.get_current_task().name, 1, true))
      t.ok(tostring(err):find("cancelled due to explicit with reason 'test reason' from task", 1,
        true), tostring(err))
    end)
  end)

t.test("[CS-28 TR-RSN-06] a deadline is named as the source", {backend = "trio"}, function()
  anyio.move_on_after(0, function()
    local err = cancellation()
    t.eq(err.source, "deadline")
    t.eq(err.source_task, nil)
  end)
end)

t.test("[CS-04 TR-RSN-09] a deadline that comes after a cancel does not replace the reason",
  {mock_clock = true}, function()
    anyio.move_on_after(0.01, function(scope)
      scope:cancel("by hand")
      anyio.CancelScope({shield = true}, function() anyio.sleep(0.03) end)
      local text = tostring(cancellation())
      t.ok(text:find("by hand", 1, true), text)
      t.no(text:find("deadline", 1, true), text)
    end)
  end)

t.test("[CS-49 TR-RSN-10] a wait in an inner scope tells the outer scope's reason", function()
  anyio.CancelScope(function(outer)
    outer:cancel("the outer reason")
    anyio.CancelScope(function(inner)
      inner:cancel("the inner reason")
      local text = tostring(cancellation())
      t.ok(text:find("reason", 1, true), text)
    end)
  end)
end)

t.test("[CS-49] the reason of a group's cancel reaches its children", function()
  local text
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      local _, err = pcall(anyio.sleep_forever)
      text = tostring(err)
      error(err, 0)
    end)
    anyio.wait_all_tasks_blocked()
    tg:cancel("closing down")
  end)
  t.ok(text:find("closing down", 1, true), text)
end)

t.test("[CS-49] a reason that is no string is refused", function()
  local scope = anyio.CancelScope()
  t.raises("bad argument", scope.cancel, scope, {})
  t.no(scope.cancel_called)
end)
