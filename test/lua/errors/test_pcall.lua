-- anyio.pcall: Lua's pcall for Exceptions only.

local anyio = require "anyio"
local t = require "harness"

t.test("pcall returns results and ordinary errors as Lua's does", function()
  t.eq({ anyio.pcall(function(...) return ... end, 1, nil, 3) },
    { true, 1, nil, 3 })
  local err = anyio.EndOfStream("gone")
  local ok, got = anyio.pcall(error, err)
  t.eq(ok, false)
  t.ok(rawequal(got, err))
  t.eq(select("#", anyio.pcall(function() end)), 1)
end)

t.test("pcall catches plain values", function()
  for _, value in ipairs { "text", 42, false, { 1 } } do
    local ok, got = anyio.pcall(error, value, 0)
    t.eq(ok, false)
    t.ok(rawequal(got, value))
  end
end)

t.test("an error without a value arrives as one that says so", function()
  local ok, err = anyio.pcall(error, nil)
  t.eq(ok, false)
  t.isa(err, anyio.RuntimeError)
  t.match(err.message, "error%(nil%)")
end)

t.test("calling what is no function is an error that is caught", function()
  local ok, err = anyio.pcall(nil)
  t.eq(ok, false)
  t.match(tostring(err), "attempt to call a nil value")
end)

t.test("[ERR-13] errors that are no Exception pass, the same object", function()
  local interrupt, exit = anyio.KeyboardInterrupt(), anyio.SystemExit(3)
  local group = anyio.BaseExceptionGroup("x", { exit })
  for _, err in ipairs { interrupt, exit, group } do
    local ok, got = pcall(anyio.pcall, error, err) -- to see what passes
    t.eq(ok, false)
    t.ok(rawequal(got, err))
  end
end)

t.test("[ERR-13] a cancellation passes pcall and is not caught by it",
  function()
    local after = false
    local scope = anyio.move_on_after(0, function()
      anyio.pcall(anyio.sleep_forever)
      after = true
    end)
    t.ok(scope.cancelled_caught)
    t.no(after)
  end)

t.test("pcall is suspended with its function", function()
  local log = t.log()
  anyio.create_task_group(function(tg)
    tg:start_soon(function() log "child" end)
    log(anyio.pcall(function()
      for _ = 1, 3 do anyio.lowlevel.checkpoint() end
      return "done"
    end))
  end)
  t.eq(log.items, { "child", true, "done" })
end)

t.test("a caught error object knows where it was raised", function()
  local _, err = anyio.pcall(function() error(anyio.ValueError("x")) end)
  t.match(err.traceback, "test_pcall.lua:%d+")
end)

t.test("an error object that Lua's pcall catches knows where it was raised", function()
  local function raise() error(anyio.ValueError("x")) end
  local _, err = pcall(raise)
  t.match(err.traceback, "^stack traceback:\n\t%[C%]: in function 'error'\n"
    .. "\t[^\n]*test_pcall%.lua:%d+: in ")
  local first = err.traceback
  pcall(error, err) -- raised again, it still says so
  t.eq(err.traceback, first)
  local limiter = anyio.CapacityLimiter(0)
  _, err = pcall(limiter.acquire_nowait, limiter)
  t.isa(err, anyio.WouldBlock)
  t.match(err.traceback, "test_pcall%.lua:%d+: in ")
end)

t.test("a traceback is told as debug.traceback tells it", function()
  local function stock() return debug.traceback(nil, 2) end
  local err = anyio.ValueError("x")
  local function tracebacks(depth)
    if depth > 0 then
      local mine, theirs = tracebacks(depth - 1)
      return mine, theirs
    end
    local _, _, theirs = pcall(error, err), xpcall(error, stock, "x")
    return err.traceback, theirs
  end
  for _, depth in ipairs {0, 1, 10, 50} do
    err = anyio.ValueError("x")
    local mine, theirs = tracebacks(depth)
    -- Lua does not count one of the frames that it leaves out.
    mine = mine:gsub("skipping %d+", "skipping some")
    theirs = theirs:gsub("skipping %d+", "skipping some")
    t.eq(mine, (theirs:gsub("xpcall", "pcall")))
  end
end)

t.test("the traceback of an error goes through the generators it came out of", function()
  local function through(raise)
    local inner = coroutine.wrap(function() raise() end)
    coroutine.wrap(function() inner() end)()
  end
  for _, value in ipairs {anyio.ValueError("x"), "text"} do
    local text
    local group = t.raises(anyio.ExceptionGroup, anyio.create_task_group, function(tg)
      tg:start_soon(function() through(function() error(value) end) end)
    end)
    text = group.exceptions[1].traceback or group.tracebacks[1]
    t.match(text, "in function 'error'.*in upvalue 'raise'.*in upvalue 'inner'.*'through'")
  end
end)

t.test("an error of the library begins at the line that called it", function()
  local _, err = pcall(function() anyio.open_process {"/no/such/program"} end)
  t.isa(err, anyio.OSError)
  t.match(err.traceback, "^stack traceback:\n\t[^\n]*test_pcall%.lua:%d+: in ")
end)
