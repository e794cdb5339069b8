--- Contexts: what can be loaded and set, what is refused and how.
local anyio = require "anyio"
local peers = require "tlspeers"
local ssl = require "ssl"
local t = require "harness"
local tls = require "anyio.streams.tls"

t.test("the defaults of a client and of a server", function()
  local client, server = ssl.create_default_context(), ssl.create_default_context "CLIENT_AUTH"
  t.eq({client.protocol, client.verify_mode, client.check_hostname},
    {"TLS_CLIENT", "CERT_REQUIRED", true})
  t.eq({server.protocol, server.verify_mode, server.check_hostname},
    {"TLS_SERVER", "CERT_NONE", false})
  for _, context in ipairs{client, server, ssl.SSLContext()} do
    t.eq(context.minimum_version, "TLSv1_2")
    t.eq(context.maximum_version, "MAXIMUM_SUPPORTED")
    t.ok(context.options & ssl.OP_NO_COMPRESSION ~= 0)
    t.eq(context.keylog_filename, nil)
  end
  t.eq(ssl.SSLContext().protocol, ssl.PROTOCOL_TLS)
  t.match(tostring(client), "^<SSLContext: TLS_CLIENT, CERT_REQUIRED>$")
  t.match(ssl.OPENSSL_VERSION, "^OpenSSL %d")
end)

t.test("verify_mode and check_hostname keep each other right", function()
  local context = ssl.SSLContext(ssl.PROTOCOL_TLS)
  t.eq({context.verify_mode, context.check_hostname}, {"CERT_NONE", false})
  context.check_hostname = true
  t.eq(context.verify_mode, "CERT_REQUIRED")
  local err = t.raises(anyio.ValueError, function() context.verify_mode = ssl.CERT_NONE end)
  t.eq(err.message, "verify_mode cannot be CERT_NONE while check_hostname is true")
  context.check_hostname = false
  context.verify_mode = ssl.CERT_NONE
  t.eq(context.verify_mode, "CERT_NONE")
end)

t.test("a field that is not known, or has a wrong value, is an error", function()
  local context = ssl.SSLContext()
  local err = t.raises(anyio.TypeError, function() context.verfy_mode = ssl.CERT_NONE end)
  t.match(err.message, "no field 'verfy_mode' that could be set %(known: check_hostname, ")
  err = t.raises(anyio.ValueError, function() context.verify_mode = "CERT_MAYBE" end)
  t.eq(err.message, "no such verify_mode: 'CERT_MAYBE' (known: CERT_NONE, CERT_OPTIONAL, "
    .. "CERT_REQUIRED)")
  err = t.raises(anyio.ValueError, function() context.minimum_version = "TLSv9" end)
  t.match(err.message, "no such minimum_version: 'TLSv9' %(known: .*TLSv1_3")
  t.raises(anyio.RuntimeError, function() context.protocol = "TLS" end)
  for field, value in pairs{verify_mode = 1, check_hostname = 1, options = "x",
    verify_flags = 1.5, keylog_filename = true, num_tickets = "x", sni_callback = 1} do
    local ok, why = pcall(function() context[field] = value end)
    t.no(ok)
    t.match(tostring(why), "bad value of '" .. field .. "' %(")
  end
  t.raises(anyio.ValueError, function() context.num_tickets = -1 end)
  t.raises(anyio.ValueError, ssl.SSLContext, "SSLv3")
  t.raises(anyio.ValueError, ssl.create_default_context, "AUTH")
  t.raises(anyio.TypeError, ssl.create_default_context, nil, {cafiel = "x"})
end)

t.test("options and verify_flags are sums of bits", function()
  local context = ssl.SSLContext()
  context.options = context.options | ssl.OP_NO_TICKET
  t.ok(context.options & ssl.OP_NO_TICKET ~= 0)
  context.options = context.options & ~ssl.OP_NO_TICKET
  t.eq(context.options & ssl.OP_NO_TICKET, 0)
  context.verify_flags = context.verify_flags | ssl.VERIFY_X509_STRICT
  t.ok(context.verify_flags & ssl.VERIFY_X509_STRICT ~= 0)
  context.verify_flags = ssl.VERIFY_DEFAULT
  t.eq(context.verify_flags & ssl.VERIFY_X509_STRICT, 0)
end)

