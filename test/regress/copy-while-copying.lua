--- A finalizer that copied values while others were being copied broke them.
--
-- What a copy knew of the objects that it had met belonged to the whole state.
-- A finalizer ran when the copy made garbage, copied something of its own (it
-- told a loop of something, say), and the first copy went on with the second
-- one's numbers: a table or an upvalue arrived as another one.

local anyio = require "anyio"
local t = require "harness"
local thread = require "_anyrun.thread"

t.test("a finalizer may copy while a copy is made", function()
  local n, watched, over = 0, {}, false
  local function finalize()
    if over then return end -- while the state closes nothing new is finalized
    n = n + 1
    local a = {}
    local cell = thread.cell()
    cell:lock()
    cell:unlock({a, {a}, function() return a end, watched}, {1})
    if n < 2000 then setmetatable({}, {__gc = finalize}) end
  end
  setmetatable({}, {__gc = finalize})
  for _ = 1, 20 do
    local list = {}
    for i = 1, 200 do list[i] = {i, list[i - 1], function() return i, list end} end
    t.eq(anyio.to_thread.run_sync(function(l)
      for i = 1, 200 do
        local k, whole = l[i][3]()
        if l[i][1] ~= i or l[i][2] ~= l[i - 1] or k ~= i or whole ~= l then return i end
      end
      return "whole"
    end, list), "whole")
  end
  over = true
  t.ok(n > 1)
end)

t.test("a finalizer may change a table while it is copied", function()
  local list, n = {}, 0
  local function finalize()
    n = n + 1
    for i = 1, 200, 7 do list[i] = nil end
    if n < 2000 then setmetatable({}, {__gc = finalize}) end
  end
  setmetatable({}, {__gc = finalize})
  for _ = 1, 20 do
    for i = 1, 200 do list[i], list[i + 0.5] = function() return i, list end, i end
    for i, f in pairs(anyio.to_thread.run_sync(function(l) return l end, list)) do
      if math.type(i) == "integer" then t.eq((f()), i) else t.eq(f, i - 0.5) end
    end
  end
  t.ok(n > 1)
end)
