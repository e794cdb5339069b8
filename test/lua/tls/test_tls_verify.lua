--- Which certificates and names are refused, and what is said of them.
local anyio = require "anyio"
local peers = require "tlspeers"
local ssl = require "ssl"
local t = require "harness"
local tls = require "anyio.streams.tls"

local TLSStream = tls.TLSStream

-- Both ends try; what each got: an error, or a stream.
local function try(opts)
  local near, far = peers.pair()
  local results = {}
  local function attempt(i, stream, options)
    local _
    _, results[i] = anyio.pcall(TLSStream.wrap, stream, options)
    if not anyio.isinstance(results[i], TLSStream) then stream:aclose() end
  end
  peers.together(function()
    attempt(1, near, {hostname = opts.hostname or "localhost", server_side = false,
      ssl_context = opts.client or peers.client_context()})
    -- a server of TLS 1.3 refuses a client after that one's handshake
    if opts.read and anyio.isinstance(results[1], TLSStream) then
      local _
      _, results[1] = anyio.pcall(results[1].receive, results[1])
    end
  end, function()
    attempt(2, far, {server_side = true,
      ssl_context = opts.server or peers.server_context(opts.certificate)})
  end)
  return results[1], results[2]
end

-- The client refuses; the server is told.
local function refused(opts, code, alert)
  local err, other = try(opts)
  t.isa(err, ssl.SSLCertVerificationError)
  t.isa(err, ssl.SSLError)
  t.isa(err, anyio.OSError)
  t.isa(err, anyio.TLSError)
  t.eq(err.verify_code, code)
  t.eq(err.reason, "CERTIFICATE_VERIFY_FAILED")
  t.match(err.message, "^certificate verify failed: ")
  t.isa(other, ssl.SSLError)
  t.match(other.message, "the peer refused: .*" .. alert)
  return err
end

local VALID <const> = "valid from Jan  1 00:00:00 2020 GMT until Jan  1 00:00:00 2119 GMT"

t.test("[TLS-13] a certificate for another name: which name, what it is for", function()
  local err = refused({certificate = "other"}, 62, "certificate")
  t.eq(err.hostname, "localhost")
  t.eq(err.message, "certificate verify failed: hostname mismatch, for 'localhost' "
    .. "(the certificate: is for DNS:other.example; subject CN=other.example; "
    .. "issued by O=anyrun, CN=the tests' root; " .. VALID .. ")")
  t.eq(err.certificate.subjectAltName, {{"DNS", "other.example"}})
  t.eq(err.depth, 0)
end)

t.test("[TLS-13] an address that is not in the certificate", function()
  local err = refused({certificate = "server", hostname = "127.0.0.2"}, 64, "certificate")
  t.match(err.message, "IP address mismatch, for '127.0.0.2' %(the certificate: "
    .. "is for DNS:localhost, IP Address:127.0.0.1, IP Address:::1, ")
end)

t.test("[TLS-13] expired, and not valid yet: the dates", function()
  local err = refused({certificate = "expired"}, 10, "expired")
  t.match(err.message, "certificate has expired, for 'localhost'.*until Jan  1 00:00:00 2021 GMT")
  err = refused({certificate = "early"}, 9, "certificate")
  t.match(err.message, "not yet valid.*from Jan  1 00:00:00 2118 GMT")
end)

t.test("[TLS-13] signed by itself, or by somebody unknown", function()
  local err = refused({certificate = "self"}, 18, "unknown ca")
  t.match(err.message, "self%-signed certificate, for 'localhost'")
  local client = ssl.create_default_context("SERVER_AUTH",
    {cafile = peers.file "other-ca.pem"})
  err = refused({client = client}, 20, "unknown ca")
  t.match(err.message, "unable to get local issuer certificate")
  t.match(err.message, "issued by O=anyrun, CN=the tests' root")
end)

t.test("[TLS-13] the system's roots: the tests' are not among them, and it says where it looked",
  function()
  local err = refused({client = ssl.create_default_context()}, 20, "unknown ca")
  local paths = ssl.get_default_verify_paths()
  t.match(err.message, "; roots were looked for in ")
  t.ok(err.message:find(paths.cafile, 1, true))
  t.ok(err.message:find(paths.capath, 1, true))
end)

t.test("[TLS-13] nothing is closed silently: the client's transport is still the caller's",
  function()
  local near, far = peers.pair()
  peers.together(function()
    t.raises(ssl.SSLCertVerificationError, TLSStream.wrap, near,
      {hostname = "other.example", ssl_context = peers.client_context()})
    near:send "still open"
  end, function()
    t.raises(ssl.SSLError, TLSStream.wrap, far,
      {server_side = true, ssl_context = peers.server_context()})
    t.eq(far:receive(), "still open")
  end)
end)

for _, name in ipairs{"localhost", "127.0.0.1", "::1", "www.example.org", "LOCALHOST"} do
  t.test("accepted: " .. name, function()
    local client, server = peers.session{hostname = name}
    peers.close(client, server)
  end)
end

t.test("a wildcard stands for one part of a name", function()
  refused({hostname = "a.b.example.org"}, 62, "certificate")
  refused({hostname = "example.org"}, 62, "certificate")
end)

