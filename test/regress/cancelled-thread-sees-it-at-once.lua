--- A worker thread that had its own task cancelled by a call back into the run, and
-- then looked, mostly saw nothing: the task was told only when it waited again,
-- after the answer had gone.
local anyio = require "anyio"
local t = require "harness"
local from_thread, run_sync = anyio.from_thread, anyio.to_thread.run_sync

for _, way in ipairs{"run", "run_sync"} do
  t.test("[THR-19] a thread sees the cancellation that it caused by " .. way, function()
    for _ = 1, 20 do
      local scope = anyio.CancelScope()
      scope(function()
        t.eq(run_sync(function(s, name)
          from_thread[name](s.cancel, s)
          return pcall(from_thread.check_cancelled)
        end, scope, way), false)
      end)
    end
  end)
end

t.test("[THR-21] it does not see one that a shield keeps off", function()
  local scope = anyio.CancelScope()
  scope(function()
    anyio.CancelScope({shield = true})(function()
      t.eq(run_sync(function(s)
        from_thread.run_sync(s.cancel, s)
        return pcall(from_thread.check_cancelled)
      end, scope), true)
    end)
  end)
end)
