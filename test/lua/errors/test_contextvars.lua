-- Context variables: set, reset, copy, run; inside tasks and outside any run.

local anyio = require "anyio"
local contextvars = require "contextvars"
local t = require "harness"

local ContextVar, copy_context = contextvars.ContextVar, contextvars.copy_context

-- A test in a run, and again outside any.
local function both(title, fn)
  t.test(title, fn)
  t.test(title .. ", outside any run", { plain = true }, fn)
end

both("get gives the value, the default given, the variable's default, or a "
  .. "lookup error", function()
  local var, with_default = ContextVar("a"), ContextVar("b", { default = 7 })
  local err = t.raises(anyio.LookupError, var.get, var)
  t.match(err.message, "ContextVar name='a'")
  t.eq(var:get(5), 5)
  t.eq(var:get(nil), nil)
  t.eq(with_default:get(), 7)
  t.eq(with_default:get(5), 5)
  local token = with_default:set(8)
  t.eq(with_default:get(5), 8)
  with_default:reset(token)
  t.eq(with_default:get(), 7)
end)

both("nil and false are values", function()
  local var = ContextVar("a", { default = 7 })
  local first = var:set(nil)
  t.eq(var:get(), nil)
  local second = var:set(false)
  t.eq(var:get(), false)
  t.eq(second.old_value, nil)
  var:reset(second)
  t.eq(var:get(), nil)
  var:reset(first)
  t.eq(var:get(), 7)
end)

both("it is the variable that counts, not its name", function()
  local one, two = ContextVar("same"), ContextVar("same")
  local token = one:set(1)
  t.eq(two:get(nil), nil)
  one:reset(token)
end)

both("a token resets once, its own variable only", function()
  local var, other = ContextVar("a"), ContextVar("b")
  local token = var:set(1)
  t.ok(rawequal(token.var, var))
  t.eq(token.old_value, contextvars.Token.MISSING)
  t.raises(anyio.ValueError, other.reset, other, token)
  t.eq(var:get(), 1)
  var:reset(token)
  t.raises(anyio.LookupError, var.get, var)
  t.raises(anyio.RuntimeError, var.reset, var, token)
  t.raises("bad argument #1 to 'reset' (Token expected, got table)", var.reset,
    var, {})
end)

both("a token resets as a to-be-closed value", function()
  local var = ContextVar("a", { default = 1 })
  do
    local _ <close> = var:set(2)
    t.eq(var:get(), 2)
  end
  t.eq(var:get(), 1)
end)

both("what is set in Context:run stays in that context", function()
  local var = ContextVar("a")
  local outer = var:set "outer"
  local ctx = copy_context()
  t.eq({ ctx:run(function(...)
    t.eq(var:get(), "outer")
    var:set "inner"
    t.eq(var:get(), "inner")
    return ...
  end, 1, nil, 3) }, { 1, nil, 3 })
  t.eq(var:get(), "outer")
  t.eq(ctx:get(var), "inner")
  ctx:run(function() t.eq(var:get(), "inner") end)
  var:reset(outer)
  t.eq(ctx:get(var), "inner")
end)

both("a copy does not see what is set later, nor the other way", function()
  local var = ContextVar("a")
  local token = var:set(1)
  local ctx = copy_context()
  var:reset(token)
  t.eq(ctx:get(var), 1)
  local second = ctx:copy()
  second:run(function() var:set(2) end)
  t.eq(ctx:get(var), 1)
  t.eq(second:get(var), 2)
  t.eq(var:get(nil), nil)
end)

