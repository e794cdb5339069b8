--- The traceback of a script ended with two lines "[C]: in ?".

local anyio = require "anyio"
local t = require "harness"

t.test("a traceback ends with one line for what began it", function()
  local first = 0
  while arg[first - 1] do first = first - 1 end
  local program = os.getenv "ANYRUN" or arg[first]
  for _, code in ipairs{"error 'no'", "sleep(0) error 'no'", "run(function() error 'no' end)"} do
    local done = anyio.run_process({program, "--backend=" .. t.backend, "-e", code}, {check = false})
    local _, n = done.stderr:gsub("%[C%]: in %?", "")
    t.eq({done.returncode, n}, {1, 1})
  end
end)
