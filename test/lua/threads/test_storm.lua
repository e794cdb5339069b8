--- Threads that bring calls as fast as they can to runs that end meanwhile: each
-- call is made or refused, and nobody waits in vain.
local anyio = require "anyio"
local t = require "harness"
local thread, Thread = require "_anyrun.thread", require("threading").Thread
local ref = anyio.lowlevel.ref

local THREADS <const>, ROUNDS <const> = 3, 12

-- In a thread: calls `op` until it fails, then leaves in the cell how often it
-- returned, and the name of the error.
local function knock(op, cell, ...)
  local n = 0
  local ok, err
  repeat
    ok, err = pcall(op, ...)
    if ok then n = n + 1 end
  until not ok
  local sum, names = cell:lock()
  cell:unlock((sum or 0) + n, (names or "") .. " " .. tostring(err.name or err))
end

-- Runs that end when some of the calls were made. `prepare` gives what `op` gets
-- after a function that counts, and is called with a function that is the rest of
-- the run. How many were made, how many returned, and the names of errors.
local function storm(round, prepare, op)
  local made, cell, threads = 0, thread.cell(), {}
  local function count()
    made = made + 1
    return made
  end
  t.run(function()
    prepare(function(...)
      for i = 1, THREADS do
        threads[i] = Thread(knock, op, cell, ref(count), ...)
        threads[i]:start()
      end
      while made < round do anyio.lowlevel.checkpoint() end
    end)
  end)
  for i = 1, THREADS do threads[i]:join() end
  local returned, names = cell:lock()
  cell:unlock()
  return made, returned, names
end

local function with_token(rest) rest(anyio.lowlevel.current_token()) end
local function with_portal(rest) anyio.from_thread.BlockingPortal(rest) end

local function check_names(names, ...)
  for name in names:gmatch "%S+" do
    local known = false
    for _, expected in ipairs{...} do known = known or name == expected end
    t.ok(known, name)
  end
end

t.test("calls of functions that do not wait are made, or refused", {plain = true}, function()
  for round = 1, ROUNDS do
    local made, returned, names = storm(round, with_token, function(count, token)
      return anyio.from_thread.run_sync({count, token = token})
    end)
    t.eq(made, returned)
    check_names(names, "RunFinishedError")
  end
end)

t.test("calls of functions that wait are made, refused or cancelled", {plain = true}, function()
  for round = 1, ROUNDS do
    local made, returned, names = storm(round, with_token, function(count, token)
      return anyio.from_thread.run({function()
        anyio.lowlevel.checkpoint()
        return count()
      end, token = token})
    end)
    t.eq(made, returned)
    check_names(names, "RunFinishedError", "Cancelled", "CancelledError")
  end
end)

t.test("calls by a portal are made, or there is no portal", {plain = true}, function()
  for round = 1, ROUNDS do
    local made, returned, names = storm(round, with_portal, function(count, portal)
      return portal:call(count)
    end)
    t.eq(made, returned)
    check_names(names, "RuntimeError", "RunFinishedError")
  end
end)

t.test("futures of a portal that ends are answered, each", {plain = true}, function()
  for round = 1, ROUNDS do
    local made, returned, names = storm(round, with_portal, function(count, portal)
      local futures = {}
      for i = 1, 4 do futures[i] = portal:start_task_soon(count) end
      futures[1]:add_done_callback(function() end)
      futures[4]:cancel()
      assert(futures[4]:done())
      for i = 1, 3 do futures[i]:result() end
    end)
    t.ok(made >= 3 * returned)
    check_names(names, "RuntimeError", "RunFinishedError", "FutureCancelled")
  end
end)

t.test("[AS-LOOP-09] calls of an asyncio loop that ends", {backend = "asyncio", plain = true}, function()
  local asyncio = require "asyncio"
  for round = 1, ROUNDS do
    local _, _, names = storm(round, function(rest) rest(asyncio.get_running_loop()) end,
      function(count, loop) loop:call_soon_threadsafe(count) end)
    check_names(names, "RuntimeError")
    local made, returned
    made, returned, names = storm(round, function(rest) rest(asyncio.get_running_loop()) end,
      function(count, loop)
        return asyncio.run_coroutine_threadsafe(count, loop):result()
      end)
    t.eq(made, returned)
    check_names(names, "RuntimeError", "RunFinishedError", "FutureCancelled", "CancelledError")
  end
end)
