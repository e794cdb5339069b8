--- Callbacks on their way: what `call_soon` and `call_later` return.

local base = require "asyncio.base"
local class = require "anyrun.class"
local reports = require "asyncio.reports"
local run_lib = require "_anyrun.run"
local task_lib = require "_anyrun.task"
local time_lib = require "_anyrun.time"

local call_soon, swap_context = run_lib.call_soon, task_lib.swap_context
local error, getmetatable, pairs, setmetatable = error, getmetatable, pairs, setmetatable
local select, type = select, type
local unpack = table.unpack

local handles = {}

---@class asyncio.Handle
---@field package _loop asyncio.Loop
---@field package _callback? function nil once cancelled
---@field package _context? table what the callback runs in
local Handle = class.new("Handle")

---@class asyncio.TimerHandle : asyncio.Handle
---@field package _when number
local TimerHandle = class.new("TimerHandle", Handle)

handles.Handle, handles.TimerHandle = Handle, TimerHandle

local function describe(self)
  local text = base.where(self._callback)
  if self._created then text = text .. " created at " .. self._created end
  return text
end

function Handle:__tostring()
  local what = self._cancelled and "cancelled" or describe(self)
  local when = self._when and (" when=%.6f"):format(self._when) or ""
  return ("<%s%s %s>"):format(self.name, when, what)
end
TimerHandle.__tostring = Handle.__tostring

--- Makes sure that the callback is not called any more.
---Checkpoint: never.
---@usage handle:cancel()
function Handle:cancel()
  if self._cancelled then return end
  self._cancelled = true
  self._callback = nil
  for i = 1, self._n do self[i] = nil end
  local item = self._item
  self._item = nil
  if item then item:cancel() end
end

--- Whether `cancel` was called.
---@return boolean
---Checkpoint: never.
---@usage if handle:cancelled() then return end
function Handle:cancelled() return self._cancelled or false end

--- The context the callback runs in.
---@return contextvars.Context
---Checkpoint: never.
---@usage local context = handle:get_context()
function Handle:get_context() return base.context_of(self._context) end

--- When the callback is due, in the loop's time.
---@return number
---Checkpoint: never.
---@usage print(handle:when() - loop:time())
function TimerHandle:when() return self._when end

local function timed(loop, what, f, ...)
  if not loop._debug then return base.try(f, ...) end
  local start = time_lib.monotonic()
  local ok, err = base.try(f, ...)
  loop:_took(what, time_lib.monotonic() - start)
  return ok, err
end

-- What the scheduler calls. Nothing but an interrupt or exit may leave it.
local function fire(self)
  self._item = nil
  local f = self._callback
  if not f then return end
  local ok, err = timed(self._loop, self, f, unpack(self, 1, self._n))
  if ok then return end
  if base.stops_loop(err) then error(err, 0) end
  reports.call(self._loop, {
    message = "Exception in callback " .. base.where(f),
    exception = err,
    handle = self,
    created_at = self._created,
  })
end

-- For those that have no context of their own in C.
local function fire_in_context(self)
  local old = swap_context(self._context)
  local ok, err = base.try(fire, self)
  swap_context(old)
  if not ok then error(err, 0) end
end

-- Reads `f` or `{f, context = c}`; the context is the caller's when not given.
local function read(fname, target)
  if type(target) == "table" and getmetatable(target) == nil then
    for key in pairs(target) do
      if key ~= 1 and key ~= "context" then
        local known = { context = true }
        error(require("anyrun.options").unknown(fname, key, known), 4)
      end
    end
    return base.callback(fname, target[1]), target.context
  end
  return base.callback(fname, target), nil
end

local function new(cls, loop, fname, target, ...)
  local f, context = read(fname, target)
  if context == nil then context = task_lib.context() end
  -- the arguments are its array; all fields are named, so that it never grows
  return setmetatable({
    _loop = loop,
    _callback = f,
    _context = context,
    _n = select("#", ...),
    _created = loop._debug and base.site() or nil,
    _item = nil,
    _cancelled = nil,
    ...,
  }, cls)
end

--- A callback that somebody calls when it is time, perhaps more than once.
---@param loop asyncio.Loop
---@param fname string the function's name as the caller knows it
---@param target function|table
---@param ... any
---@return asyncio.Handle
---Checkpoint: never.
---@usage local handle = handles.idle(loop, "add_reader", f)
function handles.idle(loop, fname, target, ...)
  return new(Handle, loop, fname, target, ...)
end

--- Calls it, in its context; its error is reported.
---@param self asyncio.Handle
---Checkpoint: never.
---@usage handles.run(handle)
handles.run = fire_in_context

--- Gives a handle to the scheduler. Its loop must be the one that runs.
---@param self asyncio.Handle
---Checkpoint: never.
---@usage handles.start(handle)
function handles.start(self)
  if self._cancelled then return end
  if self._when and not self._soon then
    self._item = time_lib.timer(self._when, function() fire_in_context(self) end)
  else
    self._item = call_soon(fire, self._context, self)
  end
end

--- A callback for the next turn of `loop`.
---@param loop asyncio.Loop
---@param fname string the function's name as the caller knows it
---@param target function|table
---@param ... any
---@return asyncio.Handle
---Checkpoint: never.
---@usage return handles.soon(self, "call_soon", f, ...)
function handles.soon(loop, fname, target, ...)
  local self = new(Handle, loop, fname, target, ...)
  loop:_start(self, handles.start)
  return self
end

--- A callback for a time.
---@param loop asyncio.Loop
---@param fname string the function's name as the caller knows it
---@param when number
---@param soon boolean it is queued at once, like `call_soon`
---@param target function|table
---@param ... any
---@return asyncio.TimerHandle
---Checkpoint: never.
---@usage return handles.at(self, "call_at", when, false, f, ...)
function handles.at(loop, fname, when, soon, target, ...)
  local self = new(TimerHandle, loop, fname, target, ...)
  self._when, self._soon = when, soon
  loop:_start(self, handles.start)
  return self
end

return handles
