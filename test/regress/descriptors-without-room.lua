--- receive_fds told fewer descriptors than were sent where the process had no
--- room for them: the others were lost, and nobody heard of it.

local net = require "net"
local t = require "harness"

-- What a program prints that may have no more than 30 descriptors.
local function output(code)
  local path = os.tmpname()
  local _ <close> = setmetatable({}, {__close = function() os.remove(path) end})
  do
    local file <close> = assert(io.open(path, "w"))
    file:write(code)
  end
  local pipe <close> = io.popen(("ulimit -n 30; exec %s --backend=%s %s 2>&1"):format(
    os.getenv "ANYRUN" or "anyrun", t.backend, path))
  return pipe:read "a"
end

-- The numbers of all open descriptors.
local COUNT <const> = [[
  local function count()
    local n = 0
    for fd = 0, 63 do
      local file = io.open("/proc/self/fdinfo/" .. fd)
      if file then n = n + 1 file:close() end
    end
    return n
  end
]]

t.test("descriptors that there is no room for stay, with their bytes", {plain = true}, function()
  t.eq(output(COUNT .. [[
    local anyio = require "anyio"
    local close = anyio.lowlevel.close_descriptor
    local listener = anyio.create_unix_listener "]] .. "\\0" .. net.abstract():sub(2) .. [["
    local a = anyio.connect_unix(listener:extra(anyio.abc.SocketAttribute.local_address))
    local b = listener:accept()
    a:send_fds("one", {a, a, a})
    a:send "two"
    local files = {}
    while true do
      local file = io.open "/dev/null"
      if not file then break end
      files[#files + 1] = file
    end
    for _ = 1, 2 do table.remove(files):close() end
    local ok, err = pcall(b.receive_fds, b, 10, 5)
    print(ok, err.class == anyio.OSError, err.code)
    print((pcall(io.close, assert(io.open "/dev/null"))))
    for _ = 1, 2 do table.remove(files):close() end
    local before = count()
    local message, fds = b:receive_fds(10, 5)
    print(message, #fds, count() - before)
    for _, fd in ipairs(fds) do close(fd) end
    print(b:receive(), count() - before)
    a:send_fds("x", {a, a, a})
    for _ = 1, 3 do files[#files + 1] = io.open "/dev/null" end
    message, fds = b:receive_fds(10, 1)
    print(message, #fds)]]),
    "false\ttrue\tEMFILE\ntrue\none\t3\t3\ntwo\t0\nx\t1\n")
end)
