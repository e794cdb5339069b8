local t = require "harness"
local anyio = require "anyio"
local sniffio = require "sniffio"
local checkpoint = require("anyio.lowlevel").checkpoint

local group = anyio.create_task_group
local plain = {plain = true}
local other = t.backend == "trio" and "asyncio" or "trio"

t.test("[RUN-01 B3] run() returns what main returned", plain, function()
  t.eq(table.pack(anyio.run(function()
    checkpoint()
    return 1, nil, "three"
  end)), {1, nil, "three", n = 3})
  t.eq(select("#", anyio.run(function() end)), 0)
  t.eq(anyio.run(function() return 5 end), 5, "a main that never waits")
end)

t.test("[RUN-01 B3] main gets the arguments after the options", plain, function()
  local got = table.pack(anyio.run(function(...)
    checkpoint()
    return ...
  end, {}, "a", nil, false))
  t.eq(got, {"a", nil, false, n = 3})
end)

t.test("[RUN-01] run() blocks until main has ended", plain, function()
  local log = t.log()
  anyio.run(function()
    anyio.sleep(0.01)
    log "main"
  end)
  log "behind"
  t.eq(log.items, {"main", "behind"})
end)

t.test("[RUN-01] main is a task of its own", plain, function()
  local ids = t.repeat_runs(2, function() return anyio.get_current_task().id end)
  t.ok(ids[1] and ids[2])
end)

t.test("[RUN-02 B3] main's error comes out of run() as itself", plain, function()
  for _, raised in ipairs{anyio.ValueError "x", "text", 42, false, {}} do
    local ok, err = pcall(anyio.run, function()
      checkpoint()
      error(raised, 0)
    end)
    t.no(ok)
    t.ok(rawequal(err, raised), tostring(raised))
  end
end)

t.test("[RUN-02] also one that is raised before the first wait", plain, function()
  local raised = anyio.ValueError "x"
  local err = t.raises(anyio.ValueError, anyio.run, function() error(raised) end)
  t.ok(rawequal(err, raised))
end)

t.test("[RUN-02] error(nil) in main arrives as a RuntimeError", plain, function()
  local err = t.raises(anyio.RuntimeError, anyio.run, function() error(nil) end)
  t.match(err.message, "nil")
end)

t.test("[RUN-02] an error names the line it comes from", plain, function()
  local err = t.raises(anyio.ValueError, anyio.run, function()
    checkpoint()
    error(anyio.ValueError "x")
  end)
  t.match(err.traceback, "test_run%.lua:%d+")
end)

t.test("[RUN-03 B1 B2] the backend is the command line's or the one named",
  plain, function()
    local ask = sniffio.current_async_library
    t.eq(anyio.run(ask), t.backend)
    t.eq(anyio.run(ask, {}), t.backend)
    t.eq(anyio.run(ask, {backend = "asyncio"}), "asyncio")
    t.eq(anyio.run(ask, {backend = "trio"}), "trio")
  end)

t.test("[RUN-03] the globals are anyio's and sniffio's functions", plain,
  function()
    t.eq(run(function()
      sleep(0)
      return current_async_library()
    end, {backend = other}), other)
    t.ok(rawequal(run, anyio.run))
    t.ok(rawequal(sleep, anyio.sleep))
    t.ok(rawequal(current_async_library, sniffio.current_async_library))
  end)

t.test("[RUN-04] main may be any value that can be called", plain, function()
  local callable = setmetatable({}, {__call = function(self, v)
    checkpoint()
    return self, v
  end})
  local self, v = anyio.run(callable, {}, 7)
  t.ok(rawequal(self, callable))
  t.eq(v, 7)
end)

t.test("[RUN-05] what cannot be called is refused", plain, function()
  for _, main in ipairs{5, "text", true, {}} do
    t.raises("bad argument #1 to 'run'", anyio.run, main)
  end
  t.raises("bad argument #1 to 'run'", anyio.run)
end)

t.test("[RUN-05] options that are no table are refused", plain, function()
  t.raises("bad argument #2 to 'run'", anyio.run, checkpoint, "trio")
end)

