--- A block with a context manager of a portal that was left by control-C or by an
-- exit ended the portal, too: the error went through the manager's task.
local anyio = require "anyio"
local t = require "harness"

local function manager()
  return setmetatable({}, {__index = {
    __enter = function() anyio.lowlevel.checkpoint() end,
    __exit = function() anyio.lowlevel.checkpoint() end,
  }})
end

t.test("[THR-55] an exit that leaves a block is none of the portal's", {plain = true}, function()
  anyio.from_thread.start_blocking_portal({backend = t.backend}, function(portal)
    for _, class in ipairs{anyio.KeyboardInterrupt, anyio.SystemExit, anyio.ValueError} do
      local raised = class()
      local ok, err = pcall(anyio.with, portal:wrap_async_context_manager(manager()),
        function() error(raised) end)
      t.ok(not ok and rawequal(err, raised))
    end
    t.eq(portal:call(math.max, 1, 2), 2)
  end)
end)
