--- What a function is called, for tasks that nobody named.
-- Lua functions have no names. The line a function begins at has, mostly:
-- `local function fetch(url)`, `function Server:handle(stream)`, `main =
-- function()`. It is read when somebody asks for the name, not before.

local getinfo = debug.getinfo
local io_open = io.open
local setmetatable, tostring, type = setmetatable, tostring, type

local known = setmetatable({}, { __mode = "k" })

local function nth_line(text, n)
  for line in text:gmatch("([^\n]*)\n?") do
    n = n - 1
    if n == 0 then return line end
  end
end

local function line_of_file(path, n)
  local file = io_open(path)
  if not file then return nil end
  local line
  for _ = 1, n do
    line = file:read("l")
    if not line then break end
  end
  file:close()
  return line
end

local function source_line(info)
  local first = info.source:sub(1, 1)
  if first == "@" then return line_of_file(info.source:sub(2), info.linedefined) end
  if first == "=" then return nil end
  return nth_line(info.source, info.linedefined)
end

local function from_line(line)
  return line:match("function%s+([%w_.:]+)%s*%(")
    or line:match("([%w_.]+)%s*=%s*function%s*%(")
end

local function before(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end

-- A C function, or one of a library: by where it is kept, in the shortest way.
local function from_modules(f)
  local best
  for name, module in next, package.loaded do
    if type(module) == "table" and type(name) == "string" and name ~= "_G" then
      for key, value in next, module do
        if value == f and type(key) == "string" then
          local full = name .. "." .. key
          if not best or before(full, best) then best = full end
        end
      end
    end
  end
  if best then return best end
  for key, value in next, package.loaded._G do
    if value == f and type(key) == "string" then return key end
  end
end

local function module_of(info)
  local module = info.short_src:match("([%w_-]+)%.lua$")
  return module and module .. "." or ""
end

local function find(f)
  local info = getinfo(f, "S")
  if info.what == "C" then return from_modules(f) or "?" end
  if info.source:sub(1, 8) == "@anyrun:" then
    local name = from_modules(f)
    if name then return name end
  end
  if info.what == "main" then return info.short_src end
  local line = source_line(info)
  local name = line and from_line(line)
  if name then return module_of(info) .. name end
  return ("%s:%d"):format(info.short_src, info.linedefined)
end

--- The name of a task's function, as the file it is written in has it.
---@param f any
---@return string
---Checkpoint: never.
---@usage print(require("anyrun.names")(main)) --> crawl.main
return function(f)
  if type(f) ~= "function" then return tostring(f) end
  local name = known[f]
  if not name then
    name = find(f)
    known[f] = name
  end
  return name
end
