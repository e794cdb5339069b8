--- What tests ask of values and errors: `eq`, `raises` and their like.
--
-- Part of the harness: the module is a function that puts the checks into the
-- harness's table. Each fails through `t.fail`.

local anyio = require "anyio"

local checks = {}

local function show(v, depth)
  if type(v) == "string" then return string.format("%q", v) end
  if type(v) ~= "table" or getmetatable(v) then return tostring(v) end
  if (depth or 0) > 4 then return "{...}" end
  local parts, n = {}, #v
  for i = 1, n do parts[i] = show(v[i], (depth or 0) + 1) end
  for k, x in pairs(v) do
    if not (math.type(k) == "integer" and k >= 1 and k <= n) then
      parts[#parts + 1] = tostring(k) .. " = " .. show(x, (depth or 0) + 1)
    end
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end
checks.show = show

--- An error as text, with its traceback and, for a group, its members.
local function describe(err, indent)
  indent = indent or "    "
  local lines = {(tostring(err):gsub("\n", "\n" .. indent))}
  if type(err) ~= "table" then return lines[1] end
  if err.traceback then
    lines[#lines + 1] = (tostring(err.traceback):gsub("\n", "\n" .. indent))
  end
  for i, member in ipairs(err.exceptions or {}) do
    lines[#lines + 1] = "member " .. i .. ": " .. describe(member, indent .. "  ")
  end
  if err.cause ~= nil then
    lines[#lines + 1] = "cause: " .. describe(err.cause, indent .. "  ")
  end
  return table.concat(lines, "\n" .. indent)
end
checks.describe = describe

function checks.install(t)
  t.show = show

  local function fail_with(msg, text)
    return t.fail((msg and msg .. ": " or "") .. text)
  end

  local function same(a, b)
    if a == b then return true end
    if type(a) ~= "table" or type(b) ~= "table" then return false end
    if getmetatable(a) or getmetatable(b) then return false end
    for k, v in pairs(a) do if not same(v, b[k]) then return false end end
    for k in pairs(b) do if a[k] == nil then return false end end
    return true
  end

  function t.eq(got, want, msg)
    if not same(got, want) then
      fail_with(msg, "got " .. show(got) .. ", want " .. show(want))
    end
  end

  function t.ok(v, msg)
    if not v then fail_with(msg, "got " .. show(v) .. ", want something true") end
    return v
  end

  function t.no(v, msg)
    if v then fail_with(msg, "got " .. show(v) .. ", want nothing") end
  end

  function t.match(str, pattern, msg)
    if type(str) ~= "string" or not str:find(pattern) then
      fail_with(msg, show(str) .. " does not match " .. show(pattern))
    end
  end

  function t.near(a, b, tol, msg)
    if not (type(a) == "number" and math.abs(a - b) <= tol) then
      fail_with(msg, "got " .. show(a) .. ", want " .. b .. " within " .. tol)
    end
  end

  local function class_name(class)
    return type(class) == "table" and class.name or show(class)
  end

  function t.isa(v, class, msg)
    if not anyio.isinstance(v, class) then
      fail_with(msg, "got " .. describe(v) .. "\n    want a " .. class_name(class))
    end
    return v
  end

  local function call_caught(want, fn, ...)
    local results = table.pack(pcall(fn, ...))
    if results[2] == t.skip_mark then error(t.skip_mark, 0) end
    if results[1] then
      results[1] = "nothing was raised, want " .. want .. "; returned"
      for i = 2, results.n do results[i] = show(results[i]) end
      t.fail(table.concat(results, " ", 1, results.n))
    end
    return results[2]
  end

  --- The error that `fn(...)` raises; `class` is a class, a list of classes or
  -- a text that the error's text must hold.
  function t.raises(class, fn, ...)
    local err = call_caught(class_name(class), fn, ...)
    if type(class) == "string" then
      if not tostring(err):find(class, 1, true) then
        t.fail("the error " .. describe(err) .. "\n    does not hold " .. show(class))
      end
      return err
    end
    return t.isa(err, class, "wrong kind of error")
  end

  --- The error group that `fn(...)` raises.
  function t.group(fn, ...)
    return t.raises(anyio.BaseExceptionGroup, fn, ...)
  end

  --- The cancellation error that `fn(...)` raises.
  function t.cancelled(fn, ...)
    return t.raises(anyio.get_cancelled_exc_class(), fn, ...)
  end

  --- A list that is called to append: `log("a")`; its items are `log.items`.
  function t.log()
    local items = {}
    return setmetatable({items = items}, {
      __call = function(_, ...)
        for i = 1, select("#", ...) do
          local v = select(i, ...)
          items[#items + 1] = v == nil and "nil" or v
        end
      end,
      __len = function() return #items end,
    })
  end
end

return checks
