-- RunVar: values of a run.

local anyio = require "anyio"
local t = require "harness"

local RunVar = anyio.lowlevel.RunVar

t.test("[LL-06] a value is shared by all tasks of the run", function()
  local var = RunVar("a")
  anyio.create_task_group(function(tg)
    tg:start_soon(function() var:set "from a child" end)
  end)
  t.eq(var:get(), "from a child")
end)

t.test("[LL-06 RUN-18] a value is unset again in the next run",
  { plain = true }, function()
    local var = RunVar("a", { default = "none" })
    t.run(function() var:set(1) end)
    t.eq(t.run(function() return var:get() end), "none")
  end)

t.test("[LL-07] get: the value, the default given, the variable's, or a "
  .. "lookup error", function()
  local var, with_default = RunVar("a"), RunVar("b", { default = false })
  local err = t.raises(anyio.LookupError, var.get, var)
  t.match(err.message, "RunVar name='a'")
  t.eq(var:get(5), 5)
  t.eq(var:get(nil), nil)
  t.eq(with_default:get(), false)
  t.eq(with_default:get(5), 5)
  var:set(nil)
  t.eq(var:get(5), nil)
  with_default:set(3)
  t.eq(with_default:get(), 3)
end)

t.test("[LL-07 LL-08] it is the variable that counts, not its name", function()
  local one, two = RunVar("same"), RunVar("same")
  one:set(1)
  t.raises(anyio.LookupError, two.get, two)
end)

t.test("[LL-09] a token restores, once", function()
  local var = RunVar("a")
  local first = var:set(false)
  local second = var:set(2)
  var:reset(second)
  t.eq(var:get(), false)
  local err = t.raises(anyio.ValueError, var.reset, var, second)
  t.match(err.message, "already been used")
  var:reset(first)
  t.raises(anyio.LookupError, var.get, var)
end)

t.test("[LL-09] a token restores its own variable only", function()
  local var, other = RunVar("a"), RunVar("b")
  local token = var:set(1)
  t.raises(anyio.ValueError, other.reset, other, token)
  t.eq(var:get(), 1)
  t.raises("bad argument #1 to 'reset' (RunVarToken expected, got string)",
    var.reset, var, "token")
end)

t.test("a token of another run is refused", { plain = true }, function()
  local var = RunVar("a")
  local token = t.run(function() return var:set(1) end)
  t.raises(anyio.ValueError, t.run, function() var:reset(token) end)
end)

t.test("[LL-10] a token is a block too, and nests", function()
  local var = RunVar("a", { default = 0 })
  t.eq(var:set(1)(function()
    t.eq(var:get(), 1)
    anyio.with(var:set(2), function() t.eq(var:get(), 2) end)
    t.eq(var:get(), 1)
    do
      local _ <close> = var:set(3)
      t.eq(var:get(), 3)
    end
    t.eq(var:get(), 1)
    return "result"
  end), "result")
  t.eq(var:get(), 0)
end)

t.test("arguments are checked", function()
  t.raises("bad argument #1 to 'RunVar' (string expected, got no value)", RunVar)
  local err = t.raises(anyio.TypeError, RunVar, "x", { defualt = 1 })
  t.match(err.message, "unknown option 'defualt' to 'RunVar' %(known: default%)")
end)

t.test("[LL-05] the token of a run is one value as long as it lasts",
  { plain = true }, function()
    local function tokens()
      local mine, childs = anyio.lowlevel.current_token(), nil
      anyio.create_task_group(function(tg)
        tg:start_soon(function() childs = anyio.lowlevel.current_token() end)
      end)
      t.ok(rawequal(mine, childs))
      return mine
    end
    local first, second = t.run(tokens), t.run(tokens)
    t.ok(first ~= second)
    t.match(tostring(first), t.backend)
  end)
