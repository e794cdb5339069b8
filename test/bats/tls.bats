#!/usr/bin/env bats
# TLS from outside: what is loaded when, and what is said where.

load helper

@test "OpenSSL is not linked with, and loaded by the first require of ssl" {
  run ldd "$ANYRUN"
  [ "$status" -eq 0 ]
  [[ $output != *libssl* ]] && [[ $output != *libcrypto* ]]
  save loaded.lua <<'END'
local function is_loaded()
  for line in io.lines "/proc/self/maps" do
    if line:find("libssl", 1, true) then return true end
  end
  return false
end
require "anyio"
require "anyio.streams"
print(is_loaded())
require "ssl"
print(is_loaded())
END
  run --separate-stderr anyrun loaded.lua
  expect 0 "false
true"
}

@test "without OpenSSL the error names the package" {
  mkdir libraries
  echo "no library" >libraries/libssl.so.3
  save script.lua <<'END'
local anyio = require "anyio"
local ok, err = pcall(require, "ssl")
print(ok, anyio.isinstance(err, anyio.OSError), err.code)
error(err, 0)
END
  LD_LIBRARY_PATH=$PWD/libraries run --separate-stderr anyrun script.lua
  [ "$status" -eq 1 ]
  same "standard output" "false	true	ENOENT" "$output"
  starts "anyrun: OSError: TLS needs OpenSSL 3, on Debian the package libssl3 (" "$stderr"
}

@test "a failed handshake is told on standard error, and the listener goes on" {
  save script.lua <<'END'
local anyio, ssl, tls = require "anyio", require "ssl", require "anyio.streams.tls"
run(function()
  local listener = anyio.create_tcp_listener{local_host = "127.0.0.1"}
  local port = listener:extra(anyio.abc.SocketAttribute.local_port)
  local secure = tls.TLSListener(listener, ssl.create_default_context "CLIENT_AUTH")
  anyio.create_task_group(function(tg)
    tg:start_soon(secure.serve, secure, error, tg)
    for _ = 1, 2 do
      local stream = anyio.connect_tcp("127.0.0.1", port)
      stream:send "GET / HTTP/1.0\r\n\r\n"
      print(anyio.pcall(stream.receive, stream))
      stream:aclose()
    end
    tg.cancel_scope:cancel()
  end)
  listener:aclose()
end)
END
  for backend in asyncio trio; do
    run --separate-stderr anyrun --backend=$backend script.lua
    [ "$status" -eq 0 ]
    [ "$(grep -c '^anyrun: Error during TLS handshake$' <<<"$stderr")" -eq 2 ]
    has "SSLError: TLS handshake failed: http request (the client speaks plain HTTP)" "$stderr"
  done
}
