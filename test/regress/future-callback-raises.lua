--- An error of a callback of a thread's future ended the portal's run on trio, and
-- was raised where the callback was added to a future that had ended.
local t = require "harness"

local first = 0
while arg[first - 1] do first = first - 1 end
local program = os.getenv "ANYRUN" or arg[first]

local SCRIPT <const> = [[
  local anyio = require "anyio"
  anyio.from_thread.start_blocking_portal(function(portal)
    local event = portal:call(anyio.Event)
    local future = portal:start_task_soon(function(e) e:wait() return "value" end, event)
    future:add_done_callback(function() error("one", 0) end)
    future:add_done_callback(function(f) SEEN = f:result() end)
    portal:call(event.set, event)
    print(future:result(), portal:call(function()
      while not SEEN do anyio.lowlevel.checkpoint() end
      return SEEN
    end))
    future:add_done_callback(function() error("two", 0) end)
  end)
  print "end"
]]

t.test("an error of a callback is shown, and is nobody's", {plain = true}, function()
  local file = assert(io.popen(("%s --backend=%s -e '%s' 2>&1"):format(program, t.backend, SCRIPT)))
  local out = file:read "a"
  file:close()
  for _, text in ipairs{"one\n", "two\n", "value\tvalue\n", "\nend\n"} do
    t.ok(out:find(text, 1, true), out)
  end
end)
