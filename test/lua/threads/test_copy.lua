--- Values and functions copied to another Lua state.
local anyio = require "anyio"
local t = require "harness"
local run_sync = anyio.to_thread.run_sync

t.test("plain values arrive as they are", function()
  local values = {
    nil, true, false, 0, 1, -1, math.maxinteger, math.mininteger, 127, 128, -129,
    1.5, -0.0, 2.0, math.huge, -math.huge, "", "x", ("long "):rep(1000), "a\0b",
  }
  local got = table.pack(run_sync(function(...) return ... end,
    table.unpack(values, 1, 20)))
  t.eq(got.n, 20)
  for i = 1, 20 do
    t.eq(got[i], values[i])
    t.eq(math.type(got[i]), math.type(values[i]))
  end
  local nan = run_sync(function(x) return x end, 0 / 0)
  t.ok(nan ~= nan)
end)

t.test("tables keep cycles and shared parts", function()
  local shared = {1, 2, 3}
  local cycle = {a = shared, b = shared, [shared] = "key", list = {10, 20, nil, 40}}
  cycle.self, cycle[cycle] = cycle, true
  local same, n, copy = run_sync(function(c)
    return c.self == c and c.a == c.b and c[c.a] == "key" and c[c] == true, #c.a, c
  end, cycle)
  t.eq({same, n}, {true, 3})
  t.ok(copy ~= cycle and copy.self == copy and copy.a == copy.b)
  t.eq(copy.list[4], 40)
end)

t.test("a chain of a million tables is no deep recursion", {slow = true}, function()
  local chain
  for _ = 1, 1000000 do chain = {next = chain} end
  t.eq(run_sync(function(c)
    local n = 0
    while c do n, c = n + 1, c.next end
    return n
  end, chain), 1000000)
end)

t.test("functions come with their upvalues, which stay shared", function()
  local n = 10
  local function up() n = n + 1; return n end
  local function get() return n end
  local rec
  function rec(i) return i == 0 and 0 or 1 + rec(i - 1) end
  t.eq({run_sync(function()
    up()
    up()
    return get(), rec(50)
  end)}, {12, 50})
  t.eq(n, 10)
  local up2, get2 = run_sync(function() return up, get end)
  up2()
  t.eq({get2(), n}, {11, 10})
end)

t.test("the globals are the worker's", function()
  function _G.only_here() end
  t.eq(run_sync(function() return only_here == nil and _ENV == _G end), true) -- luacheck: ignore
  _G.only_here = nil
  local env = {x = 5}
  local f = load("return x", "chunk", "t", env)
  t.eq(run_sync(f), 5)
end)

t.test("modules and what they hold arrive by name", function()
  local fmt, str, insert, out = string.format, string, table.insert, io.stdout
  local Event, sleep = anyio.Event, anyio.sleep
  t.eq(run_sync(function()
    local a = require "anyio"
    return fmt == string.format and str == require "string" and insert == table.insert
      and out == io.stdout and a == anyio and Event == a.Event and sleep == a.sleep
  end), true)
  t.eq(run_sync(string.rep, "ab", 3), "ababab")
end)

-- Calls f while modules of these texts can be found, by name.
local function with_modules(texts, f)
  local dir = os.tmpname()
  os.remove(dir)
  t.ok(os.execute("mkdir " .. dir))
  for name, text in pairs(texts) do
    local file <close> = assert(io.open(dir .. "/" .. name .. ".lua", "w"))
    file:write(text)
  end
  local before = package.path
  package.path = dir .. "/?.lua;" .. before
  local got = table.pack(anyio.pcall(f))
  package.path = before
  for name in pairs(texts) do package.loaded[name] = nil end
  os.execute("rm -r " .. dir)
  t.eq(got[1], true, tostring(got[2]))
end

local COUNTS <const> = "local m = {count = 0} "
  .. "function m.up() m.count = m.count + 1 return m.count end return m"

t.test("a module of the script's own is required there", function()
  with_modules({copied_mod = COUNTS}, function()
    local m = require "copied_mod"
    m.up()
    t.eq({run_sync(function() return m.up(), package.path end)}, {1, package.path})
  end)
end)

