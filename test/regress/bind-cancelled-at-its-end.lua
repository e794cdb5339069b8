-- A bind to a path had ended and woken its task, when another task of the same
-- batch cancelled that one by asyncio's own cancel(): the socket was closed, but
-- its file stayed. So did it where the file's mode could not be set.

local anyio = require "anyio"
local net = require "net"
local t = require "harness"

local function exists(path)
  return (os.execute(("[ -e %s ]"):format(path)))
end

-- Holds up the loop, so that what threads do meanwhile is told of at once.
local function hold_up()
  local start = os.clock()
  while os.clock() - start < 0.05 do end -- luacheck: ignore
end

t.test("a bind that is cancelled at its end leaves no file", { backend = "asyncio" },
  function()
    local asyncio = require "asyncio"
    net.folder(function(folder)
      local tasks, won = {}, nil
      for i = 1, 2 do
        tasks[i] = asyncio.create_task(function()
          local path = folder .. "/" .. i
          local _ <close> = anyio.create_unix_listener(path)
          won = won or i
          tasks[3 - i]:cancel()
          t.ok(exists(path), "it is bound")
        end)
      end
      anyio.lowlevel.checkpoint()
      anyio.lowlevel.checkpoint()
      hold_up()
      asyncio.wait(tasks)
      t.ok(tasks[3 - won]:cancelled(), "the other one was cancelled")
      t.ok(not exists(folder .. "/" .. 3 - won), "and left no file")
    end)
  end)
