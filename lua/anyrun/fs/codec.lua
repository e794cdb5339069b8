--- Text of a file in one piece, from its bytes and back.

local errors = require "anyrun.errors"
local native = require "_anyrun.text"

local error = error

local codec = {}

local MODES <const> = { strict = true, replace = true, ignore = true }

--- The encoding and the mode that options say.
---@param opts table `encoding`, `errors`
---@return string encoding
---@return string mode
---Checkpoint: never.
---Raises: ValueError for a mode that is none.
---@usage local encoding, mode = codec.options(opts)
function codec.options(opts)
  local mode = opts.errors or "strict"
  if not MODES[mode] then
    error(errors.ValueError(("invalid errors '%s' ('strict', 'replace' or "
      .. "'ignore')"):format(mode)), 0)
  end
  return opts.encoding or "utf-8", mode
end

--- Checks that an encoding is known, and the mode one.
---@param opts table `encoding`, `errors`
---Checkpoint: never.
---Raises: LookupError for an encoding nobody knows; ValueError for a mode.
---@usage codec.check(opts)
function codec.check(opts) native.encoder(codec.options(opts)) end

--- Bytes as UTF-8.
---@param data string
---@param opts table `encoding`, `errors`
---@return string
---Checkpoint: never.
---Raises: UnicodeDecodeError; LookupError for an encoding nobody knows.
---@usage local text = codec.decode(data, opts)
function codec.decode(data, opts)
  local encoding, mode = codec.options(opts)
  local text, at = native.decoder(encoding, mode):convert(data)
  if not at then return text end
  if mode == "replace" then return text .. "\u{FFFD}" end
  if mode == "ignore" then return text end
  error(errors.UnicodeDecodeError(("cannot decode byte 0x%02x at %d as %s")
    :format(data:byte(at), at, encoding), { encoding = encoding, position = at }), 0)
end

--- UTF-8 as bytes.
---@param text string
---@param opts table `encoding`, `errors`
---@return string
---Checkpoint: never.
---Raises: UnicodeEncodeError; LookupError for an encoding nobody knows.
---@usage local data = codec.encode(text, opts)
function codec.encode(text, opts)
  local encoding, mode = codec.options(opts)
  local data, at = native.encoder(encoding, mode):convert(text)
  if not at then return data end
  error(errors.UnicodeEncodeError(("cannot encode byte %d of the text as %s")
    :format(at, encoding), { encoding = encoding, position = at }), 0)
end

return codec
