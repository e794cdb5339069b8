--- TLS over a stream: brings bytes between a session and what carries them.
-- The session never waits; whoever waits for bytes does so here. Three things
-- are kept right whoever is cancelled when:
--   * records reach the stream in the order they were made: they are made and
--     sent under one lock;
--   * a send that was cut off leaves the peer in the middle of a record:
--     nothing is sent after it, and whoever tries is told;
--   * what was decrypted is handed out even where an answer to the peer, due
--     at the same time, was cut off.

local Lock = require "anyrun.sync.lock"
local class = require "anyrun.class"
local errors = require "anyrun.errors"
local native_tls = require "_anyrun.tls"
local scope = require "_anyrun.scope"
local sni = require "anyrun.tls.sni"
local time = require "_anyrun.time"
local tls_errors = require "anyrun.tls.errors"

local checkpoint, error, rawset = time.checkpoint, error, rawset
local pcall, rethrow, try = errors.pcall, errors.rethrow, errors.try

local DONE <const>, WANT_READ <const> = native_tls.DONE, native_tls.WANT_READ
local END <const>, FAILED <const> = native_tls.END, native_tls.FAILED

-- So much plaintext is encrypted before it is sent: eight records.
local CHUNK <const> = 8 * 16384
-- More than this is not kept for a receiver that does not come.
local MOST_KEPT <const> = 1024 * 1024
-- How long the peer may take to take the reason why we hang up.
local ALERT_SECONDS <const> = 1

---@class anyrun.tls.Engine
local Engine = class.new "TLSEngine"

--- Makes an engine.
---@param object ssl.SSLObject
---@param transport any
---@param get fun(transport: any): string? receives; nil when the data has ended
---@param put fun(transport: any, data: string) sends
---Checkpoint: never.
---@usage local engine = Engine(object, stream, get, put)
function Engine:_init(object, transport, get, put)
  self.object, self.transport = object, transport
  self._native, self._get, self._put = object._native, get, put
  self._sending = Lock { fast_acquire = true }
  self._filling = Lock { fast_acquire = true }
  self._fills = 0
  self._held = 0 -- so many bytes of output can wait for the next send
end

-- ---- moving bytes -----------------------------------------------------------

-- Sends what the session has to say. The caller holds the lock for sending.
local function put_output(self)
  local out = self._native:output()
  self._held = 0
  if not out or self._torn then return end
  local ok, err = try(self._put, self.transport, out)
  if ok then return end
  self._torn = err
  rethrow(err)
end

local function flush(self)
  local lock = self._sending
  lock:acquire()
  local ok, err = try(put_output, self)
  lock:release()
  if not ok then rethrow(err) end
end

-- The peer waits for something; where it cannot be sent, the next send will
-- say so. What came from the peer is worth more.
local function answer(self) pcall(flush, self) end

local function bring(self)
  local data = self._get(self.transport)
  if data then self._native:feed(data) else self._native:feed_end() end
  self._fills = self._fills + 1
end

-- Brings bytes from the peer, or waits until another task has.
local function fill(self)
  local lock, fills = self._filling, self._fills
  lock:acquire()
  local ok, err = true, nil
  if fills == self._fills then ok, err = try(bring, self) end
  lock:release()
  if ok then return end
  self._lost = errors.isinstance(err, errors.BrokenResourceError)
  rethrow(err)
end

-- Sends an alert, to a peer that may have stopped to listen.
local function tell(self)
  scope.move_on_after(ALERT_SECONDS, function() answer(self) end)
end

-- Raises what the session failed with, once the peer was told, if it can be.
local function fail(self, doing)
  local err = tls_errors.of(self.object, doing)
  self._broken = err
  if not errors.isinstance(err, tls_errors.SSLEOFError)
    and not self._torn and not self._sending:locked() then
    tell(self)
  end
  error(err, 0)
end

-- ---- the handshake ----------------------------------------------------------

-- A client asks for a name: what does the script say?
local function choose(self)
  local ok, err = try(sni.ask, self.object)
  if ok then return end
  self._native:handshake() -- refuses
  tell(self)
  rethrow(err)
end

local function shake(self)
  local handle = self._native
  while true do
    local status = handle:handshake()
    if status == FAILED then fail(self, "TLS handshake") end
    if status == DONE and self.object.server_side
      and handle:version() == "TLSv1.3" then
      -- Nothing but tickets, which a client need not read: not to be waited
      -- for, lest both ends wait for each other.
      self._held = handle:output_size()
    end
    if handle:output_size() > self._held then
      flush(self)
      -- another task may have brought bytes meanwhile: ask again
      if status == DONE then return end
    elseif status == DONE then
      return checkpoint()
    elseif status == WANT_READ then
      fill(self)
    else
      choose(self)
    end
  end
