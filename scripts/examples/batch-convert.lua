-- Converts many files, some at a time; one that fails does not stop the others.
local anyio = require "anyio"

local AT_A_TIME <const> = 4

local function convert(name, text)
  -- a converter that reads its input and writes the result; it dislikes digits
  local cmd = "read -r x; case $x in *[0-9]*) echo 'a digit' >&2; exit 1;; esac; echo $x"
  return anyio.pipeline({ cmd, { "tr", "a-z", "A-Z" } }, { input = text .. "\n" }).stdout, name
end

run(function()
  local inputs = { a = "one", b = "two", c = "thr33", d = "four", e = "five" }
  local limiter, results = anyio.CapacityLimiter(AT_A_TIME), {}
  anyio.create_task_group(function(tg)
    for name, text in pairs(inputs) do
      tg:start_soon(function()
        local _ <close> = limiter:acquire()
        local ok, result = anyio.pcall(convert, name, text)
        results[#results + 1] = name .. ": "
          .. (ok and result or "failed, " .. result.stderr)
      end)
    end
  end)
  table.sort(results)
  io.write(table.concat(results))
end)

-- Output:
-- a: ONE
-- b: TWO
-- c: failed, a digit
-- d: FOUR
-- e: FIVE