both("a context says which variables it holds", function()
  local var, other, ctx = ContextVar("a"), ContextVar("b"), copy_context()
  local before = #ctx
  t.no(ctx:has(var))
  t.eq(ctx:get(var, "default"), "default")
  ctx:run(function()
    var:set(nil)
    other:set(1)
  end)
  t.ok(ctx:has(var))
  t.eq(ctx:get(var, "default"), nil)
  t.eq(#ctx, before + 2)
  local found = {}
  for key, value in pairs(ctx) do found[key] = value == nil and "nil" or value end
  t.eq(found[var], "nil")
  t.eq(found[other], 1)
end)

both("Context:run passes errors on and leaves the context", function()
  local var, ctx = ContextVar("a"), copy_context()
  local err = anyio.OSError("x")
  t.ok(rawequal(t.raises(anyio.OSError, ctx.run, ctx, function()
    var:set(1)
    error(err)
  end), err))
  t.eq(var:get(nil), nil)
  t.eq(ctx:get(var), 1)
  ctx:run(function() t.eq(var:get(), 1) end)
end)

both("a context that is entered cannot be entered again", function()
  local ctx = copy_context()
  local err = t.raises(anyio.RuntimeError, ctx.run, ctx, function()
    ctx:run(function() t.fail("entered twice") end)
  end)
  t.match(err.message, "already entered")
  t.eq(ctx:run(function() return 1 end), 1)
end)

both("contexts nest", function()
  local var = ContextVar("a", { default = 0 })
  local one, two = copy_context(), copy_context()
  one:run(function()
    var:set(1)
    two:run(function()
      t.eq(var:get(), 0)
      var:set(2)
    end)
    t.eq(var:get(), 1)
  end)
  t.eq(var:get(), 0)
end)

both("a coroutine that is closed inside Context:run leaves the context",
  function()
    local var, ctx = ContextVar("a"), copy_context()
    local co = coroutine.create(function()
      ctx:run(function()
        var:set(1)
        coroutine.yield()
      end)
    end)
    coroutine.resume(co)
    t.ok(coroutine.close(co))
    t.eq(var:get(nil), nil)
    t.eq(ctx:run(function() return var:get() end), 1)
  end)

t.test("Context:run may suspend: others do not see its values", function()
  local var, log = ContextVar("a", { default = "none" }), t.log()
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      for _ = 1, 3 do
        log(var:get())
        anyio.lowlevel.checkpoint()
      end
    end)
    copy_context():run(function()
      var:set "inside"
      for _ = 1, 3 do
        anyio.lowlevel.checkpoint()
        t.eq(var:get(), "inside")
      end
    end)
  end)
  t.eq(log.items, { "none", "none", "none" })
end)

t.test("a task starts with a copy of its spawner's values; changes do not "
  .. "cross", function()
  local var = ContextVar("a")
  var:set "host"
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      t.eq(var:get(), "host")
      var:set "child"
      anyio.lowlevel.checkpoint()
      t.eq(var:get(), "child")
    end)
    var:set "later"
    for _ = 1, 3 do anyio.lowlevel.checkpoint() end
    t.eq(var:get(), "later")
  end)
end)

t.test("a task spawned with a context runs in that very context", function()
  local var, ctx = ContextVar("a"), copy_context()
  ctx:run(function() var:set "given" end)
  anyio.create_task_group(function(tg)
    tg:start_soon { function()
      t.eq(var:get(), "given")
      var:set "changed"
    end, context = ctx }
  end)
  t.eq(var:get(nil), nil)
  t.eq(ctx:get(var), "changed")
end)

t.test("[TR-CTX-02] the main task copies the caller's values; the caller sees "
  .. "no change", { plain = true }, function()
  local var = ContextVar("a")
  local token = var:set "caller"
  t.run(function()
    t.eq(var:get(), "caller")
    var:set "main"
  end)
  t.eq(var:get(), "caller")
  var:reset(token)
end)

t.test("a child of a task inside Context:run copies that context", function()
  local var = ContextVar("a", { default = 0 })
  local ctx = copy_context()
  anyio.create_task_group(function(tg)
    ctx:run(function()
      var:set(1)
      tg:start_soon(function()
        t.eq(var:get(), 1)
        var:set(2)
      end)
    end)
  end)
  t.eq(ctx:get(var), 1)
end)

t.test("arguments are checked", { plain = true }, function()
  t.raises("bad argument #1 to 'ContextVar' (string expected, got no value)",
    ContextVar)
  t.raises(anyio.TypeError, ContextVar, "x", { defualt = 1 })
  local ctx = copy_context()
  t.raises("bad argument #1 to 'run' (function expected, got no value)",
    ctx.run, ctx)
end)

t.test("a task spec refuses a context that is none, and keys nobody knows", function()
  anyio.create_task_group(function(tg)
    local function f() end
    t.raises("bad argument #1 to 'start_soon' (task spec: Context expected as 'context', got table)",
      tg.start_soon, tg, {f, context = {}})
    t.raises("bad argument #1 to 'start' (task spec: Context expected as 'context', got number)",
      tg.start, tg, {f, context = 5})
    t.raises("unknown key 'nme' in the task spec of 'start_soon' (known: 1 (the function), context, name)",
      tg.start_soon, tg, {f, nme = "x"})
    t.raises("bad argument #1 to 'start_soon' (a task spec starts with a function, got nil)",
      tg.start_soon, tg, {})
  end)
end)
