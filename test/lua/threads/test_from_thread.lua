--- from_thread: calls from threads into a run.
local anyio = require "anyio"
local t = require "harness"
local to_thread, from_thread = anyio.to_thread, anyio.from_thread
local run_sync = to_thread.run_sync
local ref = anyio.lowlevel.ref

t.test("[THR-23 THR-25 THR-26] functions run in the loop's thread, errors come back", function()
  local here = {}
  local function wait(a, b)
    anyio.lowlevel.checkpoint()
    here.waited = true
    return a + b
  end
  local function plain(a) here.plain = a; return a * 2, "more" end
  local function fail() error(anyio.ValueError "no") end
  local got = run_sync(function(w, p, f)
    local list = {from_thread.run(w, 1, 2)}
    local double, more = from_thread.run_sync(p, 4)
    local _, e1 = pcall(from_thread.run, f)
    local _, e2 = pcall(from_thread.run_sync, f)
    return {list[1], double, more, e1.name, e2.message}
  end, ref(wait), ref(plain), ref(fail))
  t.eq(got, {3, 8, "more", "ValueError", "no"})
  t.eq(here, {waited = true, plain = 4})
end)

t.test("[THR-24] whatever can be called may be called", function()
  local callable = setmetatable({n = 5}, {__call = function(self, x) return self.n + x end})
  t.eq(run_sync(function(c) return from_thread.run(c, 1) + from_thread.run_sync(c, 2) end,
    ref(callable)), nil or 13)
end)

t.test("[THR-27 LL-05] any thread may call with a token", function()
  local token = anyio.lowlevel.current_token()
  t.ok(token == anyio.lowlevel.current_token())
  local seen
  local function note(x) seen = x; return current_async_library() end
  local got = run_sync({function(tok, f)
    return {from_thread.run({f, token = tok}, 1), from_thread.run_sync({f, token = tok}, 2),
      tok.backend_name, tok == tok}
  end, abandon_on_cancel = true}, token, ref(note))
  t.eq(got, {t.backend, t.backend, t.backend, true})
  t.eq(seen, 2)
  t.raises("option 'token'", from_thread.run, {print, token = 1})
  t.raises("which would wait for itself", from_thread.run, {print, token = token})
end)

t.test("[THR-29 B22] the token of a run that is over", {plain = true}, function()
  local token
  t.run(function() token = anyio.lowlevel.current_token() end)
  local _, err = pcall(from_thread.run, {print, token = token})
  t.eq(err.name, "RunFinishedError")
  t.run(function()
    for _, name in ipairs{"run", "run_sync"} do
      t.raises(anyio.RunFinishedError, run_sync, function(tok)
        from_thread[name]({print, token = tok})
      end, token)
    end
  end)
end)

t.test("[THR-30 THR-31 B16] the thread's context and the loop's library", function()
  local var = require("contextvars").ContextVar("var", {default = 0})
  var:set(1)
  local got = run_sync(function()
    local library = require "sniffio"
    library.thread_local.name = "nonsense"
    var:set(2)
    local list = {
      from_thread.run(function() return var:get() end),
      from_thread.run_sync(function() return var:get() end),
      from_thread.run(current_async_library),
      from_thread.run_sync(current_async_library),
    }
    library.thread_local.name = nil
    return list
  end)
  t.eq(got, {2, 2, t.backend, t.backend})
  t.eq(var:get(), 1)
end)

t.test("[THR-32 T24] what runs for a thread runs inside its task's scopes", function()
  local scope, log = anyio.CancelScope(), t.log()
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      scope(function()
        run_sync(function(l)
          local ok, err = pcall(from_thread.run, anyio.sleep_forever)
          from_thread.run_sync(l, tostring(ok) .. err.name)
        end, ref(log))
        anyio.lowlevel.checkpoint()
        log "not cancelled"
      end)
    end)
    anyio.wait_all_tasks_blocked()
    scope:cancel()
  end)
  t.eq(#log.items, 1)
  t.ok(log.items[1]:find "^falseCancel", log.items[1])
  t.ok(scope.cancelled_caught)
  local deadline = anyio.current_time() + 1000
  anyio.fail_at(deadline, function()
    local seen = run_sync(function() return from_thread.run(anyio.current_effective_deadline) end)
    t.ok(math.abs(seen - deadline) < 1e-6)
  end)
end)

t.test("[THR-33] but not from a call that may be abandoned", function()
  local scope, log, event = anyio.CancelScope(), t.log(), anyio.Event()
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      scope(function()
        run_sync({function(e, l)
          from_thread.run(e.wait, e)
          from_thread.run_sync(l, "finished")
        end, abandon_on_cancel = true}, event, ref(log))
      end)
      log "left"
    end)
    anyio.wait_all_tasks_blocked()
    scope:cancel()
    anyio.wait_all_tasks_blocked()
    t.eq(log.items, {"left"})
    event:set()
    while #log.items < 2 do anyio.sleep(0.001) end
  end)
  t.eq(log.items[2], "finished")
end)

t.test("[THR-34] a call begun after the cancellation is refused", function()
  local scope, ran, sync = anyio.CancelScope(), false, false
  scope(function()
    run_sync(function(s, mark, mark_sync)
      from_thread.run_sync(s.cancel, s)
      from_thread.run_sync(mark_sync)
      while pcall(from_thread.check_cancelled) do end
      from_thread.run(mark)
    end, scope, ref(function() ran = true end), ref(function() sync = true end))
  end)
  t.ok(scope.cancelled_caught and sync and not ran)
end)

t.test("[THR-35] which task runs it", function()
  local me = anyio.get_current_task()
  local id, parent = run_sync(function()
    return from_thread.run(function()
      local info = anyio.get_current_task()
      return info.id, info.parent_id
    end)
  end)
  if t.backend == "trio" then
    t.eq(id, me.id)
  else
    t.ok(id ~= me.id)
    t.eq(parent, nil)
  end
end)

t.test("calls may be nested", function()
  t.eq(run_sync(function()
    return 1 + from_thread.run(to_thread.run_sync, function()
      return 1 + from_thread.run(to_thread.run_sync, function()
        return 1 + from_thread.run_sync(function() return 1 end)
      end)
    end)
  end), 4)
end)

t.test("what a run gives a thread may be used in further calls", function()
  t.eq(run_sync(function()
    local event = from_thread.run_sync(anyio.Event)
    from_thread.run_sync(event.set, event)
    return from_thread.run_sync(event.is_set, event)
  end), true)
end)
