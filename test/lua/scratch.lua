--- A temporary folder for a test, and what it may leave behind.

local anyio = require "anyio"
local t = require "harness"

local scratch = {}

--- How many descriptors this process has open.
function scratch.descriptors()
  local n = 0
  for _ in anyio.Path("/proc/self/fd"):iterdir() do n = n + 1 end
  return n
end

--- Call `body(path)` with a new folder as a Path; afterwards the folder is gone,
--- and no descriptor is left.
function scratch.with(body)
  scratch.descriptors() -- what the first use of the threads opens stays open
  local before = scratch.descriptors()
  anyio.TemporaryDirectory({ prefix = "anyrun-test-" }, function(path)
    body(anyio.Path(path))
  end)
  t.eq(scratch.descriptors(), before, "descriptors left open")
end

--- A test in a folder of its own.
function scratch.test(title, opts, body)
  if not body then opts, body = {}, opts end
  t.test(title, opts, function() scratch.with(body) end)
end

--- The texts of paths, in order, as they are below `root`.
function scratch.below(root, paths)
  local list = {}
  for path in paths do list[#list + 1] = tostring(path:relative_to(root)) end
  table.sort(list)
  return list
end

--- A named pipe.
function scratch.fifo(path)
  assert(os.execute("mkfifo '" .. tostring(path) .. "'"))
  return path
end

return scratch
