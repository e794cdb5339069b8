--- What a child process is told: its command and its options, checked once,
--- as `_anyrun.process` takes them.

local errors = require "anyrun.errors"
local native = require "_anyrun.process"
local options = require "anyrun.options"

local error, getenv, ipairs, math_type = error, os.getenv, ipairs, math.type
local pairs, setmetatable, tostring, type = pairs, setmetatable, tostring, type

local command = {}

local SHELL <const> = "/bin/sh"
local DEFAULT_PATH <const> = "/usr/local/bin:/usr/bin:/bin"

-- ---- what stdin, stdout and stderr may be

local Special = { __name = "Special", __tostring = function(self) return self.name end }

local function special(name) return setmetatable({ name = name }, Special) end

--- A pipe between us and the child.
command.PIPE = special "PIPE"
--- The empty file: nothing comes, and what goes in is gone.
command.DEVNULL = special "DEVNULL"
--- For stderr: where stdout goes.
command.STDOUT = special "STDOUT"

local WANTED <const> = "PIPE, DEVNULL, a file, a descriptor's number, or false "
  .. "(inherit ours) expected"

local function is_file(value)
  local kind = io.type(value)
  if kind then return kind == "file" end
  local t = type(value)
  return (t == "table" or t == "userdata") and type(value.fileno) == "function"
end

local function check_stream(value)
  if value == false or value == command.PIPE or value == command.DEVNULL then
    return nil
  elseif math_type(value) == "integer" then
    return nil
  elseif getmetatable(value) == Special or not is_file(value) then
    return WANTED
  end
end

local function check_stderr(value)
  if value == command.STDOUT then return nil end
  local unfit = check_stream(value)
  return unfit and unfit:gsub("DEVNULL", "DEVNULL, STDOUT", 1)
end

-- ---- the other options

local function check_id(value)
  if math_type(value) == "integer" or type(value) == "string" then return nil end
  return "a name or a number expected"
end

local function check_folder(value)
  if type(value) == "string" or command.path_of(value) then return nil end
  return "string expected"
end

--- The options of every function that starts a process.
command.OPTIONS = {
  stdin = check_stream, stdout = check_stream, stderr = check_stderr,
  cwd = check_folder, env = "table", start_new_session = "boolean",
  pass_fds = "table", user = check_id, group = check_id,
  extra_groups = "table", umask = "integer", process_group = "boolean",
}

--- The same with more, for a function that takes more.
---@param more table<string, string|function>
---@return table<string, string|function>
---Checkpoint: never.
---@usage local KNOWN = command.options { check = "boolean" }
function command.options(more)
  local all = {}
  for key, value in pairs(command.OPTIONS) do all[key] = value end
  for key, value in pairs(more) do all[key] = value or nil end
  return all
end

--- The text of a path object; nil for anything else.
---@param value any
---@return string?
---Checkpoint: never.
---@usage local text = command.path_of(value) or value
function command.path_of(value)
  local mt = type(value) == "table" and getmetatable(value)
  if type(mt) == "table" and mt.__fspath then return mt.__fspath(value) end
end

local function word(fname, i, value)
  if math_type(value) then return tostring(value) end
  local text = command.path_of(value) or value
  if type(text) ~= "string" then
    error(("bad argument #1 to '%s' (item %d: string expected, got %s)"):format(
      fname, i, type(value)), 0)
  elseif text:find("\0", 1, true) then
    error(errors.ValueError("a command must not hold a zero byte"), 0)
  end
  return text
end

-- How long a command's list is, gaps included.
local function length(fname, cmd)
  local n = 0
  for key in pairs(cmd) do
    if math_type(key) ~= "integer" or key < 1 then
      error(("bad argument #1 to '%s' (a list of strings has no field '%s'; "
        .. "options are a table of their own)"):format(fname, tostring(key)), 0)
    end
    if key > n then n = key end
  end
  return n
end

--- The words of a command: a string is for the shell, a list is run as it is,
--- and so is a path.
---@param fname string the function's name as the caller knows it
---@param cmd string|table
---@return string[] words the program first
---Checkpoint: never.
---Raises: ValueError for an empty list, or a zero byte.
---@usage local argv = command.words("run_process", cmd)
function command.words(fname, cmd)
  if type(cmd) == "string" then return { SHELL, "-c", word(fname, 1, cmd) } end
  if command.path_of(cmd) then return { word(fname, 1, cmd) } end
  if type(cmd) ~= "table" then
    error(("bad argument #1 to '%s' (string or list of strings expected, got %s)")
      :format(fname, cmd == nil and "no value" or type(cmd)), 0)
  end
  local words = {}
  for i = 1, length(fname, cmd) do words[i] = word(fname, i, cmd[i]) end
  if #words == 0 then
    error(errors.ValueError("the command is an empty list"), 0)
  end
  return words
