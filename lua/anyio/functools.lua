--- Caches for functions that wait, and `reduce`.
-- A cache belongs to a run. Concurrent calls with the same arguments call the
-- function once; the others wait for it.

local Lock = require "anyrun.sync.lock"
local class = require "anyrun.class"
local errors = require "anyrun.errors"
local iterate = require "anyrun.iterate"
local options = require "anyrun.options"
local run_lib = require "_anyrun.run"
local time = require "_anyrun.time"

local error, getmetatable, math_type, next = error, getmetatable, math.type, next
local pack, select, setmetatable, sort = table.pack, select, setmetatable, table.sort
local concat, tostring, type, unpack = table.concat, tostring, type, table.unpack

---@class anyio.functools
local functools = {}

-- Keys ------------------------------------------------------------------------

local ids, last_id = setmetatable({}, { __mode = "k" }), 0

-- A name for an object that no other object will ever have.
local function id_of(object)
  local id = ids[object]
  if not id then
    last_id = last_id + 1
    id, ids[object] = last_id, last_id
  end
  return id
end

local function part(value, typed)
  local kind = type(value)
  if kind == "string" then return ("s%d:%s"):format(#value, value) end
  if kind == "number" then
    if typed then return math_type(value) .. tostring(value) end
    return "n" .. tostring(value + 0.0 == value and value + 0.0 or value)
  elseif kind == "nil" or kind == "boolean" then
    return tostring(value)
  end
  return kind .. id_of(value)
end

local function is_options(value)
  if type(value) ~= "table" or getmetatable(value) ~= nil then return false end
  for key in next, value do
    if type(key) ~= "string" then return false end
  end
  return true
end

-- The arguments as a string; a table of options in the last place counts by
-- what is in it, any other object by its identity.
local function key_of(typed, ...)
  local args = pack(...)
  local n, parts = args.n, {}
  local opts = is_options(args[n]) and args[n]
  for i = 1, opts and n - 1 or n do parts[i] = part(args[i], typed) end
  if not opts then return concat(parts, ",") end
  local named = {}
  for name, value in next, opts do
    named[#named + 1] = part(name) .. "=" .. part(value, typed)
  end
  sort(named)
  return concat(parts, ",") .. "{" .. concat(named, ",") .. "}"
end

-- A run's entries: by key, and those that are done in a ring, the one not used
-- for longest first ---------------------------------------------------------------

local function new_store()
  local store = { by_key = {}, size = 0 }
  store.newer, store.older = store, store
  return store
end

local function unlink(store, entry)
  entry.older.newer, entry.newer.older = entry.newer, entry.older
  store.size = store.size - 1
end

local function link_newest(store, entry)
  local newest = store.older
  entry.older, entry.newer = newest, store
  newest.newer, store.older = entry, entry
  store.size = store.size + 1
end

local function forget(store, entry)
  unlink(store, entry)
  store.by_key[entry.key] = nil
end

-- While calls wait for an entry it is a to-be-closed value of each of them:
-- nothing stays of one whose function failed.
local Entry = {}

function Entry:__close()
  self.users = self.users - 1
  local by_key = self.store.by_key
  if self.users == 0 and not self.results and by_key[self.key] == self then
    by_key[self.key] = nil
  end
end

-- The wrapper -----------------------------------------------------------------------

---@class anyio.functools.AsyncLRUCacheWrapper
local Wrapper = class.new "AsyncLRUCacheWrapper"
functools.AsyncLRUCacheWrapper = Wrapper

function Wrapper:_init(f, opts)
  self.__wrapped__, self._opts = f, opts
  self._hits, self._misses = 0, 0
end

local function store_of(self)
  local vars = run_lib.vars()
  local store = vars[self]
  if not store then
    store = new_store()
    vars[self] = store
  end
  return store
end

local function hit(self, store, entry)
  self._hits = self._hits + 1
  if store.by_key[entry.key] == entry then
    unlink(store, entry)
    link_newest(store, entry)
  end
  return unpack(entry.results, 1, entry.results.n)
end

local function keep(self, store, entry, results)
  local opts = self._opts
  entry.results = results
  entry.expires = opts.ttl and time.now() + opts.ttl
  if store.by_key[entry.key] ~= entry then return end -- cleared meanwhile
  if opts.maxsize and store.size >= opts.maxsize then
    forget(store, store.newer)
  end
  link_newest(store, entry)
end

local function find(self, store, key)
  local entry = store.by_key[key]
  if entry and entry.results and entry.expires and time.now() >= entry.expires then
    forget(store, entry)
    entry = nil
  end
  if entry then return entry end
  entry = setmetatable({
    key = key, store = store, users = 0,
    lock = Lock { fast_acquire = not self._opts.always_checkpoint },
  }, Entry)
  store.by_key[key] = entry
  return entry
end

function Wrapper:__call(...)
  local opts = self._opts
  if opts.maxsize == 0 then
    self._misses = self._misses + 1
    return self.__wrapped__(...)
  end
  local store = store_of(self)
  local found = find(self, store, key_of(opts.typed, ...))
  if found.results then
    if opts.always_checkpoint then time.checkpoint() end
    return hit(self, store, found)
  end
  found.users = found.users + 1
  local entry <close> = found
  local _ <close> = entry.lock:acquire()
  if entry.results then return hit(self, store, entry) end
  self._misses = self._misses + 1
  local results = pack(self.__wrapped__(...))
  keep(self, store, entry, results)
  return unpack(results, 1, results.n)
end

--- How the cache did.
---@return table `hits`, `misses`, `maxsize`, `currsize`, `ttl`
---Checkpoint: never.
---@usage print(fetch:cache_info().hits)
function Wrapper:cache_info()
  local store = run_lib.active() and run_lib.vars()[self]
  return {
    hits = self._hits, misses = self._misses, ttl = self._opts.ttl,
    maxsize = self._opts.maxsize, currsize = store and store.size or 0,
  }
end

--- What the cache was made with.
---@return table `maxsize`, `typed`, `always_checkpoint`, `ttl`
---Checkpoint: never.
---@usage print(fetch:cache_parameters().maxsize)
function Wrapper:cache_parameters()
  local opts = self._opts
  return { maxsize = opts.maxsize, typed = opts.typed, ttl = opts.ttl,
    always_checkpoint = opts.always_checkpoint }
end

--- Forgets all this run has cached, and the counts.
---Checkpoint: never.
---@usage fetch:cache_clear()
function Wrapper:cache_clear()
  self._hits, self._misses = 0, 0
  if run_lib.active() then run_lib.vars()[self] = nil end
end

local KNOWN <const> = {
  maxsize = function(value)
    if math_type(value) == "integer" or value == math.huge then return nil end
    return "integer or math.huge expected"
  end,
  typed = "boolean?", always_checkpoint = "boolean?", ttl = "number?",
}

local function wrap(f, opts)
  if not options.callable(f) then
    error(errors.TypeError "the first argument must be callable", 3)
  end
  local maxsize = opts.maxsize == nil and 128 or opts.maxsize
  if maxsize == math.huge then maxsize = nil end
  return Wrapper(f, {
    maxsize = maxsize and math.max(maxsize, 0), typed = opts.typed or false,
    always_checkpoint = opts.always_checkpoint or false, ttl = opts.ttl,
  })
end

--- Caches what a function returns, by its arguments.
---@param f? function; without it the wrapper of a later function comes back
---@param opts? table `maxsize`: 128 when absent, math.huge for no limit;
---  `typed`: 1 and 1.0 differ; `always_checkpoint`: hits are checkpoints, too;
---  `ttl`: seconds after which an entry is stale
---@return anyio.functools.AsyncLRUCacheWrapper|function
---Checkpoint: never; calling it: as the function, a hit only where asked for.
---Raises: TypeError when `f` cannot be called.
---@usage local fetch = functools.lru_cache(fetch_page, { ttl = 60 })
function functools.lru_cache(f, opts)
  if opts == nil and type(f) == "table" and not options.callable(f) then
    f, opts = nil, f
  end
  opts = options.check("lru_cache", opts, KNOWN)
  if f ~= nil then return wrap(f, opts) end
  return function(later) return wrap(later, opts) end
end

--- `lru_cache` without limit.
---@param f function
---@return anyio.functools.AsyncLRUCacheWrapper
---Checkpoint: never.
---Raises: TypeError when `f` cannot be called.
---@usage local fetch = functools.cache(fetch_page)
function functools.cache(f) return wrap(f, { maxsize = math.huge }) end

-- reduce ------------------------------------------------------------------------------

--- Folds what an iterator gives, from the left.
---@param f fun(total: any, item: any): any
---@param source any[]|fun(): any a list, or anything a `for` loop can call
---@param ... any the first total; the first item when absent
---@return any total
---Checkpoint: always.
---Raises: TypeError when there is nothing to fold and no first total, or
---  `source` is no iterator.
---@usage local sum = functools.reduce(add, receive, 0)
function functools.reduce(f, source, ...)
  options.arg("reduce", 1, f, "callable")
  local step = iterate.step_of(source)
  if not step then
    error(errors.TypeError("cannot iterate over a " .. type(source)), 2)
  end
  time.checkpoint()
  local total = (...)
  if select("#", ...) == 0 then
    total = step()
    if total == nil then
      error(errors.TypeError "reduce() of an empty source without a first total", 2)
    end
  end
  for item in step do total = f(total, item) end
  return total
end

return functools
