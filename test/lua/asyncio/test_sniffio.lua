--- What the detector says in asyncio runs.
local asyncio = require "asyncio"
local sniffio = require "sniffio"
local anyio = require "anyio"
local t = require "harness"

local function sniff()
  local ok, name = pcall(sniffio.current_async_library)
  return ok and name or "not found"
end

t.test("[SN-01] not found is a RuntimeError of its own", function()
  local err
  asyncio.get_running_loop():call_soon(function()
    err = select(2, pcall(sniffio.current_async_library))
  end)
  asyncio.sleep(0)
  t.isa(err, sniffio.AsyncLibraryNotFoundError)
  t.isa(err, anyio.RuntimeError)
  t.match(err.message, "unknown async library")
end)

t.test("[SN-12 SN-05] found in tasks, whoever began them", function()
  t.eq(sniff(), "asyncio")
  t.eq(asyncio.create_task(sniff):await(), "asyncio")
  anyio.create_task_group(function(tg)
    tg:start_soon(function() t.eq(sniff(), "asyncio") end)
  end)
end)

t.test("[SN-12 SN-14] found in native runs", {plain = true}, function()
  t.eq(asyncio.run(sniff), "asyncio")
  t.eq(require("uvloop").run(sniff), "asyncio")
end)

t.test("[SN-13 D-58] not found in callbacks of any kind", function()
  local loop, log = asyncio.get_running_loop(), t.log()
  loop:call_soon(function() log(sniff()) end)
  loop:call_later(0.001, function() log(sniff()) end)
  local future = asyncio.Future()
  future:add_done_callback(function() log(sniff()) end)
  future:set_result(nil)
  local task = asyncio.create_task(function() end)
  task:add_done_callback(function() log(sniff()) end)
  asyncio.sleep(0.01)
  t.eq(log.items, {"not found", "not found", "not found", "not found"})
  t.eq(sniff(), "asyncio")
end)

t.test("[SN-13] not found in the exception handler of a dropped task", function()
  local seen
  local loop = asyncio.get_running_loop()
  loop:set_exception_handler(function() seen = sniff() end)
  loop:call_soon(function() error("x") end)
  asyncio.sleep(0)
  t.eq(seen, "not found")
end)

t.test("[SN-03 SN-17] a name set by hand overrides, also in a running task", function()
  sniffio.thread_local.name = "mine"
  local name = sniff()
  sniffio.thread_local.name = nil
  t.eq(name, "mine")
  t.eq(sniff(), "asyncio")
end)

t.test("[SN-04 SN-17 SN-02] so does the context variable, which follows contexts", function()
  local var = sniffio.current_async_library_cvar
  local token = var:set("by context")
  t.eq(sniff(), "by context")
  t.eq(asyncio.create_task(sniff):await(), "by context")
  sniffio.thread_local.name = "thread first"
  local name = sniff()
  sniffio.thread_local.name = nil
  t.eq(name, "thread first")
  var:reset(token)
  t.eq(sniff(), "asyncio")
  t.eq(asyncio.create_task(sniff):await(), "asyncio")
end)
