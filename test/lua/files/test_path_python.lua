--- Paths and patterns, held against Python's pathlib where that is installed.

local anyio = require "anyio"
local scratch = require "scratch"
local t = require "harness"

local Path = anyio.Path

-- python3.13 or later: the patterns of earlier ones mean something else
local function find_python()
  for _, name in ipairs { "python3", "python3.13", "python3.14" } do
    local test = name .. " -c 'import sys; sys.exit(sys.version_info < (3, 13))'"
    if os.execute(test .. " 2>/dev/null") then return name end
  end
end

local python = find_python()
local opts = { skip = not python and "no Python 3.13" or nil }

local state = t.seed
local function random(n)
  state = (state * 1103515245 + 12345) % 2147483648
  return state // 65536 % n + 1
end

local PIECES <const> = {
  "a", "b", "A", "..", ".", "/", "//", "/", "a.b", ".c", "a.b.c", "c.", "..d", "x y", "é", "~",
}
local function random_path()
  local parts = {}
  for i = 1, random(5) - 1 do parts[i] = PIECES[random(#PIECES)] end
  return table.concat(parts, random(2) == 1 and "/" or "")
end

local WILD <const> = { "*", "?", "[ab]", "[!a]", "**", "a", "b", ".", "[a-c]", "[", "]", "a.b" }
local function random_pattern()
  local parts = {}
  for i = 1, random(4) do
    parts[i] = WILD[random(#WILD)]
    if parts[i] ~= "**" and random(3) == 1 then parts[i] = parts[i] .. WILD[random(4)] end
  end
  return table.concat(parts, "/")
end

local function lines_of_python(dir, program, ...)
  (dir / "program.py"):write_text(program)
  local pipe = io.popen(("%s '%s/program.py' %s"):format(python, dir, table.concat({ ... }, " ")))
  local lines = {}
  for line in pipe:lines() do lines[#lines + 1] = line end
  t.ok(pipe:close(), "python failed")
  return lines
end

local ASK <const> = [[
import sys
from pathlib import PurePosixPath as P
def show(f):
    try:
        value = f()
    except (ValueError, NotImplementedError):
        return "error"
    if isinstance(value, (list, tuple)):
        return "|".join(map(str, value))
    return str(value)
for line in open(sys.argv[1], encoding="utf-8"):
    a, b, pattern = line.rstrip("\n").split("\t")
    p, q = P(a), P(b)
    print("\t".join(show(f) for f in [
        lambda: p, lambda: p.parts, lambda: p.name, lambda: p.stem, lambda: p.suffix,
        lambda: p.suffixes, lambda: p.parent, lambda: list(p.parents), lambda: p.root,
        lambda: p / q, lambda: p.is_relative_to(q), lambda: p.relative_to(q),
        lambda: p.relative_to(q, walk_up=True), lambda: p == q, lambda: p < q,
        lambda: p.with_name("n"), lambda: p.with_stem("s"), lambda: p.with_suffix(".t"),
        lambda: p.as_uri(), lambda: p.root == "" and p.name != "" and p.match(pattern),
        lambda: p.root == "" and p.name != "" and p.full_match(pattern)]))
]]

local function show(f)
  local ok, value = pcall(f)
  if not ok then
    if not anyio.isinstance(value, { anyio.ValueError, anyio.NotImplementedError }) then
      error(value, 0)
    end
    return "error"
  end
  if type(value) == "boolean" then return value and "True" or "False" end
  if type(value) == "table" and not value.__fspath then
    local list = {}
    for i, item in ipairs(value) do list[i] = tostring(item) end
    return table.concat(list, "|")
  end
  return tostring(value)
end

local function answers(a, b, pattern)
  local p, q = Path(a), Path(b)
  local list = {}
  for i, f in ipairs {
    function() return p end, function() return p.parts end, function() return p.name end,
    function() return p.stem end, function() return p.suffix end,
    function() return p.suffixes end, function() return p.parent end,
    function() return p.parents end, function() return p.root end,
    function() return p / q end, function() return p:is_relative_to(q) end,
    function() return p:relative_to(q) end,
    function() return p:relative_to(q, { walk_up = true }) end,
    function() return p == q end, function() return p < q end,
    function() return p:with_name "n" end, function() return p:with_stem "s" end,
    function() return p:with_suffix ".t" end, function() return p:as_uri() end,
    -- (there, the root is a character that a pattern may stand for)
    function() return p.root == "" and p.name ~= "" and p:match(pattern) end,
    function() return p.root == "" and p.name ~= "" and p:full_match(pattern) end,
  } do
    list[i] = show(f)
  end
  return table.concat(list, "\t")
end

scratch.test("paths that need no disk are what pathlib makes of them", opts, function(dir)
  local cases, input = {}, {}
  for i = 1, 600 do
    cases[i] = { random_path(), random_path(), random_pattern() }
    input[i] = table.concat(cases[i], "\t")
  end
  (dir / "cases"):write_text(table.concat(input, "\n") .. "\n")
  local lines = lines_of_python(dir, ASK, ("'%s/cases'"):format(dir))
  t.eq(#lines, #cases)
  for i, case in ipairs(cases) do
    t.eq(answers(table.unpack(case)), lines[i], input[i])
  end
end)

local GLOB <const> = [[
import sys
from pathlib import Path
root = Path(sys.argv[1])
for pattern in open(sys.argv[2]):
    pattern = pattern.rstrip("\n")
    try:
        found = sorted({str(p) for p in root.glob(pattern)})
        deep = sorted({str(p) for p in root.rglob(pattern)})
    except (ValueError, NotImplementedError):
        found = deep = ["error"]
    print("|".join(found) + "\t" + "|".join(deep))
]]

local function globbed(root, method, pattern)
  local ok, list = pcall(function()
    local seen, found = {}, {}
    for path in root[method](root, pattern) do
      local text = tostring(path)
      if not seen[text] then found[#found + 1] = text end
      seen[text] = true
    end
    table.sort(found)
    return table.concat(found, "|")
  end)
  return ok and list or "error"
end

-- What is in only one of two lists.
local function difference(mine, theirs)
  local lines = {}
  local function only(a, b, mark)
    local set = {}
    for item in b:gmatch "[^|]+" do set[item] = true end
    for item in a:gmatch "[^|]+" do
      if not set[item] then lines[#lines + 1] = mark .. item end
    end
  end
  only(mine, theirs, "only here: ")
  only(theirs, mine, "only there: ")
  return table.concat(lines, "\n")
end

scratch.test("what patterns find is what pathlib finds", opts, function(dir)
  local root = dir / "root"
  for _, name in ipairs { "a/b/a", "a/a.b", "b/c", "ab/a" } do
    (root / name):mkdir { parents = true }
  end
  for _, name in ipairs { "a/f", "a/b/a.b", "b/a", ".", "c", "a/b/.h", ".h" } do
    if name ~= "." then (root / name):touch() end
  end
  (root / "l"):symlink_to("a");
  (root / "broken"):symlink_to("none")
  local patterns = {}
  for i = 1, 200 do patterns[i] = random_pattern() end
  (dir / "patterns"):write_text(table.concat(patterns, "\n") .. "\n")
  local lines = lines_of_python(dir, GLOB, ("'%s' '%s/patterns'"):format(root, dir))
  t.eq(#lines, #patterns)
  for i, pattern in ipairs(patterns) do
    local glob, rglob = lines[i]:match "^(.-)\t(.*)$"
    t.eq(difference(globbed(root, "glob", pattern), glob), "", "glob " .. pattern)
    t.eq(difference(globbed(root, "rglob", pattern), rglob), "", "rglob " .. pattern)
  end
end)
