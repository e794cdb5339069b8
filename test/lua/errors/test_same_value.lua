--- The same plain value raised again and again: each raise has its own story.
local anyio = require "anyio"
local t = require "harness"

--- The text of what went wrong in a group whose only child raises `value`.
local function story(value)
  local group = t.group(anyio.create_task_group, function(tg)
    tg:start_soon({function() error(value, 0) end, name = "the child"})
  end)
  t.eq(group.exceptions[1], value)
  return group.tracebacks[1]
end

t.test("a string raised a hundred times does not collect the tasks of all", function()
  local first = story "again"
  for _ = 1, 100 do t.eq(#story "again", #first) end
  local _, tasks = first:gsub("in task", "")
  t.eq(tasks, 1)
end)

t.test("the same after it was caught by a plain pcall outside a scope", function()
  local function fail() error("again", 0) end
  for _ = 1, 10 do
    t.no((pcall(anyio.CancelScope, fail)))
    t.no((pcall(anyio.move_on_after, 1, fail)))
  end
  local _, tasks = story "again":gsub("in task", "")
  t.eq(tasks, 1)
end)

t.test("the story of a value raised elsewhere before is not told", function()
  local line = debug.getinfo(1, "l").currentline + 1
  local function earlier() error("again", 0) end
  t.no((pcall(anyio.CancelScope, earlier)))
  local text = story "again"
  t.no(text:find("test_same_value.lua:" .. line, 1, true), text)
end)
