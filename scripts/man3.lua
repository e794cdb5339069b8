--- Makes the lists of functions and classes in man/*.3 of the annotations of
--- the Lua library:  anyrun scripts/man3.lua anyio|trio|asyncio|ssl
-- A function is shown when the face exports it, a class when it has methods
-- that are annotated. A function in C has its annotation in a Lua file, with
-- `---@function Class:name`, or is described by hand above the lists.

package.path = arg[0]:match("^(.*/)") .. "?.lua;" .. package.path
local check = require "check"

local face_name = arg[1]

-- Where a face's functions are written, and where they can be found.
local SOURCES <const> = {
  anyio = {
    "lua/anyio lua/anyrun lua/threading.lua", "abc", "lowlevel", "testing", "functools",
    "itertools", "to_thread", "from_thread", "to_process", "to_interpreter",
  },
  trio = {
    "lua/trio", "abc", "lowlevel", "testing", "to_thread", "from_thread",
  },
  asyncio = { "lua/asyncio" },
  ssl = { "lua/ssl.lua lua/anyrun/tls" },
}
local LIBRARIES <const> = { anyio = { "contextvars", "threading" } }
-- Modules whose functions are only those of their own files.
local APART <const> = {
  functools = true, itertools = true, to_thread = true, from_thread = true,
  to_process = true, to_interpreter = true,
}
-- Classes that scripts do not meet.
local PRIVATE <const> = {
  ["asyncio.GatheringFuture"] = true,
  ["asyncio.Watch"] = true,
  ["trio.InternalNursery"] = true,
}
local TAGS <const> = { Checkpoint = true, Raises = true }

-- ---- reading ----------------------------------------------------------------

--- A type stands before the first blank outside brackets; `fun(): T` is one.
local function split_type(text)
  local at, depth = 1, 0
  while at <= #text do
    local c = text:sub(at, at)
    if c:find("[%(<{]") then
      depth = depth + 1
    elseif c:find("[%)>}]") then
      depth = depth - 1
    elseif c == " " and depth == 0 and text:sub(at - 1, at - 1) ~= ":" then
      break
    end
    at = at + 1
  end
  return text:sub(1, at - 1), text:sub(at + 1)
end

local function tagged(doc, tag, rest)
  local entry
  if tag == "param" or tag == "field" then
    local name, more = rest:match("^(%S+)%s*(.*)$")
    if name == "package" then return {} end
    local kind, text = split_type(more)
    entry = { name = name, kind = kind, text = text }
  elseif tag == "return" then
    local kind, text = split_type(rest)
    entry = { kind = kind, text = text }
  elseif tag == "class" then
    local name, base = rest:match("^([%w_.]+)%s*:?%s*([%w_.]*)")
    entry = { name = name, base = base ~= "" and base or nil, text = "" }
  else
    entry = { text = rest }
  end
  doc[tag] = doc[tag] or {}
  table.insert(doc[tag], entry)
  return entry
end

--- What a block of comment lines says: `text`, and lists of entries by tag.
local function read_doc(lines)
  local doc = { text = "" }
  local last = doc
  for _, line in ipairs(lines) do
    local tag, rest = line:match("^%-%-%-@(%a+)%s*(.*)$")
    local word, said = line:match("^%-%-%-(%a+):%s*(.*)$")
    if tag then
      last = tagged(doc, tag, rest)
    elseif TAGS[word] then
      last = { text = said }
      doc[word] = { last }
    else
      local more = line:gsub("^%-%-%-?%s?", "")
      last.text = ((last.text or "") .. " " .. more):gsub("^ ", "")
    end
  end
  return doc
end