end

--- Does the handshake. Where it fails or is cancelled, nothing else can be
--- done with the session.
---Checkpoint: always.
---Raises: SSLError; what the stream below raises.
---@usage engine:handshake()
function Engine:handshake()
  rawset(self.object, "_begun", true)
  local ok, err = try(shake, self)
  if ok then
    self._shaken = true
    return
  end
  self._broken = self._broken or err
  rethrow(err)
end

--- Whether there is a session that can be closed.
---@return boolean
---Checkpoint: never.
function Engine:usable()
  return self._shaken and not (self._broken or self._torn or self._lost) or false
end

local function cut_off(err)
  return errors.BrokenResourceError("a send on this TLS stream was cut off "
    .. "before: the peer could not make sense of more", { cause = err })
end

local function check(self)
  local err = self._broken
  if err == nil then return end
  if errors.isinstance(err, tls_errors.SSLError) then error(err, 0) end
  error(errors.BrokenResourceError(
    "the TLS handshake was not completed", { cause = err }), 0)
end

-- ---- data -------------------------------------------------------------------

local function take(self, max)
  local kept = self._kept
  self._kept = #kept > max and kept:sub(max + 1) or nil
  return #kept > max and kept:sub(1, max) or kept
end

-- What an earlier call could not hand out, or what is there to be read.
local function read(self, max)
  if self._kept then return DONE end
  local status, data = self._native:read(max)
  self._kept = data
  return status
end

--- Receives bytes. One task at a time.
---@param max integer at most so many
---@return string? data nil when the peer has ended the session
---Checkpoint: always.
---Raises: SSLError; what the stream below raises; Cancelled, then nothing is
---  lost.
---@usage local data = engine:receive(65536)
function Engine:receive(max)
  local handle = self._native
  check(self)
  if self._kept or handle:buffered() then checkpoint() end
  while true do
    local status = read(self, max)
    if status == FAILED then fail(self, "receiving") end
    if status == END then return nil end
    local due = handle:output_size() > self._held
    -- what the protocol itself has to say; then again, if there was no data
    if due then answer(self) end
    if status == DONE then return take(self, max) end
    if not due then fill(self) end
  end
end

-- In another handshake, which TLS 1.2 knows, a write may not meet data: what
-- has come is kept for who receives.
local function gather(self)
  local parts = { self._kept }
  while true do
    local status, data = self._native:read(CHUNK)
    if status ~= DONE then break end
    parts[#parts + 1] = data
  end
  if #parts == 0 then return end
  self._kept = table.concat(parts)
  if #self._kept > MOST_KEPT then
    error(tls_errors.SSLError("sending failed: the peer sends data, and does "
      .. "not do the handshake that must come first", { library = "SSL" }), 0)
  end
end

-- Encrypts a part and sends it. The caller holds the lock for sending.
local function put_some(self, data, from)
  if self._torn then error(cut_off(self._torn), 0) end
  if self._native:shaking() then gather(self) end
  local status, after = self._native:write(data, from, CHUNK)
  if status ~= FAILED then put_output(self) end
  return status, after
end

--- Sends bytes. One task at a time.
---@param data string
---Checkpoint: always.
---Raises: BrokenResourceError after a send that was cut off; SSLError; what
---  the stream below raises; Cancelled: some of the data may be on its way,
---  and nothing can be sent any more if it was cut off in the middle.
---@usage engine:send "hello"
function Engine:send(data)
  check(self)
  local lock, from, size = self._sending, 1, #data
  if size == 0 then return checkpoint() end
  repeat
    lock:acquire()
    local ok, status, after = try(put_some, self, data, from)
    lock:release()
    if not ok then rethrow(status) end
    from = after
    if status == FAILED then fail(self, "sending") end
    if status == WANT_READ then fill(self) end
  until from > size
end

-- ---- the end ----------------------------------------------------------------

--- Ends the session: says so to the peer, and waits until it has, too.
---@param wait boolean whether to wait for the peer
---Checkpoint: always.
---Raises: SSLError; what the stream below raises.
---@usage engine:shutdown(true)
function Engine:shutdown(wait)
  local handle = self._native
  check(self)
  if self._torn then error(cut_off(self._torn), 0) end
  while true do
    local status = handle:shutdown()
    if status == FAILED then fail(self, "closing") end
    local said = handle:output_size() > 0
    if said then flush(self) end
    if status == DONE or not wait then
      return said or checkpoint()
    elseif not said then
      fill(self)
    end
  end
end

--- What was received after the end of the session.
---@return string
---Checkpoint: never.
---@usage local rest = engine:unread()
function Engine:unread() return self._native:unread() end

return Engine
