--- What reading costs: many small files (as `small`, or 16 at a time as `wide`), or
-- one large one, from the memory of the system. arg: what, how many. Unit: ns/file,
-- or ns/MiB.
local anyio = require "anyio"
local what, count = arg[1] or "small", tonumber(arg[2]) or 10000
local workers = what == "wide" and 16 or 1

local function read_some(folder, first, last)
  local size = 0
  for i = first, last do
    local file <close> = anyio.open_file(("%s/%d"):format(folder, i), "rb")
    size = size + #file:read()
  end
  assert(size == (last - first + 1) * 1025)
end

local function small(folder)
  for i = 1, count do anyio.Path(folder, tostring(i)):write_bytes(("x"):rep(1025)) end
  local start = anyio.current_time()
  anyio.create_task_group(function(tg)
    for w = 1, workers do
      tg:start_soon(read_some, folder, count * (w - 1) // workers + 1, count * w // workers)
    end
  end)
  print(("%.0f ns/file"):format((anyio.current_time() - start) / count * 1e9))
end

local function large(folder)
  local path = folder .. "/large"
  local out <close> = anyio.open_file(path, "wb")
  for _ = 1, count do out:write(("x"):rep(1 << 20)) end
  out:flush()
  local start, size = anyio.current_time(), 0
  local file <close> = anyio.open_file(path, "rb")
  for _ = 1, count do size = size + #file:read(1 << 20) end
  assert(size == count << 20)
  print(("%.0f ns/MiB"):format((anyio.current_time() - start) / count * 1e9))
end

anyio.TemporaryDirectory(what == "large" and large or small)
