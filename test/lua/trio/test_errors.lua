--- Errors: their classes, groups, and what they keep on their way.
local anyio = require "anyio"
local t = require "harness"
local trio = require "trio"
local open_nursery = trio.open_nursery
local raise = error

local loose = {strict_exception_groups = false}

t.test("[TR-EXC-02 D-17] a group is an ExceptionGroup when all its members are ordinary", function()
  local function fail_with(err)
    return t.group(function()
      open_nursery(function(nursery)
        nursery:start_soon(function() raise(err) end)
      end)
    end)
  end
  t.isa(fail_with(anyio.ValueError()), anyio.ExceptionGroup)
  local group = fail_with(anyio.exception("Stop", anyio.BaseException)())
  t.no(anyio.isinstance(group, anyio.ExceptionGroup))
end)

t.test("[D-18 D-19] SystemExit and KeyboardInterrupt of a child arrive in a base group", function()
  for _, err in ipairs {anyio.SystemExit(3), anyio.KeyboardInterrupt()} do
    local group = t.group(function()
      open_nursery(function(nursery)
        nursery:start_soon(function() raise(err) end)
      end)
    end)
    t.no(anyio.isinstance(group, anyio.ExceptionGroup))
    t.ok(rawequal(group.exceptions[1], err))
  end
end)

t.test("[TR-EXC-03] each nursery that is crossed adds a level", function()
  local group = t.group(function()
    open_nursery(function()
      open_nursery(function()
        open_nursery(function() raise(anyio.ValueError()) end)
      end)
    end)
  end)
  local depth = 0
  local err = group
  while err.exceptions do
    t.eq(#err.exceptions, 1)
    err, depth = err.exceptions[1], depth + 1
  end
  t.eq(depth, 3)
end)

t.test("[TR-EXC-04] not strict, a lone error is raised bare and two are grouped", function()
  local err = anyio.ValueError("lone")
  local got = t.raises(anyio.ValueError, open_nursery, loose, function(nursery)
    nursery:start_soon(function() raise(err) end)
    trio.sleep_forever()
  end)
  t.ok(rawequal(got, err))
  local group = t.group(open_nursery, loose, function(nursery)
    for _ = 1, 2 do nursery:start_soon(function() raise(anyio.ValueError()) end) end
  end)
  t.eq(#group.exceptions, 2)
end)

t.test("[TR-RUN-10 TR-EXC-04] strict_exception_groups of run is what its nurseries begin with",
  {plain = true}, function()
    local function main()
      open_nursery(function() raise(anyio.ValueError("bare")) end)
    end
    t.raises(anyio.ValueError, trio.run, main, loose)
    t.group(trio.run, main)
    t.group(trio.run, function()
      open_nursery({strict_exception_groups = true}, function() raise(anyio.ValueError()) end)
    end, loose)
  end)

t.test("[TR-EXC-05] members stand in the order in which the tasks ended", function()
  local turn = {trio.Event(), trio.Event(), trio.Event(), trio.Event()}
  turn[1]:set()
  local group = t.group(function()
    open_nursery(function(nursery)
      for i = 3, 1, -1 do
        nursery:start_soon(function()
          trio.CancelScope({shield = true}, function() turn[i]:wait() end)
          turn[i + 1]:set() -- the next one runs in a later batch
          raise("error " .. i, 0)
        end)
      end
    end)
  end)
  t.eq(group.exceptions, {"error 1", "error 2", "error 3"})
end)

t.test("[TR-EXC-06 TR-EXC-07] an error keeps its cause across tasks, without loops", function()
  local first = anyio.LookupError("first")
  local group = t.group(function()
    open_nursery(function(nursery)
      nursery:start_soon(function()
        local ok, err = pcall(function()
          trio.sleep(0)
          raise(first)
        end)
        t.no(ok)
        trio.sleep(0)
        raise(anyio.ValueError("second", {cause = err}))
      end)
    end)
  end)
  local second = group.exceptions[1]
  t.ok(rawequal(second.cause, first))
  t.eq(first.cause, nil)
  local seen = {}
  local err = second
  while err do
    t.no(seen[err], "a loop")
    seen[err], err = true, err.cause
  end
end)

t.test("[TR-EXC-08] the traceback of a child's error begins in the child", function()
  local function deep() raise(anyio.ValueError("here")) end
  local group = t.group(function()
    open_nursery(function(nursery) nursery:start_soon(function() deep() end) end)
  end)
  local traceback = group.exceptions[1].traceback
  t.match(traceback, "test_errors%.lua:%d+: in")
  t.match(traceback, "deep")
end)

t.test("[TR-EXC-12] what a cancelled task held can be collected", function()
  local kept = setmetatable({}, {__mode = "k"})
  open_nursery(function(nursery)
    nursery:start_soon(function()
      local held = {}
      kept[held] = true
      trio.sleep_forever()
      return held
    end)
    trio.testing.wait_all_tasks_blocked()
    nursery.cancel_scope:cancel()
  end)
  collectgarbage()
  collectgarbage()
  t.eq(next(kept), nil)
end)

t.test("[TR-EXC-13] trio has its error classes", function()
  for _, name in ipairs {"TooSlowError", "WouldBlock", "EndOfChannel", "BusyResourceError",
      "ClosedResourceError", "BrokenResourceError", "RunFinishedError", "TrioInternalError",
      "TrioDeprecationWarning"} do
    local err = trio[name]("text")
    t.isa(err, anyio.Exception)
    t.eq(tostring(err), name .. ": text")
  end
  t.isa(trio.RunFinishedError(), anyio.RuntimeError)
  t.eq(trio.Cancelled.name, "Cancelled")
  t.eq(tostring(trio.TooSlowError()), "TooSlowError")
end)
