--- Files and Lua's own of them, in which the n-th request for memory fails (arg[1];
-- 0: none, then it prints how many there were). See allocations.lua.
local hooks = require "_anyrun.test"
local anyio = require "anyio"

local n = tonumber(arg[1])
local TEXT <const> = ("0123456789\n"):rep(3000)

local function body(folder)
  local path = folder .. "/file"
  local out <close> = anyio.open_file(path, "wb")
  out:write(TEXT)
  out:close()
  local file <close> = anyio.open_file(path)
  assert(file:read(20000) == TEXT:sub(1, 20000))
  assert(file:readline() == TEXT:match("[^\n]*\n", 20001))
  file:seek("set", 0)
  assert(file:read() == TEXT)
  file:close()
  assert(anyio.Path(path):read_text() == TEXT)
  local pipe <close> = io.popen(("cat '%s'; sleep 0.001; cat '%s'"):format(path, path))
  local line, rest = pipe:read("l", "a")
  assert(line == "0123456789" and #rest == 2 * #TEXT - 11)
  pipe:close()
  local to <close> = io.popen("cat >/dev/null", "w")
  to:write(TEXT, TEXT, TEXT)
  to:close()
  local input = anyio.stdin:receive(5000)
  assert(#input > 0)
end

local folder = anyio.mkdtemp()
local _, _, before = hooks.memory()
-- Two in a row: Lua asks again after a collection.
hooks.fail_at(n, 2)
local ok, err = pcall(body, folder)
hooks.fail_at(0)
local _, _, after = hooks.memory()
os.remove(folder .. "/file")
os.remove(folder)
if not ok then error(err, 0) end
if n == 0 then print(math.tointeger(after - before)) end
