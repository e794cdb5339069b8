#!/usr/bin/env bats
# Networks with real peers: curl, nc, socat, redis-server, openssl.

load helper

examples=$BATS_TEST_DIRNAME/../../scripts/examples
pids=()

# start NAME COMMAND...: in the background, with its output in NAME.out and
# NAME.err; ended after the test.
start() {
  local name=$1
  shift
  "$@" >"$name.out" 2>"$name.err" </dev/null 3>&- &
  pids+=($!)
}

teardown() {
  local pid
  for pid in "${pids[@]}"; do
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
}

# serve NAME BACKEND SCRIPT ARGUMENT...: an anyrun server; its port is in $port.
serve() {
  local name=$1 backend=$2
  shift 2
  start "$name" "$ANYRUN" --backend="$backend" "$@"
  eventually grep -qs '^port ' "$name.out"
  port=$(sed -n 's/^port //p' "$name.out")
}

# free_port: in $port, one that nobody listens on.
free_port() {
  port=$(anyrun -e '
    local anyio = require "anyio"
    local listener <close> = anyio.create_tcp_listener{local_host = "127.0.0.1"}
    print(listener:extra(anyio.abc.SocketAttribute.local_port))')
}

@test "curl talks to the HTTP server, and keeps its connection" {
  local backend
  head -c 3000000 /dev/urandom >body
  for backend in asyncio trio; do
    serve http-$backend $backend "$examples/http-server.lua" 0
    same "GET /" "hello" "$(curl -s "http://localhost:$port/")"
    same "GET /x" "/x is not here 404" \
      "$(curl -s -w ' %{http_code}' "http://localhost:$port/x" | tr -d '\n')"
    curl -s --data-binary @body -H 'Expect:' "http://localhost:$port/echo" >answer
    cmp body answer
    same "connections for two requests" "10" "$(curl -s -w '%{num_connects}' \
      -o one "http://127.0.0.1:$port/" -o two "http://127.0.0.1:$port/")"
    same "stderr" "" "$(cat http-$backend.err)"
  done
}

# ask REQUEST: the status line that the HTTP server has for it, and its header
# lines in one.
ask() {
  printf '%b' "$1" | nc -N -w 5 127.0.0.1 "$port" | tr -d '\r' | tr '\n' '|'
}

@test "the HTTP server knows HEAD, HTTP/1.0, Expect, and bad requests" {
  local backend
  head -c 2000000 /dev/urandom >body
  for backend in asyncio trio; do
    serve http-$backend $backend "$examples/http-server.lua" 0
    same "HEAD twice" "200 1 404 0 " "$(curl -sI -o /dev/null -o /dev/null -w \
      '%{http_code} %{num_connects} ' "http://127.0.0.1:$port/" \
      "http://127.0.0.1:$port/x")"
    same "HTTP/1.0" "HTTP/1.1 200 OK|Content-Type: text/plain|Content-Length: 6|Connection: close||hello|" \
      "$(ask 'GET / HTTP/1.0\r\n\r\n')"
    same "curl --http1.0" "hello" "$(curl -s --http1.0 "http://127.0.0.1:$port/")"
    curl -s -v --data-binary @body "http://127.0.0.1:$port/echo" >answer 2>said
    cmp body answer
    has "100 Continue" "$(cat said)"
    same "chunked" "411" "$(curl -s -o /dev/null -w '%{http_code}' -d x \
      -H 'Transfer-Encoding: chunked' "http://127.0.0.1:$port/echo")"
    local length
    for length in -5 1e3 0x5 5.5 nonsense; do
      starts "HTTP/1.1 400 " "$(ask "POST /echo HTTP/1.1\r\nContent-Length: $length\r\n\r\n")"
    done
    starts "HTTP/1.1 413 " \
      "$(ask 'POST /echo HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n')"
    same "GET /" "hello" "$(curl -s "http://127.0.0.1:$port/")"
    same "stderr" "" "$(cat http-$backend.err)"
  done
}

# break_off TEXT: a client that sends it and resets the connection.
break_off() {
  printf '%b' "$1" | socat -u - "TCP:127.0.0.1:$port,linger=0"
}

@test "clients that break off are no harm to the servers" {
  local backend example
  for backend in asyncio trio; do
    serve behind-$backend $backend "$examples/http-server.lua" 0
    local behind=$port
    for example in echo-server chat "proxy 127.0.0.1 $behind"; do
      # shellcheck disable=SC2086 # the proxy has arguments
      set -- $example
      serve "$1-$backend" $backend "$examples/$1.lua" 0 "${@:2}"
      break_off ''
      break_off 'hello'
      break_off 'GET / HTTP/1.1\r\n'
      printf 'a name' | nc -N -w 5 127.0.0.1 "$port" >/dev/null
      nc -z 127.0.0.1 "$port"
      same "$1" "" "$(cat "$1-$backend.err")"
    done
    same "proxy" "hello" "$(curl -s "http://127.0.0.1:$port/")"
  done
}

