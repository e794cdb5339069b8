--- Streams of text over streams of bytes.
-- Text is UTF-8, whatever the bytes are.

local checkpoint = require("_anyrun.time").checkpoint
local class = require "anyrun.class"
local contracts = require "anyio.abc.streams"
local errors = require "anyrun.errors"
local native = require "_anyrun.text"
local options = require "anyrun.options"
local stream_lib = require "anyrun.stream"

local colon = class.colon
local byte, error, ipairs, next = string.byte, error, ipairs, next

---@class anyio.streams.text
local text = {}

local MODES <const> = { strict = true, replace = true, ignore = true }

local KNOWN <const> = {
  encoding = "string?",
  errors = function(value)
    if not MODES[value] then return "'strict', 'replace' or 'ignore' expected" end
  end,
}

local function read_options(self, wrapped, opts)
  options.arg(self.name, 1, wrapped, "table|userdata", 5)
  opts = options.check(self.name, opts, KNOWN, 2, 5)
  return opts.encoding or "utf-8", opts.errors or "strict"
end

-- Decoding --------------------------------------------------------------------

-- What turns pieces of bytes into text: `held` are bytes that are not decoded
-- yet; `wrong` of them, its first, cannot be.
local function new_decoder(encoding, mode)
  return {
    native = native.decoder(encoding, mode), encoding = encoding, mode = mode,
    held = "", wrong = 0, position = 0, again = false,
  }
end

local function decode(decoder, data)
  local held = decoder.held .. data
  local decoded, at, wrong = decoder.native:convert(held)
  local used = at and at - 1 or #held
  decoder.held, decoder.wrong = held:sub(used + 1), wrong or 0
  decoder.position = decoder.position + used
  decoder.again = false
  return decoded
end

-- The first `n` bytes that are held are given up; what follows is not lost.
local function give_up(decoder, n, why)
  local at, held = decoder.position + 1, decoder.held
  decoder.held, decoder.wrong = held:sub(n + 1), 0
  decoder.position, decoder.again = decoder.position + n, #held > n
  error(errors.UnicodeDecodeError(
    ("cannot decode byte 0x%02x (byte %d of the stream) as %s: %s"):format(
      byte(held), at, decoder.encoding, why),
    { encoding = decoder.encoding, position = at }), 0)
end

