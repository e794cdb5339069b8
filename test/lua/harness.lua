--- What every Lua test file is written against: tests, checks, runs.
--
-- A test's body is the main task of a run of its own, on the backend under
-- test. Failed checks are written down before they are raised, so that a
-- check inside a child, a callback or a `pcall` counts as well.
--
-- Environment: T=text runs only the tests whose title holds the text, SEED=n
-- repeats an order, SHUFFLE=1 runs the tests in an order made from the seed,
-- FAST=1 leaves out slow tests, V=1 prints every title before its test runs.

local anyio = require "anyio"
local checks = require "checks"
local has_faults, faults = pcall(require, "_anyrun.test")

local skip_mark = setmetatable({}, {__tostring = function() return "skip" end})
local t = {skip_mark = skip_mark}
local tests = {}
local current

local function env_number(name)
  return math.tointeger(tonumber(os.getenv(name) or ""))
end

t.seed = env_number "SEED" or os.time() % 1000000

-- Asked of a run rather than of `sniffio`, which would begin the implicit run.
t.backend = anyio.run(anyio.get_current_async_library
  or require("sniffio").current_async_library)

-- Running --------------------------------------------------------------

local native = require "_anyrun.run"
local native_run, run_seed = native.run, nil

-- Gives every trio run of a test the test's seed: the same seed, the same
-- order. Asyncio's order is a promise and needs none.
function native.run(opts, ...)
  if opts.backend == "trio" and not opts.seed then opts.seed = run_seed end
  return native_run(opts, ...)
end

local function set_seed(seed)
  if current and current.unseeded then seed = nil end
  run_seed = seed
end

local function run_options(opts)
  local options = {}
  for k, v in pairs(opts.options or {}) do options[k] = v end
  options.backend = opts.backend or t.backend
  if opts.mock_clock and options.backend == "trio" then
    local backend_options = {}
    for k, v in pairs(options.backend_options or {}) do backend_options[k] = v end
    backend_options.clock =
      require("trio.testing").MockClock{autojump_threshold = 0}
    options.backend_options = backend_options
  end
  return options
end

--- Run `fn` as the main task of a run on the backend under test. Only in
-- plain tests. opts: backend, mock_clock, options (those of `anyio.run`).
function t.run(fn, opts, ...)
  return anyio.run(fn, run_options(opts or {}), ...)
end

--- Run `fn(i)` n times, each in a run of its own with a seed of its own; the
-- list of what it returned. Only in plain tests.
function t.repeat_runs(n, fn, opts)
  local results = {}
  for i = 1, n do
    set_seed(t.seed + i)
    results[i] = t.run(fn, opts, i)
  end
  return results
end

-- Checks ---------------------------------------------------------------

checks.install(t)
local show, describe = checks.show, checks.describe

local function is_ours(source)
  return source:find "harness%.lua$" or source:find "checks%.lua$"
end

local function here()
  for level = 3, 30 do
    local info = debug.getinfo(level, "Sl")
    if not info then break end
    if info.currentline > 0 and not is_ours(info.short_src) then
      return info.short_src .. ":" .. info.currentline .. ": "
    end
  end
  return ""
end

