--- A finalizer that tried to sleep while no run was going on began the script's
--- implicit run, in whatever code Lua happened to collect garbage: the script's
--- later runs were then refused or left a task behind.
local t = require "harness"

-- The program is the first word of the command line.
local first = -1
while arg[first - 1] do first = first - 1 end
local program = os.getenv "ANYRUN" or arg[first]

local SCRIPT <const> = [[
local anyio = require "anyio"
local function finalizer()
  print(pcall(sleep, 0))
  print(pcall(anyio.get_current_task))
end
setmetatable({}, {__gc = finalizer})
collectgarbage()
-- had the script's run begun, it would be this backend's
print(anyio.run(current_async_library, {backend = "trio"}), current_async_library())
local found, hooks = pcall(require, "_anyrun.test")
print(found and hooks.counts().tasks or 0)
]]

t.test("a finalizer begins no run", {plain = true}, function()
  local path = os.tmpname()
  local file <close> = assert(io.open(path, "w"))
  file:write(SCRIPT)
  file:close()
  local pipe <close> = assert(io.popen(("%s --backend=asyncio %s 2>&1"):format(program, path)))
  local text = pipe:read "a"
  os.remove(path)
  t.eq(text, "false\tNoEventLoopError: no event loop is running in this thread\n"
    .. "false\tNoEventLoopError: no event loop is running in this thread\n"
    .. "trio\tasyncio\n0\n")
end)
