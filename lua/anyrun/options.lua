--- Checks of arguments and of the options table that stands for keywords.
-- Types are named by strings: a type of Lua, `integer`, `callable`,
-- `number?` (or nil), `number|string` (either), `any`. In place of a name a
-- function `check(value)` may stand that returns nil, or what it expected.

local errors -- anyrun.errors, loaded when something is wrong

local error, getmetatable, math_type = error, getmetatable, math.type
local next, pairs, select = next, pairs, select
local tostring, type = tostring, type

local options = {}

local EMPTY <const> = setmetatable({}, {
  __newindex = function() error("the table of no options is read-only", 2) end,
})

local function is_callable(value)
  if type(value) == "function" then return true end
  local mt = getmetatable(value)
  return type(mt) == "table" and mt.__call ~= nil
end

local TESTS <const> = {
  any = function() return true end,
  callable = is_callable,
  integer = function(value) return math_type(value) == "integer" end,
}

local function is_a(value, name)
  local test = TESTS[name]
  if test then return test(value) end
  return type(value) == name
end

local parsed = {} -- by what the callers wrote, which is few

local function parse(wanted)
  local names, optional = wanted:gsub("%?$", "")
  local list = { optional = optional > 0,
    text = names:gsub("|", " or ") .. " expected" }
  for name in names:gmatch "[^|]+" do list[#list + 1] = name end
  parsed[wanted] = list
  return list
end

-- What was expected of `value`, or nil when it is fine.
local function expected(value, wanted)
  if type(wanted) == "function" then return wanted(value) end
  if is_a(value, wanted) then return nil end
  local list = parsed[wanted] or parse(wanted)
  if value == nil and list.optional then return nil end
  for i = 1, #list do
    if is_a(value, list[i]) then return nil end
  end
  return list.text
end

local function type_name(value)
  local mt = getmetatable(value)
  local name = type(mt) == "table" and mt.__name
  return type(name) == "string" and name or value == nil and "no value"
    or type(value)
end

local function describe(wanted, value)
  if not wanted:find("expected$") then return wanted end
  return wanted .. ", got " .. type_name(value)
end

--- Whether `value` can be called.
---@param value any
---@return boolean
---Checkpoint: never.
---@usage if not options.callable(f) then return end
options.callable = is_callable

--- Checks one argument of a public function.
---@param fname string the function's name as the caller knows it
---@param n integer which argument it is
---@param value any
---@param wanted string|fun(value: any): string? a type, see the file's head
---@param level? integer whose line the error names; default: who called `fname`
---@return any value
---Checkpoint: never.
---@usage options.arg("receive", 1, max_bytes, "integer?")
function options.arg(fname, n, value, wanted, level)
  local wrong = expected(value, wanted)
  if not wrong then return value end
  error(("bad argument #%d to '%s' (%s)"):format(n, fname,
    describe(wrong, value)), level or 3)
end

--- What it says when an option is not known.
---@param fname string
---@param key any the unknown one
---@param spec table the known ones are its keys
---@return anyio.BaseException TypeError
---Checkpoint: never.
---@usage error(options.unknown("run", "clokc", KNOWN), 3)
function options.unknown(fname, key, spec)
  errors = errors or require "anyrun.errors"
  local known = {}
  for name in pairs(spec) do known[#known + 1] = tostring(name) end
  table.sort(known)
  local list = #known == 0 and "it takes none"
    or "known: " .. table.concat(known, ", ")
  return errors.TypeError(("unknown option '%s' to '%s' (%s)"):format(
    tostring(key), fname, list))
end

--- Checks a table of options.
---@param fname string the function's name as the caller knows it
---@param opts any the table, or nil
---@param spec table<string, string|function> known options and their types
---@param n? integer which argument it is, 2 when absent
---@param level? integer whose line the error names; default: who called `fname`
---@return table opts never nil; not to be changed
---Checkpoint: never.
---Raises: TypeError for an option that is not in `spec`.
---@usage local opts = options.check("fail_after", opts, { shield = "boolean?" })
function options.check(fname, opts, spec, n, level)
  if opts == nil then return EMPTY end
  n, level = n or 2, level or 3
  if type(opts) ~= "table" then
    error(("bad argument #%d to '%s' (table of options expected, got %s)")
      :format(n, fname, type_name(opts)), level)
  end
  for key in pairs(opts) do
    if spec[key] == nil then
      error(options.unknown(fname, key, spec), level)
    end
  end
  for key, wanted in pairs(spec) do
    local value = opts[key]
    local wrong = value ~= nil and expected(value, wanted)
    if wrong then
      error(("bad argument #%d to '%s' (option '%s': %s)"):format(n, fname, key,
        describe(wrong, value)), level)
    end
  end
  return opts
end

local function is_options(value)
  if type(value) ~= "table" or getmetatable(value) ~= nil then return false end
  for key in pairs(value) do
    if type(key) ~= "string" then return false end
  end
  return next(value) ~= nil
end

--- Tells arguments from the table of options that may follow them: one whose
--- keys are all strings.
---@param fname string the function's name as the caller knows it
---@param spec table<string, string|function> known options and their types
---@param ... any
---@return any[] arguments
---@return integer n how many
---@return table opts never nil
---Checkpoint: never.
---Raises: TypeError for an option that is not in `spec`.
---@usage local sources, n, opts = options.split("product", KNOWN, ...)
function options.split(fname, spec, ...)
  local list, n = { ... }, select("#", ...)
  if not is_options(list[n]) then return list, n, EMPTY end
  local opts = list[n]
  list[n] = nil
  return list, n - 1, options.check(fname, opts, spec, n, 4)
end

return options
