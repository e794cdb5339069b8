--- RunVar: variables of a run, and the tokens of their `set`.
local anyio = require "anyio"
local t = require "harness"
local RunVar = anyio.lowlevel.RunVar

t.test("[LL-06] shared by all tasks of a run, unset again in the next", {plain = true},
  function()
    local var = RunVar "var"
    for _ = 1, 2 do
      t.run(function()
        t.raises(anyio.LookupError, var.get, var)
        for i = 1, 2 do
          var:set(i)
          anyio.create_task_group(function(tg)
            tg:start_soon(function(index)
              t.eq(var:get(), index)
              var:set(index + 1)
            end, i)
          end)
          t.eq(var:get(), i + 1)
        end
      end)
    end
  end)

t.test("[LL-06] a child's children and native tasks share it, too", function()
  local var = RunVar "var"
  local function deep() var:set(var:get() + 1) end
  var:set(0)
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      deep()
      anyio.create_task_group(function(inner) inner:start_soon(deep) end)
    end)
  end)
  if t.backend == "asyncio" then
    require("asyncio").create_task(deep):await()
  else
    require("trio").open_nursery(function(nursery) nursery:start_soon(deep) end)
  end
  t.eq(var:get(), 3)
end)

t.test("[LL-07] get gives the value, else its argument, else the default, else a LookupError",
  function()
    local var = RunVar("var", {default = "the default"})
    t.eq(var:get(), "the default")
    t.eq(var:get "argument", "argument")
    var:set("the value")
    t.eq(var:get "argument", "the value")
    local bare = RunVar "bare"
    t.eq(bare:get "argument", "argument")
    local err = t.raises(anyio.LookupError, bare.get, bare)
    t.match(tostring(err), "bare")
  end)

t.test("[LL-07] false is a value, a default and an argument", function()
  local var = RunVar("var", {default = false})
  t.eq(var:get(), false)
  var:set(0)
  var:set(false)
  t.eq(var:get(1), false)
  t.eq(RunVar("other"):get(false), false)
end)

t.test("[LL-08] two variables of one name are two variables", function()
  local first, second = RunVar("var", {default = 1}), RunVar("var", {default = "a"})
  t.eq(first:get(), 1)
  t.eq(second:get(), "a")
  first:set(2)
  t.eq(second:get(), "a")
  second:set("b")
  t.eq(first:get(), 2)
  t.eq(second:get(), "b")
end)

t.test("[LL-09] reset brings back what was there before its set", function()
  local var = RunVar "var"
  local first = var:set(1)
  local second = var:set(2)
  var:reset(second)
  t.eq(var:get(), 1)
  var:reset(first)
  t.raises(anyio.LookupError, var.get, var)
  local with_default = RunVar("other", {default = 3})
  with_default:reset(with_default:set(4))
  t.eq(with_default:get(), 3)
end)

t.test("[LL-09] a token works once", function()
  local var = RunVar "var"
  local token = var:set("blah")
  var:reset(token)
  local err = t.raises(anyio.ValueError, var.reset, var, token)
  t.match(tostring(err), "already been used")
end)

t.test("[LL-09] and only on its own variable", function()
  local first, second = RunVar "var", RunVar "var"
  local token = first:set("blah")
  t.raises(anyio.ValueError, second.reset, second, token)
  t.eq(first:get(), "blah")
  first:reset(token)
end)

t.test("[LL-09] and only in its own run", {plain = true}, function()
  local var = RunVar "var"
  local token
  t.run(function() token = var:set("blah") end)
  t.run(function() t.raises(anyio.ValueError, var.reset, var, token) end)
end)

t.test("[LL-09] something else than a token is refused", function()
  local var = RunVar "var"
  t.raises("bad argument", var.reset, var, "no token")
  t.raises("bad argument", var.reset, var)
  t.raises("bad argument", RunVar)
  t.raises("defualt", RunVar, "var", {defualt = 1})
end)

t.test("[LL-10] the token is a to-be-closed value, nestable", function()
  local var = RunVar("var", {default = 3})
  do
    local _ <close> = var:set(4)
    do
      local _ <close> = var:set(5)
      t.eq(var:get(), 5)
    end
    t.eq(var:get(), 4)
  end
  t.eq(var:get(), 3)
end)

t.test("[LL-10] and a block for `with`, left also by an error", function()
  local var = RunVar("var", {default = 3})
  local result = anyio.with(var:set(4), function()
    anyio.with(var:set(5), function() t.eq(var:get(), 5) end)
    t.eq(var:get(), 4)
    return "result"
  end)
  t.eq(result, "result")
  t.eq(var:get(), 3)
  t.raises("inside", anyio.with, var:set(6), function() error("inside") end)
  t.eq(var:get(), 3)
end)

t.test("[LL-10] the block is left also by a cancellation", function()
  local var = RunVar("var", {default = 3})
  anyio.CancelScope(function(scope)
    scope:cancel()
    anyio.with(var:set(4), function()
      t.eq(var:get(), 4)
      anyio.lowlevel.checkpoint()
    end)
  end)
  t.eq(var:get(), 3)
end)
