--- Suspending a task from inside Lua functions of every kind.
local anyio = require "anyio"
local t = require "harness"
local checkpoint = anyio.lowlevel.checkpoint

--- Run `f` beside a task that counts; f's result, and how often others ran
--- while `f` did. Proves that `f` really gave way.
local function gives_way(f)
  local turns, result = 0, nil
  anyio.create_task_group(function(tg)
    local running = true
    tg:start_soon(function()
      while running do
        turns = turns + 1
        checkpoint()
      end
    end)
    checkpoint()
    checkpoint()
    local before = turns
    result = table.pack(f())
    running = false
    t.ok(turns > before, "others did not run meanwhile")
  end)
  return table.unpack(result, 1, result.n)
end

local function wait()
  for _ = 1, 3 do checkpoint() end
end

local function waiting(value)
  return function()
    wait()
    return value
  end
end

t.test("a task is suspended inside binary metamethods", function()
  local mt = {}
  local function object(v) return setmetatable({v = v}, mt) end
  local operators = {
    __add = "a + b", __sub = "a - b", __mul = "a * b", __div = "a / b", __mod = "a % b",
    __pow = "a ^ b", __idiv = "a // b", __band = "a & b", __bor = "a | b",
    __bxor = "a ~ b", __shl = "a << b", __shr = "a >> b", __concat = "a .. b",
  }
  local a, b = object(1), object(2)
  for event, expression in pairs(operators) do
    mt[event] = function(x, y)
      t.ok(x == a and y == b, event)
      wait()
      return event
    end
    local f = assert(load("local a, b = ... return " .. expression))
    t.eq(gives_way(function() return f(a, b) end), event)
  end
end)

