-- sniffio: which library runs the caller.

local anyio = require "anyio"
local sniffio = require "sniffio"
local t = require "harness"

local current = sniffio.current_async_library

t.test("[SN-01 SN-05 SN-12 RUN-17] inside a run it is the backend's name",
  function()
    t.eq(current(), t.backend)
    anyio.create_task_group(function(tg)
      tg:start_soon(function() t.eq(current(), t.backend) end)
    end)
  end)

t.test("[SN-15 SN-16 RUN-06] a run inside a task is refused: there is one library",
  function()
    for _, name in ipairs(anyio.get_all_backends()) do
      local err = t.raises(anyio.RuntimeError, anyio.run, print,
        { backend = name })
      t.match(err.message, t.backend)
    end
    t.eq(current(), t.backend)
  end)

t.test("[SN-01] the error is a RuntimeError", { plain = true }, function()
  t.isa(sniffio.AsyncLibraryNotFoundError("x"), anyio.RuntimeError)
end)

t.test("[SN-02 SN-03 SN-17] a name set for the thread goes before everything",
  function()
    t.eq(sniffio.thread_local.name, nil)
    sniffio.thread_local.name = "mine"
    t.eq(current(), "mine")
    local token = sniffio.current_async_library_cvar:set("other")
    t.eq(current(), "mine")
    sniffio.thread_local.name = nil
    t.eq(current(), "other")
    sniffio.current_async_library_cvar:reset(token)
    t.eq(current(), t.backend)
  end)

t.test("[SN-04 SN-17] the context variable overrides, and follows copies",
  function()
    local var = sniffio.current_async_library_cvar
    t.eq(var:get(nil), nil)
    local token = var:set("mine")
    anyio.create_task_group(function(tg)
      tg:start_soon(function() t.eq(current(), "mine") end)
      anyio.lowlevel.checkpoint()
      var:reset(token)
      tg:start_soon(function() t.eq(current(), t.backend) end)
    end)
    t.eq(current(), t.backend)
  end)

t.test("[SN-08] a name set around a spawn does not reach the new task",
  function()
    anyio.create_task_group(function(tg)
      sniffio.thread_local.name = "mine"
      tg:start_soon(function() t.eq(current(), t.backend) end)
      sniffio.thread_local.name = nil
    end)
  end)
