--- A weak table that lost entries while it was copied made the whole copy
--- unreadable: "ValueError: not a copy of values: a key that is none".
--
-- How many entries there were was written before them, and fewer came when the
-- collector ran meanwhile.

local anyio = require "anyio"
local t = require "harness"

local function fill(mode)
  local weak = setmetatable({}, {__mode = mode})
  for i = 1, 150 do
    local x = i
    weak[i], weak[{}] = {i}, {i}
    weak[i + 0.5] = function() return x end
  end
  return weak
end

t.test("weak tables may lose entries while they are copied", function()
  collectgarbage "collect"
  for i = 1, 10 do
    for _, mode in ipairs{"k", "v", "kv"} do
      local ok = anyio.to_thread.run_sync(function(l)
        for _, weak in ipairs(l) do
          for key, value in pairs(weak) do
            if math.type(key) == "float" and value() ~= key - 0.5 then return key end
          end
        end
        return "fine"
      end, {fill(mode), fill(mode), {fill(mode), i}})
      t.eq(ok, "fine")
    end
  end
end)
