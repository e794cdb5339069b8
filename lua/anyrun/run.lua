--- `anyio.run`: what a run may be told, checked, and the run.

local native = require "_anyrun.run"
local options = require "anyrun.options"
local spec = require "anyrun.spec"

local error, getenv, pairs, tostring = error, os.getenv, pairs, tostring
local type = type

local run = {}

-- The backends in the order in which they are listed, and their options.
local NAMES <const> = { "asyncio", "trio" }
local BACKENDS <const> = {
  asyncio = {
    debug = "boolean",
    loop_factory = "callable",
    use_uvloop = "boolean",
  },
  trio = {
    clock = "table|userdata",
    instruments = "table",
    restrict_keyboard_interrupt_to_checkpoints = "boolean",
    strict_exception_groups = "boolean",
  },
}
local OPTIONS <const> = { backend = "string", backend_options = "table" }

local function fail(kind, text, level)
  error(require("anyrun.errors")[kind](text), level + 1)
end

--- The names of all backends.
---@return string[]
---Checkpoint: never.
---@usage for _, name in ipairs(anyio.get_all_backends()) do print(name) end
function run.get_all_backends()
  return table.move(NAMES, 1, #NAMES, 1, {})
end

--- The names of the backends that can be used now: all are built in.
---@return string[]
---Checkpoint: never.
---@usage print(#anyio.get_available_backends())
run.get_available_backends = run.get_all_backends

-- asyncio's debug mode is on by default where the environment says so.
local function debug_by_environment()
  local value = getenv "ANYRUN_ASYNCIO_DEBUG"
  return value ~= nil and value ~= "" and value ~= "0"
end

-- Adds `given` to the settings; `level` is whose line an error names.
local function take(settings, name, given, level)
  local known = BACKENDS[name]
  for key in pairs(given) do
    if known[key] == nil then
      error(options.unknown(name, key, known), level + 1)
    end
  end
  options.check("run", given, known, 2, level + 2)
  for key, value in pairs(given) do settings[key] = value end
end

local function set_up_asyncio(opts)
  if opts.debug == nil then opts.debug = debug_by_environment() end
  local factory = opts.loop_factory
  opts.uvloop, opts.use_uvloop, opts.loop_factory = opts.use_uvloop, nil, nil
  if factory then
    local loop = factory()
    if type(loop) ~= "table" and type(loop) ~= "userdata" then
      fail("TypeError", "loop_factory returned no event loop but a " ..
        type(loop), 3)
    end
    opts.loop, opts.uvloop = loop, loop._uvloop == true
  end
end

-- What the core is told. Options of the command line are the defaults of the
-- backend that it names.
local function settings_of(name, given, level)
  local settings = { backend = name }
  if name == native.default_backend() then
    take(settings, name, native.default_options() or {}, level + 1)
  end
  if given then take(settings, name, given, level + 1) end
  if name == "asyncio" then set_up_asyncio(settings) end
  return settings
end

--- The settings of the run that a script is in when it starts none itself.
---@return table
---Checkpoint: never.
---Raises: TypeError when an option of the command line is unknown.
---@usage local settings = run.implicit_options()
function run.implicit_options()
  return settings_of(native.default_backend(), nil, 1)
end

--- Starts a run, calls `main` as its main task, and waits for it.
---@param main function|table a task function or task spec
---@param opts? table `backend` ("asyncio" or "trio"; the command line's when
---absent) and `backend_options`, a table. asyncio: `debug`, `loop_factory`,
---`use_uvloop`; trio: `clock`, `instruments`,
---`restrict_keyboard_interrupt_to_checkpoints`, `strict_exception_groups`
---@param ... any the arguments of `main`
---@return any ... what `main` returned
---Checkpoint: never; it blocks the thread.
---Raises: what `main` raised; RuntimeError when this thread is in a run;
---LookupError when the backend is unknown; TypeError when an option is
---unknown or `main` cannot be called; DeadlockError when nothing can go on.
---@usage run(main, { backend = "trio" }, "first argument")
function run.run(main, opts, ...)
  if type(main) ~= "table" and not options.callable(main) then
    fail("TypeError", ("bad argument #1 to 'run' (function expected, got %s)")
      :format(main == nil and "no value" or type(main)), 2)
  end
  local f, task_name, context = spec.parse("run", 1, main)
  opts = options.check("run", opts, OPTIONS)
  local name = opts.backend or native.default_backend()
  if not BACKENDS[name] then
    fail("LookupError", ("unknown backend '%s' (known: %s)"):format(
      tostring(name), table.concat(NAMES, ", ")), 2)
  end
  local settings = settings_of(name, opts.backend_options, 2)
  settings.name, settings.context = task_name, context
  return native.run(settings, f, ...)
end

return run
