--- What the scripts/check-* share: files, lines, commands, complaints.
-- A check finds this file beside itself:
--   package.path = arg[0]:match("^(.*/)") .. "?.lua;" .. package.path

local check = {}
local problems = 0

--- Say what is wrong and where. The check fails in the end.
function check.problem(file, line, format, ...)
  problems = problems + 1
  local place = line and ("%s:%d"):format(file, line) or file
  io.stdout:write(place, ": ", format:format(...), "\n")
end

function check.count()
  return problems
end

--- End the check: the exit status says whether there was a complaint.
function check.finish()
  os.exit(problems == 0 and 0 or 1)
end

--- The lines a shell command prints. A command that fails ends the check.
function check.output(command)
  local pipe = assert(io.popen(command, "r"))
  local lines = {}
  for line in pipe:lines() do
    lines[#lines + 1] = line
  end
  local ok = pipe:close()
  if not ok then
    io.stderr:write("failed: ", command, "\n")
    os.exit(1)
  end
  return lines
end

--- Sorted names of the files below the folders that match find's `tests`.
function check.files(folders, tests)
  local there = {}
  for folder in folders:gmatch("%S+") do
    if os.rename(folder, folder) then
      there[#there + 1] = folder
    end
  end
  if #there == 0 then
    return {}
  end
  return check.output(("find %s -type f \\( %s \\) | LC_ALL=C sort"):format(
    table.concat(there, " "), tests))
end

function check.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

function check.lines(path)
  local lines = {}
  for line in io.lines(path) do
    lines[#lines + 1] = line
  end
  return lines
end

-- A comment or a literal becomes as many blanks (and line ends) as it had.
local function blank(text)
  return (text:gsub("[^\n]", " "))
end

local c_tokens = {
  { "/*", function(text, at)
    local _, last = text:find("*/", at + 2, true)
    return last or #text
  end },
  { "//", function(text, at)
    return (text:find("\n", at, true) or #text + 1) - 1
  end },
}

local function literal_end(text, at, quote)
  local i = at + 1
  while i <= #text do
    local c = text:sub(i, i)
    if c == "\\" then
      i = i + 1
    elseif c == quote or c == "\n" then
      return i
    end
    i = i + 1
  end
  return #text
end

--- C source with comments and the insides of literals blanked out, lines
-- and columns as they were.
function check.c_code(text)
  local parts, at = {}, 1
  while true do
    local next_at = text:find("[/\"']", at)
    if not next_at then
      break
    end
    local last
    for _, token in ipairs(c_tokens) do
      if text:sub(next_at, next_at + 1) == token[1] then
        last = token[2](text, next_at)
      end
    end
    parts[#parts + 1] = text:sub(at, next_at - 1)
    local c = text:sub(next_at, next_at)
    if last then
      parts[#parts + 1] = blank(text:sub(next_at, last))
    elseif c == "/" then
      last = next_at
      parts[#parts + 1] = c
    else
      last = literal_end(text, next_at, c)
      parts[#parts + 1] = c .. blank(text:sub(next_at + 1, last - 1)) .. c
    end
    at = last + 1
  end
  parts[#parts + 1] = text:sub(at)
  return table.concat(parts)
end

--- Iterates over the lines of a text with their numbers.
function check.each_line(text)
  local number = 0
  local iterator = (text:sub(-1) == "\n" and text or text .. "\n"):gmatch("([^\n]*)\n")
  return function()
    local line = iterator()
    if line then
      number = number + 1
      return number, line
    end
  end
end

return check
