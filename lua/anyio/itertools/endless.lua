--- Iterators without an end, or with a given one.

local checkpoint = require("_anyrun.time").checkpoint
local iterate = require "anyrun.iterate"
local options = require "anyrun.options"

local pack, unpack = table.pack, table.unpack

---@class anyio.itertools.endless
local endless = {}

--- Counts without an end.
---@param start? number 0 when absent
---@param step? number 1 when absent
---@return fun(): number
---Checkpoint: never; a step: always.
---@usage for n in itertools.count(10, -1) do print(n) end
function endless.count(start, step)
  options.arg("count", 1, start, "number?")
  options.arg("count", 2, step, "number?")
  local value, by = start or 0, step or 1
  return function()
    checkpoint()
    local now = value
    value = value + by
    return now
  end
end

--- The items of a source again and again; they are kept.
---@param source any[]|fun(): any
---@return fun(): any ...
---Checkpoint: never; a step: always.
---Raises: a step: as the source.
---@usage for colour in itertools.cycle { "red", "green" } do paint(colour) end
function endless.cycle(source)
  local pull = iterate.puller("cycle", 1, source)
  local kept, n, at, complete = {}, 0, 0, false
  local function replay()
    if n == 0 then return nil end
    at = at % n + 1
    return unpack(kept[at], 1, kept[at].n)
  end
  local function keep(...)
    if (...) == nil then
      complete = true
      return replay()
    end
    n = n + 1
    kept[n] = pack(...)
    return ...
  end
  return function()
    if not complete then return keep(pull()) end
    checkpoint()
    return replay()
  end
end

--- The same value again and again. Since `repeat` is a word of Lua, it is
--- `itertools.repeat_`, and also `itertools["repeat"]`.
---@param value any
---@param times? integer how often; without an end when absent
---@return fun(): any
---Checkpoint: never; a step: always.
---@usage for job in itertools.repeat_("job", 3) do print(job) end
function endless.repeat_(value, times)
  options.arg("repeat_", 2, times, "integer?")
  local left = times
  return function()
    checkpoint()
    if not left then return value end
    if left <= 0 then return nil end
    left = left - 1
    return value
  end
end

endless["repeat"] = endless.repeat_

return endless
