# Control-C, SIGTERM, SIGHUP, SIGPIPE: the process dies of them as the signal
# itself, after the scripts' clean-up.
#
# Nothing here is timed: each test waits for a line the script has printed.

load helper

# A script that tells when it waits and when it cleans up.
waiting() {
  save s.lua <<'EOF'
io.stdout:setvbuf("line")
run(function()
  local guard <close> = setmetatable({}, {
    __close = function() print("cleaned up") end,
  })
  print("ready")
  sleep(60)
end)
EOF
}

# killed_by SIGNAL: the job's exit status is the shell's for death by it.
killed_by() {
  same "exit status (stderr: $stderr)" $((128 + $(kill -l "$1"))) "$status"
}

# dies_of SIGNAL BACKEND: s.lua is sent the signal when it says that it is ready.
dies_of() {
  begin "$ANYRUN" --backend="$2" s.lua
  ready
  kill -"$1" "$job"
  end
  killed_by "$1"
}

@test "a shell loop around the program stops at Ctrl-C" {
  waiting
  save loop.sh <<'EOF'
for i in 1 2 3; do
  "$ANYRUN" "$@" s.lua
  echo "went on after $?"
done
EOF
  for backend in asyncio trio; do
    begin bash loop.sh --backend=$backend
    ready
    kill -INT -- "-$job"
    end
    killed_by INT
    same "output" "ready
cleaned up" "$output"
  done
}

@test "SIGTERM and SIGHUP kill the program after its clean-up" {
  waiting
  save run.sh <<'EOF'
"$ANYRUN" "$@" s.lua
echo "$?"
EOF
  # A shell says how its child died only if that was a signal, not an exit.
  for backend in asyncio trio; do
    begin bash run.sh --backend=$backend
    ready
    kill -TERM "$(pgrep -P "$job")"
    end
    same "output" "ready
cleaned up
143" "$output"
    has Terminated "$stderr"
    begin bash run.sh --backend=$backend
    ready
    kill -HUP "$(pgrep -P "$job")"
    end
    same "output" "ready
cleaned up
129" "$output"
    has Hangup "$stderr"
  done
}

@test "after SIGTERM each wait raises until the script has ended" {
  save s.lua <<'EOF'
io.stdout:setvbuf("line")
local anyio = require "anyio"
run(function()
  print("ready")
  print((pcall(sleep, 60)), (pcall(sleep, 60)))
  anyio.CancelScope({shield = true}, function() sleep(0.01) print("cleaned up") end)
  pcall(sleep, 60)
end)
print("not reached")
EOF
  for backend in asyncio trio; do
    dies_of TERM $backend
    same "output" "ready
false	false
cleaned up" "$output"
    same "standard error" "" "$stderr"
  done
}

@test "SIGTERM interrupts an endless loop in a task" {
  save s.lua <<'EOF'
io.stdout:setvbuf("line")
local anyio = require "anyio"
anyio.create_task_group(function(tg)
  tg:start_soon(function()
    print("ready")
    while true do end
  end)
  sleep(60)
end)
EOF
  for backend in asyncio trio; do
    dies_of TERM $backend
  done
}

@test "Ctrl-C that a C function or a thread does not hear ends it when repeated" {
  save c.lua <<'EOF'
io.stdout:setvbuf("line")
print("ready")
while true do (("a"):rep(1e5)):find((".-"):rep(20) .. "b") end
EOF
  save gc.lua <<'EOF'
io.stdout:setvbuf("line")
setmetatable({}, {__gc = function() print("ready") while true do end end})
collectgarbage()
EOF
  save thread.lua <<'EOF'
io.stdout:setvbuf("line")
local anyio = require "anyio"
anyio.create_task_group(function(tg)
  tg:start_soon(anyio.to_thread.run_sync, function() while true do end end)
  print("ready")
  sleep(60)
end)
EOF
  for script in c gc thread; do
    for backend in asyncio trio; do
      begin "$ANYRUN" --backend=$backend $script.lua
      ready
      interrupt
      end
      killed_by INT
    done
  done
}

@test "SIGTERM prints no error" {
  waiting
  begin "$ANYRUN" s.lua
  ready
  kill -TERM "$job"
  end
  same "standard error" "" "$stderr"
}

@test "an error during the clean-up of SIGTERM is told" {
  save s.lua <<'EOF'
io.stdout:setvbuf("line")
run(function()
  print("ready")
  pcall(sleep, 60)
  error("broken clean-up", 0)
end)
EOF
  for backend in asyncio trio; do
    begin "$ANYRUN" --backend=$backend s.lua
    ready
    kill -TERM "$job"
    end
    same "exit status" 1 "$status"
    starts "anyrun: broken clean-up" "$stderr"
  done
}

@test "Ctrl-C at top level of a script that waits" {
  save s.lua <<'EOF'
io.stdout:setvbuf("line")
sleep(0)
print("ready")
sleep(60)
EOF
  for backend in asyncio trio; do
    dies_of INT $backend
  done
}

