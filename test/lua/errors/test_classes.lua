-- The error classes: what they are called, hold, and what extends what.

local anyio = require "anyio"
local t = require "harness"

-- class -> the classes it counts as besides itself
local TREE = {
  Cancelled = { "BaseException" },
  KeyboardInterrupt = { "BaseException" },
  SystemExit = { "BaseException" },
  BaseExceptionGroup = { "BaseException" },
  Exception = { "BaseException" },
  ExceptionGroup = { "Exception", "BaseExceptionGroup" },
  RuntimeError = { "Exception" },
  NoEventLoopError = { "RuntimeError" },
  RunFinishedError = { "RuntimeError" },
  DeadlockError = { "RuntimeError" },
  OSError = { "Exception" },
  ConnectionFailed = { "OSError" },
  TimeoutError = { "Exception", "OSError" },
  ValueError = { "Exception" },
  TypeError = { "Exception" },
  LookupError = { "Exception" },
  TypedAttributeLookupError = { "LookupError" },
  CalledProcessError = { "Exception" },
  BrokenResourceError = { "Exception" },
  BusyResourceError = { "Exception" },
  ClosedResourceError = { "Exception" },
  EndOfStream = { "Exception" },
  IncompleteRead = { "Exception" },
  DelimiterNotFound = { "Exception" },
  WouldBlock = { "Exception" },
  BrokenWorkerProcess = { "Exception" },
  BrokenWorkerInterpreter = { "Exception" },
  TLSError = { "Exception" },
  TaskFailed = { "Exception" },
  TaskCancelled = { "TaskFailed" },
  TaskNotFinished = { "Exception" },
  FutureFailed = { "Exception" },
  FutureCancelled = { "FutureFailed" },
  FutureNotFinished = { "Exception" },
  FutureAlreadyFinished = { "Exception" },
}

local function make(name)
  local class = anyio[name]
  if name:find("Group$") then return class("text", { anyio.ValueError("x") }) end
  return class("text")
end

t.test("[ERR-01..ERR-12] every class extends what the tree says", function()
  for name, bases in pairs(TREE) do
    local class = anyio[name]
    t.ok(class, name)
    for _, base in ipairs(bases) do
      if name ~= "Cancelled" then
        local err = make(name)
        t.isa(err, class)
        t.isa(err, anyio[base], name)
        t.isa(err, anyio.BaseException, name)
      end
    end
  end
end)

t.test("[ERR-01 ERR-02 ERR-03 ERR-04 ERR-06 TR-EXC-14] resource errors are kinds of "
  .. "Exception only", function()
  for _, name in ipairs { "BrokenResourceError", "ClosedResourceError",
    "BusyResourceError", "EndOfStream", "WouldBlock" } do
    local err = anyio[name]("text")
    t.no(anyio.isinstance(err, anyio.OSError), name)
    t.no(anyio.isinstance(err, anyio.RuntimeError), name)
  end
end)

t.test("[ERR-09 ERR-10] not finished is not a failure", function()
  t.no(anyio.isinstance(anyio.TaskNotFinished(), anyio.TaskFailed))
  t.no(anyio.isinstance(anyio.FutureNotFinished(), anyio.FutureFailed))
  t.no(anyio.isinstance(anyio.FutureAlreadyFinished(), anyio.FutureFailed))
end)

t.test("[ERR-13] the cancellation error is no ordinary error", function()
  local err
  anyio.create_task_group(function(tg)
    tg.cancel_scope:cancel("enough")
    local ok
    -- the cancellation itself is looked at, then raised again
    ok, err = pcall(anyio.lowlevel.checkpoint)
    t.no(ok)
    error(err, 0)
  end)
  t.isa(err, anyio.get_cancelled_exc_class())
  t.isa(err, anyio.Cancelled)
  t.isa(err, anyio.BaseException)
  t.no(anyio.isinstance(err, anyio.Exception))
  for name in pairs(TREE) do
    if name ~= "Cancelled" then
      t.no(anyio.isinstance(err, anyio[name]), name)
    end
  end
  t.match(err.message, "enough")
end)

