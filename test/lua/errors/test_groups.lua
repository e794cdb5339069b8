-- Error groups: what they hold, and taking them apart.

local anyio = require "anyio"
local t = require "harness"

local ValueError, TypeError, OSError = anyio.ValueError, anyio.TypeError,
  anyio.OSError

local function sample()
  local inner = anyio.ExceptionGroup("inner", { TypeError("b"), OSError("c") })
  return anyio.ExceptionGroup("outer", { ValueError("a"), inner }), inner
end

local function messages(group)
  local list = {}
  for i, err in ipairs(group:leaves()) do
    list[i] = anyio.isinstance(err, anyio.BaseException) and err.message or err
  end
  return list
end

t.test("a group has a message and its members, and says how many", function()
  local group = sample()
  t.eq(group.message, "outer")
  t.eq(#group.exceptions, 2)
  t.eq(tostring(group), "ExceptionGroup: outer (2 sub-exceptions)")
  t.eq(tostring(anyio.ExceptionGroup("x", { "text" })),
    "ExceptionGroup: x (1 sub-exception)")
end)

t.test("[TR-EXC-02] a group of ordinary errors is an ExceptionGroup, another "
  .. "a BaseExceptionGroup", function()
  t.isa(anyio.BaseExceptionGroup("x", { ValueError("a"), "text" }),
    anyio.ExceptionGroup)
  local base = anyio.BaseExceptionGroup("x",
    { ValueError("a"), anyio.KeyboardInterrupt() })
  t.isa(base, anyio.BaseExceptionGroup)
  t.no(anyio.isinstance(base, anyio.Exception))
  t.raises(TypeError, anyio.ExceptionGroup, "x", { anyio.SystemExit(1) })
end)

t.test("a group needs a message and members", function()
  t.raises("bad argument #1 to 'ExceptionGroup' (string expected, got table)",
    anyio.ExceptionGroup, {})
  t.raises("bad argument #2 to 'ExceptionGroup' (table expected, got nil)",
    anyio.ExceptionGroup, "x")
  t.raises("bad argument #2 to 'ExceptionGroup' (table expected, got ValueError)",
    anyio.ExceptionGroup, "x", ValueError("a"))
  t.raises(ValueError, anyio.ExceptionGroup, "x", {})
end)

t.test("changing the list that was given does not change the group", function()
  local list = { ValueError("a") }
  local group = anyio.ExceptionGroup("x", list)
  list[2] = ValueError("b")
  t.eq(#group.exceptions, 1)
end)

t.test("[ERR-14] split picks by class through any nesting and keeps the shape",
  function()
    local group, inner = sample()
    local match, rest = group:split(OSError)
    t.eq(messages(match), { "c" })
    t.eq(match.message, "outer")
    t.eq(match.exceptions[1].message, "inner")
    t.eq(messages(rest), { "a", "b" })
    t.eq(rest.exceptions[2].message, "inner")
    t.eq(#inner.exceptions, 2, "the original is as it was")
  end)

t.test("[ERR-14] split takes a list of classes and functions", function()
  local group = sample()
  t.eq(messages(group:split { OSError, ValueError }), { "a", "c" })
  local match, rest = group:split(function(err) return err.message == "b" end)
  t.eq(messages(match), { "b" })
  t.eq(messages(rest), { "a", "c" })
end)

t.test("a group of which nothing goes is itself", function()
  local group = sample()
  local match, rest = group:split(anyio.EndOfStream)
  t.eq(match, nil)
  t.ok(rawequal(rest, group))
  match, rest = group:split { ValueError, TypeError, OSError }
  t.ok(rawequal(match, group))
  t.eq(rest, nil)
  match, rest = group:split(anyio.ExceptionGroup)
  t.ok(rawequal(match, group))
  t.eq(rest, nil)
end)

t.test("subgroup is the part that matches, or nil", function()
  local group = sample()
  t.eq(messages(group:subgroup(TypeError)), { "b" })
  t.eq(group:subgroup(anyio.EndOfStream), nil)
end)

t.test("what is no class, list or function is refused", function()
  local group = sample()
  t.raises("bad argument #1 to 'split' (class, list or function expected, "
    .. "got string)", group.split, group, "OSError")
  t.raises("bad argument #1 to 'subgroup'", group.subgroup, group, nil)
end)

t.test("leaves lists all errors that are no groups", function()
  local group = sample()
  t.eq(messages(group), { "a", "b", "c" })
end)

t.test("plain values are members too, ordinary ones", function()
  local group = anyio.ExceptionGroup("x", { "text", false, ValueError("a") },
    { tracebacks = { "where text was raised" } })
  t.eq(messages(group), { "text", false, "a" })
  local match, rest = group:split(ValueError)
  t.eq(messages(match), { "a" })
  t.eq(messages(rest), { "text", false })
  t.eq(rest.tracebacks[1], "where text was raised")
  t.eq(messages(group:subgroup(function(err) return err == "text" end)),
    { "text" })
end)

t.test("parts keep the cause and the traceback", function()
  local cause = ValueError("cause")
  local group = anyio.ExceptionGroup("x", { OSError("a"), TypeError("b") },
    { cause = cause, traceback = "there" })
  local match, rest = group:split(OSError)
  for _, part in ipairs { match, rest } do
    t.eq(part.cause, cause)
    t.eq(part.traceback, "there")
  end
end)

t.test("[TR-EXC-02] a part without its base errors is ordinary", function()
  local group = anyio.BaseExceptionGroup("x",
    { OSError("a"), anyio.KeyboardInterrupt() })
  local match, rest = group:split(OSError)
  t.eq(match.class, anyio.ExceptionGroup)
  t.eq(rest.class, anyio.BaseExceptionGroup)
end)

t.test("a class that extends a group makes its parts by derive", function()
  local Batch = anyio.exception("Batch", anyio.ExceptionGroup)
  local group = Batch("x", { OSError("a"), TypeError("b") })
  t.eq((group:split(OSError)).class, Batch)
  function Batch:derive(list)
    return anyio.ExceptionGroup("derived from " .. self.message, list)
  end
  t.eq((group:split(OSError)).message, "derived from x")
end)

t.test("a group from a task group can be taken apart", function()
  local group = t.group(anyio.create_task_group, function(tg)
    tg:start_soon(error, OSError("a"))
    tg:start_soon(function()
      anyio.create_task_group(function(inner)
        inner:start_soon(error, TypeError("b"))
      end)
    end)
  end)
  local match, rest = group:split(TypeError)
  if match then -- on trio either child may end the other first
    t.eq(messages(match), { "b" })
    t.eq(#match.exceptions[1].exceptions, 1)
  end
  if rest then t.eq(messages(rest), { "a" }) end
end)

t.test("[ERR-14] what stands in a list of classes must be one", function()
  local group = anyio.ExceptionGroup("g", { anyio.ValueError("v"), anyio.EndOfStream() })
  for _, name in ipairs { "split", "subgroup" } do
    t.raises("bad argument #1 to '" .. name .. "' (error class expected at [2], got string)",
      group[name], group, { anyio.ValueError, "EndOfStream" })
    t.raises("(error class expected at [1], got number)", group[name], group, { 5 })
  end
  t.eq(#group:subgroup { anyio.ValueError, anyio.EndOfStream }.exceptions, 2)
  t.eq(group:subgroup {}, nil)
end)
