-- anyio.run: what it may be told. Plain tests: they start the runs.

local anyio = require "anyio"
local t = require "harness"

local PLAIN = { plain = true }

t.test("[RUN-01] run passes arguments to main and returns its results", PLAIN,
  function()
    t.eq({ anyio.run(function(...) return ... end, { backend = t.backend },
      1, nil, 3) }, { 1, nil, 3 })
    t.eq({ anyio.run(function(...) return ... end, nil, 1, 2) }, { 1, 2 })
  end)

t.test("[RUN-02] an error of main arrives as itself", PLAIN, function()
  local err = anyio.OSError("x")
  t.ok(rawequal(t.raises(anyio.OSError, t.run, function() error(err) end), err))
end)

t.test("[RUN-03] the option names the backend; without it the command line's "
  .. "is used", PLAIN, function()
  local name = require("sniffio").current_async_library
  t.eq(anyio.run(name, { backend = "asyncio" }), "asyncio")
  t.eq(anyio.run(name, { backend = "trio" }), "trio")
  t.eq(anyio.run(name), t.backend)
end)

t.test("[RUN-04] main may be any callable, or a task spec", PLAIN, function()
  local callable = setmetatable({}, { __call = function(_, x) return x + 1 end })
  t.eq(t.run(callable, {}, 1), 2)
  t.eq(t.run({ callable }, {}, 1), 2)
  t.eq(t.run { function() return anyio.get_current_task().name end,
    name = "chief" }, "chief")
end)

t.test("[RUN-05] a main that cannot be called is a type error", PLAIN,
  function()
    local err = t.raises(anyio.TypeError, anyio.run, 42)
    t.match(err.message, "bad argument #1 to 'run' %(function expected, got number%)")
    err = t.raises(anyio.TypeError, anyio.run)
    t.match(err.message, "got no value")
    t.raises("bad argument #1 to 'run' (task spec: function expected at [1], "
      .. "got nil)", anyio.run, {})
    err = t.raises(anyio.TypeError, anyio.run, { print, nmae = "x" })
    t.match(err.message, "unknown option 'nmae' to 'run' %(known: context, name%)")
  end)

t.test("[RUN-07] an unknown backend is a lookup error that quotes the name",
  PLAIN, function()
    local err = t.raises(anyio.LookupError, anyio.run, print,
      { backend = "curio" })
    t.eq(err.message, "unknown backend 'curio' (known: asyncio, trio)")
  end)

t.test("[RUN-09] the backends are asyncio and trio, both available", PLAIN,
  function()
    t.eq(anyio.get_all_backends(), { "asyncio", "trio" })
    t.eq(anyio.get_available_backends(), { "asyncio", "trio" })
    table.insert(anyio.get_all_backends(), "x")
    t.eq(#anyio.get_all_backends(), 2)
  end)

t.test("[RUN-10] an unknown option is a type error that lists the known ones",
  PLAIN, function()
    local function message(options)
      return t.raises(anyio.TypeError, anyio.run, print, options).message
    end
    t.eq(message { bakend = "trio" },
      "unknown option 'bakend' to 'run' (known: backend, backend_options)")
    t.eq(message { backend = "asyncio", backend_options = { clock = {} } },
      "unknown option 'clock' to 'asyncio' (known: debug, loop_factory, use_uvloop)")
    t.eq(message { backend = "trio", backend_options = { debug = true } },
      "unknown option 'debug' to 'trio' (known: clock, instruments, "
      .. "restrict_keyboard_interrupt_to_checkpoints, strict_exception_groups)")
  end)

t.test("[RUN-10] an option of a wrong type is a bad argument", PLAIN, function()
  t.raises("bad argument #2 to 'run' (table of options expected, got string)",
    anyio.run, print, "trio")
  t.raises("bad argument #2 to 'run' (option 'backend': string expected, got "
    .. "number)", anyio.run, print, { backend = 1 })
  t.raises("bad argument #2 to 'run' (option 'debug': boolean expected, got "
    .. "string)", anyio.run, print,
    { backend = "asyncio", backend_options = { debug = "yes" } })
end)

t.test("[RUN-12] loop_factory is called and must return a loop",
  { plain = true, backend = "asyncio" }, function()
    local err = t.raises(anyio.TypeError, t.run, print,
      { options = { backend_options = { loop_factory = function() end } } })
    t.match(err.message, "loop_factory")
  end)

t.test("[RUN-18] runs may follow each other", PLAIN, function()
  for i = 1, 3 do t.eq(t.run(function() return i end), i) end
end)