t.test("load_cert_chain: files that are not there, not what they should be, not of a pair",
  function()
  local context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
  local err = t.raises(anyio.OSError, context.load_cert_chain, context, "/nowhere/x.pem")
  t.eq({err.code, err.errno}, {"ENOENT", 2})
  t.match(err.message, "^/nowhere/x.pem: ")
  err = t.raises(ssl.SSLError, context.load_cert_chain, context, peers.file "ca.cnf")
  t.match(err.message, "load_cert_chain%('.*ca.cnf', '.*ca.cnf'%) failed: no start line ")
  for _, cert in ipairs {"server.key", "server.pem"} do -- no certificate, no key
    err = t.raises(ssl.SSLError, context.load_cert_chain, context, peers.file(cert))
    t.eq(err.message:find("the peer refused", 1, true), nil)
  end
  err = t.raises(ssl.SSLError, context.load_cert_chain, context,
    peers.file "server.pem", peers.file "client.key")
  t.match(err.message, "key values mismatch")
  context:load_cert_chain(peers.file "server.pem", peers.file "server.key")
end)

t.test("load_cert_chain: an encrypted key and its password", function()
  local context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
  local cert, key = peers.file "server.pem", peers.file "locked.key"
  local err = t.raises(ssl.SSLError, context.load_cert_chain, context, cert, key)
  t.match(err.message, "without a password failed: .*the key is encrypted")
  err = t.raises(ssl.SSLError, context.load_cert_chain, context, cert, key,
    {password = "wrong"})
  t.match(err.message, "with this password failed: bad decrypt$")
  context:load_cert_chain(cert, key, {password = "sesame"})
  local calls = 0
  context:load_cert_chain(cert, key, {password = function()
    calls = calls + 1
    return "sesame"
  end})
  t.eq(calls, 1)
  context:load_cert_chain(cert, peers.file "server.key", {password = function()
    calls = calls + 1
  end})
  t.eq(calls, 1)
  err = t.raises(anyio.TypeError, context.load_cert_chain, context, cert, key,
    {password = function() return 5 end})
  t.match(err.message, "must return a string, not number")
end)

local function read(name)
  local file <close> = assert(io.open(peers.file(name)))
  return file:read "a"
end

