-- The face: what `anyio` holds.

local anyio = require "anyio"
local t = require "harness"

local NAMES = [[
  run sleep sleep_until sleep_forever current_time get_all_backends
  get_available_backends get_cancelled_exc_class create_task_group
  TASK_STATUS_IGNORED CancelScope move_on_after move_on_at fail_after fail_at
  current_effective_deadline lowlevel get_current_task get_running_tasks
  wait_all_tasks_blocked TaskInfo TypedAttributeSet TypedAttributeProvider
  typed_attribute with pcall catch exception isinstance abc testing
  ContextManagerMixin AsyncContextManagerMixin BaseException Exception
  ExceptionGroup BaseExceptionGroup Cancelled EndOfStream TaskHandle
]]

t.test("every name is there and stays the same", { plain = true }, function()
  for name in NAMES:gmatch "%S+" do
    local value = anyio[name]
    t.ok(value ~= nil, name)
    t.ok(rawequal(value, anyio[name]), name)
  end
end)

t.test("a name that nobody knows is nil", { plain = true }, function()
  t.eq(anyio.no_such_name, nil)
  t.eq(anyio.new_cancelled, nil)
  t.eq(anyio.lowlevel.no_such_name, nil)
  t.eq(anyio[1], nil)
end)

t.test("submodules are fields and can be required", { plain = true }, function()
  t.ok(rawequal(anyio.abc, require "anyio.abc"))
  t.ok(rawequal(anyio.lowlevel, require "anyio.lowlevel"))
  t.ok(rawequal(anyio.testing, require "anyio.testing"))
end)

t.test("a resource closes itself as a to-be-closed value", function()
  local log = t.log()
  local File = anyio.abc.AsyncResource("File")
  local file = File()
  t.raises(anyio.NotImplementedError, file.aclose, file)
  function File:aclose() log "closed" end
  do
    local _ <close> = file
    log "open"
  end
  t.eq(log.items, { "open", "closed" })
end)

t.test("TASK_STATUS_IGNORED takes a started and does nothing", function()
  t.eq(select("#", anyio.TASK_STATUS_IGNORED:started("value")), 0)
end)

t.test("a handle is an instance of TaskHandle", function()
  local class = anyio.TaskHandle
  anyio.create_task_group(function(tg)
    t.isa(tg:create_task(type, 1), class)
  end)
  t.no(anyio.isinstance({}, class))
end)
