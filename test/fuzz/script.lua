--- Random scripts: whatever they do, a run ends and leaves nothing behind.
--
-- The first byte chooses. Even: the rest is the source of a script, run in an
-- environment without files, processes, threads and patterns. Odd: the rest says
-- which statements a grammar makes of spawning, cancelling, scopes, sleeping and
-- what else there is; more of the scheduler is reached by far.

local anyio = require "anyio"
local hooks = require "_anyrun.test"

local MAX_DEPTH <const> = 7
local MAX_STATEMENTS <const> = 300

-- What a script may use ----------------------------------------------------------

local function pick(from, names)
  local copy = {}
  for name in names:gmatch "%S+" do copy[name] = from[name] end
  return copy
end

-- Nothing takes long.
local function short_sleep(seconds)
  if type(seconds) == "number" and seconds > 0.001 then seconds = 0.001 end
  anyio.sleep(seconds)
end

local function new_anyio()
  local copy = pick(anyio, [[CancelScope move_on_after move_on_at fail_after fail_at
    current_effective_deadline create_task_group amap as_completed gather
    create_memory_object_stream get_cancelled_exc_class get_current_task get_running_tasks
    wait_all_tasks_blocked current_time run with pcall catch exception isinstance
    CapacityLimiter Condition Event Future Lock ResourceGuard Semaphore aclose_forcefully
    BaseException BaseExceptionGroup Exception ExceptionGroup Cancelled EndOfStream ValueError
    ContextManagerMixin TypedAttributeProvider TASK_STATUS_IGNORED]])
  copy.sleep, copy.sleep_forever = short_sleep, function() short_sleep(1) end
  copy.lowlevel = pick(anyio.lowlevel, [[checkpoint checkpoint_if_cancelled
    cancel_shielded_checkpoint RunVar current_token]])
  copy.itertools = pick(anyio.itertools, "accumulate batched chain count islice pairwise tee")
  copy.functools = pick(anyio.functools, "cache lru_cache reduce")
  copy.streams = {
    buffered = pick(anyio.streams.buffered, "BufferedByteReceiveStream"),
    text = pick(anyio.streams.text, "TextReceiveStream TextSendStream"),
    stapled = pick(anyio.streams.stapled, "StapledByteStream StapledObjectStream"),
  }
  return copy
end

local function new_environment()
  local env = pick(_G, [[assert error pcall xpcall select type tostring tonumber pairs ipairs
    next rawget rawset rawequal rawlen setmetatable getmetatable collectgarbage]])
  env._G, env.anyio, env.sleep = env, new_anyio(), short_sleep
  env.coroutine = pick(coroutine, "create resume yield status wrap running isyieldable close")
  env.table = pick(table, "concat insert remove pack unpack sort")
  env.string = pick(string, "byte char format len lower reverse sub upper")
  env.math = pick(math, "floor huge max min type tointeger maxinteger")
  env.asyncio = pick(require "asyncio", [[create_task current_task gather shield wait_for
    TaskGroup timeout Queue Lock Event Future CancelledError]])
  env.asyncio.sleep = short_sleep
  env.trio = pick(require "trio", [[open_nursery CancelScope move_on_after open_memory_channel
    Event Lock Cancelled as_safe_channel]])
  env.trio.sleep = short_sleep
  env.print = function() end
  return env
end

-- The grammar ----------------------------------------------------------------------

local Writer = {}
Writer.__index = Writer

function Writer:draw(n)
  local byte = self.bytes:byte(self.at)
  if not byte then return 0 end
  self.at = self.at + 1
  return byte % n
end

