local t = require "harness"
local anyio = require "anyio"
local checkpoint = require("anyio.lowlevel").checkpoint

local group = anyio.create_task_group
local plain = {plain = true}
local plain_asyncio = {plain = true, backend = "asyncio"}
local plain_trio = {plain = true, backend = "trio"}

local function run_with(backend_options, main)
  return anyio.run(main or checkpoint,
    {backend = t.backend, backend_options = backend_options})
end

t.test("[RUN-10] an option that run() does not know is an error", plain,
  function()
    local ran = false
    local err = t.raises("colour", anyio.run, function() ran = true end,
      {colour = "red"})
    t.match(tostring(err), "backend_options")
    t.no(ran)
  end)

t.test("[RUN-10 B10 B11] an unknown backend option is an error that lists the "
  .. "known ones", plain, function()
  local known = t.backend == "trio"
    and {"clock", "instruments", "restrict_keyboard_interrupt_to_checkpoints",
      "strict_exception_groups"}
    or {"debug", "loop_factory", "use_uvloop"}
  local ran = false
  local err = t.raises("colour", run_with, {colour = "red"},
    function() ran = true end)
  for _, name in ipairs(known) do t.match(tostring(err), name) end
  t.no(ran)
end)

t.test("[RUN-10] the other backend's options are unknown", plain, function()
  local foreign = t.backend == "trio" and "use_uvloop"
    or "strict_exception_groups"
  t.raises(foreign, run_with, {[foreign] = true})
end)

t.test("[RUN-10 B7] no backend options and empty ones are the same", plain,
  function()
    t.eq(run_with(nil, function() return 1 end), 1)
    t.eq(run_with({}, function() return 1 end), 1)
  end)

t.test("[RUN-11 B7 B13] debug=true turns the loop's debug mode on", plain_asyncio,
  function()
    local function get_debug()
      checkpoint()
      return require("asyncio").get_running_loop():get_debug()
    end
    t.eq(run_with({debug = true}, get_debug), true)
    t.eq(run_with({debug = false}, get_debug), false)
    t.eq(run_with({}, get_debug), os.getenv "ANYRUN_ASYNCIO_DEBUG" == "1")
  end)

t.test("[RUN-12 B8] loop_factory supplies the loop", plain_asyncio, function()
  local asyncio = require "asyncio"
  local made, used
  run_with({loop_factory = function(...)
    t.eq(select("#", ...), 0)
    t.eq(made, nil)
    made = asyncio.new_event_loop()
    return made
  end}, function()
    used = asyncio.get_running_loop()
    checkpoint()
  end)
  t.ok(made)
  t.ok(made == used)
end)

t.test("[RUN-12] a loop_factory that fails is run()'s error", plain_asyncio,
  function()
    t.raises("no loop today", run_with,
      {loop_factory = function() error("no loop today", 0) end})
    t.eq(run_with({}, function() return "still works" end), "still works")
  end)

t.test("[RUN-13 B9] use_uvloop is shorthand for uvloop's factory", plain_asyncio,
  function()
    local function loop_text()
      checkpoint()
      return tostring(require("asyncio").get_running_loop()):lower()
    end
    local uvloop = require "uvloop"
    t.match(run_with({use_uvloop = true}, loop_text), "uv")
    t.match(run_with({loop_factory = uvloop.new_event_loop}, loop_text), "uv")
    t.no(run_with({use_uvloop = false}, loop_text):find "uv")
    t.no(run_with({}, loop_text):find "uv", "off by default")
  end)

t.test("[RUN-13] use_uvloop does nothing beside a loop_factory", plain_asyncio,
  function()
    local text = run_with({use_uvloop = true,
      loop_factory = require("asyncio").new_event_loop}, function()
      return tostring(require("asyncio").get_running_loop()):lower()
    end)
    t.no(text:find "uv")
  end)

t.test("[RUN-13] a group, a timeout and a native task work on uvloop",
  plain_asyncio, function()
    local log = t.log()
    run_with({use_uvloop = true}, function()
      group(function(tg)
        for i = 1, 3 do tg:start_soon(log, i) end
      end)
      anyio.move_on_after(0.01, anyio.sleep_forever)
      require("asyncio").create_task(log, "native"):await()
    end)
    t.eq(log.items, {1, 2, 3, "native"})
  end)

t.test("[RUN-14] a mock clock jumps: a long sleep costs no time", plain_trio,
  function()
    local MockClock = require("trio.testing").MockClock
    local before = os.time()
    local clock = MockClock{autojump_threshold = 0}
    local elapsed = run_with({clock = clock}, function()
      local start = anyio.current_time()
      anyio.sleep(10)
      return anyio.current_time() - start
    end)
    t.eq(elapsed, 10)
    t.ok(os.time() - before < 5, "no real time passed")
  end)

t.test("[RUN-14] sleeps end in the order of their times on a mock clock",
  {backend = "trio", mock_clock = true}, function()
    local log = t.log()
    group(function(tg)
      for _, d in ipairs{30, 10, 20} do
        tg:start_soon(function()
          anyio.sleep(d)
          log(d)
        end)
      end
    end)
    t.eq(log.items, {10, 20, 30})
  end)

t.test("[RUN-14] a timeout on a mock clock ends exactly at its deadline",
  {backend = "trio", mock_clock = true}, function()
    local start = anyio.current_time()
    local outer = anyio.move_on_after(3600, anyio.sleep_forever)
    t.ok(outer.cancelled_caught)
    t.eq(anyio.current_time() - start, 3600)
  end)

t.test("[RUN-15 B11] instruments hear of the run", plain_trio, function()
  local log = t.log()
  local result = run_with({instruments = {{
    before_run = function() log "before_run" end,
    after_run = function() log "after_run" end,
  }}}, function()
    log "main"
    checkpoint()
    return "result"
  end)
  t.eq(result, "result")
  t.eq(log.items, {"before_run", "main", "after_run"})
end)

t.test("[RUN-15 B11 B13] the switches of trio's run are taken", plain_trio,
  function()
    for _, switch in ipairs{true, false} do
      local result = run_with({
        restrict_keyboard_interrupt_to_checkpoints = switch,
        strict_exception_groups = true,
        instruments = {},
      }, function()
        checkpoint()
        return "result"
      end)
      t.eq(result, "result")
    end
  end)

t.test("[B12] AnyIO's groups wrap a single error whatever the option says",
  plain_trio, function()
    local err = t.group(run_with, {strict_exception_groups = false}, function()
      group(function(tg)
        tg:start_soon(function() error(anyio.ValueError "x") end)
      end)
    end)
    t.eq(#err.exceptions, 1)
  end)

t.test("[RUN-10] an option of the wrong type is refused", plain, function()
  local name = t.backend == "trio" and "instruments" or "loop_factory"
  t.raises(name, run_with, {[name] = 5})
  t.raises("backend_options", anyio.run, checkpoint, {backend_options = 5})
end)
