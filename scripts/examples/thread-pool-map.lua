-- A function over a list, in worker threads, two at a time; results come in the
-- list's order. A thread may ask whether it is still wanted.
local anyio = require "anyio"

local function map(f, list, threads)
  local limiter = anyio.CapacityLimiter(threads)
  local results = {}
  anyio.create_task_group(function(tg)
    for i, item in ipairs(list) do
      tg:start_soon(function()
        results[i] = anyio.to_thread.run_sync({ f, limiter = limiter }, item)
      end)
    end
  end)
  return results
end

-- Runs in a thread of its own: what it needs is copied there.
local function is_prime(n)
  for divisor = 2, math.floor(math.sqrt(n)) do
    if divisor % 1000 == 0 then anyio.from_thread.check_cancelled() end
    if n % divisor == 0 then return false end
  end
  return true
end

run(function()
  local numbers = { 999983, 999985, 1000003, 1000005 }
  for i, prime in ipairs(map(is_prime, numbers, 2)) do
    print(numbers[i], prime and "is prime" or "is not prime")
  end
end)

-- Output:
-- 999983	is prime
-- 999985	is not prime
-- 1000003	is prime
-- 1000005	is not prime
