# Scripts: files, arguments, exit status, modules.

load helper

@test "a script gets its arguments in arg and as ..." {
  save s.lua <<<'print(arg[0], #arg, arg[1], arg[2], ...)'
  run --separate-stderr anyrun s.lua a -b
  expect 0 "s.lua	2	a	-b	a	-b"
}

@test "options before the script stand at negative indices of arg" {
  save s.lua <<<'print(arg[-1], arg[-2], arg[-3] == os.getenv("ANYRUN"))'
  run --separate-stderr anyrun -W --backend=trio s.lua a
  expect 0 "--backend=trio	-W	true"
}

@test "a first line that begins with # is skipped" {
  printf '#!/usr/bin/env anyrun\nprint("second line") error("x")\n' >s.lua
  run --separate-stderr anyrun s.lua
  [ "$status" -eq 1 ]
  same "standard output" "second line" "$output"
  starts "anyrun: s.lua:2: x" "$stderr"
}

@test "a script with a shebang line is a program" {
  mkdir bin
  ln -s "$ANYRUN" bin/anyrun
  printf '#!/usr/bin/env anyrun\nprint(arg[0], ...)\n' >prog
  chmod +x prog
  PATH=$PWD/bin:$PATH run --separate-stderr ./prog 1 2
  expect 0 "./prog	1	2"
}

@test "a shebang line may name the backend with env -S" {
  mkdir bin
  ln -s "$ANYRUN" bin/anyrun
  save prog <<'EOF'
#!/usr/bin/env -S anyrun --backend=trio
sleep(0)
print(current_async_library(), ...)
EOF
  chmod +x prog
  PATH=$PWD/bin:$PATH run --separate-stderr ./prog 1
  expect 0 "trio	1"
}

@test "a compiled script runs" {
  save s.lua <<<'local f = assert(io.open("s.luac", "wb"))
f:write(string.dump(function(...) print("compiled", ...) end)) f:close()'
  anyrun s.lua
  run --separate-stderr anyrun s.luac 1
  expect 0 "compiled	1"
}

@test "an integer the script returns is the exit status" {
  save s.lua <<<'return 7'
  run --separate-stderr anyrun s.lua
  expect 7
  run --separate-stderr anyrun -e 'return 0'
  expect 0
}

@test "anything else a script returns is no exit status" {
  run --separate-stderr anyrun -e 'return "7"'
  expect 0
  run --separate-stderr anyrun -e 'return {}, 7'
  expect 0
  run --separate-stderr anyrun -e 'return 7.5'
  expect 0
  run --separate-stderr anyrun -e 'return 7' -e 'return'
  expect 0
}

@test "os.exit sets the exit status" {
  run --separate-stderr anyrun -e 'os.exit(9)'
  expect 9
  run --separate-stderr anyrun -e 'os.exit(true)'
  expect 0
  run --separate-stderr anyrun -e 'os.exit(false)'
  expect 1
}

@test "os.exit works inside a run, with and without closing the state" {
  for backend in asyncio trio; do
    run --separate-stderr anyrun --backend=$backend \
      -e 'run(function() sleep(0) io.write("a") os.exit(9) end)'
    expect 9 "a"
    run --separate-stderr anyrun --backend=$backend \
      -e 'run(function() sleep(0) io.write("a") os.exit(9, true) end)'
    expect 9 "a"
    run --separate-stderr anyrun --backend=$backend -e 'sleep(0) os.exit(9)'
    expect 9
  done
}

@test "a script that is missing is status 127" {
  run -127 --separate-stderr anyrun missing.lua
  expect 127 "" "anyrun: cannot open missing.lua: No such file or directory"
  echo >file
  run -127 --separate-stderr anyrun file/missing.lua
  expect 127 "" "anyrun: cannot open file/missing.lua: Not a directory"
}

@test "a script that cannot be read is status 126" {
  mkdir folder
  run --separate-stderr anyrun folder
  expect 126 "" "anyrun: cannot read folder: Is a directory"
}

@test "a syntax error is status 1 and needs no traceback" {
  printf 'for' >s.lua
  run --separate-stderr anyrun s.lua
  expect 1 "" "anyrun: s.lua:1: <name> expected near <eof>"
}

@test "finalizers and pending to-be-closed values run at the end" {
  save s.lua <<'EOF'
setmetatable({}, {__gc = function() print("collected") end})
local x <close> = setmetatable({}, {__close = function() print("closed") end})
print("body")
EOF
  run --separate-stderr anyrun s.lua
  expect 0 "body
closed
collected"
}

@test "a finalizer left over runs also after an uncaught error" {
  run --separate-stderr anyrun -e \
    'setmetatable({}, {__gc = function() print("collected") end}) error("x")'
  [ "$status" -eq 1 ]
  same "standard output" "collected" "$output"
}