-- The data has ended inside a character; a mark for it, or nil.
local function at_end(decoder)
  local held = decoder.held
  if held == "" then return nil end
  if decoder.mode == "strict" then
    give_up(decoder, #held, "the data ends inside a character")
  end
  decoder.held = ""
  return decoder.mode == "replace" and "\u{FFFD}" or nil
end

-- More bytes, or nil at the end; none, after a checkpoint, while there is
-- something left to look at.
local function more(self, decoder)
  if decoder.again or decoder.wrong > 0 then
    checkpoint()
    return ""
  end
  local source = self.transport_stream
  local ok, data = errors.pcall(source.receive, source)
  if ok then return stream_lib.check_chunk(data) end
  if errors.isinstance(data, errors.EndOfStream) then return nil, data end
  errors.rethrow(data)
end

-- The next piece of text of a stream.
local function receive(self)
  local decoder = self._decoder
  while true do
    local data, ended = more(self, decoder)
    if decoder.wrong > 0 then
      give_up(decoder, decoder.wrong, "it begins no character")
    end
    local found
    if data then found = decode(decoder, data) else found = at_end(decoder) end
    if not found then errors.rethrow(ended) end
    if found ~= "" then return found end
  end
end

-- Encoding --------------------------------------------------------------------

local function encode(self, item)
  options.arg("send", 1, item, "string", 4)
  local data, at, wrong = self._encoder:convert(item)
  if not at then return data end
  error(errors.UnicodeEncodeError(
    ("cannot encode byte %d of the text (%q) as %s"):format(at,
      item:sub(at, at + wrong - 1), self._encoding),
    { encoding = self._encoding, position = at }), 3)
end

-- Streams ---------------------------------------------------------------------

-- What all three have.
local common = {}

--- Closes the wrapped stream.
---Checkpoint: as the wrapped stream.
---@usage text:aclose()
function common:aclose()
  local decoder = self._decoder
  if decoder then decoder.held, decoder.wrong, decoder.again = "", 0, false end
  self.transport_stream:aclose()
end

--- The attributes of the wrapped stream.
---@return table<anyio.TypedAttribute, fun(): any>
---Checkpoint: never.
---@usage local getters = text:extra_attributes()
function common:extra_attributes()
  return stream_lib.attributes(self.transport_stream)
end

--- Reads text from a stream of bytes, or of strings as items.
---@class anyio.streams.text.TextReceiveStream : anyio.abc.ObjectReceiveStream
---@field transport_stream table the wrapped stream
local Receive = class.new("TextReceiveStream", contracts.ObjectReceiveStream)
text.TextReceiveStream = Receive

--- Wraps a stream.
---@param transport_stream table
---@param opts? table `encoding`: "utf-8" when absent, or what iconv(3) knows;
---  `errors`: "strict" (the default), "replace" by U+FFFD, or "ignore"
---Checkpoint: never.
---Raises: LookupError for an encoding nobody knows.
---@usage local text = TextReceiveStream(stream, { encoding = "latin1" })
function Receive:_init(transport_stream, opts)
  local encoding, mode = read_options(self, transport_stream, opts)
  self.transport_stream = transport_stream
  self._decoder = new_decoder(encoding, mode)
end

--- Receives some text; a character whose bytes come in pieces comes whole.
---@return string text not empty, valid UTF-8
---Checkpoint: always.
---Raises: UnicodeDecodeError (unless told otherwise) for bytes that are no
---  text: what is before them was received before, what is after them comes
---  next. EndOfStream; as the wrapped stream.
---@usage local line = text:receive()
function Receive:receive()
  if not self then colon(Receive, "receive") end
  return receive(self)
end

--- Writes text into a stream of bytes, or of strings as items.
---@class anyio.streams.text.TextSendStream : anyio.abc.ObjectSendStream
---@field transport_stream table the wrapped stream
local Send = class.new("TextSendStream", contracts.ObjectSendStream)
text.TextSendStream = Send

--- Wraps a stream.
---@param transport_stream table
---@param opts? table `encoding`: "utf-8" when absent, or what iconv(3) knows;
---  `errors`: "strict" (the default), "replace" by a question mark, or "ignore"
---Checkpoint: never.
---Raises: LookupError for an encoding nobody knows.
---@usage local text = TextSendStream(stream, { errors = "replace" })
function Send:_init(transport_stream, opts)
  local encoding, mode = read_options(self, transport_stream, opts)
  self.transport_stream, self._encoding = transport_stream, encoding
  self._encoder = native.encoder(encoding, mode)
end

--- Sends text.
---@param item string UTF-8
---Checkpoint: as the wrapped stream.
---Raises: UnicodeEncodeError (unless told otherwise) when it is not UTF-8 or
---  has no place in the encoding; then nothing was sent. As the wrapped stream.
---@usage text:send "hello\n"
function Send:send(item)
  if not (self and item) then colon(Send, "send", self) end
  self.transport_stream:send(encode(self, item))
end

--- Reads and writes text.
---@class anyio.streams.text.TextStream : anyio.abc.ObjectStream
---@field transport_stream table the wrapped stream
local Both = class.new("TextStream", contracts.ObjectStream)
text.TextStream = Both

--- Wraps a stream that goes both ways.
---@param transport_stream table
---@param opts? table `encoding` and `errors` as for the streams of one way
---Checkpoint: never.
---Raises: LookupError for an encoding nobody knows.
---@usage local text = TextStream(stream)
function Both:_init(transport_stream, opts)
  local encoding, mode = read_options(self, transport_stream, opts)
  self.transport_stream, self._encoding = transport_stream, encoding
  self._decoder = new_decoder(encoding, mode)
  self._encoder = native.encoder(encoding, mode)
end

--- Receives some text, as a TextReceiveStream does.
---@return string text
---Checkpoint: always.
---Raises: UnicodeDecodeError; EndOfStream; as the wrapped stream.
---@usage local line = text:receive()
function Both:receive()
  if not self then colon(Both, "receive") end
  return receive(self)
end

--- Sends text, as a TextSendStream does.
---@param item string
---Checkpoint: as the wrapped stream.
---Raises: UnicodeEncodeError; as the wrapped stream.
---@usage text:send "hello\n"
function Both:send(item)
  if not (self and item) then colon(Both, "send", self) end
  self.transport_stream:send(encode(self, item))
end

--- Ends the sending half.
---Checkpoint: as the wrapped stream.
---@usage text:send_eof()
function Both:send_eof()
  if not self then colon(Both, "send_eof") end
  self.transport_stream:send_eof()
end

for _, cls in ipairs { Receive, Send, Both } do
  for key, value in next, common do cls[key] = value end
end

--- Connects as another connectable does; its streams carry text.
---@class anyio.streams.text.TextConnectable : anyio.abc.ObjectStreamConnectable
---@field connectable table
local Connectable =
  class.new("TextConnectable", contracts.ObjectStreamConnectable)
text.TextConnectable = Connectable

--- Wraps a connectable.
---@param connectable table
---@param opts? table `encoding` and `errors` of the streams
---Checkpoint: never.
---@usage local server = TextConnectable(connectable)
function Connectable:_init(connectable, opts)
  read_options(self, connectable, opts)
  self.connectable, self._opts = connectable, opts
end

--- Connects.
---@return anyio.streams.text.TextStream
---Checkpoint: as the wrapped connectable.
---Raises: as the wrapped connectable; LookupError for an encoding nobody knows.
---@usage local stream <close> = server:connect()
function Connectable:connect()
  return Both(self.connectable:connect(), self._opts)
end

return text
