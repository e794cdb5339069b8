# Choosing a backend, and its options.

load helper

NAME='sleep(0) io.write(current_async_library())'

@test "the default backend is asyncio" {
  run --separate-stderr anyrun -e "$NAME"
  expect 0 "asyncio"
}

@test "--backend takes its value behind = or as the next word" {
  run --separate-stderr anyrun --backend=trio -e "$NAME"
  expect 0 "trio"
  run --separate-stderr anyrun --backend trio -e "$NAME"
  expect 0 "trio"
}

@test "the last --backend counts" {
  run --separate-stderr anyrun --backend=trio --backend=asyncio -e "$NAME"
  expect 0 "asyncio"
}

@test "ANYRUN_BACKEND sets another default, --backend wins" {
  ANYRUN_BACKEND=trio run --separate-stderr anyrun -e "$NAME"
  expect 0 "trio"
  ANYRUN_BACKEND=trio run --separate-stderr anyrun --backend=asyncio -e "$NAME"
  expect 0 "asyncio"
  ANYRUN_BACKEND=none run --separate-stderr anyrun --backend=asyncio -e "$NAME"
  expect 0 "asyncio"
  ANYRUN_BACKEND='' run --separate-stderr anyrun -e "$NAME"
  expect 0 "asyncio"
}

@test "an unknown backend is wrong use that lists the known ones" {
  run --separate-stderr anyrun --backend=curio -e "$NAME"
  wrong_use "unknown backend 'curio' (known: asyncio, trio)"
  run --separate-stderr anyrun --backend= -e "$NAME"
  wrong_use "unknown backend '' (known: asyncio, trio)"
  ANYRUN_BACKEND=curio run --separate-stderr anyrun -e "$NAME"
  wrong_use "unknown backend 'curio' in ANYRUN_BACKEND (known: asyncio, trio)"
}

@test "run at top level uses the command line's backend" {
  run --separate-stderr anyrun --backend=trio \
    -e 'print(run(function() return current_async_library() end))'
  expect 0 "trio"
}

@test "run may name another backend than the command line" {
  run --separate-stderr anyrun --backend=trio -e '
    print(run(function() return current_async_library() end,
      {backend = "asyncio"}))'
  expect 0 "asyncio"
}

@test "nothing is current where nothing has awaited" {
  run --separate-stderr anyrun --backend=trio \
    -e 'print((pcall(current_async_library)))'
  [ "$status" -eq 0 ]
}

@test "--backend-option without a key or a value is wrong use" {
  run --separate-stderr anyrun --backend-option debug -e "$NAME"
  wrong_use "option '--backend-option' needs KEY=VALUE, not 'debug'"
  run --separate-stderr anyrun --backend-option ==1 -e "$NAME"
  wrong_use "option '--backend-option' needs KEY=VALUE, not '==1'"
}

@test "an option the backend does not know is wrong use, before anything runs" {
  run --separate-stderr anyrun --backend-option frob=1 -e 'print(1)'
  wrong_use "option '--backend-option': unknown option 'frob' to 'asyncio' (known: debug, loop_factory, use_uvloop)"
  run --separate-stderr anyrun --backend=trio --backend-option use_uvloop=true \
    -e "$NAME"
  [ "$status" -eq 2 ]
  has "use_uvloop" "${stderr_lines[0]}"
  has "restrict_keyboard_interrupt_to_checkpoints" "${stderr_lines[0]}"
}

@test "a value of the wrong type for a backend option is wrong use" {
  run --separate-stderr anyrun --backend-option debug=maybe -e 'print(1)'
  [ "$status" -eq 2 ]
  has "debug" "${stderr_lines[0]}"
  has "boolean expected" "${stderr_lines[0]}"
}

@test "[RUN-11 RUN-13] backend options reach the implicit run and run()" {
  local loop='print(require("asyncio").get_running_loop())'
  for code in "$loop" "run(function() $loop end)"; do
    run --separate-stderr anyrun --backend-option=use_uvloop=true \
      --backend-option debug=true -e "$code"
    expect 0 "<UvLoop running=true closed=false debug=true>"
  done
}

@test "the same script does the same on both backends" {
  save s.lua <<'EOF'
local anyio = require "anyio"
run(function()
  local scope, done = anyio.move_on_after(10, function()
    anyio.create_task_group(function(tg)
      for i = 1, 3 do tg:start_soon(function() sleep(0) end) end
    end)
    return "done"
  end)
  print(done, scope.cancelled_caught)
end)
EOF
  for backend in asyncio trio; do
    run --separate-stderr anyrun --backend=$backend s.lua
    expect 0 "done	false"
  done
}
