--- `event.set()`, with a dot, was told of as "attempt to index a nil value
--- (local 'self')" in a file that the script has never heard of.

local anyio = require "anyio"
local t = require "harness"

t.test("a method that is called with a dot names the colon", function()
  for object, methods in pairs{
    [anyio.Event()] = {"set", "is_set", "wait", "statistics"},
    [anyio.Semaphore(1)] = {"acquire", "acquire_nowait", "release", "statistics"},
    [anyio.Condition()] = {"acquire", "release", "locked", "wait", "notify", "notify_all"},
    [anyio.CapacityLimiter(1)] = {"acquire", "acquire_nowait", "release", "statistics"},
  } do
    local name = getmetatable(object).__name
    for _, method in ipairs(methods) do
      local ok, err = pcall(function() object[method]() end)
      t.eq(ok, false)
      t.ok(tostring(err):find(("colon.lua:16: bad argument #1 to '%s' (%s expected, got no value: "
        .. "a colon is missing"):format(method, name), 1, true), tostring(err))
    end
  end
end)