t.test("a module counts from when it is loaded, whatever was copied before", function()
  with_modules({late_table = COUNTS,
    late_function = "local n = 0 return function() n = n + 1 return n end"}, function()
    local function by_hand() return "by hand" end
    t.eq(run_sync(function() return by_hand() end), "by hand")
    local m, f = require "late_table", require "late_function"
    m.up()
    f()
    t.eq({run_sync(function() return m.up(), f() end)}, {1, 1})
    t.eq(run_sync(f), 2)
    -- by hand: a table counts at once
    package.loaded.late_table = {count = 10}
    m = package.loaded.late_table
    t.eq(run_sync(function() return m == require "late_table" and m.count end), 1)
  end)
end)

t.test("a module may copy while the copy that asks for it is read", function()
  with_modules({copies = "local thread = require '_anyrun.thread' local c = thread.cell() "
    .. "c:lock() c:unlock({{}, function() end}, {1}) local a, b = c:lock() c:unlock() "
    .. "return {n = #a + b[1]}"}, function()
    local m, list = require "copies", {1, 2, 3}
    for _ = 1, 3 do
      t.eq({run_sync(function(l, again) return #l, m.n, l == again end, list, list)}, {3, 3, true})
    end
  end)
end)

t.test("functions without upvalues are copied as any other", function()
  local function add(a, b) return a + b end
  local function times(a, b) return a * b end
  for i = 1, 20 do
    t.eq({run_sync(add, i, 2), run_sync(times, i, 2)}, {i + 2, i * 2})
    t.eq(run_sync(function() return add(i, 1) - times(i, 1) end), 1)
  end
  local back = run_sync(function() return add, {add} end)
  t.ok(back ~= add)
  t.eq(back(1, 2), 3)
  local made = {}
  for i = 1, 50 do made[i] = load("return ...", "=made") end
  t.eq(run_sync(function(list)
    local seen, n = {}, 0
    for _, f in ipairs(list) do if not seen[f] then seen[f], n = true, n + 1 end end
    return n
  end, made), 50)
end)

t.test("a module that is not found there fails the call", function()
  package.loaded["no.such.module"] = {x = 1}
  local m = require "no.such.module"
  t.raises("module 'no.such.module' not found", run_sync, function() return m end)
  package.loaded["no.such.module"] = nil
end)

t.test("metatables come along, and classes are known again", function()
  local Point = {}
  Point.__index = Point
  Point.__add = function(a, b) return setmetatable({x = a.x + b.x}, Point) end
  local p = setmetatable({x = 1}, Point)
  local q = run_sync(function(a) return a + a end, p)
  t.eq(q.x, 2)
  t.ok(getmetatable(q) == Point)
  local MyError = anyio.exception("MyError", anyio.ValueError)
  local ok, err = anyio.pcall(run_sync, function() error(MyError("no", {code = 7})) end)
  t.eq({ok, err.code, anyio.isinstance(err, MyError), err.message}, {false, 7, true, "no"})
end)

t.test("weak tables and finalizers work on the other side", function()
  t.eq(run_sync(function(w)
    w[1] = {}
    collectgarbage()
    return w[1] == nil and w[2] == "kept"
  end, setmetatable({nil, "kept"}, {__mode = "v"})), true)
  t.eq(run_sync(function(o)
    local log = getmetatable(o).log
    o = nil -- luacheck: ignore
    return type(log)
  end, setmetatable({}, {__gc = function() end, log = {}})), "table")
end)

t.test("a path is copied", function()
  local Source = anyio.Path.extend "Source"
  for _, how in ipairs{"to_thread", "to_process", "to_interpreter"} do
    local copy, name, text = anyio[how].run_sync(function(p)
      return p / "c.lua", p.name, tostring(p)
    end, anyio.Path("/a", "b"))
    t.eq({tostring(copy), name, text}, {"/a/b/c.lua", "b", "/a/b"})
    t.ok(anyio.isinstance(copy, anyio.Path))
    t.eq(anyio[how].run_sync(function(p) return tostring(p.parent), p.suffix end, Source "x/y.c"), "x")
  end
end)

t.test("keys of every kind", function()
  local keys = {[1] = "int", [1.5] = "float", [math.huge] = "inf", [true] = "true", [false] = "false",
    [""] = "empty", ["\0"] = "zero", [-1] = "minus", [math.mininteger] = "least", [2^53] = "big",
    [3] = "hole"}
  for _, how in ipairs{"to_thread", "to_process"} do
    local copy = anyio[how].run_sync(function(k) return k end, keys)
    t.eq(copy, keys)
    for k in pairs(copy) do t.ok(keys[k]) end
  end
  t.eq({run_sync(function(k) local f, v = next(k) return type(f), f(), v end,
    {[function() return 7 end] = "function"})}, {"function", 7, "function"})
end)

t.test("metamethods are not asked", function()
  local function no() error "asked" end
  local p = setmetatable({1, x = 2}, {__index = no, __newindex = no, __len = no, __pairs = no,
    __eq = no, __tostring = no, __call = no, __metatable = "locked", __name = "Proxy"})
  for _, how in ipairs{"to_thread", "to_process"} do
    local length, x, meta, ok, err = anyio[how].run_sync(function(q)
      return rawlen(q), rawget(q, "x"), getmetatable(q), pcall(function() return q.y end)
    end, p)
    t.eq({length, x, meta, ok}, {1, 2, "locked", false})
    t.ok(err:find "asked")
  end
end)

t.test("functions without debug information", function()
  local f = load(string.dump(load "local a = 5 return function(...) return a, select('#', ...), ... end", true))()
  t.eq({run_sync(f, nil, 1)}, {5, 2, nil, 1})
end)

t.test("what cannot be copied can be handed back", function()
  local event = anyio.Event()
  local send, receive = anyio.create_memory_object_stream(1)
  local co = coroutine.create(print)
  local kinds, e, c = run_sync(function(ev, s, thread)
    anyio.from_thread.run_sync(ev.set, ev)
    anyio.from_thread.run(s.send, s, "item")
    return tostring(ev), ev, thread
  end, event, send, co)
  t.eq(kinds, "<Reference: table>")
  t.ok(e == event and c == co and event:is_set())
  t.eq(receive:receive(), "item")
  send:close()
  receive:close()
end)

t.test("ref makes a reference of anything", function()
  local big = {1, 2, 3}
  local kind, same = run_sync(function(r) return type(r), r end, anyio.lowlevel.ref(big))
  t.eq(kind, "userdata")
  t.ok(same == big)
end)

t.test("a reference is of no use but to be handed back", function()
  local messages = run_sync(function(e)
    local list = {}
    for i, f in ipairs{
      function() e() end, function() e.x = 1 end, function() return e[1] end,
      function() e.set() end,
    } do
      local _, err = pcall(f)
      list[i] = err.name
    end
    return list
  end, anyio.Event())
  t.eq(messages, {"TypeError", "TypeError", "TypeError", "TypeError"})
end)

t.test("a reference ends with the call that it came with", function()
  local limiter = anyio.CapacityLimiter(1)
  run_sync({function(e) KEPT = e end, limiter = limiter}, anyio.Event()) -- luacheck: ignore
  t.raises("after the call it came with has ended", run_sync,
    {function() return KEPT end, limiter = limiter}) -- luacheck: ignore
end)

t.test("[THR-18] a call keeps nothing of what it was given", function()
  local weak = setmetatable({}, {__mode = "v"})
  do
    weak.event = anyio.Event()
    weak.table = {}
    weak.f = function(_, b) return b end
    run_sync(weak.f, weak.event, weak.table)
  end
  run_sync(function() end)
  collectgarbage()
  collectgarbage()
  t.eq({weak.event, weak.table, weak.f}, {})
end)

t.test("many values, many upvalues", function()
  local list = {}
  for i = 1, 200 do list[i] = i end
  t.eq(select("#", run_sync(function(...) return ... end, table.unpack(list))), 200)
  local source = {"local u = 0"}
  for i = 1, 180 do source[#source + 1] = ("local v%d = %d"):format(i, i) end
  source[#source + 1] = "return function() return v1"
  for i = 2, 180 do source[#source + 1] = ("+ v%d"):format(i) end
  source[#source + 1] = "end"
  t.eq(run_sync(load(table.concat(source, "\n"))()), 180 * 181 // 2)
end)
