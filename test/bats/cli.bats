# The command line: options, help, wrong use.

load helper

@test "without a script the program reads standard input" {
  run --separate-stderr "$ANYRUN" <<<'print("from stdin", ...)'
  expect 0 "from stdin"
}

@test "--help lists every option of --help=words" {
  run --separate-stderr anyrun --help
  [ "$status" -eq 0 ]
  same "standard error" "" "$stderr"
  same "first line" "Usage: anyrun [options] [script | -] [arguments]" \
    "${lines[0]}"
  local help=$output word
  run --separate-stderr anyrun --help=words
  [ "${#lines[@]}" -gt 10 ]
  for word in "${lines[@]}"; do
    case $word in --backend=*) word=--backend= ;; esac
    has " ${word%=}" "$help"
  done
}

@test "no line of --help is longer than 80 columns" {
  run --separate-stderr anyrun --help
  local line
  for line in "${lines[@]}"; do
    [ "${#line}" -le 80 ]
  done
}

@test "-h is --help" {
  run --separate-stderr anyrun -h
  local short=$output
  run --separate-stderr anyrun --help
  expect 0 "$short"
}

@test "--help=man prints a list in mdoc" {
  run --separate-stderr anyrun --help=man
  [ "$status" -eq 0 ]
  same "first line" ".Bl -tag -width Ds" "${lines[0]}"
  same "second line" ".It Fl -backend Ns = Ns Ar NAME" "${lines[1]}"
  has ".It Fl c , Fl -check" "$output"
}

@test "--help of a form nobody knows is wrong use" {
  run --separate-stderr anyrun --help=pictures
  wrong_use "option '--help' knows no form 'pictures'"
}

@test "--version names anyrun, Lua and libuv, and so does -v" {
  run --separate-stderr anyrun --version
  [ "$status" -eq 0 ]
  [[ $output =~ ^anyrun\ [0-9.]+,\ Lua\ 5\.4\.[0-9]+,\ libuv\ [0-9.]+$ ]]
  local long=$output
  run --separate-stderr anyrun -v
  expect 0 "$long"
}

@test "an unknown long option names the nearest known one" {
  run --separate-stderr anyrun --bakend=trio script.lua
  wrong_use "unknown option '--bakend', did you mean '--backend'?"
  run --separate-stderr anyrun --ver
  wrong_use "unknown option '--ver', did you mean '--version'?"
  run --separate-stderr anyrun --backend-opt k=v
  wrong_use "unknown option '--backend-opt', did you mean '--backend-option'?"
  run --separate-stderr anyrun --chekc
  wrong_use "unknown option '--chekc', did you mean '--check'?"
}

@test "a very long unknown option is wrong use" {
  run --separate-stderr anyrun "--$(printf 'x%.0s' {1..5000})"
  [ "$status" -eq 2 ]
}

@test "an unknown short option is wrong use" {
  run --separate-stderr anyrun -x
  wrong_use "unknown option '-x'"
  run --separate-stderr anyrun -Ex
  wrong_use "unknown option '-x'"
}

@test "a short option in the wrong case names the right one" {
  run --separate-stderr anyrun -w
  wrong_use "unknown option '-w', did you mean '-W'?"
}

@test "a long option with one dash names the one with two" {
  run --separate-stderr anyrun -backend=trio
  wrong_use "unknown option '-backend=trio', did you mean '--backend'?"
}

@test "an option without the value it needs is wrong use" {
  run --separate-stderr anyrun -e
  wrong_use "option '-e' needs CODE"
  run --separate-stderr anyrun -l
  wrong_use "option '-l' needs [NAME=]MOD"
  run --separate-stderr anyrun --backend
  wrong_use "option '--backend' needs NAME"
  run --separate-stderr anyrun --backend-option
  wrong_use "option '--backend-option' needs KEY=VALUE"
}

@test "an option with a value it does not take is wrong use" {
  run --separate-stderr anyrun --check=yes script.lua
  wrong_use "option '--check' takes no value"
}

@test "-i says that it is not available yet" {
  run --separate-stderr anyrun -i
  wrong_use "option '-i' is not available yet"
}

@test "nothing runs when an option behind the code is wrong" {
  run --separate-stderr anyrun -e 'print("ran")' --frob
  [ "$status" -eq 2 ]
  same "standard output" "" "$output"
}

@test "short options may stand in one word, the last one with its value" {
  run --separate-stderr anyrun -WEe 'warn("on") print(1)'
  expect 0 "1" "Lua warning: on"
  run --separate-stderr anyrun -Weprint'("joined")'
  expect 0 "joined"
}

@test "a value may look like an option" {
  run --separate-stderr anyrun -e '--no code' -e 'print(1)'
  expect 0 "1"
}

@test "-e runs code, and the words after the options are its arguments" {
  run --separate-stderr anyrun -e 'print(#arg, arg[1], arg[2], ...)' one -x
  expect 0 "2	one	-x	one	-x"
}