t.test("load_verify_locations: a file, text, bytes, a folder", function()
  local context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
  t.eq(context:get_ca_certs(), {})
  context:load_verify_locations{cafile = peers.file "ca.pem"}
  local list = context:get_ca_certs()
  t.eq(#list, 1)
  t.eq(list[1].subject.commonName, "the tests' root")
  t.ok(list[1].ca)
  t.eq(list[1].version, 3)
  local der = context:get_ca_certs(true)[1]
  context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
  context:load_verify_locations{cadata = read "other-ca.pem" .. read "ca.pem"}
  t.eq(#context:get_ca_certs(), 2)
  context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
  context:load_verify_locations{cadata = der}
  t.eq(context:get_ca_certs(true), {der})
  context:load_verify_locations{capath = peers.file "."}
end)

t.test("load_verify_locations: nothing, nonsense, files that are not there", function()
  local context = ssl.SSLContext()
  t.raises(anyio.TypeError, context.load_verify_locations, context)
  t.raises(anyio.TypeError, context.load_verify_locations, context, {})
  for _, text in ipairs{"no certificate", "\x30\x03abc", read "ca.pem":sub(1, 200),
    read "ca.pem" .. read "ca.pem":sub(1, 200)} do
    t.raises(ssl.SSLError, context.load_verify_locations, context, {cadata = text})
  end
  local err = t.raises(anyio.OSError, context.load_verify_locations, context,
    {cafile = "/nowhere.pem"})
  t.eq(err.code, "ENOENT")
  t.raises(anyio.OSError, context.load_verify_locations, context, {capath = "/nowhere"})
end)

t.test("set_alpn_protocols, set_ciphers, set_ciphersuites refuse nonsense", function()
  local context = ssl.SSLContext()
  t.raises(anyio.ValueError, context.set_alpn_protocols, context, {""})
  t.raises(anyio.ValueError, context.set_alpn_protocols, context, {("x"):rep(256)})
  local ok, why = pcall(context.set_alpn_protocols, context, {5})
  t.no(ok)
  t.match(tostring(why), "list of strings expected, got number in it")
  t.raises(ssl.SSLError, context.set_ciphers, context, "NOTHING")
  t.raises(ssl.SSLError, context.set_ciphersuites, context, "NOTHING")
  context:set_ciphers "ECDHE-ECDSA-AES128-GCM-SHA256"
  context:set_ciphersuites "TLS_AES_128_GCM_SHA256"
  local names = {}
  for _, cipher in ipairs(context:get_ciphers()) do names[#names + 1] = cipher.name end
  t.eq(names, {"TLS_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"})
  t.eq(context:get_ciphers()[1].strength_bits, 128)
end)

t.test("keylog_filename: the keys of sessions, line by line", function()
  local name = os.tmpname()
  local context = peers.client_context()
  context.keylog_filename = name
  peers.close(peers.session{client = context})
  local file <close> = assert(io.open(name))
  local labels = {}
  for line in file:lines() do
    local label, random, secret = line:match "^([%u_0-9]+) (%x+) (%x+)$"
    t.eq(#random, 64)
    t.ok(#secret >= 64)
    labels[label] = true
  end
  t.ok(labels.CLIENT_TRAFFIC_SECRET_0 and labels.SERVER_HANDSHAKE_TRAFFIC_SECRET)
  local size = file:seek "end"
  context.keylog_filename = nil
  peers.close(peers.session{client = context})
  t.eq(file:seek "end", size)
  os.remove(name)
  local err = t.raises(anyio.OSError, function() context.keylog_filename = "/nowhere/x" end)
  t.eq(err.code, "ENOENT")
end)

t.test("sni_callback: another context, by name; it may wait", function()
  local context, other = peers.server_context(), peers.server_context "other"
  local asked = {}
  context.sni_callback = function(object, name, given)
    t.ok(given == context and object.context == context)
    asked[#asked + 1] = name or "none"
    anyio.sleep(0)
    if name == "other.example" then object.context = other end
  end
  peers.close(peers.session{server = context})
  local client, server = peers.session{server = context, hostname = "other.example"}
  t.ok(server:extra(tls.TLSAttribute.ssl_object).context == other)
  t.eq(client:extra(tls.TLSAttribute.peer_certificate).subject.commonName, "other.example")
  peers.close(client, server)
  peers.close(peers.session{server = context, hostname = "127.0.0.1"})
  t.eq(asked, {"localhost", "other.example", "none"})
end)

t.test("sni_callback: an alert refuses; an error is the server's own", function()
  local context = peers.server_context()
  local function attempt()
    local near, far = peers.pair()
    local theirs, ours
    peers.together(function()
      theirs = t.raises(ssl.SSLError, tls.TLSStream.wrap, near,
        {hostname = "localhost", ssl_context = peers.client_context()})
    end, function()
      ours = t.raises(anyio.Exception, tls.TLSStream.wrap, far, {ssl_context = context})
    end)
    return theirs.message, ours
  end
  context.sni_callback = function() return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME end
  local theirs, ours = attempt()
  t.match(theirs, "the peer refused: .*unrecognized name")
  t.isa(ours, ssl.SSLError)
  context.sni_callback = function() error(anyio.ValueError "mine") end
  theirs, ours = attempt()
  t.match(theirs, "the peer refused: .*internal error")
  t.eq(ours.message, "mine")
  context.sni_callback = function() return "nonsense" end
  theirs, ours = attempt()
  t.match(theirs, "the peer refused: .*internal error")
  t.isa(ours, anyio.TypeError)
  context.sni_callback = nil
  peers.close(peers.session{server = context})
end)

t.test("an object's context is set by an sni_callback only", function()
  local client, server = peers.session()
  local object = server:extra(tls.TLSAttribute.ssl_object)
  t.raises(anyio.ValueError, function() object.context = peers.server_context() end)
  t.raises(anyio.RuntimeError, function() object.server_side = false end)
  t.raises(anyio.ValueError, object.get_channel_binding, object, "tls-exporter")
  t.eq(object:compression(), nil)
  peers.close(client, server)
end)

t.test("get_default_verify_paths names what SSL_CERT_FILE and SSL_CERT_DIR replace", function()
  local paths = ssl.get_default_verify_paths()
  t.eq({paths.openssl_cafile_env, paths.openssl_capath_env}, {"SSL_CERT_FILE", "SSL_CERT_DIR"})
  t.ok(paths.cafile and paths.capath)
end)

t.test("cert_time_to_seconds", function()
  t.eq(ssl.cert_time_to_seconds "Jan  1 00:00:00 1970 GMT", 0)
  t.eq(ssl.cert_time_to_seconds "Jan  5 09:34:43 2018 GMT", 1515144883)
  t.eq(ssl.cert_time_to_seconds "Jul 15 12:00:00 2119 GMT", 4718865600)
  t.raises(anyio.ValueError, ssl.cert_time_to_seconds, "yesterday")
end)

t.test("contexts, sessions and tickets are collected in any order", function()
  for _ = 1, 20 do
    local context = peers.client_context()
    local client, server = peers.session{client = context}
    client:extra(tls.TLSAttribute.ssl_object)
    peers.close(client, server)
  end
  collectgarbage()
  collectgarbage()
end)
