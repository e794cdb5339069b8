-- One task fails: its sisters are cancelled, and the error arrives as a group.
local anyio = require "anyio"

local NotFound = anyio.exception("NotFound")

local function fetch(key, delay)
  sleep(delay)
  if key == "b" then
    error(NotFound("no such key: " .. key))
  end
  print("fetched " .. key)
end

anyio.catch({
  [NotFound] = function(group)
    for _, err in ipairs(group.exceptions) do
      print("caught " .. tostring(err))
    end
  end,
}, function()
  anyio.create_task_group(function(tg)
    tg:start_soon(fetch, "a", 0.01)
    tg:start_soon(fetch, "b", 0.2)
    tg:start_soon(fetch, "c", 60)
  end)
end)

-- Output:
-- fetched a
-- caught NotFound: no such key: b
