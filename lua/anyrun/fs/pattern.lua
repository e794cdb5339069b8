--- Patterns of names: `*`, `?`, `[abc]`, `[!a-z]`; and of paths: `**`.
-- What a name is made of are characters of UTF-8, and single bytes where it is
-- not UTF-8.

local find, lower, sub = string.find, string.lower, string.sub
local codepoint = utf8.codepoint

local pattern = {}

-- How many bytes the character at a place takes.
local function width(text, at)
  if utf8.len(text, at, at) ~= 1 then return 1 end
  local first = text:byte(at)
  return first < 0xE0 and (first < 0x80 and 1 or 2) or first < 0xF0 and 3 or 4
end

-- The characters of a name, as a list of strings.
local function characters(text)
  local list, at = {}, 1
  while at <= #text do
    local next_one = at + width(text, at)
    list[#list + 1] = sub(text, at, next_one - 1)
    at = next_one
  end
  return list
end

-- What orders characters: the code point; bytes that are none come after all.
local function rank(c)
  if utf8.len(c) == 1 then return codepoint(c) end
  return 0x110000 + c:byte()
end

-- A set from the characters between its brackets.
local function new_set(list, from, to)
  local negated = list[from] == "!"
  if negated then from = from + 1 end
  local ranges, i = {}, from
  while i <= to do
    local first, last = list[i], list[i]
    if list[i + 1] == "-" and i + 2 <= to then
      last = list[i + 2]
      i = i + 2
    end
    ranges[#ranges + 1] = { rank(first), rank(last) }
    i = i + 1
  end
  return function(c)
    local r = rank(c)
    for j = 1, #ranges do
      if r >= ranges[j][1] and r <= ranges[j][2] then return not negated end
    end
    return negated
  end
end

-- Where the set that begins at `from` ends; nil: it is no set.
local function end_of_set(list, from)
  local i = from + 1
  if list[i] == "!" then i = i + 1 end
  if list[i] == "]" then i = i + 1 end
  while list[i] and list[i] ~= "]" do i = i + 1 end
  return list[i] and i
end

local STAR <const>, ANY <const> = 1, 2

-- A list of characters, sets (functions), STAR and ANY.
local function parse(text)
  local list, tokens, i = characters(text), {}, 1
  while list[i] do
    local c = list[i]
    local stop = c == "[" and end_of_set(list, i)
    if stop then
      tokens[#tokens + 1] = new_set(list, i + 1, stop - 1)
      i = stop
    elseif c == "*" then
      if tokens[#tokens] ~= STAR then tokens[#tokens + 1] = STAR end
    else
      tokens[#tokens + 1] = c == "?" and ANY or c
    end
    i = i + 1
  end
  return tokens
end

local function fits(token, c)
  if token == ANY then return true end
  if type(token) == "function" then return token(c) end
  return token == c
end

-- A star takes as little as possible, and one more when that leads nowhere:
-- only the last star can have been wrong.
local function matches(tokens, list)
  local t, i, star, mark = 1, 1, nil, nil
  while i <= #list do
    local token = tokens[t]
    if token == STAR then
      star, mark = t, i
      t = t + 1
    elseif token and fits(token, list[i]) then
      t, i = t + 1, i + 1
    elseif star then
      mark = mark + 1
      t, i = star + 1, mark
    else
      return false
    end
  end
  while tokens[t] == STAR do t = t + 1 end
  return tokens[t] == nil
end

--- Whether a pattern is one, and not just a name.
---@param text string
---@return boolean
---Checkpoint: never.
---@usage if not pattern.is_magic(name) then return folder / name end
function pattern.is_magic(text) return find(text, "[*?%[]") ~= nil end

--- A function that says whether a name is like the pattern.
---@param text string
---@param exact boolean false: upper and lower case are the same (in ASCII)
---@return fun(name: string): boolean
---Checkpoint: never.
---@usage local is_source = pattern.compile("*.c", true)
function pattern.compile(text, exact)
  if not exact then
    local compiled = pattern.compile(lower(text), true)
    return function(name) return compiled(lower(name)) end
  end
  if text == "*" then return function() return true end end
  if not pattern.is_magic(text) then
    return function(name) return name == text end
  end
  local ending = text:match "^%*([^*?%[]+)$"
  if ending then
    return function(name) return sub(name, -#ending) == ending end
  end
  local tokens = parse(text)
  return function(name) return matches(tokens, characters(name)) end
end

--- Whether names are like patterns, one by one; `**` is any number of them, and at
--- least one where it stands last behind others.
---@param patterns string[]
---@param names string[]
---@param exact boolean
---@return boolean
---Checkpoint: never.
---@usage assert(pattern.match_names({ "**", "*.c" }, { "src", "a.c" }, true))
function pattern.match_names(patterns, names, exact)
  local p, n, star, mark = 1, 1, nil, nil
  local compiled = {}
  if #patterns > 1 and patterns[#patterns] == "**" then
    patterns = table.move(patterns, 1, #patterns, 1, {})
    patterns[#patterns + 1] = "*"
  end
  while n <= #names do
    local text = patterns[p]
    if text == "**" then
      star, mark = p, n
      p = p + 1
    else
      compiled[p] = compiled[p] or text and pattern.compile(text, exact)
      if text and compiled[p](names[n]) then
        p, n = p + 1, n + 1
      elseif star then
        mark = mark + 1
        p, n = star + 1, mark
      else
        return false
      end
    end
  end
  while patterns[p] == "**" do p = p + 1 end
  return patterns[p] == nil
end



return pattern
