--- Several functions at once: gather, amap, as_completed.

local create_task_group = require("_anyrun.group").create_task_group
local errors = require "anyrun.errors"
local memory = require "anyio.streams.memory"
local on_done = require("_anyrun.task").on_done
local options = require "anyrun.options"

local error, pack, select, unpack = error, table.pack, select, table.unpack

---@class anyio.concurrency
local concurrency = {}

local function results(handles, n)
  local values = {}
  for i = 1, n do values[i] = handles[i].return_value end
  return values
end

--- Calls task functions concurrently.
---@param ... function|table task functions or task specs
---@return any ... the (first) result of each, in the order of the arguments
---Checkpoint: always.
---Raises: an ExceptionGroup when one fails; the others are cancelled.
---@usage local a, b = anyio.gather(fetch_a, { fetch_b, name = "b" })
function concurrency.gather(...)
  local functions, handles = pack(...), {}
  create_task_group(function(tg)
    for i = 1, functions.n do handles[i] = tg:create_task(functions[i]) end
  end)
  return unpack(results(handles, functions.n), 1, functions.n)
end

--- Calls a task function concurrently for each of several arguments.
---@param f function|table task function or task spec
---@param args any[]
---@return any[] the (first) result of each, in the order of the arguments
---Checkpoint: always.
---Raises: an ExceptionGroup when one fails; the others are cancelled.
---@usage local pages = anyio.amap(fetch, urls)
function concurrency.amap(f, args)
  options.arg("amap", 2, args, "table")
  local handles, n = {}, #args
  create_task_group(function(tg)
    for i = 1, n do handles[i] = tg:create_task(f, args[i]) end
  end)
  return results(handles, n)
end

-- Starts the functions; each one's handle is sent when it has ended.
local function start_all(tg, functions, n, send)
  local left = n
  local function finished(handle)
    left = left - 1
    if send:statistics().open_receive_streams > 0 then
      send:send_nowait(handle)
    end
    if left == 0 then send:close() end
  end
  for i = 1, n do on_done(tg:create_task(functions[i]), finished) end
end

local function cancel_rest(tg, ...)
  tg.cancel_scope:cancel()
  return ...
end

--- Calls task functions concurrently and gives `body` the handles of those
--- that have ended, in that order. When `body` returns, the rest is cancelled.
---@param ... function|table task functions or task specs; then the body:
---  fun(receive: anyio.streams.memory.MemoryObjectReceiveStream)
---@return any ... what the body returned
---Checkpoint: always.
---Raises: an ExceptionGroup when one fails: its handle still arrives, the
---  others are cancelled; ValueError without any function but the body.
---@usage anyio.as_completed(f, g, function(receive)
---  for handle in receive do print(handle.name, handle.return_value) end
---end)
function concurrency.as_completed(...)
  local functions, n = pack(...), select("#", ...) - 1
  local body = options.arg("as_completed", n + 1, functions[n + 1], "callable")
  if n == 0 then
    error(errors.ValueError "as_completed() takes at least one task function", 2)
  end
  local send, stream = memory.create_memory_object_stream(n)
  local receive <close> = stream
  return create_task_group(function(tg)
    start_all(tg, functions, n, send)
    return cancel_rest(tg, body(receive))
  end)
end

return concurrency