@test "a hundred curls at once get a hundred answers" {
  local backend
  for backend in asyncio trio; do
    serve http-$backend $backend "$examples/http-server.lua" 0
    seq 100 | xargs -P 100 -I{} curl -s -d 'number {} ' \
      "http://127.0.0.1:$port/echo" >answers
    tr ' ' '\n' <answers | grep -E '^[0-9]+$' | sort -n >numbers
    same "answers" "$(seq 100)" "$(cat numbers)"
    same "stderr" "" "$(cat http-$backend.err)"
  done
}

@test "garbage for a request is no harm to the server" {
  serve http trio "$examples/http-server.lua" 0
  head -c 70000 /dev/zero | nc -N 127.0.0.1 "$port" >/dev/null || true
  printf 'nonsense\r\n\r\n' | nc -N 127.0.0.1 "$port" >answer
  starts "HTTP/1.1 400 Bad Request" "$(cat answer)"
  printf 'GET / HT' | nc -N 127.0.0.1 "$port" >/dev/null
  same "GET /" "hello" "$(curl -s "http://localhost:$port/")"
}

@test "nc and socat talk to the echo server, and end their half" {
  local backend
  seq 100000 >numbers
  for backend in asyncio trio; do
    serve echo-$backend $backend "$examples/echo-server.lua" 0
    nc -N 127.0.0.1 "$port" <numbers >answer
    cmp numbers answer
    socat -t 10 - "TCP6:[::1]:$port" <numbers >answer
    cmp numbers answer
    same "stderr" "" "$(cat echo-$backend.err)"
  done
}

@test "UNIX sockets: socat serves, socat asks" {
  save client.lua <<'END'
local anyio = require "anyio"
local stream <close> = anyio.connect_unix(arg[1])
stream:send "hello\n"
stream:send_eof()
for chunk in stream do io.write(chunk) end
END
  save server.lua <<'END'
local anyio = require "anyio"
local listener <close> = anyio.create_unix_listener(arg[1])
print "port none"
io.stdout:flush()
local stream <close> = listener:accept()
for chunk in stream do stream:send(chunk:upper()) end
END
  start socat socat UNIX-LISTEN:there,fork 'EXEC:rev'
  eventually test -S there
  local backend
  for backend in asyncio trio; do
    same "client" "olleh" "$(anyrun --backend=$backend client.lua there)"
    serve unix-$backend $backend server.lua here
    same "server" "SHOUT" "$(echo shout | socat -t 10 - UNIX:here)"
  done
}

@test "UDP: nc and socat send, and are sent to" {
  save server.lua <<'END'
local anyio = require "anyio"
local udp <close> = anyio.create_udp_socket{local_host = "127.0.0.1"}
io.stdout:setvbuf "line"
print("port " .. udp:extra(anyio.abc.SocketAttribute.local_port))
for packet, host, port in udp do
  udp:sendto(packet:upper(), host, port)
end
END
  save client.lua <<'END'
local anyio = require "anyio"
local udp <close> = anyio.create_connected_udp_socket("127.0.0.1", tonumber(arg[1]))
anyio.fail_after(10, function()
  udp:send "hello"
  print(udp:receive())
end)
END
  local backend
  for backend in asyncio trio; do
    serve udp-$backend $backend server.lua
    same "socat" "ONE" "$(echo one | socat -T 1 - "UDP:127.0.0.1:$port")"
    free_port
    start rev-$backend socat "UDP-RECVFROM:$port,bind=127.0.0.1,fork" 'SYSTEM:tr a-z A-Z'
    eventually udp_is_open "$port"
    same "client" "HELLO" "$(anyrun --backend=$backend client.lua "$port")"
  done
}

# udp_is_open PORT: does somebody have it?
udp_is_open() {
  grep -qi ":$(printf %04X "$1") " /proc/net/udp
}

@test "redis answers over TCP and over a UNIX socket" {
  free_port
  start redis redis-server --port "$port" --bind 127.0.0.1 --save '' \
    --unixsocket "$PWD/redis.sock" --dir .
  eventually test -S redis.sock
  eventually nc -z 127.0.0.1 "$port"
  local backend
  for backend in asyncio trio; do
    redis() { anyrun --backend=$backend "$examples/redis-client.lua" "$@"; }
    same "SET" "OK" "$(redis 127.0.0.1 "$port" SET key "two words")"
    same "GET" "two words" "$(redis "$PWD/redis.sock" GET key)"
    same "RPUSH" "3" "$(redis localhost "$port" RPUSH list-$backend a b c)"
    same "LRANGE" "a
b
c" "$(redis "$PWD/redis.sock" LRANGE list-$backend 0 -1)"
    same "nothing" "nil" "$(redis "$PWD/redis.sock" GET nothing)"
    same "MGET" "two words
nil
two words" "$(redis "$PWD/redis.sock" MGET key nothing key)"
    run --separate-stderr redis "$PWD/redis.sock" NONSENSE
    [ "$status" -eq 1 ]
    has "unknown command" "$stderr"
  done
}

