local t = require "harness"

t.test("whichever allocation fails, the program ends with an error at worst", {plain = true}, function()
  local command = "ANYRUN_BACKEND=" .. t.backend .. " " ..
    os.getenv "ANYRUN" .. " test/fault/allocations.lua"
  local pipe = assert(io.popen(command))
  local text = pipe:read "a"
  t.ok(pipe:close(), text)
  t.match(text, "%d+ passed, 0 failed")
end)