--- Fail the test now, whatever catches the error that is raised. A driver
-- that runs one body many times says which one by setting `t.label`.
function t.fail(msg)
  local text = here() .. (t.label and t.label .. ": " or "") .. msg
  if current then current.failures[#current.failures + 1] = text end
  error(text, 0)
end

--- Leave the test here; it counts as skipped.
function t.skip(reason)
  current.skipped = reason
  error(skip_mark, 0)
end

-- Tests ----------------------------------------------------------------

--- Define a test. opts: backend (only there), plain (the body is called
-- outside a run of the harness), mock_clock, options (of `anyio.run`), skip
-- (why), slow, counts_turns (of a backend that promises them), tosses_coin (looks
-- at trio's two orders), unseeded (trio runs get no seed), exempt (why its counts may
-- change).
function t.test(title, opts, fn)
  if not fn then opts, fn = {}, opts end
  assert(type(fn) == "function", "a test needs a title and a function")
  tests[#tests + 1] = {title = title, opts = opts, fn = fn}
end

local function counts()
  if not (has_faults and faults.counts) then return {} end
  collectgarbage()
  collectgarbage()
  local copy = {}
  for k, v in pairs(faults.counts()) do copy[k] = v end
  return copy
end

-- The counts once they are what they were; what is left after a while if not.
-- A thread that was left alone may have something open until it is done.
local function settled(before)
  local now = counts()
  for _ = 1, 100 do
    if now.descriptors == before.descriptors then break end
    faults.pause(0.005)
    now = counts()
  end
  return now
end

local function globals()
  local copy = {}
  for k, v in pairs(_G) do copy[k] = v end
  copy["package.path"], copy["package.cpath"] = package.path, package.cpath
  copy["metatable of strings"] = getmetatable("").__index
  return copy
end

local function check_same(record, what, before, after)
  local function differs(k)
    record.failures[#record.failures + 1] = what .. " '" .. tostring(k)
      .. "' was " .. show(before[k]) .. ", is " .. show(after[k])
  end
  for k in pairs(before) do if before[k] ~= after[k] then differs(k) end end
  for k in pairs(after) do if before[k] == nil then differs(k) end end
end

local function run_test(test)
  local record = {failures = {}, unseeded = test.opts.unseeded}
  local opts, before, held = test.opts, globals(), counts()
  current, t.label = record, nil
  set_seed(t.seed)
  local ok, err
  if opts.plain then
    ok, err = pcall(test.fn)
  else
    ok, err = pcall(t.run, test.fn, opts)
  end
  current = nil
  if record.skipped then return record end
  if not ok and #record.failures == 0 then
    record.failures[1] = "raised " .. describe(err)
  end
  err = nil -- luacheck: ignore (what it refers to must be collectable)
  check_same(record, "global", before, globals())
  if not opts.exempt then check_same(record, "count of", held, settled(held)) end
  return record
end

local function why_skipped(test)
  if test.opts.skip then return test.opts.skip end
  if test.opts.slow and os.getenv "FAST" then return "slow" end
  if test.opts.counts_turns and has_faults and faults.hard == "yield" then
    return "counts turns, and each is longer in this build"
  end
  if test.opts.tosses_coin and has_faults and faults.hard == "order" then
    return "this build tosses no coin, it shuffles"
  end
end

local function shuffle(list)
  local state = t.seed
  for i = #list, 2, -1 do
    state = (state * 1103515245 + 12345) % 2147483648
    local j = state // 65536 % i + 1
    list[i], list[j] = list[j], list[i]
  end
end

local function load_tests(file, total)
  tests = {}
  local chunk, why = loadfile(file)
  local ok = chunk ~= nil
  if ok then ok, why = pcall(chunk, file) end
  if ok and #tests == 0 then ok, why = false, "holds no test" end
  if not ok then
    total.failed = total.failed + 1
    print("FAILED " .. file .. "\n    " .. describe(why))
  end
  return tests
end

local function report(file, test, record, total)
  if record.skipped then
    total.skipped = total.skipped + 1
    print("skipped " .. test.title .. ": " .. record.skipped)
  elseif #record.failures > 0 then
    total.failed = total.failed + 1
    print(string.format("FAILED %s: %s (%s, SEED=%d)\n    %s", file, test.title,
      t.backend, t.seed, table.concat(record.failures, "\n    ")))
  else
    total.passed = total.passed + 1
  end
  io.stdout:flush()
end

--- Run the tests of the files; the number of those that failed.
function t.main(files)
  local total = {passed = 0, failed = 0, skipped = 0}
  local filter = os.getenv "T" or ""
  for _, file in ipairs(files) do
    local list = load_tests(file, total)
    if os.getenv "SHUFFLE" then shuffle(list) end
    for _, test in ipairs(list) do
      local here_too = (test.opts.backend or t.backend) == t.backend
      if here_too and test.title:find(filter, 1, true) then
        if os.getenv "V" then
          io.stdout:write("- ", test.title, "\n"):flush()
        end
        local reason = why_skipped(test)
        local record = reason and {skipped = reason} or run_test(test)
        report(file, test, record, total)
      end
    end
  end
  local skipped = total.skipped > 0 and ", " .. total.skipped .. " skipped" or ""
  print(total.passed .. " passed, " .. total.failed .. " failed" .. skipped)
  return total.failed
end

return t