t.test("[RUN-06 B4] a run inside a run is refused", function()
  for _, options in ipairs{{}, {backend = t.backend}, {backend = other}} do
    local ran = false
    local err = t.raises(anyio.RuntimeError, anyio.run,
      function() ran = true end, options)
    t.match(tostring(err), "already running " .. t.backend, "text")
    t.no(ran)
  end
  checkpoint()
end)

t.test("[RUN-06] whichever library asks", function()
  for _, library in ipairs{"trio", "asyncio"} do
    local err = t.raises(anyio.RuntimeError, require(library).run, checkpoint)
    t.match(tostring(err), t.backend, library)
  end
  checkpoint()
end)

t.test("[RUN-06] in a child and in a coroutine of a task, too", function()
  group(function(tg)
    tg:start_soon(function()
      t.raises(anyio.RuntimeError, anyio.run, checkpoint)
    end)
  end)
  coroutine.wrap(function()
    t.raises(anyio.RuntimeError, anyio.run, checkpoint)
  end)()
end)

t.test("[RUN-07] an unknown backend is a LookupError that lists the known ones",
  plain, function()
    local ran = false
    local err = t.raises(anyio.LookupError, anyio.run, function() ran = true end,
      {backend = "curio"})
    t.match(err.message, "curio")
    t.match(err.message, "asyncio")
    t.match(err.message, "trio")
    t.no(ran)
  end)

t.test("[RUN-09 B17] both backends are known and available", plain, function()
  t.eq(anyio.get_all_backends(), {"asyncio", "trio"})
  t.eq(anyio.get_available_backends(), {"asyncio", "trio"})
end)

t.test("[RUN-18] several runs follow each other, on either backend", plain,
  function()
    local names = {}
    for _, backend in ipairs{"asyncio", "trio", "trio", "asyncio"} do
      names[#names + 1] = anyio.run(function()
        checkpoint()
        return sniffio.current_async_library()
      end, {backend = backend})
    end
    t.eq(names, {"asyncio", "trio", "trio", "asyncio"})
  end)

t.test("[RUN-18] each run begins clean", plain, function()
  local var = require("anyio.lowlevel").RunVar("var", {default = "unset"})
  local function main()
    local got = var:get()
    var:set "set"
    t.eq(var:get(), "set")
    return got
  end
  t.eq(t.run(main), "unset")
  t.eq(t.run(main), "unset")
end)

t.test("[RUN-18] a run works after one that has failed", plain, function()
  t.group(t.run, function()
    group(function(tg)
      tg:start_soon(anyio.sleep_forever)
      error("broken", 0)
    end)
  end)
  t.eq(t.run(function() checkpoint() return "fine" end), "fine")
end)

t.test("[RUN-18] an object of one run is refused in another", plain, function()
  local event
  t.run(function()
    event = anyio.Event()
    anyio.move_on_after(0.01, function() event:wait() end)
  end)
  t.run(function()
    t.raises(anyio.RuntimeError, function()
      anyio.move_on_after(0.01, function() event:wait() end)
    end)
  end)
end)

t.test("[RUN-18] a scope of one run is refused in another", plain, function()
  local left
  t.run(function() left = anyio.CancelScope() end)
  t.run(function()
    t.raises(anyio.RuntimeError, left, function() checkpoint() end)
  end)
end)

t.test("[RUN-20] nothing keeps main and its values after the run", plain,
  function()
    local weak = setmetatable({}, {__mode = "v"})
    local function run_once()
      local kept = {}
      weak.kept = kept
      t.run(function()
        group(function(tg)
          weak.task = tg:start_soon(function() weak.inner = {kept} end)
        end)
        return kept
      end)
    end
    run_once()
    collectgarbage()
    collectgarbage()
    t.eq(next(weak), nil)
  end)

t.test("[RUN-20] nor the error that ended it", plain, function()
  local weak = setmetatable({}, {__mode = "v"})
  local function run_once()
    pcall(t.run, function()
      weak.error = anyio.ValueError "x"
      error(weak.error)
    end)
  end
  run_once()
  collectgarbage()
  collectgarbage()
  t.eq(next(weak), nil)
end)

t.test("[B12 TG-11] an error of a group comes out of run() as a group", plain,
  function()
    local err = t.group(t.run, function()
      group(function() error(anyio.ValueError "x") end)
    end)
    t.eq(#err.exceptions, 1)
  end)
