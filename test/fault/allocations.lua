--- The n-th allocation fails: each n in a process of its own.
--
--   ANYRUN_BACKEND=NAME anyrun test/fault/allocations.lua [FIRST [LAST [STEP]]]
--
-- CHILD=name runs test/fault/name.lua in place of allocations_child.lua.
-- A run must end with status 0, or 1 and an error; never by a signal, with a
-- deadlock, or not at all. Prints each n that does not.
local program = os.getenv "ANYRUN" or arg[-1]
local backend = os.getenv "ANYRUN_BACKEND" or "asyncio"
local here = arg[0]:match "^(.*/)" or ""
local child = os.getenv "CHILD" or "allocations_child"

local function attempt(n)
  local command = string.format(
    "timeout 10 %s --backend=%s %s%s.lua %d 2>&1 <%s; echo \"status $?\"",
    program, backend, here, child, n, arg[0])
  local pipe <close> = assert(io.popen(command))
  local text = pipe:read "a"
  return tonumber(text:match "status (%d+)%s*$"), text
end

local status, text = attempt(0)
assert(status == 0, text)
local count = tonumber(text:match "^(%d+)")
local failed, passed = 0, 0
for n = tonumber(arg[1] or 1), tonumber(arg[2] or count), tonumber(arg[3] or 1) do
  status, text = attempt(n)
  if status == 0 or status == 1 and not text:find("Sanitizer", 1, true) then
    passed = passed + 1
  else
    failed = failed + 1
    print(string.format("n = %d: status %d\n%s", n, status, text))
  end
end
print(string.format("%d passed, %d failed", passed, failed))
return failed == 0 and 0 or 1