end

-- ---- as the native module takes it

local function variables(env)
  local list, path = {}, nil
  for name, value in pairs(env) do
    if type(name) ~= "string" or name == "" or name:find "[=\0]" then
      error(errors.ValueError(("bad name of a variable in env: '%s'"):format(
        tostring(name))), 0)
    elseif type(value) ~= "string" and not math_type(value)
      or tostring(value):find("\0", 1, true) then
      error(errors.ValueError(("bad value of env.%s: a string without zero "
        .. "bytes expected"):format(name)), 0)
    end
    list[#list + 1] = name .. "=" .. value
    if name == "PATH" then path = tostring(value) end
  end
  return list, path
end

local function wrong(text, ...) error(errors.ValueError(text:format(...)), 0) end

-- What an option's type does not say.
local function check_values(opts)
  for _, name in ipairs { "stdin", "stdout", "stderr" } do
    local fd = opts[name]
    if math_type(fd) and fd < 0 then
      wrong("option '%s': a descriptor is at least 0, not %d", name, fd)
    end
  end
  for _, name in ipairs { "user", "group" } do
    local id = opts[name]
    if math_type(id) and id < 0 then
      wrong("option '%s': a number is at least 0, not %d", name, id)
    end
  end
  local umask, grace = opts.umask, opts.grace
  if umask and (umask < 0 or umask > 511) then
    wrong("option 'umask' is from 0 to 511 (octal 777), not %d", umask)
  elseif grace and (grace < 0 or grace ~= grace) then
    wrong("option 'grace' is at least 0, not %s", grace)
  elseif grace and opts.process_group == nil then
    wrong "option 'grace' is for a process group: process_group = true"
  end
end

local function id_of(kind, value)
  if type(value) ~= "string" then return value end
  local id = native[kind](value)
  if id then return id end
  error(errors.ValueError(("there is no %s '%s'"):format(
    kind == "user_id" and "user" or "group", value)), 0)
end

local function group_ids(list)
  if not list then return nil end
  local ids = {}
  for i, value in ipairs(list) do
    local unfit = check_id(value)
    if unfit then error(errors.TypeError("extra_groups: " .. unfit), 0) end
    if math_type(value) and value < 0 then
      wrong("extra_groups: a number is at least 0, not %d", value)
    end
    ids[i] = id_of("group_id", value)
  end
  return ids
end

local function descriptors(list)
  for _, fd in ipairs(list or {}) do
    if math_type(fd) ~= "integer" or fd < 0 then
      error(errors.ValueError("pass_fds: numbers of descriptors expected"), 0)
    end
  end
  return list
end

--- All but the streams.
---@param fname string
---@param cmd string|table
---@param opts table checked options
---@return table spec for `_anyrun.process`'s `spawn`
---Checkpoint: never.
---Raises: ValueError, TypeError when something is wrong.
---@usage local spec = command.spec("open_process", cmd, opts)
function command.spec(fname, cmd, opts)
  local words = command.words(fname, cmd)
  check_values(opts)
  local env, path
  if opts.env then env, path = variables(opts.env) else path = getenv "PATH" end
  local cwd = opts.cwd and (command.path_of(opts.cwd) or opts.cwd)
  return {
    file = words[1], argv = words, env = env, path = path or DEFAULT_PATH,
    cwd = cwd, session = opts.start_new_session, group = opts.process_group,
    pass = descriptors(opts.pass_fds), umask = opts.umask,
    uid = id_of("user_id", opts.user), gid = id_of("group_id", opts.group),
    groups = group_ids(opts.extra_groups),
  }
end

--- The command as a person would type it.
---@param cmd string|table
---@return string
---Checkpoint: never.
---@usage print(command.text { "ls", "my file" }) --> ls 'my file'
function command.text(cmd)
  if type(cmd) == "string" then return cmd end
  if command.path_of(cmd) then cmd = { cmd } end
  local parts = {}
  for i, value in ipairs(cmd) do
    local text = tostring(command.path_of(value) or value)
    if text == "" or text:find "[^%w%-%./_=:,@%%+]" then
      text = "'" .. text:gsub("'", "'\\''") .. "'"
    end
    parts[i] = text
  end
  return table.concat(parts, " ")
end

command.check = options.check

return command