t.test("a chain by way of an authority below the root", function()
  local client, server = peers.session{server = peers.server_context "chain"}
  peers.close(client, server)
end)

t.test("without check_hostname any name will do, without CERT_REQUIRED any certificate", function()
  local context = peers.client_context()
  context.check_hostname = false
  local client, server = peers.session{client = context, server = peers.server_context "other"}
  peers.close(client, server)
  context.verify_mode = ssl.CERT_NONE
  client, server = peers.session{client = context, server = peers.server_context "self"}
  t.eq(client:extra(tls.TLSAttribute.peer_certificate), {})
  t.ok(client:extra(tls.TLSAttribute.peer_certificate_binary))
  peers.close(client, server)
end)

t.test("a client's certificate: shown, required, refused", function()
  local server_context = peers.server_context()
  server_context.verify_mode = ssl.CERT_REQUIRED
  server_context:load_verify_locations{cafile = peers.file "ca.pem"}
  local client, server = peers.session{client = peers.client_context "client",
    server = server_context}
  local cert = server:extra(tls.TLSAttribute.peer_certificate)
  t.eq(cert.subject.commonName, "a client")
  t.eq(cert.subjectAltName, {{"email", "client@example.org"}})
  peers.close(client, server)

  local err, other = try{server = server_context, read = true}
  t.isa(other, ssl.SSLError)
  t.match(other.message, "peer did not return a certificate %(the client showed")
  t.isa(err, ssl.SSLError)
  t.match(err.message, "^receiving failed: the peer refused: .*certificate required")

  err, other = try{server = server_context, client = peers.client_context "self",
    read = true}
  t.isa(other, ssl.SSLCertVerificationError)
  t.eq(other.hostname, nil)
  t.isa(err, ssl.SSLError)
  t.match(err.message, "^receiving failed: the peer refused")
end)

t.test("CERT_OPTIONAL: a client may show none, but no wrong one", function()
  local server_context = peers.server_context()
  server_context:load_verify_locations{cafile = peers.file "ca.pem"}
  server_context.verify_mode = ssl.CERT_OPTIONAL
  local client, server = peers.session{server = server_context}
  t.eq(server:extra(tls.TLSAttribute.peer_certificate), nil)
  peers.close(client, server)
  local _, other = try{server = server_context, client = peers.client_context "self"}
  t.isa(other, ssl.SSLCertVerificationError)
end)

t.test("versions that do not meet", function()
  local client, server = peers.client_context(), peers.server_context()
  client.maximum_version = ssl.TLSVersion.TLSv1_2
  server.minimum_version = ssl.TLSVersion.TLSv1_3
  local err, other = try{client = client, server = server}
  t.isa(other, ssl.SSLError)
  t.eq(other.reason, "UNSUPPORTED_PROTOCOL")
  t.match(other.message, "no version of TLS that both ends accept")
  t.match(err.message, "the peer refused: .*protocol version")
end)

t.test("ciphers that do not meet; a server without a certificate", function()
  local client, server = peers.client_context(), peers.server_context()
  client.maximum_version = "TLSv1_2"
  client:set_ciphers "ECDHE-ECDSA-AES128-GCM-SHA256"
  server:set_ciphers "ECDHE-ECDSA-AES256-GCM-SHA384"
  local _, other = try{client = client, server = server}
  t.eq(other.reason, "NO_SHARED_CIPHER")
  _, other = try{server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)}
  t.isa(other, ssl.SSLError)
  t.match(other.message, "load_cert_chain")
end)

t.test("a peer that does not speak TLS", function()
  local near, far = peers.pair()
  far:send "HTTP/1.1 400 Bad Request\r\n\r\n"
  local err = t.raises(ssl.SSLError, TLSStream.wrap, near,
    {hostname = "localhost", ssl_context = peers.client_context()})
  t.eq(err.message, "TLS handshake failed: wrong version number (the peer does not speak TLS)")
  near, far = peers.pair()
  far:send "GET / HTTP/1.1\r\n\r\n"
  err = t.raises(ssl.SSLError, TLSStream.wrap, near, {ssl_context = peers.server_context()})
  t.eq(err.reason, "HTTP_REQUEST")
end)

t.test("a connection that ends in the handshake is cut off, never an end of data", function()
  local near, far = peers.pair()
  far:send_eof()
  local err = t.raises(anyio.BrokenResourceError, TLSStream.wrap, near,
    {hostname = "localhost", ssl_context = peers.client_context()})
  t.isa(err.cause, ssl.SSLEOFError)
  t.match(err.message, "^TLS handshake failed: the connection ended before")
end)

t.test("what a certificate holds is shown in one line", function()
  local certificate = require "anyrun.tls.certificate"
  local function entry(...) return string.pack("<s4s4s4", ...) end
  local cert = certificate.read(entry("subject", "commonName", "a\n\27[31mb")
    .. entry("subject+", "serialNumber", "7") .. entry("from", "", "x")
    .. entry("until", "", "y"))
  t.eq(cert.subject, {{{"commonName", "a\n\27[31mb"}, {"serialNumber", "7"}},
    commonName = "a\n\27[31mb", serialNumber = "7"})
  t.match(certificate.describe(cert), "^has no alternative names; subject "
    .. "CN=a\\x0a\\x1b%[31mb, serialNumber=7; issued by nobody; ")
end)