@test "-e may be given again: the chunks share globals, not locals" {
  run --separate-stderr anyrun -e 'x = 1 local y = 2' -e 'print(x, y, ...)' a
  expect 0 "1	nil	a"
}

@test "with -e no word is taken for a script" {
  run --separate-stderr anyrun -e 'print(arg[1])' -
  expect 0 "-"
}

@test "code of -e is called (command line) in messages" {
  run --separate-stderr anyrun -e 'x x'
  expect 1 "" "anyrun: (command line):1: syntax error near 'x'"
}

@test "-l requires a module into a global of its name, or of another" {
  run --separate-stderr anyrun -l string -l m=math -e 'print(string, m.pi)'
  [ "$status" -eq 0 ]
  starts "table: " "$output"
  has "3.14" "$output"
}

@test "-l of a module of the library works" {
  run --separate-stderr anyrun -l anyio -e 'print(type(anyio.sleep))'
  expect 0 "function"
}

@test "-l, -e and -W take effect in their order" {
  save m.lua <<'EOF'
warn("in m")
print("m")
return true
EOF
  run --separate-stderr anyrun -e 'print("first")' -l m -W -e 'warn("last")'
  expect 0 "first
m" "Lua warning: last"
}

@test "-l of a missing module is an uncaught error" {
  run --separate-stderr anyrun -l no.such.module -e 'print(1)'
  [ "$status" -eq 1 ]
  same "standard output" "" "$output"
  starts "anyrun: module 'no.such.module' not found:" "$stderr"
}

@test "warnings are off without -W, and warn turns them on and off" {
  run --separate-stderr anyrun -e 'warn("x") warn("@on") warn("a", "b")
    warn("@off") warn("y")'
  expect 0 "" "Lua warning: ab"
}

@test "an error in a finalizer is said even without -W" {
  run --separate-stderr anyrun -e \
    'setmetatable({}, {__gc = function() error("boom", 0) end})'
  [ "$status" -eq 0 ]
  has "boom" "$stderr"
}

@test "-- ends the options" {
  save ./-script.lua <<<'print("dashed", ...)'
  run --separate-stderr anyrun -- -script.lua -e x
  expect 0 "dashed	-e	x"
}

@test "the environment variables of lua are read" {
  mkdir lib
  echo 'return "from LUA_PATH"' >lib/somewhere.lua
  LUA_PATH="$PWD/lib/?.lua;;" run --separate-stderr anyrun \
    -e 'print((require "somewhere"))'
  expect 0 "from LUA_PATH"
  LUA_PATH_5_4="$PWD/lib/?.lua" LUA_PATH=x run --separate-stderr anyrun \
    -e 'print((require "somewhere"), package.path)'
  expect 0 "from LUA_PATH	$PWD/lib/?.lua"
  LUA_CPATH_5_4="/c/?.so" run --separate-stderr anyrun \
    -e 'print(package.cpath)'
  expect 0 "/c/?.so"
}

@test "LUA_INIT runs first, LUA_INIT_5_4 instead of it" {
  LUA_INIT='x = 1' run --separate-stderr anyrun -e 'print(x)'
  expect 0 "1"
  LUA_INIT='x = 1' LUA_INIT_5_4='x = 2' run --separate-stderr anyrun \
    -e 'print(x)'
  expect 0 "2"
}

@test "LUA_INIT=@file runs a file" {
  echo 'x = "from a file"' >init.lua
  LUA_INIT=@init.lua run --separate-stderr anyrun -e 'print(x)'
  expect 0 "from a file"
}

@test "an error in LUA_INIT ends the program" {
  LUA_INIT='x x' run --separate-stderr anyrun -e 'print(1)'
  expect 1 "" "anyrun: LUA_INIT:1: syntax error near 'x'"
  LUA_INIT=@missing.lua run --separate-stderr anyrun -e 'print(1)'
  expect 1 "" "anyrun: cannot open missing.lua: No such file or directory"
}

@test "-E ignores the environment" {
  LUA_INIT='print("init")' LUA_PATH=/p ANYRUN_BACKEND=none \
    run --separate-stderr anyrun -E -e 'print(package.path == "/p")'
  expect 0 "false"
}

@test "--check parses and runs nothing" {
  echo 'print("ran")' >good.lua
  echo 'local = 3' >bad.lua
  run --separate-stderr anyrun --check good.lua
  expect 0
  run --separate-stderr anyrun -c bad.lua
  expect 1 "" "anyrun: bad.lua:1: <name> expected near '='"
  run --separate-stderr anyrun -c -e 'x = 1' -e 'y ='
  expect 1 "" "anyrun: (command line):1: unexpected symbol near <eof>"
  run -127 --separate-stderr anyrun -c missing.lua
  expect 127 "" "anyrun: cannot open missing.lua: No such file or directory"
  LUA_INIT='print(1)' run --separate-stderr anyrun -c good.lua
  expect 0
}

@test "--check reads standard input where there is no script" {
  run --separate-stderr "$ANYRUN" --check <<<'x ='
  [ "$status" -eq 1 ]
  starts "anyrun: stdin:" "$stderr"
}
