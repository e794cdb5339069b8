-- A SIGTERM that came after a script without a run had called io.read, and a
-- moment before the system's read began, was slept through: no line of the
-- script was run that would have heard it, and the read waited for input.

local anyio = require "anyio"
local net = require "lua.net"
local t = require "harness"

-- In one C function, so that no line of a script is in between: a program asks
-- this process to end, and a line is read. (The program is named 5: table.move
-- takes apart what it is given by their metamethods.)
local SCRIPT <const> = [[
  debug.setmetatable(0, { __index = os.execute })
  getmetatable("").__newindex = io.read
  table.move(5, 1, 1, 1, "l")
]]

t.test("a signal a moment before a read is heard", function()
  net.folder(function(folder)
    local program = folder .. "/5"
    local file <close> = assert(io.open(program, "w"))
    file:write('#!/bin/sh\nread -r number rest < "/proc/$PPID/stat"\n',
      'set -- $rest\n[ "$1" != "(sh)" ] || number=$3\nkill -TERM "$number"\n')
    file:close()
    os.execute("chmod +x " .. program)
    local child <close> = anyio.open_process({
      os.getenv "ANYRUN" or "build/debug/anyrun", "--backend=" .. t.backend, "-e", SCRIPT,
    }, { env = { PATH = folder .. ":" .. os.getenv "PATH" } })
    anyio.fail_after(10, function() child:wait() end)
    t.eq(child.returncode, -15)
  end)
end)
