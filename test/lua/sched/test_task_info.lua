--- TaskInfo: who runs, under which name, whose child, and with what pending.
local anyio = require "anyio"
local t = require "harness"
local new_gate = require "gate"
local checkpoint = anyio.lowlevel.checkpoint

local function by_id(infos)
  local set = {}
  for _, info in ipairs(infos) do set[info.id] = info end
  return set
end

--- Living tasks that are not in `before`, sorted by name.
local function new_tasks(before)
  local list = {}
  for _, info in ipairs(anyio.get_running_tasks()) do
    if not before[info.id] then list[#list + 1] = info end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

t.test("[DBG-01] the main task is named after its function, its module included", {plain = true},
  function()
    local function main() return anyio.get_current_task().name end
    local name = t.run(main)
    t.match(name, "test_task_info")
    local function other() return anyio.get_current_task().name end
    t.no(t.run(other) == name, "another function, another name")
  end)

t.test("[DBG-01] under a native run asyncio keeps Task-N", {backend = "asyncio", plain = true},
  function()
    local name = require("asyncio").run(function() return anyio.get_current_task().name end)
    t.match(name, "^Task%-%d+$")
  end)

t.test("[DBG-01] under a native run trio uses the function's name",
  {backend = "trio", plain = true}, function()
    local name = require("trio").run(function() return anyio.get_current_task().name end)
    t.match(name, "test_task_info")
  end)

t.test("[DBG-02] a spawned task has a default name or the given one, also the empty one",
  function()
    local function child(task_status)
      task_status:started(anyio.get_current_task().name)
    end
    anyio.create_task_group(function(tg)
      t.match(tg:start(child), "test_task_info")
      t.eq(tg:start({child, name = "the name"}), "the name")
      t.eq(tg:start({child, name = ""}), "")
      t.eq(tg:start({child, name = 42}), "42")
    end)
  end)

t.test("[DBG-03] a task info has id, name, parent_id and coroutine", function()
  local info = anyio.get_current_task()
  t.eq(math.type(info.id), "integer")
  t.eq(type(info.name), "string")
  anyio.create_task_group(function(tg)
    local child = tg:start_soon({function()
      return anyio.get_current_task(), coroutine.running()
    end, name = "the child"})
    local child_info, co = child:await()
    t.no(child_info.id == info.id)
    t.eq(child_info.name, "the child")
    t.eq(child_info.parent_id, info.id)
    t.eq(type(co), "thread")
  end)
  t.eq(type(info.coroutine), "thread")
  t.eq(info.no_such_field, nil)
end)

t.test("[DBG-03] infos of one task are equal, of two tasks not", function()
  local info = anyio.get_current_task()
  t.ok(info == anyio.get_current_task())
  checkpoint()
  t.ok(info == anyio.get_current_task())
  anyio.create_task_group(function(tg)
    tg:start_soon(function() t.no(info == anyio.get_current_task()) end)
  end)
  local again = by_id(anyio.get_running_tasks())[info.id]
  t.ok(again == info)
end)

t.test("[DBG-03] its text shows id and name", function()
  anyio.create_task_group(function(tg)
    tg:start_soon({function()
      local info = anyio.get_current_task()
      local text = tostring(info)
      t.ok(text:find("TaskInfo(id=" .. info.id .. ", name='the name')", 1, true), text)
    end, name = "the name"})
  end)
end)

t.test("[DBG-03 DBG-04] get_running_tasks shows children with name and parent", function()
  local gate, infos = new_gate(), nil
  local host_id = anyio.get_current_task().id
  anyio.create_task_group(function(tg)
    local before = by_id(anyio.get_running_tasks())
    t.ok(before[host_id])
    tg:start_soon({gate.wait, name = "task1"}, gate)
    tg:start_soon({gate.wait, name = "task2"}, gate)
    tg:start_soon({function()
      anyio.wait_all_tasks_blocked()
      infos = new_tasks(before)
      gate:open()
    end, name = "task3"})
  end)
  t.eq(#infos, 3)
  for i, info in ipairs(infos) do
    t.eq(info.name, "task" .. i)
    t.eq(info.parent_id, host_id)
    t.no(info:has_pending_cancellation(), "an ended task has none")
  end
end)

t.test("[DBG-04] a child's parent is the group's host, not who called start_soon", function()
  local host_id = anyio.get_current_task().id
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      t.eq(anyio.get_current_task().parent_id, host_id)
      tg:start_soon(function() t.eq(anyio.get_current_task().parent_id, host_id) end)
      anyio.create_task_group(function(inner)
        local inner_host = anyio.get_current_task().id
        inner:start_soon(function()
          t.eq(anyio.get_current_task().parent_id, inner_host)
        end)
      end)
    end)
  end)
end)

