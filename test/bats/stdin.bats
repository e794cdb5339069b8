# Scripts and data on standard input.

load helper

@test "- reads the script from standard input and takes arguments" {
  run --separate-stderr "$ANYRUN" - a b <<<'print(arg[0], ...)'
  expect 0 "-	a	b"
}

@test "a script on standard input is called stdin in messages" {
  run --separate-stderr "$ANYRUN" - <<<'error("boom")'
  [ "$status" -eq 1 ]
  starts "anyrun: stdin:1: boom" "$stderr"
}

@test "options go before -" {
  run --separate-stderr "$ANYRUN" --backend=trio - a \
    <<<'sleep(0) print(current_async_library(), ...)'
  expect 0 "trio	a"
}

@test "without a script there are no arguments" {
  run --separate-stderr "$ANYRUN" --backend=trio <<<'print(#arg, ...)'
  expect 0 "0"
}

@test "a shebang line on standard input is skipped" {
  run --separate-stderr "$ANYRUN" <<<'#!/usr/bin/anyrun
print("second")'
  expect 0 "second"
}

@test "a script may read its own standard input" {
  save s.lua <<<'for line in io.lines() do print("got " .. line) end'
  run --separate-stderr "$ANYRUN" s.lua <<<'one
two'
  expect 0 "got one
got two"
}

@test "a script from a pipe runs" {
  run --separate-stderr bash -c 'echo "print(1)" | "$ANYRUN"'
  expect 0 "1"
  run --separate-stderr bash -c '"$ANYRUN" <(echo "print(...)") x'
  expect 0 "x"
}

@test "- behind -- is the name of a file" {
  run -127 --separate-stderr "$ANYRUN" -- - <<<'print("stdin")'
  expect 127 "" "anyrun: cannot open -: No such file or directory"
}

@test "standard input that cannot be read is status 126" {
  run --separate-stderr bash -c '"$ANYRUN" - <.'
  expect 126 "" "anyrun: cannot read stdin: Is a directory"
}

@test "an empty script does nothing" {
  run --separate-stderr anyrun
  expect 0
}

@test "a terminal on standard input and no script is wrong use" {
  run command script -qec "\"$ANYRUN\"" /dev/null
  [ "$status" -eq 2 ]
  has "anyrun: no script" "$output"
}
