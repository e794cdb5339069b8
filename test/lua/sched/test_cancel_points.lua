--- What is a checkpoint: in a cancelled scope it raises, and nothing else does.
local anyio = require "anyio"
local t = require "harness"

local function raises_cancelled(f, ...)
  return t.raises(anyio.get_cancelled_exc_class(), f, ...)
end

--- Run `body` in a scope that is cancelled already.
local function in_cancelled_scope(body)
  anyio.CancelScope(function(scope)
    scope:cancel()
    body()
  end)
end

t.test("[T21 SY-05] waiting for an event that is set", function()
  local event = anyio.Event()
  event:set()
  in_cancelled_scope(function() raises_cancelled(event.wait, event) end)
  event:wait()
end)

t.test("[T21 MS-08] sending and receiving that could finish at once", function()
  local send, receive = anyio.create_memory_object_stream(2)
  send:send_nowait "waiting"
  in_cancelled_scope(function()
    raises_cancelled(receive.receive, receive)
    raises_cancelled(send.send, send, "not sent")
  end)
  t.eq(receive:receive(), "waiting", "nothing was taken")
  t.raises(anyio.WouldBlock, receive.receive_nowait, receive)
  send:close()
  receive:close()
end)

t.test("[T21 SY-16] acquiring a free lock, which is not taken then", function()
  for _, options in ipairs {{}, {fast_acquire = true}} do
    local lock = anyio.Lock(options)
    in_cancelled_scope(function() raises_cancelled(lock.acquire, lock) end)
    t.no(lock:locked())
    local semaphore = anyio.Semaphore(1, options)
    in_cancelled_scope(function() raises_cancelled(semaphore.acquire, semaphore) end)
    t.eq(semaphore.value, 1)
  end
end)

t.test("[T21] acquiring a free token of a limiter, which is not taken then", function()
  local limiter = anyio.CapacityLimiter(1)
  in_cancelled_scope(function() raises_cancelled(limiter.acquire, limiter) end)
  t.eq(limiter.borrowed_tokens, 0)
end)

t.test("[T21 TG-68] awaiting a handle that has finished", function()
  local handle
  anyio.create_task_group(function(tg)
    handle = tg:start_soon(function() return "done" end)
  end)
  in_cancelled_scope(function()
    raises_cancelled(handle.await, handle)
    raises_cancelled(handle.wait, handle)
  end)
  t.eq(handle:await(), "done")
end)

t.test("[T21] no nowait call, no set, release, cancel or close of a memory stream is one",
  function()
    local event, lock, semaphore = anyio.Event(), anyio.Lock(), anyio.Semaphore(1)
    local limiter = anyio.CapacityLimiter(1)
    local send, receive = anyio.create_memory_object_stream(1)
    in_cancelled_scope(function()
      event:set()
      t.ok(event:is_set())
      lock:acquire_nowait()
      lock:release()
      semaphore:acquire_nowait()
      semaphore:release()
      limiter:acquire_nowait()
      limiter:release()
      send:send_nowait(1)
      t.eq(receive:receive_nowait(), 1)
      send:close()
      receive:close()
      anyio.create_task_group(function() end)
    end)
  end)
