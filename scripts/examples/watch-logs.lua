-- Follows several logs at once, until each has said that it is over.
local anyio = require "anyio"
local BufferedByteReceiveStream = anyio.streams.buffered.BufferedByteReceiveStream

local function follow(path, found)
  local tail <close> = anyio.open_process({ "tail", "-n", "+1", "-f", path }, {
    stdin = anyio.DEVNULL,
  })
  local lines = BufferedByteReceiveStream(tail.stdout)
  while true do
    local line = lines:receive_until("\n", 4096)
    if line:find "ERROR" then found[#found + 1] = line end
    if line == "END" then break end
  end
  tail:terminate()
end

run(function()
  local found, names = {}, {}
  anyio.create_task_group(function(tg)
    for i = 1, 3 do
      local name = os.tmpname()
      names[i] = name
      tg:start_soon(follow, name, found)
      tg:start_soon(function() -- who writes the log
        local log <close> = assert(io.open(name, "a"))
        for n = 1, 3 do
          log:write(n == i and "ERROR in log " .. i or "fine", "\n"):flush()
          sleep(0.01)
        end
        log:write "END\n"
      end)
    end
  end)
  for _, name in ipairs(names) do os.remove(name) end
  table.sort(found)
  print(table.concat(found, "\n"))
end)

-- Output:
-- ERROR in log 1
-- ERROR in log 2
-- ERROR in log 3
