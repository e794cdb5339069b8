local t = require "harness"
local anyio = require "anyio"
local each_checkpoint = require("fault.checkpoints").each_checkpoint
local to_thread, from_thread, to_process = anyio.to_thread, anyio.from_thread, anyio.to_process
local ref = anyio.lowlevel.ref

-- After a cancellation at any place: the limiter is free again, threads work.
local function check_whole(state)
  while state.limiter.borrowed_tokens > 0 do anyio.sleep(0.001) end
  t.eq(to_thread.run_sync({function() return 1 end, limiter = state.limiter}), 1)
end

local function setup() return {limiter = anyio.CapacityLimiter(1), calls = 0} end

for _, abandon in ipairs{false, true} do
  t.test("run_sync is cancelled anywhere, abandon " .. tostring(abandon), function()
    each_checkpoint{
      setup = setup,
      body = function(state)
        anyio.sleep(0)
        local got = to_thread.run_sync({function(x) return x end, limiter = state.limiter,
          abandon_on_cancel = abandon}, 5)
        t.eq(got, 5)
        anyio.sleep(0)
      end,
      check = check_whole,
    }
  end)

  t.test("calls back are cancelled anywhere, abandon " .. tostring(abandon), function()
    each_checkpoint{
      setup = setup,
      body = function(state)
        local function count()
          state.calls = state.calls + 1
          anyio.sleep(0)
          return state.calls
        end
        to_thread.run_sync({function(f)
          from_thread.run(f)
          from_thread.run_sync(string.rep, "x", 2)
          return from_thread.run(f)
        end, limiter = state.limiter, abandon_on_cancel = abandon}, ref(count))
      end,
      check = check_whole,
    }
  end)
end

t.test("threads that wait for a token are cancelled anywhere", function()
  each_checkpoint{
    setup = setup,
    partners = {function(state)
      to_thread.run_sync({function() end, limiter = state.limiter})
    end},
    body = function(state)
      to_thread.run_sync({function() end, limiter = state.limiter})
    end,
    check = check_whole,
  }
end)

t.test("portals are cancelled anywhere", function()
  each_checkpoint{
    setup = setup,
    body = function(state)
      from_thread.BlockingPortal(function(portal)
        to_thread.run_sync({function(p)
          local future = p:start_task_soon(anyio.sleep, 0)
          pcall(p.call, p, anyio.lowlevel.checkpoint)
          pcall(future.result, future)
        end, limiter = state.limiter, abandon_on_cancel = true}, portal)
        anyio.sleep(0)
      end)
    end,
    check = check_whole,
  }
end)

t.test("processes are cancelled anywhere", function()
  for _, cancellable in ipairs{true, false} do
    each_checkpoint{
      setup = setup,
      body = function(state)
        local got = to_process.run_sync({function(x) return x + 1 end, limiter = state.limiter,
          cancellable = cancellable}, 1)
        t.eq(got, 2)
        anyio.sleep(0)
      end,
      check = function(state)
        t.eq(state.limiter.borrowed_tokens, 0)
        t.eq(to_process.run_sync(function() return 1 end), 1)
      end,
    }
  end
end)
