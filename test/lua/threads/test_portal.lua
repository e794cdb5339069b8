--- Portals: calls into a run from any thread.
local anyio = require "anyio"
local t = require "harness"
local from_thread, to_thread = anyio.from_thread, anyio.to_thread
local ref = anyio.lowlevel.ref
local start = from_thread.start_blocking_portal

-- The body in a worker thread, with a portal to the run of the test.
local function in_thread(portal, f, ...)
  return to_thread.run_sync({f, abandon_on_cancel = true}, portal, ...)
end

-- The body in this thread, with a portal to a run in a thread of its own.
local function with_portal(f) return start({backend = t.backend}, f) end

t.test("[THR-36] calls from another thread, of functions that wait and that do not", function()
  from_thread.BlockingPortal(function(portal)
    local seen
    local function wait(x) anyio.lowlevel.checkpoint(); seen = x; return x + 1 end
    t.eq({in_thread(portal, function(p, w)
      return p:call(w, 1), p:call(string.rep, "a", 3)
    end, ref(wait))}, {2, "aaa"})
    t.eq(seen, 1)
  end)
end)

t.test("[THR-37] the loop's own thread may not call", function()
  from_thread.BlockingPortal(function(portal)
    t.raises("cannot be called from the event loop thread", portal.call, portal, print)
    t.raises("cannot be called from the event loop thread", portal.start_task_soon, portal, print)
  end)
  t.raises("bad argument #1 to 'BlockingPortal'", from_thread.BlockingPortal, 5)
end)

t.test("[THR-38] a stopped portal", {plain = true}, function()
  local old
  with_portal(function(portal)
    old = portal
    portal:call(portal.stop, portal)
    for _, method in ipairs{"call", "start_task_soon", "start_task"} do
      t.raises("This portal is not running", portal[method], portal, print)
    end
  end)
  for _, method in ipairs{"call", "start_task_soon", "start_task"} do
    t.raises("This portal is not running", old[method], old, print)
    t.raises(anyio.RuntimeError, old[method], old, print)
  end
end)

t.test("[THR-38] a portal that its own run has stopped", function()
  from_thread.BlockingPortal(function(portal)
    portal:stop()
    local got = anyio.to_thread.run_sync(function(p)
      local list = {}
      for i, method in ipairs{"call", "start_task_soon", "start_task"} do
        list[i] = tostring(select(2, pcall(p[method], p, print)))
      end
      return list
    end, portal)
    for i = 1, 3 do t.eq(got[i], "RuntimeError: This portal is not running") end
  end)
end)

t.test("[THR-39] leaving it waits for its tasks", function()
  local log = t.log()
  from_thread.BlockingPortal(function(portal)
    local function task()
      anyio.wait_all_tasks_blocked()
      anyio.lowlevel.checkpoint()
      log "done"
    end
    in_thread(portal, function(p, f) p:start_task_soon(f) end, ref(task))
  end)
  t.eq(log.items, {"done"})
end)

t.test("[THR-40] leaving it with an error cancels them", function()
  local waiting, ok, err
  local begun = anyio.Event()
  local function forever() begun:set(); anyio.sleep_forever() end
  anyio.create_task_group(function(tg)
    ok, err = anyio.pcall(from_thread.BlockingPortal, function(portal)
      tg:start_soon(function()
        waiting = in_thread(portal, function(p, f)
          local _, e = pcall(p.call, p, f)
          return e.name
        end, ref(forever))
      end)
      begun:wait()
      error(anyio.ValueError "out")
    end)
  end)
  t.ok(not ok and anyio.isinstance(err, anyio.ExceptionGroup))
  t.eq(waiting, "FutureCancelled")
end)

t.test("[THR-41 THR-50] stopping it cancels futures and wakes who waits", {plain = true}, function()
  with_portal(function(portal)
    local future = portal:start_task_soon(anyio.sleep_forever)
    portal:call(portal.stop, portal, true)
    t.raises(anyio.FutureCancelled, future.result, future, 10)
    t.ok(future:done() and future:cancelled())
  end)
end)

t.test("[THR-42 THR-43] a run in a thread of its own, with a name", {plain = true}, function()
  local function name() return require("threading").current_thread().name end
  start({backend = t.backend, name = "my portal"}, function(portal)
    t.eq(portal:call(current_async_library), t.backend)
    t.eq(portal:call(name), "my portal")
  end)
  with_portal(function(portal)
    t.ok(portal:call(name):find("^" .. t.backend .. "%-portal%-"))
  end)
  t.eq(start({backend = t.backend}, function() return 1, 2 end), 1)
end)

t.test("[THR-44] options and backends are checked before", {plain = true}, function()
  t.raises(anyio.LookupError, start, {backend = "curio"}, print)
  t.raises("unknown option 'nmae'", start, {nmae = "x"}, print)
  t.raises("bad argument #2", start, {}, 5)
end)