@test "Ctrl-C interrupts an endless loop outside any run" {
  save s.lua <<'EOF'
io.stdout:setvbuf("line")
print("ready")
while true do end
EOF
  begin "$ANYRUN" s.lua
  ready
  kill -INT "$job"
  end
  killed_by INT
  starts "anyrun: KeyboardInterrupt" "$stderr"
  has "s.lua:3: in main chunk" "$stderr"
}

# On asyncio the first Ctrl-C only cancels the main task, which has to wait to
# notice; the second one breaks the loop. Hence `interrupt` below.
@test "Ctrl-C interrupts an endless loop in a task" {
  save s.lua <<'EOF'
io.stdout:setvbuf("line")
run(function()
  print("ready")
  while true do end
end)
EOF
  for backend in asyncio trio; do
    begin "$ANYRUN" --backend=$backend s.lua
    ready
    interrupt
    end
    killed_by INT
  done
}

@test "Ctrl-C interrupts an endless loop inside nested coroutines" {
  save s.lua <<'EOF'
io.stdout:setvbuf("line")
local function nest(depth)
  if depth == 0 then
    print("ready")
    while true do end
  end
  coroutine.wrap(nest)(depth - 1)
end
if ... then run(nest, {}, 5) else nest(5) end
EOF
  begin "$ANYRUN" s.lua
  ready
  kill -INT "$job"
  end
  killed_by INT
  for backend in asyncio trio; do
    begin "$ANYRUN" --backend=$backend s.lua run
    ready
    interrupt
    end
    killed_by INT
  done
}

@test "Ctrl-C interrupts endless loops of metamethods and string functions" {
  save s.lua <<'EOF'
io.stdout:setvbuf("line")
local t = setmetatable({}, {__index = function(t, k) return k end})
print("ready")
while true do
  local _ = t[1]
  string.gsub("abc", "%w", function(c) return t[c] end)
end
EOF
  begin "$ANYRUN" s.lua
  ready
  kill -INT "$job"
  end
  killed_by INT
}

@test "a KeyboardInterrupt that is caught does not end the program" {
  save s.lua <<'EOF'
io.stdout:setvbuf("line")
local anyio = require "anyio"
print("ready")
local ok, err = pcall(function() while true do end end)
print(ok, anyio.isinstance(err, anyio.KeyboardInterrupt))
EOF
  begin "$ANYRUN" s.lua
  ready
  kill -INT "$job"
  end
  same "exit status (stderr: $stderr)" 0 "$status"
  same "output" "ready
false	true" "$output"
}

@test "Ctrl-C with tasks in a group kills the program by SIGINT" {
  save s.lua <<'EOF'
io.stdout:setvbuf("line")
local anyio = require "anyio"
run(function()
  anyio.create_task_group(function(tg)
    tg:start_soon(sleep, 60)
    tg:start_soon(function()
      anyio.create_task_group(function(inner)
        inner:start_soon(function()
          print("ready")
          sleep(60)
        end)
      end)
    end)
  end)
end)
EOF
  for backend in asyncio trio; do
    dies_of INT $backend
  done
}

@test "a second Ctrl-C ends a clean-up that hangs" {
  save s.lua <<'EOF'
io.stdout:setvbuf("line")
run(function()
  print("ready")
  pcall(sleep, 60)
  print("hanging")
  while true do end
end)
EOF
  for backend in asyncio trio; do
    begin "$ANYRUN" --backend=$backend s.lua
    ready
    kill -INT "$job"
    ready hanging
    kill -INT "$job"
    end
    killed_by INT
  done
}

@test "SIGINT that was ignored at the start stays ignored" {
  save s.lua <<'EOF'
io.stdout:setvbuf("line")
run(function()
  print("ready")
  while not io.open("go") do sleep(0.01) end
  print("done")
end)
EOF
  for backend in asyncio trio; do
    begin env --ignore-signal=INT "$ANYRUN" --backend=$backend s.lua
    ready
    kill -INT "$job"
    touch go
    end
    same "exit status (stderr: $stderr)" 0 "$status"
    same "output" "ready
done" "$output"
    rm go
  done
}

@test "a closed pipe kills the program by SIGPIPE, silently" {
  for backend in asyncio trio; do
    save pipe.sh <<EOF
env --default-signal=PIPE "\$ANYRUN" --backend=$backend \
  -e 'while true do print("y") sleep(0) end' | head -n 1
echo "\${PIPESTATUS[@]}"
EOF
    run --separate-stderr bash pipe.sh
    expect 0 "y
141 0"
  done
}

@test "where SIGPIPE is ignored, a closed pipe is output that failed" {
  save pipe.sh <<'EOF'
env --ignore-signal=PIPE "$ANYRUN" -e '
  repeat local ok = io.write("y\n") until not ok' | head -n 1
echo "${PIPESTATUS[@]}"
EOF
  run --separate-stderr bash pipe.sh
  [ "$status" -eq 0 ]
  same "output" "y
1 0" "$output"
  starts "anyrun: standard output: " "$stderr"
}
