-- Context manager mixins: entering, block and leaving as one method.

local anyio = require "anyio"
local t = require "harness"

local KINDS = {
  { anyio.ContextManagerMixin, "__contextmanager" },
  { anyio.AsyncContextManagerMixin, "__asynccontextmanager" },
}

-- One test for each of the two mixins.
local function each(title, fn)
  for _, kind in ipairs(KINDS) do
    t.test(title .. " (" .. kind[2] .. ")", function() fn(kind[1], kind[2]) end)
  end
end

each("[CM-01] entering runs the method to its call of the body, leaving the "
  .. "rest", function(Mixin, method)
  local log = t.log()
  local Server = Mixin("Server")
  Server[method] = function(self, body)
    log "in"
    anyio.lowlevel.checkpoint()
    body(self)
    log "out"
  end
  local server = Server()
  t.eq({ anyio.with(server, function(value)
    t.ok(rawequal(value, server))
    log "block"
    return 1, 2
  end) }, { 1, 2 })
  t.eq(log.items, { "in", "block", "out" })
  t.eq(server(function() return "called" end), "called")
end)

each("[CM-02] an error of the block is raised by the body and may be handled",
  function(Mixin, method)
    local Server, seen = Mixin("Server"), nil
    Server[method] = function(self, body)
      local ok, err = anyio.pcall(body, self)
      if not ok then
        seen = err
        if not self.swallow then error(err, 0) end
      end
    end
    local err = anyio.OSError("x")
    local function block() error(err) end
    t.ok(rawequal(t.raises(anyio.OSError, anyio.with, Server(), block), err))
    t.ok(rawequal(seen, err))
    local quiet = Server()
    quiet.swallow = true
    t.eq(select("#", anyio.with(quiet, block)), 0)
  end)

each("[CM-02] an error after the block is raised", function(Mixin, method)
  local Server = Mixin("Server")
  Server[method] = function(_, body)
    body()
    error(anyio.ValueError("late"))
  end
  t.raises(anyio.ValueError, anyio.with, Server(), function() return 1 end)
end)

each("[CM-03] a method that does not call its body is a type error with a hint",
  function(Mixin, method)
    local returned
    local Server = Mixin("Server")
    Server[method] = function(self)
      if returned == "self" then return self end
      return returned
    end
    local function hint()
      local err = t.raises(anyio.TypeError, anyio.with, Server(), function()
        t.fail("the block ran")
      end)
      t.match(err.message, "^Server:" .. method .. " did not call its body")
      return err.message
    end
    t.match(hint(), "call body%(value%) where the block is to run")
    returned = coroutine.create(print)
    t.match(hint(), "it returned a coroutine")
    returned = print
    t.match(hint(), "it returned a function")
    returned = "self"
    t.match(hint(), "it returned the object itself; use body%(self%)")
  end)

each("[CM-03] a class without the method is a type error", function(Mixin, method)
  local err = t.raises(anyio.TypeError, anyio.with, Mixin("Server")(), print)
  t.eq(err.message, "Server does not define " .. method)
end)

each("[CM-04] entering while entered is an error that names the class; "
  .. "entering again later is fine", function(Mixin, method)
  local Server = Mixin("Server")
  Server[method] = function(self, body) body(self) end
  local server = Server()
  local err = t.raises(anyio.RuntimeError, anyio.with, server, function()
    anyio.with(server, function() t.fail("entered twice") end)
  end)
  t.eq(err.message, "this Server has already been entered")
  t.eq(anyio.with(server, function() return "again" end), "again")
end)

each("[CM-04] the body is called once", function(Mixin, method)
  local Server = Mixin("Server")
  Server[method] = function(_, body)
    body()
    body()
  end
  local err = t.raises(anyio.RuntimeError, anyio.with, Server(), function() end)
  t.eq(err.message, "Server:" .. method .. " called its body twice")
end)

each("[CM-05] a subclass wraps the method of its parent", function(Mixin, method)
  local log = t.log()
  local Parent = Mixin("Parent")
  Parent[method] = function(_, body)
    log "parent in"
    body "value"
    log "parent out"
  end
  local Child = setmetatable({}, { __index = Parent })
  Child.__index = Child
  Child[method] = function(self, body)
    log "child in"
    Parent[method](self, function(value)
      log(value)
      body(self)
    end)
    log "child out"
  end
  anyio.with(setmetatable({}, Child), function() log "block" end)
  t.eq(log.items, { "child in", "parent in", "value", "block", "parent out",
    "child out" })
end)

each("[CM-06] an error during entering leaves what was entered inside",
  function(Mixin, method)
    local log = t.log()
    local Server = Mixin("Server")
    Server[method] = function(self, body)
      local _ <close> = setmetatable({}, { __close = function() log "closed" end })
      if self.broken then error(anyio.OSError("cannot start")) end
      body(self)
    end
    local server = Server()
    server.broken = true
    t.raises(anyio.OSError, anyio.with, server, print)
    t.eq(log.items, { "closed" })
    server.broken = false
    anyio.with(server, function() end)
    t.eq(log.items, { "closed", "closed" })
  end)

each("[CM-06] a task group in the method surrounds the block",
  function(Mixin, method)
    local log = t.log()
    local Server = Mixin("Server")
    Server[method] = function(self, body)
      anyio.create_task_group(function(tg)
        self.tg = tg
        body(self)
        tg.cancel_scope:cancel()
      end)
      log "left"
    end
    anyio.with(Server(), function(server)
      server.tg:start_soon(anyio.sleep_forever)
      anyio.lowlevel.checkpoint()
      log "block"
    end)
    t.eq(log.items, { "block", "left" })
  end)

t.test("a mixin completes a class of one's own", { plain = true }, function()
  local Mine = {}
  t.ok(rawequal(anyio.ContextManagerMixin(Mine), Mine))
  function Mine:__contextmanager(body) body(self.x) end
  t.eq(anyio.with(setmetatable({ x = 5 }, Mine), function(x) return x + 1 end), 6)
  t.eq(Mine.name, nil)
  t.raises("bad argument #1 to 'ContextManagerMixin' (name or class expected, "
    .. "got number)", function() anyio.ContextManagerMixin(1) end)
end)
