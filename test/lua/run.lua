--- Run test files: anyrun [--backend=NAME] test/lua/run.lua FILE...
--
-- Exit status 1 when a test failed, 2 when no file was named.

local here = arg[0]:match "^(.*)/[^/]*$" or "."
package.path = here .. "/?.lua;" .. here .. "/../?.lua;" .. package.path

if #arg == 0 then
  io.stderr:write("usage: run.lua FILE...\n")
  os.exit(2)
end

if require("harness").main(arg) > 0 then os.exit(1) end