@test "the proxy stands between curl and the HTTP server" {
  serve http trio "$examples/http-server.lua" 0
  local behind=$port backend
  for backend in asyncio trio; do
    serve proxy-$backend $backend "$examples/proxy.lua" 0 127.0.0.1 "$behind"
    same "GET /" "hello" "$(curl -s "http://127.0.0.1:$port/")"
    head -c 2000000 /dev/urandom >body
    curl -s --data-binary @body -H 'Expect:' "http://127.0.0.1:$port/echo" >answer
    cmp body answer
    same "stderr" "" "$(cat proxy-$backend.err)"
  done
}

@test "two people chat by nc" {
  serve chat asyncio "$examples/chat.lua" 0
  mkfifo ann bob
  start ann bash -c "nc 127.0.0.1 $port <ann"
  start bob bash -c "nc 127.0.0.1 $port <bob"
  exec 7>ann 8>bob
  eventually grep -qs name ann.out
  echo ann >&7
  eventually grep -qs welcome ann.out
  eventually grep -qs name bob.out
  echo bob >&8
  eventually grep -qsxF "* bob is here" ann.out
  echo "hello ann" >&8
  eventually grep -qsxF "bob: hello ann" ann.out
  echo "hello bob" >&7
  eventually grep -qsxF "ann: hello bob" bob.out
  exec 7>&- 8>&-
}

@test "a page over TLS, from openssl, and only if its certificate is known" {
  openssl req -x509 -newkey rsa:2048 -nodes -days 1 -keyout key.pem -out cert.pem \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
  free_port
  start tls openssl s_server -accept "$port" -www -key key.pem -cert cert.pem
  eventually nc -z 127.0.0.1 "$port"
  local backend
  for backend in asyncio trio; do
    SSL_CERT_FILE=cert.pem run --separate-stderr anyrun --backend=$backend \
      "$examples/http-get.lua" "https://localhost:$port/"
    [ "$status" -eq 0 ]
    starts "HTTP/1.0 200 ok" "$output"
    run --separate-stderr anyrun --backend=$backend \
      "$examples/http-get.lua" "https://localhost:$port/"
    [ "$status" -eq 1 ]
    has "certificate" "$stderr"
  done
}

@test "a page of an IPv6 address; one that is cut off is told as such" {
  printf 'HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhell' >page
  free_port
  start pages socat -t 5 "TCP6-LISTEN:$port,bind=[::1],fork,reuseaddr" \
    'SYSTEM:read line; cat page'
  eventually nc -z ::1 "$port"
  local backend
  for backend in asyncio trio; do
    run --separate-stderr anyrun --backend=$backend "$examples/http-get.lua" \
      "http://[::1]:$port?query"
    [ "$status" -eq 1 ]
    has "the page is cut off" "$stderr"
  done
  run --separate-stderr anyrun "$examples/port-scan.lua" no-such.invalid
  [ "$status" -eq 1 ]
  has "gaierror: no-such.invalid: " "$stderr"
  same "open" "$port" "$(anyrun "$examples/port-scan.lua" ::1 "$port" "$port")"
}

@test "a name that is not found and a port that refuses are told as such" {
  free_port
  local backend
  for backend in asyncio trio; do
    run --separate-stderr anyrun --backend=$backend "$examples/http-get.lua" \
      http://no-such.invalid/
    [ "$status" -eq 1 ]
    has "gaierror: no-such.invalid: " "$stderr"
    run --separate-stderr anyrun --backend=$backend "$examples/http-get.lua" \
      "http://127.0.0.1:$port/"
    [ "$status" -eq 1 ]
    has "All connection attempts failed" "$stderr"
    has "Connection refused" "$stderr"
  done
}

@test "[AS-PRO-03] writing to a lost connection is warned about in the end" {
  save lost.lua <<'END'
local asyncio = require "asyncio"
asyncio.run(function()
  local server <close> = asyncio.start_server(function() end, "127.0.0.1", 0)
  local _, writer = asyncio.open_connection("127.0.0.1",
    server.sockets[1]:getsockname()[2])
  writer.transport:abort()
  for _ = 1, 6 do writer:write "x" end
  server:abort_clients()
end)
END
  run --separate-stderr anyrun -W lost.lua
  [ "$status" -eq 0 ]
  has "RuntimeWarning: write to a lost connection" "$stderr"
}

@test "[AS-STR-12] what is left open is warned about when it is collected" {
  save left.lua <<'END'
local asyncio = require "asyncio"
asyncio.run(function()
  local server <close> = asyncio.start_server(function(_, writer)
    writer:close()
  end, "127.0.0.1", 0)
  asyncio.open_connection("127.0.0.1", server.sockets[1]:getsockname()[2])
  collectgarbage()
  collectgarbage()
end)
END
  run --separate-stderr anyrun -W left.lua
  [ "$status" -eq 0 ]
  has "ResourceWarning: unclosed <StreamWriter" "$stderr"
}
