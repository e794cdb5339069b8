-- While a script waited for its terminal to become readable, the terminal was
-- non-blocking: standard output is the same open file, so most of a long text
-- that another task, or a child, wrote meanwhile was lost.

local anyio = require "anyio"
local net = require "net"
local t = require "harness"

local O_NONBLOCK <const> = 0x800

local function is_blocking(fd)
  local info <close> = assert(io.open(("/proc/self/fdinfo/%d"):format(fd)))
  local flags = info:read("a"):match "flags:%s*(%d+)"
  return tonumber(flags, 8) & O_NONBLOCK == 0
end

-- The number of the descriptor this process has of a file.
local function number_of(path)
  local pipe <close> = io.popen "ls -l /proc/$PPID/fd"
  for line in pipe:lines() do
    local number, to = line:match "(%d+) %-> (.*)$"
    if to == path then return tonumber(number) end
  end
end

t.test("a descriptor stays in blocking mode while it is waited for", function()
  net.folder(function(folder)
    local path = folder .. "/fifo"
    os.execute("mkfifo " .. path)
    local fifo <close> = assert(io.open(path, "r+"))
    local fd = number_of(path)
    t.ok(is_blocking(fd))
    anyio.create_task_group(function(tg)
      tg:start_soon(function() anyio.wait_readable(fifo) end)
      anyio.wait_all_tasks_blocked()
      t.ok(is_blocking(fd))
      anyio.wait_writable(fd)
      t.ok(is_blocking(fd))
      fifo:write "x"
      fifo:flush()
    end)
    t.ok(is_blocking(fd))
  end)
end)