t.test("[DBG-05] during start the parent is the caller, after started the group's host",
  function()
    local host_id = anyio.get_current_task().id
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        local caller_id = anyio.get_current_task().id
        t.no(caller_id == host_id)
        tg:start(function(task_status)
          t.eq(anyio.get_current_task().parent_id, caller_id)
          checkpoint()
          t.eq(anyio.get_current_task().parent_id, caller_id)
          task_status:started()
          checkpoint()
          t.eq(anyio.get_current_task().parent_id, host_id)
        end)
      end)
    end)
  end)

t.test("[DBG-06] the main task's parent: nobody on asyncio, the init task on trio", function()
  local parent = anyio.get_current_task().parent_id
  if t.backend == "asyncio" then
    t.eq(parent, nil)
  else
    t.eq(math.type(parent), "integer")
    t.no(parent == anyio.get_current_task().id)
  end
end)

t.test("[DBG-07] get_running_tasks lists unfinished tasks only", function()
  local before = by_id(anyio.get_running_tasks())
  anyio.create_task_group(function(tg)
    local gate = new_gate()
    tg:start_soon({function() end, name = "ends"})
    tg:start_soon({gate.wait, name = "waits"}, gate)
    t.eq(#new_tasks(before), 2, "also those that have not begun")
    anyio.wait_all_tasks_blocked()
    local living = new_tasks(before)
    t.eq(#living, 1)
    t.eq(living[1].name, "waits")
    gate:open()
  end)
  t.eq(#new_tasks(before), 0)
end)

t.test("[DBG-07] natively spawned tasks are listed", {backend = "asyncio"}, function()
  local asyncio = require "asyncio"
  local before = by_id(anyio.get_running_tasks())
  local task = asyncio.create_task({anyio.sleep_forever, name = "native"})
  t.eq(new_tasks(before)[1].name, "native")
  anyio.wait_all_tasks_blocked()
  task:cancel()
  t.raises(anyio.get_cancelled_exc_class(), task.await, task)
end)

t.test("[DBG-07] system tasks are listed", {backend = "trio"}, function()
  local before = by_id(anyio.get_running_tasks())
  local gate = new_gate()
  require("trio").lowlevel.spawn_system_task({gate.wait, name = "system"}, gate)
  t.eq(new_tasks(before)[1].name, "system")
  anyio.wait_all_tasks_blocked()
  gate:open()
  anyio.wait_all_tasks_blocked()
  t.eq(#new_tasks(before), 0)
end)

t.test("[DBG-08] a pending cancellation is seen by the task itself and by others", function()
  anyio.create_task_group(function(tg)
    local info, scope
    tg:start_soon(function()
      info = anyio.get_current_task()
      anyio.CancelScope(function(s)
        scope = s
        t.no(info:has_pending_cancellation())
        pcall(anyio.sleep_forever)
        t.ok(info:has_pending_cancellation())
        anyio.CancelScope({shield = true}, function()
          t.no(info:has_pending_cancellation())
        end)
      end)
      t.no(info:has_pending_cancellation())
    end)
    anyio.wait_all_tasks_blocked()
    t.no(info:has_pending_cancellation())
    scope:cancel()
    t.ok(info:has_pending_cancellation())
    anyio.wait_all_tasks_blocked()
    t.no(info:has_pending_cancellation(), "it has ended")
  end)
end)