t.test("[THR-45] an error in the block cancels what runs, and leaves as itself", {plain = true}, function()
  local future
  t.raises("mine", with_portal, function(portal)
    future = portal:start_task_soon(anyio.sleep_forever)
    error("mine", 0)
  end)
  t.raises(anyio.FutureCancelled, future.result, future)
end)

t.test("[THR-46 THR-47] futures of tasks, with names", {plain = true}, function()
  with_portal(function(portal)
    local function name() return anyio.get_current_task().name end
    local future = portal:start_task_soon({name, name = "the name"})
    t.eq(future:result(), "the name")
    t.ok(future:done() and not future:running() and not future:cancelled())
    t.eq(future:exception(), nil)
    t.eq(portal:start_task_soon(math.max, 1, 5, 3):result(), 5)
    t.ok(portal:start_task_soon(function() return 1, nil, 3 end))
    local pending = portal:start_task_soon(anyio.sleep_forever)
    t.raises(anyio.TimeoutError, pending.result, pending, 0.001)
    t.ok(pending:cancel() and pending:cancel() and pending:cancelled())
    t.raises("unknown option", portal.start_task_soon, portal, {name, token = 1})
  end)
end)

t.test("[THR-48] a failing task fails only its future", {plain = true}, function()
  with_portal(function(portal)
    local future = portal:start_task_soon(error, anyio.ValueError "bad")
    t.raises(anyio.ValueError, future.result, future)
    t.eq(future:exception().message, "bad")
    t.eq(portal:call(function() return "on" end), "on")
  end)
end)

t.test("[THR-49] an exit reaches the caller and ends the portal", {plain = true}, function()
  local seen
  local ok, err = pcall(with_portal, function(portal)
    local function exit() error(anyio.SystemExit(4)) end
    local _, e = pcall(portal.call, portal, exit)
    seen = e
  end)
  t.eq({seen.name, seen.code}, {"SystemExit", 4})
  t.ok(not ok)
  t.ok(anyio.isinstance(err, {anyio.SystemExit, anyio.BaseExceptionGroup}))
end)

t.test("[THR-50] a future that is cancelled at once is seen by its task", {plain = true}, function()
  with_portal(function(portal)
    local seen = portal:call(anyio.Event)
    local function task(event)
      local ok, err = pcall(anyio.sleep_forever)
      event:set()
      if not ok then error(err) end
    end
    local future = portal:start_task_soon(task, seen)
    future:cancel()
    portal:call(seen.wait, seen)
    t.raises(anyio.FutureCancelled, future.result, future)
  end)
end)

t.test("[THR-51] a cancellation of its own cancels its future", {backend = "asyncio", plain = true}, function()
  with_portal(function(portal)
    local future = portal:start_task_soon(function()
      require("asyncio").current_task():cancel()
      sleep(1)
    end)
    t.raises(anyio.FutureCancelled, future.result, future, 10)
    t.eq(portal:call(function() return 1 end), 1)
  end)
end)

t.test("[THR-52 THR-53] tasks that say when they have started", {plain = true}, function()
  with_portal(function(portal)
    local future, value = portal:start_task(function(x, status)
      status:started(x * 2)
      sleep(0)
      return "end"
    end, 21)
    t.eq({value, future:result()}, {42, "end"})
    t.eq(select(2, portal:start_task(function(status) status:started() end)), nil)
    t.raises(anyio.ValueError, portal.start_task, portal, function() error(anyio.ValueError "early") end)
    future = portal:start_task(function(status)
      status:started()
      error(anyio.ValueError "late")
    end)
    t.raises(anyio.ValueError, future.result, future)
    t.raises("without calling", portal.start_task, portal, function() end)
    t.raises("has been started already", portal.call, portal, function()
      error(anyio.RuntimeError "the task has been started already")
    end)
  end)
end)

local CM = {}
CM.__index = CM
function CM:__enter() sleep(0); self.entered = true; return "value" end
function CM:__exit(err)
  sleep(0)
  if self.swallow and err then return true end
end

t.test("[THR-54 THR-55] context managers of the portal's run", {plain = true}, function()
  with_portal(function(portal)
    local wrapped = portal:wrap_async_context_manager(setmetatable({}, CM))
    t.eq(anyio.with(wrapped, function(v) return v .. "!" end), "value!")
    local cm = setmetatable({}, CM)
    t.raises("boom", anyio.with, portal:wrap_async_context_manager(cm), function() error("boom", 0) end)
    cm = setmetatable({swallow = true}, CM)
    t.eq(select("#", anyio.with(portal:wrap_async_context_manager(cm), function() error("boom", 0) end)), 0)
  end)
end)

t.test("[THR-56] a group that fails inside one", {plain = true}, function()
  with_portal(function(portal)
    local wrapped = portal:wrap_async_context_manager(setmetatable({
      __with = nil,
      __enter = function(self)
        self.tg = true
        return self
      end,
      __exit = function()
        anyio.create_task_group(function(tg)
          tg:start_soon(function() error(anyio.ValueError "in the group") end)
        end)
      end,
    }, {}))
    local ok, err = pcall(anyio.with, wrapped, function() end)
    t.ok(not ok and anyio.isinstance(err, anyio.ExceptionGroup))
  end)
end)