@test "the globals are those of lua, and three more" {
  save s.lua <<'EOF'
local names = {}
for name in pairs(_G) do names[#names + 1] = name end
table.sort(names)
print(table.concat(names, " "))
EOF
  run --separate-stderr anyrun s.lua
  expect 0 "_G _VERSION arg assert collectgarbage coroutine\
 current_async_library debug dofile error getmetatable io ipairs load loadfile\
 math next os package pairs pcall print rawequal rawget rawlen rawset require\
 run select setmetatable sleep string table tonumber tostring type utf8 warn\
 xpcall"
}

@test "the garbage collector starts in generational mode, as in lua" {
  run --separate-stderr anyrun -e 'print(collectgarbage("incremental"))'
  expect 0 "generational"
}

@test "C modules of Debian load: cjson and lpeg" {
  run --separate-stderr anyrun -e 'print(require("cjson").encode({1, 2}))'
  expect 0 "[1,2]"
  run --separate-stderr anyrun -e 'print(require("lpeg").match("a", "ab"))'
  expect 0 "2"
}

@test "a script may await at top level, between and inside its chunks" {
  save s.lua <<<'sleep(0) print("script", current_async_library()) sleep(0)'
  save m.lua <<<'sleep(0) print("module", ...) return 1'
  for backend in asyncio trio; do
    run --separate-stderr anyrun --backend=$backend -l m s.lua
    expect 0 "module	m	./m.lua
script	$backend"
    LUA_INIT='sleep(0)' run --separate-stderr anyrun --backend=$backend \
      -e 'sleep(0) print(1)' -e 'sleep(0) print(2) return 3'
    expect 3 "1
2"
  done
}

@test "a generator made before the first await is closed by coroutine.wrap itself" {
  save s.lua <<'EOF'
local g = coroutine.wrap(function()
  local _ <close> = setmetatable({}, {__close = function() print(pcall(sleep, 0)) end})
  error("x", 0)
end)
print(pcall(g))
EOF
  for backend in asyncio trio; do
    run --separate-stderr anyrun --backend=$backend s.lua
    expect 0 "false	RuntimeError: cannot await inside 'coroutine.wrap' (a C function that cannot be suspended)
false	x"
  done
}

@test "closed standard streams do no harm to the files a script opens" {
  save s.lua <<'EOF'
local f = assert(io.open("data", "w"))
print("to a closed stream")
f:write("mine")
f:close()
EOF
  run --separate-stderr bash -c '"$ANYRUN" s.lua <&- >&-'
  expect 1 "" "anyrun: standard output: Bad file descriptor"
  same "the file" "mine" "$(cat data)"
}

@test "os.exit(n, true) closes the script's <close> variables, as lua's does" {
  local closer='local x <close> = setmetatable({}, {__close = function() print("closed") end}) '
  for code in "os.exit(4, true)" "sleep(0) os.exit(4, true)" \
    "run(function() sleep(0) os.exit(4, true) end)" \
    "coroutine.wrap(function() os.exit(4, true) end)()"; do
    run --separate-stderr anyrun -e "$closer $code"
    expect 4 "closed"
  done
  run --separate-stderr anyrun -e "$closer os.exit(4)"
  expect 4 ""
  run --separate-stderr anyrun -e 'print(pcall(os.exit, "x", true))'
  expect 0 "false	bad argument #1 to 'os.exit' (number expected, got string)"
  run --separate-stderr anyrun -e 'os.exit(true, true)'
  expect 0 ""
}

@test "what a script makes of its globals does not reach the library" {
  save s.lua <<'END'
local anyio = require "anyio"
for _, name in ipairs {"pcall", "error", "pairs", "setmetatable", "select", "type"} do
  _G[name] = nil
end
function require(name) print("no " .. name) end
local ok = anyio.pcall(anyio.fail_after, 0, function() sleep(0) end)
print(ok, run(function() return anyio.to_thread.run_sync(math.max, 1, 2) end))
tostring, require = nil, nil
anyio.create_task_group(function(tg) tg:start_soon(function() nothing() end) end)
END
  for backend in asyncio trio; do
    run --separate-stderr anyrun --backend=$backend s.lua
    same "standard output" "false	2" "$output"
    starts "anyrun: s.lua:9: attempt to call a nil value (global 'nothing')" "$stderr"
    [ "$status" -eq 1 ]
  done
}

@test "no message or traceback calls a function by where the program keeps it" {
  save s.lua <<'END'
local anyio = require "anyio"
print(pcall(anyio.move_on_after, "x"))
anyio.move_on_after(1, function()
  anyio.create_task_group(function(tg)
    print(tg:start_soon(anyio.lowlevel.checkpoint).name)
    print(tg:start_soon(anyio.run_process, {"true"}).name)
    print(debug.traceback())
    error "x"
  end)
end)
END
  run --separate-stderr anyrun s.lua
  [ "$status" -eq 1 ]
  has "bad argument #1 to 'anyio.move_on_after' (number expected, got string)" "$output"
  has "
anyio.lowlevel.checkpoint
anyio.run_process
" "$output"
  for text in "$output" "$stderr"; do
    has "in function 'anyio.create_task_group'" "$text"
    has "in function 'anyio.move_on_after'" "$text"
  done
  [[ "$output$stderr" != *_anyrun* ]]
}

@test "a lock held in the script's run cannot be waited for in a run of its own" {
  save s.lua <<'END'
local anyio = require "anyio"
local lock = anyio.Lock()
lock:acquire()
print(pcall(run, function() lock:acquire() end))
lock:release()
END
  for backend in asyncio trio; do
    run --separate-stderr anyrun --backend=$backend s.lua
    expect 0 "false	RuntimeError: this lock belongs to another run"
  done
}
