-- Three workers share one queue of jobs; the loop of each ends with the jobs.
local anyio = require "anyio"

run(function()
  local jobs_in, jobs_out = anyio.create_memory_object_stream(100)
  local done, total = 0, 0

  local function worker(jobs)
    local _ <close> = jobs
    for job in jobs do
      sleep(0.001)
      done, total = done + 1, total + job
    end
  end

  anyio.create_task_group(function(tg)
    for _ = 1, 3 do tg:start_soon(worker, jobs_out:clone()) end
    jobs_out:close()
    for job = 1, 10 do jobs_in:send(job) end
    jobs_in:close()
  end)
  print(done .. " jobs", "sum " .. total)
end)

-- Output:
-- 10 jobs	sum 55