t.test("an error has class, name, message, cause and fields of its own",
  function()
    local first = anyio.ValueError("first")
    local err = anyio.OSError("no such file", { code = "ENOENT", cause = first })
    t.eq(err.class, anyio.OSError)
    t.eq(err.name, "OSError")
    t.eq(err.message, "no such file")
    t.eq(err.code, "ENOENT")
    t.eq(err.cause, first)
    t.eq(tostring(err), "OSError: no such file")
    t.eq(tostring(anyio.EndOfStream()), "EndOfStream")
    t.eq(tostring(anyio.EndOfStream("")), "EndOfStream")
  end)

t.test("an error arrives unchanged, whatever value it is", function()
  local err = anyio.EndOfStream("gone")
  for _, value in ipairs { err, "text", 42, false, { 1 }, print } do
    local ok, got = pcall(error, value, 0)
    t.no(ok)
    t.ok(rawequal(got, value))
  end
end)

t.test("a message that is no text is refused", function()
  local err = t.raises("bad argument #1 to 'ValueError' "
    .. "(string expected, got table)", function() anyio.ValueError {} end)
  t.match(err, "^.*test_classes.lua:%d+: bad")
  t.raises("bad argument #2 to 'OSError' (table expected, got number)",
    function() anyio.OSError("x", 3) end)
end)

t.test("SystemExit holds a status", function()
  t.eq(anyio.SystemExit(3).code, 3)
  t.eq(anyio.SystemExit().code, 0)
  t.eq(anyio.SystemExit("gave up").code, 1)
  t.eq(anyio.SystemExit("gave up").message, "gave up")
end)

t.test("exception makes a class that extends Exception or its base", function()
  local Mine = anyio.exception("Mine")
  local Sub = anyio.exception("Sub", Mine)
  local err = Sub("text", { extra = 1 })
  t.eq(tostring(err), "Sub: text")
  t.eq(err.extra, 1)
  t.isa(err, Mine)
  t.isa(err, anyio.Exception)
  t.no(anyio.isinstance(Mine("x"), Sub))
  t.isa(anyio.exception("Late", anyio.TimeoutError)(), anyio.OSError)
  t.no(anyio.isinstance(anyio.exception("Stop", anyio.BaseException)(),
    anyio.Exception))
end)

t.test("a class may have a text and an init of its own", function()
  local Refused = anyio.exception("Refused", anyio.OSError)
  function Refused:_init(host, port)
    anyio.OSError._init(self, ("%s:%d refused"):format(host, port))
    self.port = port
  end
  t.eq(tostring(Refused("::1", 80)), "Refused: ::1:80 refused")
  t.eq(Refused("::1", 80).port, 80)
end)

t.test("exception refuses what is no class, and Cancelled", function()
  t.raises("bad argument #1 to 'exception' (string expected, got nil)",
    anyio.exception)
  t.raises("bad argument #2 to 'exception' (error class expected)",
    anyio.exception, "X", {})
  t.raises(anyio.TypeError, anyio.exception, "X", anyio.Cancelled)
end)

t.test("[TR-RSN-01 D-08] user code cannot make or extend trio's Cancelled",
  { backend = "trio" }, function()
    local Cancelled = anyio.get_cancelled_exc_class()
    t.eq(Cancelled.name, "Cancelled")
    t.raises(anyio.TypeError, Cancelled, "text")
    t.raises(anyio.TypeError, anyio.exception, "X", Cancelled)
  end)

t.test("[D-08] user code may make asyncio's CancelledError",
  { backend = "asyncio" }, function()
    local Cancelled = anyio.get_cancelled_exc_class()
    t.eq(tostring(Cancelled("text")), "CancelledError: text")
    t.eq(tostring(Cancelled()), "CancelledError")
    t.isa(Cancelled(), anyio.Cancelled)
  end)

t.test("isinstance takes any value, a class or a list, and never raises",
  { plain = true }, function()
    local err = anyio.EndOfStream()
    t.ok(anyio.isinstance(err, { anyio.OSError, anyio.EndOfStream }))
    t.no(anyio.isinstance(err, {}))
    for _, value in ipairs { "text", 1, true, {}, print, io.stdout } do
      t.no(anyio.isinstance(value, anyio.BaseException))
    end
    t.no(anyio.isinstance(nil, anyio.Exception))
    t.no(anyio.isinstance(err, nil))
    t.no(anyio.isinstance(err, "EndOfStream"))
    t.no(anyio.isinstance(anyio.EndOfStream, anyio.EndOfStream))
    t.no(anyio.isinstance(setmetatable({}, { __metatable = 1 }), anyio.Exception))
  end)
