--- Random programs over primitives and memory streams, held against a model:
--- those that the fuzzer runs, from seeds.
local sync = require "fuzz.sync"
local t = require "harness"

-- A generator of its own, so that SEED repeats a failure.
local function random_program(seed)
  local state, bytes = seed, {}
  local function random(n)
    state = (state * 1103515245 + 12345) % 2147483648
    return state // 65536 % n
  end
  for i = 1, 20 + random(180) do bytes[i] = string.char(random(256)) end
  return table.concat(bytes)
end

t.test("[SY-09 SY-45 SY-55 MS-02 MS-20] primitives and streams do what a model says", {plain = true},
  function()
    for i = 1, 150 do
      local seed = t.seed * 1000 + i
      local ok, err = pcall(sync, random_program(seed), t.backend)
      if not ok then
        local leaves = type(err) == "table" and err.leaves and err:leaves() or {err}
        t.fail(("program %d: %s"):format(seed, tostring(leaves[1])))
      end
    end
  end)
