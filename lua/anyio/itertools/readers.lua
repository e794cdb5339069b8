--- Several readers of one source.

local Lock = require "anyrun.sync.lock"
local checkpoint = require("_anyrun.time").checkpoint
local class = require "anyrun.class"
local iterate = require "anyrun.iterate"

local pack, unpack = table.pack, table.unpack

---@class anyio.itertools.readers
local readers = {}

--- One of several independent readers of a source.
---@class anyio.itertools.TeeReader
---@field package _shared table the source, and the lock of who takes from it
---@field package _link table of the list of items: the last one that was read
local TeeReader = class.new "TeeReader"

-- The end has no item, and no successor.
local function follow(link, ...)
  local new = (...) == nil and { ended = true } or pack(...)
  link.next = new
  return new
end

-- Whoever is first takes the next item from the source; the others wait for it.
local function take(self)
  local _ <close> = self._shared.lock:acquire()
  local link = self._link
  return link.next or follow(link, self._shared.step())
end

function TeeReader:__call()
  local new = self._link.next
  if self._link.ended or new then checkpoint() else new = take(self) end
  if not new or new.ended then
    self._link = new or self._link
    return nil
  end
  self._link = new
  return unpack(new, 1, new.n)
end

local function new_reader(shared, link)
  local reader = TeeReader()
  reader._shared, reader._link = shared, link
  return reader
end

--- Makes readers of a source, each of which sees every item and the end. What
--- one has read is kept until all have. Of another reader they begin where it
--- is; the source itself must not be used any more.
---@param source any[]|fun(): any
---@param n? integer how many; 2 when absent
---@return anyio.itertools.TeeReader ... so many of them
---Checkpoint: never; a step: always. Only one task at a time takes from the
---  source, the others wait.
---Raises: ValueError when `n` is negative. A step: as the source.
---@usage local a, b = itertools.tee(receive)
function readers.tee(source, n)
  if n == nil then n = 2 end
  iterate.check_count("tee", 2, n, "n", 0)
  local shared, link
  if class.is(source, TeeReader) then
    shared, link = source._shared, source._link
  else
    iterate.puller("tee", 1, source)
    shared = { step = iterate.step_of(source), lock = Lock() }
    link = {}
  end
  local made = {}
  for i = 1, n do made[i] = new_reader(shared, link) end
  return unpack(made, 1, n)
end

return readers
