-- What a group that has ended must not keep alive.

local t = require "harness"
local anyio = require "anyio"
local checkpoint = require("anyio.lowlevel").checkpoint

local group, scope = anyio.create_task_group, anyio.CancelScope

--- What `fill` puts into the weak table is garbage once `fill` has returned.
local function check_collected(fill)
  local weak = setmetatable({}, {__mode = "v"})
  fill(weak)
  checkpoint()
  collectgarbage()
  collectgarbage()
  t.eq(next(weak), nil)
end

t.test("[TG-41] the error group is not kept", function()
  local tg = group()
  check_collected(function(weak)
    local _, err = pcall(tg, function() error(anyio.ValueError "x") end)
    weak.group = t.isa(err, anyio.ExceptionGroup)
  end)
  t.ok(tg)
end)

t.test("[TG-41] the host's error is not kept", function()
  local tg = group()
  check_collected(function(weak)
    pcall(tg, function()
      weak.error = anyio.ValueError "x"
      error(weak.error)
    end)
  end)
  t.ok(tg)
end)

t.test("[TG-41] an error that went through two groups is not kept", function()
  local tg = group()
  check_collected(function(weak)
    pcall(group, function(outer)
      outer:start_soon(tg, function()
        weak.error = anyio.ValueError "x"
        error(weak.error)
      end)
    end)
  end)
  t.ok(tg)
end)

t.test("[TG-41] a cancellation that went through a group is not kept", function()
  local tg, outer = group(), scope()
  check_collected(function(weak)
    outer(function()
      outer:cancel()
      local _, err = pcall(tg, checkpoint)
      weak.error = t.isa(err, anyio.get_cancelled_exc_class())
      error(err)
    end)
  end)
  t.ok(tg)
  t.ok(outer.cancelled_caught)
end)

t.test("[TG-41] an error that is not ordinary is not kept", function()
  local Odd = anyio.exception("Odd", anyio.BaseException)
  local tg = group()
  check_collected(function(weak)
    pcall(tg, function()
      weak.error = Odd "x"
      error(weak.error)
    end)
  end)
  t.ok(tg)
end)

t.test("[TG-41] children and their errors are not kept", function()
  local tg = group()
  check_collected(function(weak)
    pcall(tg, function()
      weak.handle = tg:start_soon(function()
        weak.error = anyio.ValueError "x"
        error(weak.error)
      end)
      tg:start_soon(function()
        weak.kept = {}
        anyio.sleep_forever()
      end)
    end)
  end)
  t.ok(tg)
end)

t.test("[TG-41] a scope does not keep the error that went through it", function()
  local kept = scope()
  check_collected(function(weak)
    pcall(kept, function()
      weak.error = anyio.ValueError "x"
      error(weak.error)
    end)
  end)
  t.ok(kept)
end)
