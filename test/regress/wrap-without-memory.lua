--- Inside a run, coroutine.wrap made a closure in the fresh coroutine: when
-- there was no memory for it, nobody could catch the error, and Lua aborted.
local t = require "harness"
local hooks = require "_anyrun.test"

t.test("coroutine.wrap without memory raises an error", function()
  local wrap, fail_at = coroutine.wrap, hooks.fail_at
  local function body() end
  local failures, n = 0, 0
  repeat
    n = n + 1
    fail_at(n, 2) -- Lua asks again after a collection
    local ok, err = pcall(wrap, body)
    fail_at(0)
    if not ok then
      failures = failures + 1
      t.eq(err, "not enough memory")
    end
  until ok
  t.ok(failures >= 3, "coroutine, closure and closure")
end)
