--- Connections that are cut off, or garbled, at any byte.
local anyio = require "anyio"
local peers = require "tlspeers"
local ssl = require "ssl"
local t = require "harness"
local tls = require "anyio.streams.tls"

local DATA <const> = "what is sent"

-- A plain stream that passes on `limit` bytes and then ends. With `spoil` it
-- changes the byte there, and ends after what that was part of: a changed
-- length may make the peer wait for bytes that never come.
local function cutting(stream, limit, spoil)
  local passed = 0
  return setmetatable({send = function(self, data)
    if spoil and spoil > passed and spoil <= passed + #data then
      local at = spoil - passed
      data = data:sub(1, at - 1) .. string.char(data:byte(at) ~ 0x55) .. data:sub(at + 1)
      limit = passed + #data
    end
    local part = data:sub(1, math.max(limit - passed, 0))
    passed = passed + #data
    self.whole = passed <= limit and not (spoil and spoil <= passed)
    if part ~= "" then stream:send(part) end
    if passed >= limit then stream:send_eof() end
  end}, {__index = function(_, key)
    return function(_, ...) return stream[key](stream, ...) end
  end})
end

-- The server says DATA and ends the session, through `far`; what the client
-- got: the data, and how it ended.
local function session(near, far, contexts)
  local data, ending = "", nil
  peers.together(function()
    local ok, err = pcall(function()
      local client = tls.TLSStream.wrap(near,
        {hostname = "localhost", ssl_context = contexts.client})
      while true do data = data .. client:receive() end
    end)
    assert(not ok)
    ending = err
    near:aclose()
  end, function()
    anyio.pcall(function()
      local server = tls.TLSStream.wrap(far, {ssl_context = contexts.server})
      server:send(DATA)
      server:aclose()
    end)
    anyio.aclose_forcefully(far)
  end)
  return data, ending
end

local function contexts_of(version)
  local server = peers.server_context()
  server.maximum_version = version
  return {client = peers.client_context(), server = server}
end

-- How many bytes the server sends in all.
local function measure(contexts)
  local near, far = peers.pair()
  local n = 0
  local counting = setmetatable({send = function(_, data)
    n = n + #data
    far:send(data)
  end}, {__index = function(_, key)
    return function(_, ...) return far[key](far, ...) end
  end})
  local data, ending = session(near, counting, contexts)
  t.eq(data, DATA)
  t.isa(ending, anyio.EndOfStream)
  return n
end

local function cut_at_each(version, step)
  local contexts = contexts_of(version)
  local all = measure(contexts)
  for n = t.seed % step, all - 1, step do -- another seed, other bytes
    local near, far = peers.pair()
    local cut = cutting(far, n)
    local data, ending = session(near, cut, contexts)
    if data ~= "" then t.eq(data, DATA) end
    -- signatures differ in length: it may have been the whole session
    if not cut.whole and not anyio.isinstance(ending, anyio.BrokenResourceError) then
      t.fail(("cut after %d of %d bytes: %s"):format(n, all, tostring(ending)))
    end
  end
end

local function spoil_each(version, step)
  local contexts = contexts_of(version)
  local all = measure(contexts)
  for n = 1 + t.seed % step, all, step do
    local near, far = peers.pair()
    local cut = cutting(far, all, n)
    local data, ending = session(near, cut, contexts)
    if data ~= "" then t.eq(data, DATA) end
    -- nobody looks at the version in the first header
    if n > 3 and not cut.whole and not anyio.isinstance(ending, {anyio.BrokenResourceError,
      ssl.SSLError}) then
      t.fail(("byte %d of %d changed: %s"):format(n, all, tostring(ending)))
    end
  end
end

for _, version in ipairs{"TLSv1_2", "TLSv1_3"} do
  t.test("[TLS-09] cut off here and there, it is broken, never ended, " .. version,
    function() cut_at_each(version, 101) end)
  t.test("[TLS-09] cut off at many bytes, it is broken, never ended, " .. version,
    {slow = true}, function() cut_at_each(version, 7) end)
  t.test("a byte that changed here and there is noticed, " .. version,
    function() spoil_each(version, 103) end)
  t.test("many a byte that changed is noticed, " .. version, {slow = true},
    function() spoil_each(version, 7) end)
end

t.test("a server that gets garbage answers with an error, whatever it is", function()
  local context = peers.server_context()
  local state = t.seed
  local function random(n)
    state = (state * 1103515245 + 12345) % 2147483648
    return state // 65536 % n
  end
  for _ = 1, 200 do
    local near, far = peers.pair()
    local bytes = {}
    for i = 1, random(60) do bytes[i] = string.char(random(256)) end
    -- half of them look like a handshake at first
    local head = random(2) == 0 and "\x16\x03\x01\x00" or ""
    near:send(head .. table.concat(bytes) .. "x")
    near:send_eof()
    local err = t.raises(anyio.Exception, tls.TLSStream.wrap, far, {ssl_context = context})
    t.isa(err, {ssl.SSLError, anyio.BrokenResourceError})
    near:aclose()
    far:aclose()
  end
end)