--- Iterates over the annotated things of a file: doc, the line that follows.
local function things(file)
  local found, block = {}, {}
  for _, line in ipairs(check.lines(file)) do
    if line:find("^%-%-%-") then
      block[#block + 1] = line
    elseif not (line:find("^%-%-") and #block > 0) then
      if #block > 0 then
        found[#found + 1] = { doc = read_doc(block), line = line }
      end
      block = {}
    end
  end
  return found
end

-- ---- what is exported -------------------------------------------------------

local face = require(face_name)

local function starts_with(text, beginning)
  return text:sub(1, #beginning) == beginning
end

--- The name under which scripts find what the module of a file calls `name`.
local function exported(name, file)
  local submodule = file:match("^lua/%w+/([%w_]+)")
  if not APART[submodule] and face[name] ~= nil then
    return face_name .. "." .. name
  end
  for i = 2, #SOURCES[face_name] do
    local sub = SOURCES[face_name][i]
    local module = face[sub]
    if module and module[name] ~= nil
      and (sub == submodule or not APART[sub] and not APART[submodule]) then
      return ("%s.%s.%s"):format(face_name, sub, name)
    end
  end
end

local function is_ours(class_name)
  if starts_with(class_name, face_name .. ".") then return true end
  for _, library in ipairs(LIBRARIES[face_name] or {}) do
    if starts_with(class_name, library .. ".") then return true end
  end
  return false
end

local functions, classes, seen, by_short_name = {}, {}, {}, {}

local function add_function(name, doc)
  if not seen[name] then
    seen[name] = true
    table.insert(functions, { name = name, doc = doc })
  end
end

local function class_of(doc, line, by_variable)
  local class = doc.class[1]
  class.doc, class.methods = doc, {}
  local variable = line:match("^local%s+([%w_]+)")
    or line:match("([%w_]+)%s*=")
  if variable and variable:find("^%u") and is_ours(class.name) then
    by_variable[variable] = class
    local short = class.name:match("[^.]+$")
    local other = by_short_name[short]
    if other then other.hidden = true end
    by_short_name[short] = class
    class.hidden = PRIVATE[class.name]
    table.insert(classes, class)
  end
end

--- Whose doc this is: of `function owner:name(`, `owner.name =`, or of what a
--- tag names where there is no such line.
local function subject(thing)
  local tag = thing.doc["function"]
  if tag then return tag[1].text:match("^([%w_]+)[.:]([%w_]+)") end
  local owner, name = thing.line:match("^function%s+([%w_]+)[.:]([%w_]+)%s*%(")
  if owner then return owner, name end
  return thing.line:match("^([%w_]+)%.([%w_]+)%s*=")
end

local function add_method(class, name, doc)
  if name == "_init" then
    class.init = doc
  elseif not name:find("^_") then
    table.insert(class.methods, { name = name, doc = doc })
  end
end

local function read_thing(thing, by_variable, file)
  local doc, line = thing.doc, thing.line
  if doc.class then return class_of(doc, line, by_variable) end
  local owner, name = subject(thing)
  -- a class may go on in another file
  local class = owner and (by_variable[owner] or by_short_name[owner])
  if class then
    add_method(class, name, doc)
  elseif owner == "common" then -- what all classes of the file have
    for _, one in pairs(by_variable) do add_method(one, name, doc) end
  elseif owner and owner:find("^%l") and not name:find("^_") then
    local full = exported(name, file)
    if full and doc.Checkpoint then add_function(full, doc) end
  elseif line:find("^local function new%(cls") then
    for _, one in pairs(by_variable) do one.init = one.init or doc end
  elseif line:find("^local function with%(") and face_name == "anyio" then
    add_function("anyio.with", doc)
  end
end

local function read_file(file)
  local by_variable = {}
  for _, thing in ipairs(things(file)) do
    read_thing(thing, by_variable, file)
  end
end

for _, file in ipairs(check.files(SOURCES[face_name][1], "-name '*.lua'")) do
  read_file(file)
end

-- ---- writing ----------------------------------------------------------------

local function escape(text)
  text = text:gsub("\\", "\\e"):gsub("`([^`]*)`", "\\fB%1\\fP")
  return (text:gsub("^([.'])", "\\&%1"))
end

--- A sentence a line, as mdoc wants it.
local function say(text)
  if text == "" then return end
  text = escape(text):gsub("([%l%)%]P][.!?]) +(%u)", "%1\n%2")
  print(text)
end

local function quoted(text)
  return text:find("[%s]") and '"' .. text .. '"' or text
end

local function headline(name, doc)
  local parts = { ".It Fn", name }
  for _, param in ipairs(doc.param or {}) do
    parts[#parts + 1] = quoted((param.name:gsub("%?$", "")))
  end
  print(table.concat(parts, " "))
end

local function list_entries(entries)
  print ".Bl -tag -width Ds -compact"
  for _, entry in ipairs(entries) do
    local name = entry.name:gsub("%?$", "")
    local optional = name ~= entry.name and ", optional" or ""
    print((".It Va %s : %s%s"):format(name, escape(entry.kind), optional))
    say(entry.text)
  end
  print ".El"
end

local function describe(doc)
  say(doc.text)
  if doc.param then list_entries(doc.param) end
  for _, entry in ipairs(doc["return"] or {}) do
    local text = entry.text:gsub("^%.%.%. ", ""):gsub("%.$", "")
    print ".br"
    say(text == "" and ("Returns: %s."):format(entry.kind)
      or ("Returns: %s (%s)."):format(text, entry.kind))
  end
  for _, tag in ipairs { "Checkpoint", "Raises" } do
    for _, entry in ipairs(doc[tag] or {}) do
      print ".br"
      say(("%s: %s"):format(tag, entry.text))
    end
  end
  for _, entry in ipairs(doc.usage or {}) do
    print(".Dl " .. escape(entry.text):gsub('"', "\\(dq"))
  end
end

local function print_class(class)
  print(".Ss " .. class.name)
  if class.base then print(("Extends\n.Sy %s ."):format(class.base)) end
  say(class.doc.text)
  local fields = {}
  for _, field in ipairs(class.doc.field or {}) do
    if field.name:find("^%a") and field.name ~= "package" then
      fields[#fields + 1] = field
    end
  end
  if #fields > 0 then list_entries(fields) end
  if not class.init and #class.methods == 0 then return end
  print ".Bl -tag -width Ds"
  if class.init then
    headline(class.name, class.init)
    describe(class.init)
  end
  for _, method in ipairs(class.methods) do
    headline(class.name:match("[^.]+$") .. ":" .. method.name, method.doc)
    describe(method.doc)
  end
  print ".El"
end

local function by_name(a, b) return a.name < b.name end

table.sort(functions, by_name)
table.sort(classes, by_name)
print ".Sh FUNCTIONS\n.Bl -tag -width Ds"
for _, entry in ipairs(functions) do
  headline(entry.name, entry.doc)
  describe(entry.doc)
end
print ".El\n.Sh CLASSES"
for _, class in ipairs(classes) do
  local said = class.init or #class.methods > 0 or class.doc.field
    or class.doc.text ~= ""
  if said and not class.hidden then print_class(class) end
end
