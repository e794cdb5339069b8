--- ContextVar:reset took a token that was made in another context, and put that
--- one's value into this one.

local anyio = require "anyio"
local contextvars = require "contextvars"
local t = require "harness"

t.test("a token counts in the context it was made in", function()
  local var = contextvars.ContextVar("var", {default = 0})
  local token, ctx = nil, contextvars.copy_context()
  ctx:run(function() token = var:set(1) end)
  t.raises("was made in another context", var.reset, var, token)
  ctx:run(function()
    t.eq(var:get(), 1)
    var:reset(token)
    t.eq(var:get(), 0)
  end)
  anyio.create_task_group(function(tg)
    tg:start_soon(function() token = var:set(2) end)
  end)
  local ok, err = anyio.pcall(var.reset, var, token)
  t.eq({ok, err.name, var:get()}, {false, "ValueError", 0})
  token = var:set(3)
  anyio.lowlevel.checkpoint()
  coroutine.wrap(function() var:reset(token) end)() -- of the same task
  t.eq(var:get(), 0)
end)

t.test("what was set before the script's run begins is reset in it", function()
  local first = 0
  while arg[first - 1] do first = first - 1 end
  local done = anyio.run_process{os.getenv "ANYRUN" or arg[first], "--backend=" .. t.backend, "-e", [[
    local var = require("contextvars").ContextVar("var", {default = 0})
    local token = var:set(1)
    sleep(0)
    print(var:get())
    var:reset(token)
    print(var:get())]]}
  t.eq(done.stdout, "1\n0\n")
end)
