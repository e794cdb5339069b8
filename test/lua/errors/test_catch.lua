-- anyio.catch: handlers by class, through groups (Python's `except*`).

local anyio = require "anyio"
local t = require "harness"

local OSError, TypeError, ValueError = anyio.OSError, anyio.TypeError,
  anyio.ValueError

local function raiser(err)
  return function() error(err, 0) end
end

local function sample()
  return anyio.ExceptionGroup("eg", {
    TypeError("b"),
    anyio.ExceptionGroup("i", { OSError("c"), ValueError("d") }),
  })
end

local function messages(group)
  local list = {}
  for i, err in ipairs(group:leaves()) do
    list[i] = type(err) == "table" and err.message or err
  end
  return list
end

local function nothing() end

t.test("without an error catch returns what the body returns", function()
  t.eq({ anyio.catch({ [OSError] = nothing }, function() return 1, nil, 3 end) },
    { 1, nil, 3 })
end)

t.test("[ERR-14] handlers get a group of what they match, the rest goes on",
  function()
    local got
    local rest = t.group(anyio.catch, {
      [OSError] = function(group) got = group end,
    }, raiser(sample()))
    t.eq(messages(got), { "c" })
    t.eq(got.exceptions[1].message, "i")
    t.eq(messages(rest), { "b", "d" })
    t.eq(rest.message, "eg")
  end)

t.test("[ERR-14] a single error is matched too and arrives in a group",
  function()
    local err, got = OSError("c"), nil
    t.eq(select("#", anyio.catch({
      [OSError] = function(group) got = group end,
    }, raiser(err))), 0)
    t.isa(got, anyio.ExceptionGroup)
    t.ok(rawequal(got.exceptions[1], err))
  end)

t.test("what nobody takes is raised again as it was", function()
  local err, group = OSError("c"), sample()
  t.ok(rawequal(t.raises(OSError, anyio.catch, { [TypeError] = nothing },
    raiser(err)), err))
  t.ok(rawequal(t.group(anyio.catch, { [anyio.EndOfStream] = nothing },
    raiser(group)), group))
end)

t.test("a list of pairs is tried in order; each error goes to the first",
  function()
    local log = t.log()
    anyio.catch({
      { OSError, function(group) log("os", #group:leaves()) end },
      { { TypeError, OSError }, function(group) log("two", #group:leaves()) end },
      { anyio.Exception, function(group) log("any", #group:leaves()) end },
    }, raiser(sample()))
    t.eq(log.items, { "os", 1, "two", 1, "any", 1 })
  end)

t.test("a key may be a list of classes or a function", function()
  local log = t.log()
  anyio.catch({
    [{ TypeError, OSError }] = function(group) log(#group:leaves()) end,
    [function(err) return err.message == "d" end] = function() log "d" end,
  }, raiser(sample()))
  table.sort(log.items, function(a, b) return tostring(a) < tostring(b) end)
  t.eq(log.items, { 2, "d" })
end)

t.test("plain values count as Exceptions", function()
  local got
  anyio.catch({ [anyio.Exception] = function(group) got = group end },
    raiser("text"))
  t.eq(got.exceptions, { "text" })
  t.eq(select(2, pcall(anyio.catch, { [OSError] = nothing }, raiser("text"))),
    "text")
end)

t.test("an error raised in a handler replaces what it handled", function()
  local new = ValueError("v")
  local err = t.raises(ValueError, anyio.catch, { [TypeError] = raiser(new) },
    raiser(TypeError("b")))
  t.ok(rawequal(err, new))
  t.eq(messages(err.cause), { "b" })
end)

t.test("errors of handlers are grouped with the rest", function()
  local err = t.group(anyio.catch, { [TypeError] = raiser(ValueError("v")) },
    raiser(sample()))
  t.eq(#err.exceptions, 2)
  t.eq(err.exceptions[1].message, "v")
  t.eq(err.exceptions[2].message, "eg")
  t.eq(messages(err.exceptions[2]), { "c", "d" })
end)

t.test("a handler that raises its group again puts it back into place",
  function()
    local err = t.group(anyio.catch, {
      [TypeError] = function(group) error(group, 0) end,
      [OSError] = nothing,
    }, raiser(sample()))
    t.eq(err.message, "eg")
    t.eq(messages(err), { "b", "d" })
    local bare = TypeError("b")
    t.ok(rawequal(t.raises(TypeError, anyio.catch, {
      [TypeError] = function(group) error(group, 0) end,
    }, raiser(bare)), bare))
  end)

t.test("later handlers still run when an earlier one raises", function()
  local log = t.log()
  local err = t.group(anyio.catch, {
    { TypeError, raiser(anyio.EndOfStream("e")) },
    { OSError, function() log "os" end },
    { ValueError, raiser(anyio.WouldBlock("w")) },
  }, raiser(sample()))
  t.eq(log.items, { "os" })
  t.eq(messages(err), { "e", "w" })
end)

t.test("errors that are no Exception pass handlers of Exceptions", function()
  local group = anyio.BaseExceptionGroup("x",
    { OSError("a"), anyio.SystemExit(3) })
  local handled
  local err = t.group(anyio.catch, {
    [anyio.Exception] = function(part) handled = messages(part) end,
  }, raiser(group))
  t.eq(handled, { "a" })
  t.eq(err.exceptions[1].code, 3)
  t.raises(anyio.KeyboardInterrupt, anyio.catch, { [anyio.Exception] = nothing },
    raiser(anyio.KeyboardInterrupt()))
end)

t.test("[ERR-13] a cancellation passes handlers of Exceptions", function()
  local scope = anyio.move_on_after(0, function()
    anyio.catch({ [anyio.Exception] = function() t.fail("caught") end },
      anyio.sleep_forever)
  end)
  t.ok(scope.cancelled_caught)
end)

t.test("body and handlers may suspend", function()
  local log = t.log()
  anyio.catch({
    [OSError] = function()
      anyio.lowlevel.checkpoint()
      log "handled"
    end,
  }, function()
    anyio.lowlevel.checkpoint()
    error(OSError("x"))
  end)
  t.eq(log.items, { "handled" })
end)

t.test("[ERR-14] catch takes errors of children out of a task group",
  function()
    local got
    anyio.catch({ [OSError] = function(group) got = group end }, function()
      anyio.create_task_group(function(tg)
        tg:start_soon(error, OSError("from a child"))
      end)
    end)
    t.eq(messages(got), { "from a child" })
  end)

t.test("what is no handler is refused before the body runs", function()
  local function body() t.fail("the body ran") end
  local function refused(text, handlers)
    t.raises("bad argument #1 to 'catch' (" .. text, anyio.catch, handlers, body)
  end
  refused("table of handlers expected, got nil", nil)
  refused("table of handlers expected, got class", OSError)
  refused("function expected as handler, got string", { [OSError] = "x" })
  refused("class, list of classes or function expected as key, got string",
    { OSError = nothing })
  refused("class, list of classes or function expected as key, got number",
    { [7] = nothing })
  refused("empty list of classes", { [{}] = nothing })
  refused("class, list of classes or function expected as key, got string",
    { { { OSError, "x" }, nothing } })
  refused("{class, handler} expected, got function", { nothing })
  refused("ExceptionGroup cannot be a key", { [anyio.ExceptionGroup] = nothing })
  t.raises("bad argument #2 to 'catch' (function expected, got nil)",
    anyio.catch, { [OSError] = nothing })
end)
