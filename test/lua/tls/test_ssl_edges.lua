--- Values at the edge of what contexts and names may be.
local anyio = require "anyio"
local peers = require "tlspeers"
local ssl = require "ssl"
local t = require "harness"

local file = peers.file

local function read(path)
  local f <close> = assert(io.open(path, "rb"))
  return f:read "a"
end

local function client(host)
  return ssl.SSLObject(peers.client_context(), false, host)
end

t.test("[TLS-13] a name is checked as a whole: none holds a zero byte", function()
  local err = t.raises(anyio.ValueError, client, "localhost\0.evil.example")
  t.eq(err.message, "'localhost\\0.evil.example' is no host name")
  err = t.raises(anyio.ValueError, anyio.streams.tls.TLSStream.wrap, peers.pair(),
    { hostname = "localhost\0", ssl_context = peers.client_context() })
  t.eq(err.message, "'localhost\\0' is no host name")
end)

t.test("[TLS-13] an address is checked without its scope", function()
  local a, b = peers.session { hostname = "::1%lo" }
  peers.close(a, b)
  for _, host in ipairs { "[::1]", "fe80:::1", "::1]" } do
    t.eq(t.raises(anyio.ValueError, client, host).message,
      ("'%s' is no host name"):format(host))
  end
end)

t.test("the highest version as the lowest, and the other way round", function()
  local function session(side, field, value)
    local contexts = { client = peers.client_context(),
      server = peers.server_context() }
    contexts[side][field] = value
    t.eq(contexts[side][field], value)
    local a, b = peers.session(contexts)
    local version = a:extra(anyio.streams.tls.TLSAttribute.tls_version)
    peers.close(a, b)
    return version
  end
  t.eq(session("client", "minimum_version", "MAXIMUM_SUPPORTED"), "TLSv1.3")
  t.eq(session("client", "minimum_version", "MINIMUM_SUPPORTED"), "TLSv1.3")
  local context = peers.client_context()
  context.minimum_version = "MAXIMUM_SUPPORTED"
  local server = peers.server_context()
  server.maximum_version = "TLSv1_2"
  t.raises(anyio.ExceptionGroup, peers.session, { client = context, server = server })
  server = peers.server_context()
  server.minimum_version = "MINIMUM_SUPPORTED"
  server.maximum_version = "MINIMUM_SUPPORTED"
  t.raises(anyio.ExceptionGroup, peers.session, { server = server })
end)

t.test("paths and passwords are taken as a whole", function()
  local context = ssl.create_default_context "CLIENT_AUTH"
  local cert, key = file "server.pem", file "server.key"
  for _, paths in ipairs { { cert .. "\0x", key }, { cert, key .. "\0x" } } do
    local err = t.raises(anyio.ValueError, context.load_cert_chain, context,
      paths[1], paths[2])
    t.eq(err.message, "a path must not contain a zero byte")
  end
  t.raises(anyio.ValueError, context.load_verify_locations, context,
    { cafile = file "ca.pem" .. "\0" })
  t.raises(anyio.ValueError, function() context.keylog_filename = "a\0b" end)
  local function unlock(password)
    context:load_cert_chain(cert, file "locked.key", { password = password })
  end
  unlock "sesame"
  t.raises(ssl.SSLError, unlock, "sesame\0")
  t.raises(ssl.SSLError, unlock, ("x"):rep(1024))
  t.eq(t.raises(anyio.ValueError, unlock, ("x"):rep(1025)).message,
    "a password has at most 1024 bytes")
end)

t.test("a folder is no file, and a file no folder", function()
  local context = ssl.create_default_context()
  local function code(f, ...)
    return t.raises(anyio.OSError, f, context, ...).code
  end
  t.eq(code(context.load_cert_chain, "/", file "server.key"), "EISDIR")
  t.eq(code(context.load_cert_chain, file "server.pem", "/"), "EISDIR")
  t.eq(code(context.load_verify_locations, { cafile = "/" }), "EISDIR")
  t.eq(code(context.load_verify_locations, { capath = file "ca.pem" }), "ENOTDIR")
end)

t.test("cadata: several, one twice, cut off, nothing", function()
  local function roots(data)
    local context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context:load_verify_locations { cadata = data }
    return #context:get_ca_certs()
  end
  local one, other = read(file "ca.pem"), read(file "other-ca.pem")
  local ders = ssl.create_default_context("SERVER_AUTH", { cafile = file "ca.pem" })
    :get_ca_certs(true)
  t.eq(roots(one .. other .. one), 2)
  t.eq(roots(ders[1] .. ders[1]), 1)
  t.eq(t.raises(anyio.ValueError, roots, "").message, "cadata must not be empty")
  for _, bad in ipairs { one:sub(1, -40), one .. other:sub(1, 200), "x",
    ders[1]:sub(1, -2), ders[1] .. "x" } do
    t.raises(ssl.SSLError, roots, bad)
  end
end)

t.test("there is no 31st of February", function()
  t.raises("not a certificate's time: 'Feb 31 09:34:43 2018 GMT'",
    ssl.cert_time_to_seconds, "Feb 31 09:34:43 2018 GMT")
  t.eq(ssl.cert_time_to_seconds "Feb 29 23:59:59 2020 GMT", 1583020799)
end)