t.test("and inside unary, comparing, indexing and calling ones", function()
  local mt = {}
  local a, b = setmetatable({}, mt), setmetatable({}, mt)
  mt.__unm, mt.__bnot, mt.__len = waiting "unm", waiting "bnot", waiting "len"
  t.eq(gives_way(function() return -a end), "unm")
  t.eq(gives_way(function() return ~a end), "bnot")
  t.eq(gives_way(function() return #a end), "len")
  mt.__eq, mt.__lt, mt.__le = waiting(true), waiting(true), waiting(false)
  t.eq(gives_way(function() return a == b end), true)
  t.eq(gives_way(function() return a ~= b end), false)
  t.eq(gives_way(function() return a < b end), true)
  t.eq(gives_way(function() return a > b end), true)
  t.eq(gives_way(function() return a <= b end), false)
  t.eq(gives_way(function() if a < b then return "then" end return "else" end), "then")
  t.eq(gives_way(function() if a <= b then return "then" end return "else" end), "else")
  mt.__index, mt.__call = waiting "index", waiting "call"
  t.eq(gives_way(function() return a.field end), "index")
  t.eq(gives_way(function() return a[1] end), "index")
  t.eq(gives_way(function() return a(1, 2, 3) end), "call")
  local stored
  mt.__newindex = function(_, k, v)
    wait()
    stored = {k, v}
  end
  gives_way(function() a.x = 5 end)
  t.eq(stored, {"x", 5})
end)

t.test("a chain of concatenations is suspended at each of its links", function()
  local mt = {}
  mt.__concat = function(x, y)
    wait()
    local function text(v) return type(v) == "table" and v[1] or v end
    return setmetatable({text(x) .. text(y)}, mt)
  end
  local a = setmetatable({"b"}, mt)
  t.eq(gives_way(function() return ("a" .. a .. "c" .. "d" .. a)[1] end), "abcdb")
end)

t.test("a task is suspended inside an iterator of a generic for", function()
  local function iterator(_, i)
    wait()
    if i < 3 then return i + 1 end
  end
  local seen = gives_way(function()
    local list = {}
    for i in iterator, nil, 0 do list[#list + 1] = i end
    return list
  end)
  t.eq(seen, {1, 2, 3})
end)

t.test("and inside __pairs and a generator used as iterator", function()
  local mt = {__pairs = function(self)
    wait()
    return coroutine.wrap(function()
      for i = 1, #self do
        wait()
        coroutine.yield(i, self[i])
      end
    end)
  end}
  local seen = gives_way(function()
    local list = {}
    for k, v in pairs(setmetatable({"a", "b"}, mt)) do list[#list + 1] = k .. v end
    return list
  end)
  t.eq(seen, {"1a", "2b"})
end)

t.test("a task is suspended inside pcall and xpcall, nested and with errors after", function()
  t.eq({gives_way(function() return pcall(pcall, waiting "value") end)}, {true, true, "value"})
  local ok, err = gives_way(function()
    return pcall(function()
      wait()
      error("after the wait", 0)
    end)
  end)
  t.eq({ok, err}, {false, "after the wait"})
  local function handler(message) return "handled " .. message end
  ok, err = gives_way(function()
    return xpcall(function(...)
      wait()
      error(table.concat({...}), 0)
    end, handler, "a", "b")
  end)
  t.eq({ok, err}, {false, "handled ab"})
  t.eq({gives_way(function() return xpcall(waiting "value", handler) end)}, {true, "value"})
end)

t.test("a task is suspended inside __close, however the block is left", function()
  local log
  local function closing(name)
    return setmetatable({}, {__close = function(_, err)
      wait()
      log(name .. (err and " " .. tostring(err) or ""))
    end})
  end
  log = t.log()
  gives_way(function()
    do
      local _ <close> = closing "end of block"
    end
    for i = 1, 2 do
      local _ <close> = closing("loop " .. i)
      if i == 2 then break end
    end
  end)
  t.eq(log.items, {"end of block", "loop 1", "loop 2"})
  log = t.log()
  local a, b = gives_way(function()
    local _ <close> = closing "outer"
    local _ <close> = closing "inner"
    return "a", "b"
  end)
  t.eq({a, b}, {"a", "b"})
  t.eq(log.items, {"inner", "outer"})
  log = t.log()
  t.eq({gives_way(function()
    return pcall(function()
      local _ <close> = closing "outer"
      local _ <close> = closing "inner"
      error("failed", 0)
    end)
  end)}, {false, "failed"})
  t.eq(log.items, {"inner failed", "outer failed"})
  log = t.log()
  gives_way(function()
    for _ in function(_, i) return not i and 1 or nil end, nil, nil, closing "for" do wait() end
  end)
  t.eq(log.items, {"for"})
end)

--- A file with this text, and its name; removed when closed.
local function temporary(text)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write(text)
  file:close()
  return setmetatable({name = name}, {__close = function() os.remove(name) end})
end

local SLEEPER <const> = [[
  local anyio = require "anyio"
  for _ = 1, 3 do anyio.lowlevel.checkpoint() end
  return {name = ...}
]]

t.test("a task is suspended inside dofile and loaded chunks", function()
  local file <close> = temporary(SLEEPER)
  t.eq(gives_way(function() return dofile(file.name) end), {})
  t.eq(gives_way(function() return load(SLEEPER)("arg") end), {name = "arg"})
end)

t.test("a task is suspended inside require: preloaded or from a file",
  function()
    package.preload["suspending preload"] = function(name)
      wait()
      return "module " .. name
    end
    local value = gives_way(function() return require "suspending preload" end)
    t.eq(value, "module suspending preload")
    t.eq(require "suspending preload", value)
    package.preload["suspending preload"] = nil
    package.loaded["suspending preload"] = nil

    local file <close> = temporary(SLEEPER)
    local path, name = package.path, file.name:match "[^/]+$"
    package.path = file.name:sub(1, -#name - 1) .. "?"
    local module, where = gives_way(function() return require(name) end)
    package.path, package.loaded[name] = path, nil
    t.eq(module, {name = name})
    t.eq(where, file.name)
  end)

t.test("and inside a searcher of require", function()
  local path <close> = setmetatable({}, {__close = function()
    table.remove(package.searchers)
    package.loaded["suspending searcher"] = nil
  end})
  t.ok(path)
  table.insert(package.searchers, function(wanted)
    wait()
    if wanted == "suspending searcher" then return waiting "found", "here" end
  end)
  t.eq({gives_way(function() return require "suspending searcher" end)}, {"found", "here"})
end)

t.test("require says what stock Lua says of a module that fails or is not there", function()
  package.preload["failing module"] = function()
    wait()
    error("no luck", 0)
  end
  t.raises("no luck", require, "failing module")
  t.eq(package.loaded["failing module"], nil)
  package.preload["failing module"] = nil
  local err = t.raises("module 'no.such.module' not found", require, "no.such.module")
  t.match(err, "no field package.preload%['no.such.module'%]")
  t.match(err, "no file '")
end)

t.test("a cancellation is raised at the place of the wait, through all of these", function()
  local log = t.log()
  local object = setmetatable({}, {__index = function()
    local ok, err = pcall(anyio.sleep_forever)
    log(ok)
    error(err, 0)
  end})
  local scope = anyio.move_on_after(0, function()
    for _ in function() return object.field end do log "unreachable" end
  end)
  t.eq(log.items, {false})
  t.ok(scope.cancelled_caught)
end)
