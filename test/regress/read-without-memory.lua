--- A read for whose bytes there was no memory lost what it had taken already.

local t = require "harness"
local hooks = require "_anyrun.test"

t.test("what a read without memory has taken is there for the next", function()
  local text = ("0123456789"):rep(5000)
  local failures, n = 0, 0
  repeat
    n = n + 1
    local f <close> = io.popen(("printf %%s %s; sleep 0.01; echo %s"):format(text, text))
    f:read(1)
    hooks.fail_at(n, 1)
    local ok, got = pcall(f.read, f, "l")
    hooks.fail_at(0)
    if not ok then
      failures = failures + 1
      t.eq(got, "not enough memory")
      got = f:read "l"
    end
    t.eq(#got, 2 * #text - 1)
  until n == 40
  t.ok(failures > 0)
end)
