--- Certificates as tables, and in a sentence.
-- What comes from `_anyrun.tls` is a list of three strings a piece; see
-- src/io/tlscert.h.

local concat, unpack = table.concat, string.unpack
local os_time, tonumber = os.time, tonumber

---@class anyrun.tls.certificate
local certificate = {}

-- OpenSSL's long names, shortened where people do so.
local SHORT <const> = {
  commonName = "CN", organizationName = "O", countryName = "C",
  organizationalUnitName = "OU", localityName = "L", stateOrProvinceName = "ST",
}

local MONTHS <const> = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6,
  Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11, Dec = 12 }

local FIELDS <const> = {
  serial = "serialNumber", from = "notBefore", ["until"] = "notAfter",
}

-- A name is a list of parts, most of them with one attribute; what an
-- attribute is called leads to its (first) value, too.
local function add_attribute(name, joined, key, value)
  if joined and #name > 0 then
    local part = name[#name]
    part[#part + 1] = { key, value }
  else
    name[#name + 1] = { { key, value } }
  end
  if name[key] == nil then name[key] = value end
end

local readers = {}

function readers.san(cert, key, value)
  local list = cert.subjectAltName or {}
  cert.subjectAltName = list
  list[#list + 1] = { key, value }
end

function readers.version(cert, _, value) cert.version = tonumber(value) end

function readers.ca(cert) cert.ca = true end

local function read_entry(cert, kind, key, value)
  local name, plus = kind:match("^(%l+)(%+?)$")
  if name == "subject" or name == "issuer" then
    add_attribute(cert[name], plus ~= "", key, value)
  elseif readers[kind] then
    readers[kind](cert, key, value)
  else
    cert[FIELDS[kind]] = value
  end
end

--- Makes a table of what is in a certificate.
---@param packed string from `_anyrun.tls`
---@return table `subject` and `issuer` (lists of parts, each a list of
---  `{name, value}`; also by name: `subject.commonName`), `subjectAltName` (a
---  list of `{kind, value}`), `notBefore`, `notAfter`, `serialNumber`, `version`
---Checkpoint: never.
---@usage local cert = certificate.read(native:cert())
function certificate.read(packed)
  local cert, at = { subject = {}, issuer = {} }, 1
  local kind, key, value
  while at <= #packed do
    kind, key, value, at = unpack("<s4s4s4", packed, at)
    read_entry(cert, kind, key, value)
  end
  return cert
end

local function name_text(name)
  local parts = {}
  for _, part in ipairs(name) do
    for _, pair in ipairs(part) do
      parts[#parts + 1] = (SHORT[pair[1]] or pair[1]) .. "=" .. pair[2]
    end
  end
  return #parts > 0 and concat(parts, ", ") or "nobody"
end

local function alternatives_text(list)
  local parts = {}
  for i, pair in ipairs(list or {}) do parts[i] = pair[1] .. ":" .. pair[2] end
  return #parts > 0 and "is for " .. concat(parts, ", ")
    or "has no alternative names"
end

-- What another end has written may hold anything; it is shown as one line.
local function harmless(text)
  return (text:gsub("%c", function(c) return ("\\x%02x"):format(c:byte()) end))
end

--- A certificate in a sentence.
---@param cert table
---@return string
---Checkpoint: never.
---@usage print(certificate.describe(cert))
function certificate.describe(cert)
  return harmless(("%s; subject %s; issued by %s; valid from %s until %s"):format(
    alternatives_text(cert.subjectAltName), name_text(cert.subject),
    name_text(cert.issuer), cert.notBefore, cert.notAfter))
end

local function no_time(text)
  error(require("anyrun.errors").ValueError(
    ("not a certificate's time: '%s' (as in 'Jan  5 09:34:43 2018 GMT')")
    :format(text)), 3)
end

--- The seconds since 1970 of a certificate's time.
---@param text string "Jan  5 09:34:43 2018 GMT"
---@return integer
---Checkpoint: never.
---Raises: ValueError when it is no such time.
---@usage local left = ssl.cert_time_to_seconds(cert.notAfter) - os.time()
function certificate.cert_time_to_seconds(text)
  local month, day, hour, min, sec, year = tostring(text):match(
    "^(%a%a%a) +(%d+) (%d+):(%d+):(%d+) (%d+) GMT$")
  if not MONTHS[month] then return no_time(text) end
  -- os.time reads local time: the same moment read as UTC tells the distance
  local guess = os_time { year = year, month = MONTHS[month], day = day,
    hour = hour, min = min, sec = sec, isdst = false }
  local utc = os.date("!*t", guess)
  utc.isdst = false
  local seconds = math.tointeger(guess + (guess - os_time(utc)))
  local back = os.date("!*t", seconds) -- there is no 31st of February
  if back.day == tonumber(day) and back.sec == tonumber(sec)
    and back.hour == tonumber(hour) then
    return seconds
  end
  return no_time(text)
end

return certificate
