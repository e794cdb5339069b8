--- `pcall` for `Exception`s only, and `catch`, the `except*` of Lua.

local errors = require "anyrun.errors"

local error, getmetatable, ipairs, pairs = error, getmetatable, ipairs, pairs
local rawequal, rawget, type, xpcall = rawequal, rawget, type, xpcall

local catch = {}

local GROUP <const> = 4

-- The message handler that attaches a traceback to error objects is C; under
-- a stock interpreter, where the pure parts are tested, there is none. The
-- bare pcall guards a `require` of a C module, which cannot be cancelled.
local found, native = pcall(require, "_anyrun.errors")
local on_error = found and native.traceback_handler
  or function(err) return err end

-- `error(nil)` leaves nothing to tell; it arrives as an error that says so.
local function arrived(err)
  if err ~= nil then return err end
  return errors.RuntimeError("error(nil): an error without a value was raised")
end

--- Raises an error that was caught once more. Its story goes on: an error
--- object carries its traceback, that of another value is kept by the core.
---@param err any
---Checkpoint: never.
---Raises: `err`.
---@usage errors.rethrow(err)
catch.rethrow = found and native.rethrow or function(err) error(err, 0) end

local rethrow = catch.rethrow

local function only_exceptions(ok, ...)
  if ok then return true, ... end
  local err = arrived((...))
  if errors.is_ordinary(err) then return false, err end
  rethrow(err)
end

local function pass(ok, ...)
  if ok then return ok, ... end
  return false, arrived((...))
end

--- Calls `f` as Lua's `pcall` does, but lets errors that are no `Exception`
--- pass: cancellation, `KeyboardInterrupt`, `SystemExit`.
---@param f function
---@param ... any its arguments
---@return boolean ok
---@return any ... the results of `f`, or the error
---Checkpoint: as `f`.
---Raises: what `f` raises and is not an `Exception`.
---@usage local ok, err = anyio.pcall(fetch, url)
function catch.pcall(f, ...)
  -- what it may not swallow is raised again
  return only_exceptions(xpcall(f, on_error, ...))
end

--- Calls `f` as Lua's `pcall` does and catches everything; the error that is
--- returned is never nil and an error object has its traceback. For library
--- code that must run something on every path and then raise again.
---@param f function
---@param ... any
---@return boolean ok
---@return any ...
---Checkpoint: as `f`.
---@usage return leave(cm, catch.try(body, value))
function catch.try(f, ...)
  -- swallows everything: that is what it is for
  return pass(xpcall(f, on_error, ...))
end

local function is_class(value)
  return type(value) == "table" and rawget(value, "__kind") ~= nil
end

-- The checks below answer what is wrong, or nil.

local function wrong_class(value)
  if not is_class(value) then
    return "class, list of classes or function expected as key, got " ..
      type(value)
  elseif value.__kind & GROUP ~= 0 then
    return value.name .. " cannot be a key: handlers get groups anyway"
  end
end

local function wrong_pair(condition, handler)
  if type(handler) ~= "function" then
    return "function expected as handler, got " .. type(handler)
  elseif type(condition) == "function" then
    return nil
  elseif type(condition) ~= "table" or is_class(condition) then
    return wrong_class(condition)
  elseif #condition == 0 then
    return "empty list of classes"
  end
  for _, one in ipairs(condition) do
    local wrong = wrong_class(one)
    if wrong then return wrong end
  end
end

-- One list of {condition, handler} from both forms of the argument.
local function read_handlers(handlers)
  if type(handlers) ~= "table" or getmetatable(handlers) then
    return nil, "table of handlers expected, got " ..
      (is_class(handlers) and "class" or type(handlers))
  end
  local list, wrong = {}, nil
  for i, pair in ipairs(handlers) do
    if type(pair) ~= "table" then
      return nil, "{class, handler} expected, got " .. type(pair)
    end
    wrong = wrong or wrong_pair(pair[1], pair[2])
    list[i] = pair
  end
  local ordered = #list
  for condition, handler in pairs(handlers) do
    local listed = math.type(condition) == "integer"
      and condition >= 1 and condition <= ordered
    if not listed then
      wrong = wrong or wrong_pair(condition, handler)
      list[#list + 1] = { condition, handler }
    end
  end
  if wrong then return nil, wrong end
  return list
end

-- A leaf as a table key: any value may have been raised.
local function leaf_key(err) return err == err and err or "NaN" end

-- The leaves that were handed back by handlers, in the shape of the original.
local function reshape(original, kept)
  local leaves = {}
  for _, group in ipairs(kept) do
    for _, leaf in ipairs(group:leaves()) do leaves[leaf_key(leaf)] = true end
  end
  return (original:split(function(err)
    return errors.kind(err) & GROUP == 0 and leaves[leaf_key(err)] == true
  end))
end

-- What is raised in the end: nothing, what nobody took, what handlers raised.
local function outcome(err, group, rest, again, raised)
  local bare = not rawequal(err, group)
  if rest then again[#again + 1] = rest end
  local left = #again > 0 and reshape(group, again) or nil
  if left and bare and #raised == 0 then return err end
  if left then raised[#raised + 1] = left end
  if #raised <= 1 then return raised[1] end
  return errors.BaseExceptionGroup("errors in and beside the handlers", raised)
end

local function handle(list, err)
  local group = err
  if errors.kind(err) & GROUP == 0 then
    group = errors.BaseExceptionGroup("", { err })
  end
  local rest, again, raised = group, {}, {}
  for _, pair in ipairs(list) do
    if not rest then break end
    local match
    match, rest = rest:split(pair[1])
    if match then
      local ok, new = catch.try(pair[2], match)
      if not ok and (rawequal(new, match) or rawequal(new, err)) then
        again[#again + 1] = match
      elseif not ok then
        raised[#raised + 1] = errors.chain(new, match)
      end
    end
  end
  return outcome(err, group, rest, again, raised)
end

local function caught(list, ok, ...)
  if ok then return ... end
  local err = handle(list, (...))
  if err ~= nil then rethrow(err) end
end

--- Calls `body` and hands the errors that come out to handlers by class, also
--- those inside groups (Python's `except*`). A handler gets a group of what it
--- matched, also when the error came alone; each error goes to the first
--- handler that takes it. What no handler took is raised again in its old
--- shape, together with what handlers raised; `error(group, 0)` in a handler
--- hands its group back. The keys of a table have no order: where it
--- matters, give an array of pairs, `{{class, handler}, ...}`.
---@param handlers table `{[class|list|function] = handler}` or `{{class, handler}, ...}`
---@param body function
---@return any ... what `body` returned; nothing when an error was handled
---Checkpoint: as `body`.
---Raises: what nobody took.
---@usage anyio.catch({ [anyio.OSError] = report }, work)
function catch.catch(handlers, body)
  local list, wrong = read_handlers(handlers)
  if not list then
    error("bad argument #1 to 'catch' (" .. wrong .. ")", 2)
  elseif type(body) ~= "function" then
    error("bad argument #2 to 'catch' (function expected, got " ..
      type(body) .. ")", 2)
  end
  return caught(list, catch.try(body))
end

return catch
