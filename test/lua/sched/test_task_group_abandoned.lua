-- Scopes and groups in coroutines that nobody resumes again.

local t = require "harness"
local anyio = require "anyio"
local checkpoint = require("anyio.lowlevel").checkpoint

local group, scope = anyio.create_task_group, anyio.CancelScope
local plain = {plain = true}

local function collect()
  collectgarbage()
  collectgarbage()
end

--- A generator that stops with `block` entered.
local function stopped_in(block)
  local generator = coroutine.wrap(function()
    block(function() coroutine.yield "stopped" end)
  end)
  t.eq(generator(), "stopped")
  return generator
end

t.test("[CS-56] a collected generator takes its scope with it", plain, function()
  t.run(function()
    stopped_in(scope)
    collect()
    checkpoint()
    scope(function(inner)
      inner:cancel()
      t.cancelled(checkpoint)
    end)
    checkpoint()
  end)
  collect()
end)

t.test("[CS-53 CS-56] a generator's scope cannot end after that of its caller",
  plain, function()
    t.run(function()
      local generator
      t.raises(anyio.RuntimeError, scope, function()
        generator = stopped_in(scope)
      end)
      pcall(generator)
      checkpoint()
    end)
    collect()
  end)

t.test("[CS-56] a generator that outlives its run cannot go on", plain, function()
  local generator
  pcall(t.run, function() generator = stopped_in(group) end)
  collect()
  t.no((pcall(generator)))
  generator = nil -- luacheck: ignore
  collect()
  t.eq(t.run(function() checkpoint() return "fine" end), "fine")
end)

t.test("[CS-56] a collected generator does not leave its group's children behind",
  plain, function()
    local ended = 0
    pcall(t.run, function()
      stopped_in(function(body)
        group(function(tg)
          tg:start_soon(function()
            pcall(anyio.sleep, 0.01)
            ended = ended + 1
          end)
          body()
        end)
      end)
      collect()
      checkpoint()
      checkpoint()
    end)
    t.eq(ended, 1)
    collect()
  end)

t.test("[CS-56] coroutine.close leaves the scope", function()
  local co = coroutine.create(function()
    scope(function(inner)
      inner:cancel()
      coroutine.yield()
    end)
  end)
  t.ok(coroutine.resume(co))
  t.ok(coroutine.close(co))
  checkpoint()
  anyio.sleep(0)
end)

t.test("[CS-56] a break out of a generator with a timeout costs nothing", function()
  local function lines()
    return coroutine.wrap(function()
      anyio.move_on_after(0.005, function()
        for i = 1, 3 do coroutine.yield(i) end
      end)
    end)
  end
  for i in lines() do
    if i == 2 then break end
  end
  collect()
  anyio.sleep(0.02)
end)
