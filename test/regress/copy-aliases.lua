--- A function of C went by whatever name a script had given it.
--
-- After `string.fmt = string.format` a worker was asked for `string.fmt`, which
-- only the script has; after `io.stdout = io.open(...)` it wrote to its own
-- standard output. Functions of C go by the names that every state has.

local anyio = require "anyio"
local t = require "harness"

-- Calls f, and then takes the field away again.
local function with_field(module, field, value, f)
  local before = module[field]
  module[field] = value
  local ok, err = anyio.pcall(f)
  module[field] = before
  t.ok(ok, tostring(err))
end

t.test("what a script calls a standard function makes no difference", function()
  for _, how in ipairs{"to_thread", "to_process", "to_interpreter"} do
    local run_sync = anyio[how].run_sync
    local print_, format, exit = print, string.format, os.exit
    for i = 1, 40 do package.loaded.string["alias" .. i], _G["alias" .. i] = format, print_ end
    package.loaded.by_hand = {format = format, exit = exit}
    local ok, err = anyio.pcall(function()
      t.eq({run_sync(function() return format("%d", 3), print_ == print, type(exit) end)},
        {"3", true, "function"})
    end)
    for i = 1, 40 do package.loaded.string["alias" .. i], _G["alias" .. i] = nil, nil end
    package.loaded.by_hand = nil
    t.ok(ok, tostring(err))
    with_field(string, "format", string.rep, function()
      t.eq({run_sync(function() return format("%d", 3), string.format("%d", 3) end)}, {"3", "3"})
    end)
    with_field(math, "ceil", math.floor, function()
      with_field(math, "floor", nil, function()
        local floor = math.ceil
        t.eq(run_sync(function() return floor(1.5) end), 1)
      end)
    end)
  end
end)

t.test("a file in the place of a standard one is no standard file", function()
  local file <close> = io.tmpfile()
  local out = io.stdout
  with_field(io, "stdout", file, function()
    t.eq({anyio.to_thread.run_sync(function(a, b) return type(a), b == io.stdout, tostring(a), a end,
      file, out)}, {"userdata", true, "<Reference: userdata>", file})
    t.raises("argument 1: FILE*", anyio.to_process.run_sync, print, file)
  end)
end)

t.test("a worker whose `require` a function took away still knows modules", function()
  local str = string
  for _, how in ipairs{"to_thread", "to_process", "to_interpreter"} do
    local call = {function() require = nil end, -- luacheck: ignore
      limiter = anyio.CapacityLimiter(1)}
    anyio[how].run_sync(call)
    call[1] = function() return str == string end
    t.eq(anyio[how].run_sync(call), true)
  end
end)
