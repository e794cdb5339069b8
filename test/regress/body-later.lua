--- A temporary folder or a signal receiver that was made without a body could
--- not be called with one later: "attempt to call a table value", or the
--- receiver waited for a signal.

local anyio = require "anyio"
local t = require "harness"

t.test("a temporary folder is called with its body later", function()
  local folder = anyio.TemporaryDirectory()
  local path, rest = folder(function(path)
    t.ok(anyio.Path(path):is_dir())
    return path, 7
  end)
  t.eq({path, rest, anyio.Path(path):exists()}, {folder.name, 7, false})
  t.raises("bad argument #1 to 'TemporaryDirectory' (function expected, got no value)",
    anyio.TemporaryDirectory({delete = true}))
end)

t.test("an error of the body leaves no folder", function()
  local folder = anyio.TemporaryDirectory()
  t.raises("mine", folder, function() error "mine" end)
  t.eq(anyio.Path(folder.name):exists(), false)
end)

t.test("a signal receiver is called with its body later", {plain = true}, function()
  t.run(function()
    local receiver = anyio.open_signal_receiver "SIGUSR1"
    local name, same = receiver(function(r)
      os.execute "kill -USR1 $PPID"
      return r(), r
    end)
    t.eq({name, same == receiver}, {"SIGUSR1", true})
  end)
end)
