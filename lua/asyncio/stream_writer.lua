--- StreamWriter: bytes into a transport, written by a task.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local futures = require "asyncio.futures"
local options = require "anyrun.options"
local tasks = require "asyncio.tasks"

local colon = class.colon
local pairs, tostring, warn = pairs, tostring, warn

local send_now = require("asyncio.socket").Socket._send_now

---@class asyncio.StreamWriter
---@field transport asyncio.Transport
local StreamWriter = class.new "StreamWriter"

--- Makes a writer.
---@param transport asyncio.Transport
---@param protocol asyncio.StreamReaderProtocol that of the transport
---@param reader? asyncio.StreamReader its error comes out of `drain`
---@param loop asyncio.Loop
---Checkpoint: never.
---@usage local writer = asyncio.StreamWriter(transport, protocol, reader, loop)
function StreamWriter:_init(transport, protocol, reader, loop)
  options.arg("StreamWriter", 1, transport, "table", 4)
  options.arg("StreamWriter", 2, protocol, "table", 4)
  options.arg("StreamWriter", 3, reader, "table?", 4)
  options.arg("StreamWriter", 4, loop, "table", 4)
  self.transport, self._protocol = transport, protocol
  self._reader, self._loop = reader, loop
end

-- Whoever lets it go without closing it is told; the connection is closed.
function StreamWriter:__gc()
  local transport = self.transport
  if not transport or transport:is_closing() or self._loop:is_closed() then
    return
  end
  warn("ResourceWarning: unclosed ", tostring(self))
  transport:close()
end

function StreamWriter:__tostring()
  local reader = self._reader and " reader=" .. tostring(self._reader) or ""
  return ("<StreamWriter transport=%s%s>"):format(tostring(self.transport), reader)
end

function StreamWriter:__close()
  self:close()
  self:wait_closed()
end

--- Writes bytes: sent at once, or kept and sent later. Call `drain` after it,
--- lest too many are kept.
---@param data string
---Checkpoint: never.
---Raises: TypeError when it is no string; RuntimeError after `write_eof`.
---@usage writer:write "hello\n"
function StreamWriter:write(data)
  if not (self and data) then colon(StreamWriter, "write", self) end
  local transport = self.transport
  local sock = transport[1]
  if not sock then return transport:write(data) end
  local n, err = send_now(sock, data) -- as its `write` would
  if n ~= true then return transport:_not_sent(data, n, err) end
end

--- Writes all strings of a list.
---@param list string[]
---Checkpoint: never.
---Raises: as `write`.
---@usage writer:writelines { "head", "body" }
function StreamWriter:writelines(list)
  if not (self and list) then colon(StreamWriter, "writelines", self) end
  self.transport:writelines(list)
end

--- Ends the sending half, once what was written is sent.
---Checkpoint: never.
---@usage writer:write_eof()
function StreamWriter:write_eof()
  if not self then colon(StreamWriter, "write_eof") end
  self.transport:write_eof()
end

--- Whether the sending half can end by itself.
---@return boolean
---Checkpoint: never.
---@usage if writer:can_write_eof() then writer:write_eof() end
function StreamWriter:can_write_eof()
  if not self then colon(StreamWriter, "can_write_eof") end
  return self.transport:can_write_eof()
end

--- Closes the connection, once what was written is sent.
---Checkpoint: never.
---@usage writer:close()
function StreamWriter:close()
  if not self then colon(StreamWriter, "close") end
  self.transport:close()
end

--- Whether it is closed or about to be.
---@return boolean
---Checkpoint: never.
---@usage if writer:is_closing() then return end
function StreamWriter:is_closing()
  if not self then colon(StreamWriter, "is_closing") end
  return self.transport:is_closing()
end

--- Waits until the connection is closed.
---Checkpoint: unless it is.
---Raises: the error that ended the connection.
---@usage writer:wait_closed()
function StreamWriter:wait_closed()
  if not self then colon(StreamWriter, "wait_closed") end
  local protocol = self._protocol
  if not protocol._closed then
    futures.wait_in(protocol._closers, self._loop)
  elseif protocol._error ~= nil then
    errors.rethrow(protocol._error)
  end
end

--- What is known of the connection: `socket`, `sockname`, `peername`.
---@param name string
---@param default? any
---@return any
---Checkpoint: never.
---@usage local peer = writer:get_extra_info "peername"
function StreamWriter:get_extra_info(name, default)
  return self.transport:get_extra_info(name, default)
end

--- Waits, where what was written lies above the high-water mark, until it lies
--- at the low one.
---Checkpoint: when it has to wait, or the connection is closing.
---Raises: OSError (ECONNRESET) when the connection is lost; the reader's error.
---@usage writer:write(data) writer:drain()
function StreamWriter:drain()
  if not self then colon(StreamWriter, "drain") end
  local reader, transport, protocol = self._reader, self.transport, self._protocol
  local failed = reader and reader._failed
  if transport[1] and not (failed or protocol._pausing) then return end -- nothing is kept
  if failed then errors.rethrow(reader._exception) end
  if transport:is_closing() then tasks.sleep(0) end
  if protocol._pausing or protocol._closed then protocol:_drain(self._loop) end
end

local TLS <const> = { server_hostname = "string?",
  ssl_handshake_timeout = "number?", ssl_shutdown_timeout = "number?" }

--- Goes on with TLS, once what was written is sent: reader and writer stay.
---@param sslcontext ssl.SSLContext
---@param opts? table `server_hostname`, `ssl_handshake_timeout`,
--- `ssl_shutdown_timeout`
---Checkpoint: always.
---Raises: SSLError when the handshake fails; OSError.
---@usage writer:start_tls(context, { server_hostname = "mail.example.org" })
function StreamWriter:start_tls(sslcontext, opts)
  local protocol, given = self._protocol, {}
  opts = options.check("start_tls", opts, TLS)
  for key, value in pairs(opts) do given[key] = value end
  given.server_side = protocol._connected ~= nil
  self:drain()
  local transport = self._loop:start_tls(self.transport, protocol, sslcontext, given)
  self.transport, protocol._transport = transport, transport
  if self._reader then self._reader:set_transport(transport) end
end

return { StreamWriter = StreamWriter }