function Writer:say(text) self[#self + 1] = text end

-- A variable of the kind that is in sight, or nil.
function Writer:any(kind)
  local list = self.scope[kind]
  return list and #list > 0 and list[self:draw(#list) + 1] or nil
end

-- Statements inside a function, which has the variable `name` of a kind.
function Writer:body(parameters, kind, name)
  local outer = self.scope
  self.scope = setmetatable({}, {__index = outer})
  if kind then
    local list = {name}
    for _, other in ipairs(outer[kind] or {}) do list[#list + 1] = other end
    self.scope[kind] = list
  end
  self.depth = self.depth + 1
  self:say(("function(%s)"):format(parameters or ""))
  self:block()
  self:say "end"
  self.depth = self.depth - 1
  self.scope = outer
end

function Writer:new_name(prefix)
  self.names = self.names + 1
  return prefix .. self.names
end

function Writer:block()
  for _ = 1, self:draw(5) do
    if self.at > #self.bytes or self.statements > MAX_STATEMENTS then return end
    self.statements = self.statements + 1
    self:statement()
  end
end

-- `before`, a function whose parameter is a new variable of a kind, `after`.
local function with_body(before, after, kind, prefix)
  return function(w)
    local name = prefix and w:new_name(prefix)
    w:say((before:gsub("NAME", name or "")))
    w:body(name, kind, name)
    w:say(after)
  end
end

local function on(kind, format)
  return function(w)
    local name = w:any(kind)
    if name then w:say(format:format(name)) end
  end
end

local function on_with_body(kind, before, after, parameter)
  return function(w)
    local name = w:any(kind)
    if not name then return end
    w:say(before:format(name))
    w:body(parameter, parameter, parameter)
    w:say(after)
  end
end

local STATEMENTS <const> = {
  function(w) w:say "sleep(0)" end,
  function(w) w:say "sleep(0.0001)" end,
  with_body("anyio.create_task_group(", ")", "group", "group"),
  with_body("anyio.CancelScope(", ")", "scope", "scope"),
  with_body("anyio.CancelScope({shield = true}, ", ")", "scope", "scope"),
  with_body("anyio.move_on_after(0, ", ")", "scope", "scope"),
  with_body("anyio.move_on_after(0.0002, ", ")", "scope", "scope"),
  with_body("anyio.pcall(anyio.fail_after, 0.0002, ", ")", "scope", "scope"),
  with_body("pcall(", ")"),
  with_body("anyio.pcall(", ")"),
  with_body("anyio.catch({[anyio.Exception] = function() end}, ", ")"),
  with_body("coroutine.wrap(", ")()"),
  with_body("local thread = coroutine.create(", ") coroutine.resume(thread) coroutine.close(thread)"),
  with_body("local _ <close> = setmetatable({}, {__close = ", "})"),
  with_body("setmetatable({}, {__gc = ", "}) collectgarbage()"),
  with_body("table.sort({3, 1, 2}, ", ")"),
  with_body("pcall(anyio.run, ", ")"),
  with_body("if asyncio then task = asyncio.create_task(", ") end"),
  with_body("if asyncio then pcall(asyncio.wait_for, ", ", 0.0002) end"),
  with_body("if asyncio then asyncio.TaskGroup(", ") end", "agroup", "agroup"),
  with_body("if trio then trio.open_nursery(", ") end", "group", "nursery"),
  with_body("if trio then trio.as_safe_channel(", ")()(function(c) c:receive() end) end"),
  with_body("anyio.gather(", ", function() sleep(0) end)"),
  on_with_body("group", "%s:start_soon(", ")"),
  on_with_body("group", "%s:start(", ")", "task_status"),
  on_with_body("group", "handle = %s:create_task(", ")"),
  on_with_body("agroup", "task = %s:create_task(", ")"),
  on("group", "%s.cancel_scope:cancel()"),
  on("scope", "%s:cancel()"),
  on("scope", "%s.shield = true"),
  on("scope", "%s.deadline = anyio.current_time() + 0.0001"),
  on("task_status", "%s:started(1)"),
  function(w) w:say "if handle then handle:cancel() end" end,
  function(w) w:say "if handle then pcall(handle.await, handle) end" end,
  function(w) w:say "if task then task:cancel() end" end,
  function(w) w:say "if task then pcall(task.await, task) end" end,
  function(w) w:say "if asyncio then asyncio.current_task():cancel() end" end,
  function(w) w:say "do error 'text' end" end,
  function(w) w:say "do error(nil) end" end,
  function(w) w:say "do error(anyio.ValueError 'object') end" end,
  function(w) w:say "do return 1 end" end,
  function(w) w:say "coroutine.yield(1)" end,
  function(w) w:say "do local _ <close> = lock:acquire() sleep(0) end" end,
  function(w) w:say "lock:acquire()" end,
  function(w) w:say "event:wait()" end,
  function(w) w:say "event:set()" end,
  function(w) w:say "send:send(1)" end,
  function(w) w:say "receive:receive()" end,
  function(w) w:say "for _ in receive do break end" end,
  function(w) w:say "send:close()" end,
  function(w) w:say "anyio.wait_all_tasks_blocked()" end,
  function(w) w:say "anyio.lowlevel.cancel_shielded_checkpoint()" end,
  function(w) w:say "collectgarbage()" end,
}

function Writer:statement()
  local n = #STATEMENTS
  local which = self:draw(n) + 1
  -- deep down only what has no body
  if self.depth >= MAX_DEPTH and which > 2 and which < 28 then which = 1 end
  STATEMENTS[which](self)
end

local PROLOGUE <const> = [[
local handle, task
local lock, event = anyio.Lock(), anyio.Event()
local send, receive = anyio.create_memory_object_stream(1)
]]

local function write(bytes)
  local writer = setmetatable(
    {bytes = bytes, at = 1, depth = 0, names = 0, statements = 0, scope = {}}, Writer)
  writer:say(PROLOGUE)
  while writer.at <= #bytes and writer.statements < MAX_STATEMENTS do
    writer:say "pcall("
    writer:body()
    writer:say ")"
  end
  writer:say "send:close() receive:close()"
  return table.concat(writer, "\n")
end

-- Running --------------------------------------------------------------------------

-- Errors that say that the library, not the script, is wrong.
local function is_ours(err)
  local text = tostring(err)
  return text:find("TrioInternalError", 1, true) or text:find("anyrun:", 1, true) == 1
    and text:find("attempt to", 1, true)
end

local function run(source, backend)
  local env = new_environment()
  if backend == "trio" then env.asyncio = nil else env.trio = nil end
  local chunk = load(source, "=script", "t", env)
  if not chunk then return end
  local ok, err = pcall(anyio.run, function()
    if backend == "asyncio" then -- nobody reads its reports
      require("asyncio").get_running_loop():set_exception_handler(function() end)
    end
    anyio.move_on_after(0.002, chunk)
  end, {backend = backend})
  if not ok and is_ours(err) then error(err, 0) end
end

--- Runs a script; raises where the library is wrong.
return function(bytes)
  local kind = bytes:byte(1) or 0
  local backend = kind // 2 % 2 == 0 and "asyncio" or "trio"
  local source = bytes:sub(2)
  if kind % 2 == 1 then
    source = write(source)
    if os.getenv "SHOW" then print(source) end
    if not load(source, "=script", "t") then
      error("the grammar makes no Lua:\n" .. source, 0)
    end
  end
  run(source, backend)
  collectgarbage()
  collectgarbage()
  local counts = hooks.counts()
  if counts.tasks ~= 0 then error("tasks are left: " .. counts.tasks, 0) end
  if counts.cancelled ~= 0 then error("scopes are left: " .. counts.cancelled, 0) end
end
