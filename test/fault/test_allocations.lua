local t = require "harness"

-- `range`: first, last and step of the n that are tried; all when absent.
local function each_fails(child, range)
  local command = ("ANYRUN_BACKEND=%s CHILD=%s %s test/fault/allocations.lua %s")
    :format(t.backend, child, os.getenv "ANYRUN", range or "")
  local pipe = assert(io.popen(command))
  local text = pipe:read "a"
  t.ok(pipe:close(), text)
  t.match(text, "%d+ passed, 0 failed")
end

t.test("whichever allocation fails, the program ends with an error at worst", {plain = true},
  function() each_fails "allocations_child" end)

t.test("whichever allocation fails, TLS loses no byte in silence", {plain = true},
  function() each_fails "tls_allocations_child" end)

t.test("whichever allocation fails, a look-up or a connection ends with an error at worst",
  {plain = true}, function() each_fails("net_allocations_child", "1 9200 11") end)

t.test("whichever allocation fails, a file or a program ends with an error at worst",
  {plain = true}, function() each_fails("files_allocations_child", "1 2900 3") end)