t.test("[THR-57] not from the loop's own thread", function()
  from_thread.BlockingPortal(function(portal)
    local wrapped = portal:wrap_async_context_manager(setmetatable({}, CM))
    t.raises("cannot be called from the event loop thread", anyio.with, wrapped, print)
  end)
end)

t.test("[THR-58] the thread's context variables are seen", {plain = true}, function()
  local var = require("contextvars").ContextVar "var"
  local token = var:set "mine"
  with_portal(function(portal)
    t.eq(portal:call(function() return var:get() end), "mine")
    t.eq(portal:call(function() sleep(0); return var:get() end), "mine")
  end)
  var:reset(token)
end)

t.test("[THR-59] a portal with a loop of its own, started in a run", function()
  for _, backend in ipairs{"asyncio", "trio"} do
    t.eq(start({backend = backend}, function(portal)
      return portal:call(current_async_library)
    end), backend)
  end
end)

t.test("[THR-60 THR-61] a provider shares one portal", {plain = true}, function()
  local provider = from_thread.BlockingPortalProvider{backend = t.backend}
  local function name() return require("threading").current_thread().name end
  local first = provider(function(a)
    local one = a:call(name)
    provider(function(b) t.eq(b:call(name), one) end)
    local seen = t.run(function()
      return to_thread.run_sync(function(p)
        return p(function(b) return b:call(name) end)
      end, provider)
    end)
    t.eq(seen, one)
    return one
  end)
  provider(function(a) t.ok(a:call(name) ~= first) end)
  t.raises("unknown option", from_thread.BlockingPortalProvider, {x = 1})
end)

t.test("callbacks of futures", {plain = true}, function()
  with_portal(function(portal)
    local go = portal:call(anyio.Event)
    local send, receive = portal:call(anyio.create_memory_object_stream, 10)
    local future = portal:start_task_soon(function(event) event:wait(); return "value" end, go)
    future:add_done_callback(function(f) send:send_nowait(f:result()) end)
    portal:call(go.set, go)
    t.eq(portal:call(receive.receive, receive), "value")
    local got
    future:add_done_callback(function(f) got = f:result() end)
    t.eq(got, "value")
    portal:call(send.close, send)
    portal:call(receive.close, receive)
  end)
end)

t.test("many threads at once", {plain = true, slow = true}, function()
  local total = 0
  with_portal(function(portal)
    t.run(function()
      anyio.create_task_group(function(tg)
        for i = 1, 20 do
          tg:start_soon(function()
            local sum = to_thread.run_sync(function(p, n)
              local s = 0
              for j = 1, 50 do s = s + p:call(function(x) sleep(0); return x end, n * j) end
              return s
            end, portal, i)
            total = total + sum
          end)
        end
      end)
    end)
  end)
  t.eq(total, 210 * 1275)
end)

t.test("a run that is busy hears of other threads, too", function()
  from_thread.BlockingPortal(function(portal)
    local done = false
    local thread = require("threading").Thread(function(p, f) p:call(f) end, portal, ref(function() done = true end))
    thread:start()
    while not done do anyio.lowlevel.checkpoint() end
    thread:join()
  end)
end)

-- In the portal's thread: has the first one hear of control-C.
local function interrupt()
  io.popen("kill -INT $PPID"):close()
  anyio.sleep_forever()
end

t.test("control-C cancels what a call waits for", {plain = true}, function()
  with_portal(function(portal)
    for _, method in ipairs{"call", "start_task"} do
      local ok, err = pcall(portal[method], portal, interrupt)
      t.eq({ok, err.name}, {false, "KeyboardInterrupt"})
      t.eq(portal:call(math.max, 1, 2), 2)
    end
  end) -- which would wait for what goes on
end)

t.test("control-C ends a call that blocks the loop of a run", {plain = true}, function()
  local seen
  local ok, err = pcall(t.run, function()
    local _
    _, seen = pcall(with_portal, function(portal) portal:call(interrupt) end)
    error(seen, 0)
  end)
  t.eq({ok, err.name, seen.name}, {false, "KeyboardInterrupt", "KeyboardInterrupt"})
end)

t.test("control-C ends a call that blocks the first thread", {plain = true}, function()
  local kill
  local ok, err = pcall(with_portal, function(portal)
    kill = io.popen "sleep 0.1; kill -INT $PPID"
    portal:call(anyio.sleep_forever)
  end)
  kill:close()
  t.eq({ok, err.name}, {false, "KeyboardInterrupt"})
end)

t.test("[THR-60] who uses a provider's portal at one time has the same portal", function()
  local provider = from_thread.BlockingPortalProvider{backend = t.backend}
  provider(function(one)
    provider(function(other)
      t.ok(one == other)
      t.ok(anyio.to_thread.run_sync(function() return one end) == one)
    end)
    provider(function(other) t.ok(one == other) end)
  end)
  t.no(from_thread.BlockingPortal() == from_thread.BlockingPortal())
end)
