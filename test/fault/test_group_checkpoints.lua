-- Task groups, start() and handles, cancelled at each of their waits.

local t = require "harness"
local anyio = require "anyio"
local each_checkpoint = require("fault.checkpoints").each_checkpoint
local checkpoint = require("anyio.lowlevel").checkpoint

local group, scope = anyio.create_task_group, anyio.CancelScope

--- A task that counts itself while it lives; it cleans up in a shield.
local function counted(state, turns)
  state.living = state.living + 1
  local _ <close> = setmetatable({}, {__close = function()
    scope({shield = true}, function()
      checkpoint()
      state.living = state.living - 1
    end)
  end})
  for _ = 1, turns do checkpoint() end
end

local function new_state() return {living = 0, ended = 0} end

local function check_nobody_lives(state, outcome)
  t.eq(state.living, 0, "children alive")
  t.ok(outcome.ended or outcome.cancelled)
end

t.test("[TG-01 TG-24] no child outlives a group that is cancelled anywhere",
  function()
    each_checkpoint{
      setup = new_state,
      body = function(state)
        group(function(tg)
          for turns = 1, 3 do tg:start_soon(counted, state, turns) end
          checkpoint()
          group(function(inner) inner:start_soon(counted, state, 2) end)
        end)
        t.eq(state.living, 0, "behind the group")
        checkpoint()
      end,
      check = check_nobody_lives,
    }
  end)

t.test("[TG-50] no child outlives a start() that is cancelled anywhere", function()
  each_checkpoint{
    setup = new_state,
    body = function(state)
      group(function(tg)
        local value = tg:start(function(status)
          counted(state, 2)
          state.living = state.living + 1
          local _ <close> = setmetatable({}, {__close = function()
            state.living = state.living - 1
          end})
          status:started "value"
          checkpoint()
        end)
        t.eq(value, "value")
        checkpoint()
      end)
    end,
    check = check_nobody_lives,
  }
end)

t.test("[TG-50] a start() into a group of others never cancels that group",
  function()
    each_checkpoint{
      setup = function()
        return {living = 0, ready = anyio.Event(), ended = false}
      end,
      partners = {function(state)
        group(function(tg)
          state.tg = tg
          state.ready:set()
          anyio.sleep_forever()
        end)
      end},
      body = function(state)
        state.ready:wait()
        state.tg:start(function(status)
          counted(state, 1)
          status:started()
          counted(state, 1)
          state.ended = true
        end)
      end,
      check = function(state, outcome)
        if state.tg then
          t.no(state.tg.cancel_scope.cancel_called, "the group was cancelled")
        end
        if outcome.ended and state.tg then
          for _ = 1, 8 do checkpoint() end
          t.ok(state.ended, "a started child goes on")
        end
        t.eq(state.living, 0)
      end,
    }
  end)

t.test("[TG-70] a task is not hurt by the cancellation of whoever awaits it",
  function()
    each_checkpoint{
      setup = function()
        return {living = 0, handle = nil}
      end,
      partners = {function(state)
        group(function(tg)
          state.handle = tg:start_soon(function()
            counted(state, 3)
            return "value"
          end)
        end)
      end},
      body = function(state)
        while not state.handle do checkpoint() end
        state.value = state.handle:await()
      end,
      check = function(state, outcome)
        while not state.handle do checkpoint() end
        t.eq(state.handle:await(), "value")
        if outcome.ended then t.eq(state.value, "value") end
      end,
    }
  end)

t.test("[TG-16] an error in a group cancelled anywhere is not lost", function()
  each_checkpoint{
    may_fail = true,
    setup = new_state,
    body = function(state)
      group(function(tg)
        tg:start_soon(counted, state, 3)
        tg:start_soon(function()
          pcall(checkpoint)
          state.failed = true
          error(anyio.ValueError "broken")
        end)
        checkpoint()
        checkpoint()
      end)
    end,
    check = function(state, outcome)
      t.eq(state.living, 0)
      if state.failed then
        t.ok(outcome.error, "the error was lost")
        local rest = outcome.error:subgroup(anyio.ValueError)
        t.eq(#rest.exceptions, 1)
      else
        t.ok(outcome.cancelled, "nothing was raised")
      end
    end,
  }
end)
