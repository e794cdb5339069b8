-- How a run ends: leftovers, exits, control-C.

local t = require "harness"

local popen = require("_anyrun.stock").io.popen -- lets nobody run meanwhile
local anyio = require "anyio"
local checkpoint = require("anyio.lowlevel").checkpoint
local wait_all_tasks_blocked = require("anyio.testing").wait_all_tasks_blocked

local group, scope = anyio.create_task_group, anyio.CancelScope
local plain = {plain = true}
local plain_asyncio = {plain = true, backend = "asyncio"}
local plain_trio = {plain = true, backend = "trio"}

t.test("[RUN-21 B6] native tasks left over are cancelled once and waited for",
  plain_asyncio, function()
    local asyncio = require "asyncio"
    local log = t.log()
    t.eq(t.run(function()
      asyncio.create_task(function()
        t.raises(asyncio.CancelledError, asyncio.sleep, 60)
        asyncio.sleep(0)
        asyncio.sleep(0)
        log "has cleaned up"
      end)
      checkpoint()
      return "result"
    end), "result")
    t.eq(log.items, {"has cleaned up"})
  end)

t.test("[RUN-21 B6] the error of a leftover is only reported", plain_asyncio,
  function()
    local asyncio = require "asyncio"
    local reports = t.log()
    t.eq(t.run(function()
      asyncio.get_running_loop():set_exception_handler(function(_, context)
        reports(context.exception)
      end)
      asyncio.create_task(function()
        pcall(asyncio.sleep, 60)
        error(anyio.ValueError "leftover")
      end)
      checkpoint()
      return "result"
    end), "result")
    t.eq(#reports, 1)
    t.isa(reports.items[1], anyio.ValueError)
  end)

t.test("[RUN-21] leftovers are cancelled also when main has failed", plain_asyncio,
  function()
    local asyncio = require "asyncio"
    local log = t.log()
    t.raises("main", t.run, function()
      asyncio.create_task(function()
        t.raises(asyncio.CancelledError, asyncio.sleep, 60)
        log "cancelled"
      end)
      checkpoint()
      error("main", 0)
    end)
    t.eq(log.items, {"cancelled"})
  end)

t.test("[RUN-21] system tasks left over are cancelled", plain_trio, function()
  local trio = require "trio"
  local log = t.log()
  t.eq(t.run(function()
    trio.lowlevel.spawn_system_task(function()
      t.cancelled(trio.sleep_forever)
      scope({shield = true}, function() trio.sleep(0) end)
      log "has cleaned up"
    end)
    checkpoint()
    return "result"
  end), "result")
  t.eq(log.items, {"has cleaned up"})
end)

t.test("[RUN-23 T25] SystemExit in a child ends the run", plain, function()
  local log = t.log()
  local _, err = pcall(t.run, function()
    group(function(tg)
      tg:start_soon(function()
        pcall(anyio.sleep_forever)
        log "sibling unwound"
        checkpoint()
      end)
      tg:start_soon(function()
        wait_all_tasks_blocked()
        error(anyio.SystemExit(5))
      end)
    end)
    log "went on"
  end)
  t.eq(log.items, {"sibling unwound"})
  if t.backend == "trio" then
    t.isa(err, anyio.BaseExceptionGroup)
    t.isa(err.exceptions[1], anyio.SystemExit)
  else
    t.isa(err, anyio.SystemExit)
  end
end)

t.test("[RUN-23] through nested groups, too", plain, function()
  local _, err = pcall(t.run, function()
    group(function(outer)
      outer:start_soon(group, function(tg)
        tg:start_soon(function() error(anyio.KeyboardInterrupt()) end)
        anyio.sleep_forever()
      end)
      anyio.sleep_forever()
    end)
  end)
  if t.backend == "trio" then
    err = t.isa(err, anyio.BaseExceptionGroup).exceptions[1]
    err = t.isa(err, anyio.BaseExceptionGroup).exceptions[1]
  end
  t.isa(err, anyio.KeyboardInterrupt)
end)

t.test("[RUN-23] SystemExit in main comes out of run() as itself", plain,
  function()
    local raised = anyio.SystemExit(3)
    local _, err = pcall(t.run, function()
      checkpoint()
      error(raised)
    end)
    t.ok(rawequal(err, raised))
  end)

t.test("[RUN-24] an interrupt from a callback comes out of run() alone",
  plain_asyncio, function()
    local asyncio = require "asyncio"
    local log, reports = t.log(), t.log()
    t.raises(anyio.KeyboardInterrupt, t.run, function()
      local loop = asyncio.get_running_loop()
      loop:set_exception_handler(function() reports "a report" end)
      group(function(tg)
        tg:start_soon(group, function(inner)
          inner:start_soon(anyio.sleep, 5)
          anyio.sleep(5)
        end)
        wait_all_tasks_blocked()
        loop:call_soon(function() error(anyio.KeyboardInterrupt()) end)
        anyio.sleep(5)
      end)
      log "went on"
    end)
    t.eq(log.items, {})
    t.eq(reports.items, {})
  end)

--- Sends control-C's signal to this process. (os.execute would ignore it.)
local function interrupt()
  local file <close> = assert(io.open "/proc/self/stat")
  local pipe = assert(popen("kill -INT " .. file:read "n"))
  pipe:close()
end

t.test("[RUN-22 B6 T25] the first control-C cancels main, and run() raises the "
  .. "interrupt", plain_asyncio, function()
  local log = t.log()
  local err = t.raises(anyio.KeyboardInterrupt, t.run, function()
    interrupt()
    local cancellation = t.cancelled(anyio.sleep, 5)
    log "main cancelled"
    anyio.sleep(0)
    log "main may clean up"
    error(cancellation)
  end)
  t.no(anyio.isinstance(err, anyio.BaseExceptionGroup))
  t.eq(log.items, {"main cancelled", "main may clean up"})
end)

t.test("[RUN-22] children are unwound before run() raises the interrupt",
  plain_asyncio, function()
    local log = t.log()
    t.raises(anyio.KeyboardInterrupt, t.run, function()
      group(function(tg)
        tg:start_soon(function()
          t.cancelled(anyio.sleep, 5)
          log "child cancelled"
        end)
        wait_all_tasks_blocked()
        interrupt()
        anyio.sleep(5)
      end)
      log "went on"
    end)
    t.eq(log.items, {"child cancelled"})
  end)

t.test("[RUN-22 T25] control-C raises the interrupt inside a task", plain_trio,
  function()
    local log = t.log()
    local err = t.raises(anyio.KeyboardInterrupt, t.run, function()
      local ok, err = pcall(function()
        interrupt()
        anyio.sleep(5)
        log "went on"
      end)
      t.no(ok)
      t.isa(err, anyio.KeyboardInterrupt)
      log "raised in main"
      error(err)
    end)
    t.isa(err, anyio.KeyboardInterrupt)
    t.eq(log.items, {"raised in main"})
  end)

t.test("[RUN-22] an interrupt that main swallows does not end the run", plain_trio,
  function()
    t.eq(t.run(function()
      local _, err = pcall(function()
        interrupt()
        anyio.sleep(5)
      end)
      t.isa(err, anyio.KeyboardInterrupt)
      checkpoint()
      return "result"
    end), "result")
  end)

t.test("[RUN-22] the interrupt of a main that waits in a group stands in the "
  .. "error group", plain_trio, function()
  local err = t.group(t.run, function()
    group(function(tg)
      tg:start_soon(function()
        wait_all_tasks_blocked()
        interrupt()
        anyio.sleep(5)
      end)
    end)
  end)
  t.eq(#err:leaves(), 1)
  t.isa(err:leaves()[1], anyio.KeyboardInterrupt)
end)

t.test("[RUN-22] a run works after one that was interrupted", plain, function()
  t.raises(anyio.BaseException, t.run, function()
    interrupt()
    anyio.sleep(5)
  end)
  t.eq(t.run(function() anyio.sleep(0) return "fine" end), "fine")
end)

t.test("a run that nothing can wake ends with a DeadlockError", plain, function()
  local log = t.log()
  local err = t.raises(anyio.DeadlockError, t.run, function()
    group(function(tg)
      local waiter
      local function wait_for_each_other()
        waiter:await()
      end
      waiter = tg:start_soon{function()
        local other_task = tg:start_soon{wait_for_each_other, name = "second"}
        local _ <close> = setmetatable({}, {__close = function() log "unwound" end})
        other_task:await()
      end, name = "first"}
    end)
  end)
  t.isa(err, anyio.RuntimeError)
  t.match(err.message, "first")
  t.match(err.message, "second")
  t.eq(log.items, {"unwound"})
end)
