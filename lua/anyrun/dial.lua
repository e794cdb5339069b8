--- Connecting sockets, for every face: one address, or many as in RFC 8305.

local create_task_group = require("_anyrun.group").create_task_group
local errors = require "anyrun.errors"
local move_on_after = require("_anyrun.scope").move_on_after
local native = require "_anyrun.socket"

local error, ipairs, require = error, ipairs, require

---@class anyrun.dial
local dial = {}

--- Calls `f(socket, ...)`; the socket is closed if that raises.
---@param socket userdata
---@param f function
---@param ... any
---@return userdata socket
---Checkpoint: as `f`.
---Raises: what `f` raises.
---@usage return dial.guarded(socket, socket._listen, backlog, class)
function dial.guarded(socket, f, ...)
  local ok, err = errors.try(f, socket, ...)
  if ok then return socket end
  socket:_close()
  errors.rethrow(err)
end

local function bind_and_connect(socket, from, host, port)
  if from then
    if from.reuse_port then socket:_set("reuse_port", 1) end
    local any = socket:_family() == "AF_INET6" and "::" or "0.0.0.0"
    socket:_bind(from.host or any, from.port or 0)
  end
  socket:_connect(host, port)
end

--- Connects to one address.
---@param cls table of the socket
---@param kind "stream"|"datagram"
---@param to {family: string, host: string, port: integer}
---@param from? {host?: string, port?: integer, reuse_port?: boolean} its own
---@return userdata socket
---Checkpoint: always, for a stream.
---Raises: OSError.
---@usage local socket = dial.address(Stream, "stream", to)
function dial.address(cls, kind, to, from)
  local socket = native.open(cls, kind, to.family)
  return dial.guarded(socket, bind_and_connect, from, to.host, to.port)
end

--- The order in which the entries of getaddrinfo are tried: families in turn,
--- each in the order it has, the first one of IPv6.
---@param entries table[]
---@return {family: string, host: string, port: integer}[]
---Checkpoint: never.
---@usage local list = dial.interleave(entries)
function dial.interleave(entries)
  local by = { AF_INET6 = {}, AF_INET = {} }
  for _, entry in ipairs(entries) do
    local of_family, address = by[entry[1]], entry[5]
    if of_family then
      of_family[#of_family + 1] =
        { family = entry[1], host = address[1], port = address[2] }
    end
  end
  local mixed = {}
  for i = 1, #entries do
    mixed[#mixed + 1] = by.AF_INET6[i]
    mixed[#mixed + 1] = by.AF_INET[i]
  end
  return mixed
end

--- SSLContext? What makes one is loaded only where one is given.
---@param value any
---@return string? wrong what was expected
---Checkpoint: never.
---@usage options.arg("connect", 1, context, dial.is_context)
function dial.is_context(value)
  return require("anyrun.tls.properties").is_context(value)
end

--- The family of an address in digits; nil for a name.
---@param host string
---@param wanted? string the family it has to be of
---@return string? family
---Checkpoint: never.
---Raises: ValueError for an address of another family.
---@usage local family = dial.literal("::1")
function dial.literal(host, wanted)
  local family = native.numeric(host)
  if family and wanted and wanted ~= "AF_UNSPEC" and family ~= wanted then
    error(errors.ValueError(("'%s' is an address of %s, where one of %s is needed")
      :format(host, family, wanted)), 0)
  end
  return family
end

--- The addresses of a host, in the order they are to be tried in.
---@param host string a name, or an address, for which nothing is looked up
---@param port integer
---@param opts? {family?: string, type?: string}
---@return {family: string, host: string, port: integer}[]
---Checkpoint: when it is a name.
---Raises: gaierror; ValueError for an address of another family.
---@usage local list = dial.resolve("localhost", 80)
function dial.resolve(host, port, opts)
  opts = opts or {}
  local family = dial.literal(host, opts.family)
  if family then return { { family = family, host = host, port = port } } end
  return dial.interleave(require("anyrun.dns").getaddrinfo(host, port,
    { family = opts.family, type = opts.type or "SOCK_STREAM" }))
end

--- Checks a head start.
---@param delay? number seconds
---Checkpoint: never.
---Raises: ValueError when it is NaN.
---@usage dial.check_delay(opts.happy_eyeballs_delay)
function dial.check_delay(delay)
  if delay == delay then return end
  error(errors.ValueError "happy_eyeballs_delay must not be NaN", 3)
end

-- One attempt of several. The first that succeeds is the winner and ends the
-- others; who succeeds at the same time is closed.
local function attempt(race, to, ended)
  local ok, socket = errors.try(race.connect, to)
  ended:set()
  if ok and not race.winner then
    race.winner = socket
    race.group.cancel_scope:cancel()
  elseif ok then
    socket:_close()
  elseif errors.isinstance(socket, errors.OSError) then
    race.failures[#race.failures + 1] = socket
  else
    errors.rethrow(socket)
  end
end

local function run_race(race, list, delay)
  local Event = require "anyrun.sync.event"
  create_task_group(function(group)
    race.group = group
    for i, to in ipairs(list) do
      local ended = Event()
      group:start_soon(attempt, race, to, ended)
      if i < #list then move_on_after(delay, function() ended:wait() end) end
    end
  end)
end

--- Connects to the first of several addresses that answers. Each gets a head
--- start of `delay` seconds, or until the one before has failed.
---@param cls table of the socket
---@param list {family: string, host: string, port: integer}[]
---@param delay number
---@param from? {host?: string, port?: integer} its own address
---@return userdata? socket nil: nobody answered
---@return table[] failures an error for each
---Checkpoint: always.
---@usage local socket, failures = dial.race(Stream, list, 0.25)
function dial.race(cls, list, delay, from)
  return dial.race_by(function(to)
    return dial.address(cls, "stream", to, from)
  end, list, delay)
end

--- As `race`, for any way to connect.
---@param connect fun(to: table): userdata
---@param list {family: string, host: string, port: integer}[]
---@param delay number
---@return userdata? socket
---@return table[] failures
---Checkpoint: as `connect`.
---@usage local socket, failures = dial.race_by(connect, list, 0.25)
function dial.race_by(connect, list, delay)
  local race = { connect = connect, failures = {} }
  local ok, err
  if #list == 1 then
    ok, err = errors.try(connect, list[1])
    if ok then return err, race.failures end
    if not errors.isinstance(err, errors.OSError) then errors.rethrow(err) end
    return nil, { err }
  end
  ok, err = errors.try(run_race, race, list, delay)
  if not ok then -- cancelled from outside, or something worse
    if race.winner then race.winner:_close() end
    errors.rethrow(err)
  end
  return race.winner, race.failures
end

return dial
