# What an uncaught error prints, and the exit status it gives.

load helper

E=(-l "e=anyrun.errors")

@test "an uncaught error prints its message and a traceback, status 1" {
  save s.lua <<'EOF'
local function inner()
  error("boom")
end
function outer() inner() end
outer()
EOF
  run --separate-stderr anyrun s.lua
  [ "$status" -eq 1 ]
  same "standard output" "" "$output"
  same "message" "anyrun: s.lua:2: boom" "${stderr_lines[0]}"
  same "heading" "stack traceback:" "${stderr_lines[1]}"
  has "s.lua:2: in upvalue 'inner'" "$stderr"
  has "s.lua:4: in function 'outer'" "$stderr"
  has "s.lua:5: in main chunk" "$stderr"
}

@test "what was printed before the error comes out" {
  run --separate-stderr anyrun -e 'io.write("before") error("x", 0)'
  [ "$status" -eq 1 ]
  same "standard output" "before" "$output"
  same "message" "anyrun: x" "${stderr_lines[0]}"
}

@test "any Lua value may be the error" {
  run --separate-stderr anyrun -e 'error(42)'
  [ "$status" -eq 1 ]
  same "message" "anyrun: 42" "${stderr_lines[0]}"
  run --separate-stderr anyrun -e 'error({})'
  [ "$status" -eq 1 ]
  same "message" "anyrun: (error object is a table value)" "${stderr_lines[0]}"
  run --separate-stderr anyrun -e 'error(print)'
  [ "$status" -eq 1 ]
  same "message" "anyrun: (error object is a function value)" \
    "${stderr_lines[0]}"
}

@test "error(nil) arrives as a RuntimeError that says so" {
  for backend in asyncio trio; do
    run --separate-stderr anyrun --backend=$backend \
      -e 'run(function() error(nil) end)'
    [ "$status" -eq 1 ]
    starts "anyrun: RuntimeError: " "$stderr"
    has "nil" "${stderr_lines[0]}"
  done
  run --separate-stderr anyrun -e 'error()'
  [ "$status" -eq 1 ]
  has "nil" "${stderr_lines[0]}"
}

@test "an error with __tostring is shown by it" {
  run --separate-stderr anyrun -e \
    'error(setmetatable({}, {__tostring = function() return "mine" end}))'
  [ "$status" -eq 1 ]
  same "message" "anyrun: mine" "${stderr_lines[0]}"
}

@test "a __tostring that fails is said beside the error" {
  run --separate-stderr anyrun -e \
    'error(setmetatable({}, {__tostring = function() error("no", 0) end}))'
  [ "$status" -eq 1 ]
  same "message" \
    "anyrun: (error object is a table value; its __tostring: no)" \
    "${stderr_lines[0]}"
  run --separate-stderr anyrun -e \
    'error(setmetatable({}, {__tostring = function() return {} end}))'
  [ "$status" -eq 1 ]
  same "message" "anyrun: (error object is a table value;\
 its __tostring: '__tostring' must return a string)" "${stderr_lines[0]}"
  run --separate-stderr anyrun -e \
    'error(setmetatable({}, {__tostring = function() error({}) end}))'
  [ "$status" -eq 1 ]
  same "message" \
    "anyrun: (error object is a table value; its __tostring: failed)" \
    "${stderr_lines[0]}"
}

@test "a message may contain zeros and newlines" {
  run --separate-stderr anyrun -e 'error("a\nb\0c", 0)'
  [ "$status" -eq 1 ]
  same "first line" "anyrun: a" "${stderr_lines[0]}"
  starts "b" "${stderr_lines[1]}"
}

@test "an error object is shown with its class" {
  run --separate-stderr anyrun -e \
    'local anyio = require "anyio" error(anyio.ValueError("bad value"))'
  [ "$status" -eq 1 ]
  same "message" "anyrun: ValueError: bad value" "${stderr_lines[0]}"
  same "heading" "stack traceback:" "${stderr_lines[1]}"
  has "(command line):1: in main chunk" "$stderr"
}

@test "causes are shown under the error" {
  run --separate-stderr anyrun "${E[@]}" -e \
    'local c = e.OSError("disk", {cause = "worn out", traceback = "stack traceback:\n\tdisk.lua:1: in read"})
     error(e.ValueError("bad", {cause = c}))'
  [ "$status" -eq 1 ]
  same "message" "anyrun: ValueError: bad" "${stderr_lines[0]}"
  has "
caused by: OSError: disk
stack traceback:
	disk.lua:1: in read
caused by: worn out" "$stderr"
}

@test "a cause that goes in circles is shown once" {
  run --separate-stderr anyrun "${E[@]}" -e \
    'local v = e.ValueError("v") v.cause = v error(v)'
  [ "$status" -eq 1 ]
  same "message" "anyrun: ValueError: v" "${stderr_lines[0]}"
  same "last line" "caused by: ValueError: v (shown above)" \
    "${stderr_lines[-1]}"
}

@test "a group shows the tree of its members with their tracebacks" {
  run --separate-stderr anyrun "${E[@]}" -e '
    local function at(line) return "stack traceback:\n\tx.lua:" .. line end
    error(e.ExceptionGroup("top", {
      e.ValueError("one", {traceback = at(1), cause = "why"}),
      e.ExceptionGroup("middle", {
        e.OSError("two", {traceback = at(2)}), "three",
      }, {tracebacks = {[2] = at(3)}}),
    }, {traceback = at(0)}))'
  expect 1 "" "anyrun: ExceptionGroup: top (2 sub-exceptions)
stack traceback:
	x.lua:0
  [1] ValueError: one
    stack traceback:
    	x.lua:1
    caused by: why
  [2] ExceptionGroup: middle (2 sub-exceptions)
    [1] OSError: two
      stack traceback:
      	x.lua:2
    [2] three
      stack traceback:
      	x.lua:3"
}

@test "a group with one real error is reported as that error" {
  run --separate-stderr anyrun "${E[@]}" -e '
    local inner = e.ValueError("one", {traceback = "stack traceback:\n\tx:1"})
    error(e.BaseExceptionGroup("outer", {
      e.new_cancelled("trio", "explicit"),
      e.BaseExceptionGroup("inner", {inner}),
    }))'
  expect 1 "" "anyrun: ValueError: one
stack traceback:
	x:1
through ExceptionGroup: inner (1 sub-exception)
through BaseExceptionGroup: outer (2 sub-exceptions)"
}

@test "groups may be nested deeper than C can recurse" {
  run --separate-stderr anyrun "${E[@]}" -e '
    local g = "deep"
    for i = 1, 20000 do g = e.ExceptionGroup("g", {g}) end
    error(g)'
  [ "$status" -eq 1 ]
  same "message" "anyrun: deep" "${stderr_lines[0]}"
  same "lines" 20001 "$(grep -c . <<<"$stderr")"
}

@test "a task's error tells which tasks it came through" {
  save s.lua <<'EOF'
local anyio = require "anyio"
local function fetch()
  sleep(0)
  error("no such page")
end
run(function()
  anyio.create_task_group(function(tg)
    tg:start_soon({fetch, name = "fetch"})
  end)
end)
EOF
  for backend in asyncio trio; do
    run --separate-stderr anyrun --backend=$backend s.lua
    [ "$status" -eq 1 ]
    same "message" "anyrun: s.lua:4: no such page" "${stderr_lines[0]}"
    same "heading" "stack traceback:" "${stderr_lines[1]}"
    has "s.lua:4: in" "$stderr"
    has "in task 'fetch', started at s.lua:8" "$stderr"
    has "
through ExceptionGroup: " "$stderr"
  done
}

@test "two tasks that fail are both told of" {
  save s.lua <<'EOF'
local anyio = require "anyio"
local function fail(text)
  pcall(sleep, math.huge)
  error(text)
end
run(function()
  anyio.create_task_group(function(tg)
    tg:start_soon({fail, name = "left"}, "first")
    tg:start_soon({fail, name = "right"}, anyio.ValueError("second"))
    sleep(0)
    tg.cancel_scope:cancel()
  end)
end)
EOF
  for backend in asyncio trio; do
    run --separate-stderr anyrun --backend=$backend s.lua
    [ "$status" -eq 1 ]
    starts "anyrun: ExceptionGroup: " "$stderr"
    has "(2 sub-exceptions)" "${stderr_lines[0]}"
    has "s.lua:4: first" "$stderr"
    has "ValueError: second" "$stderr"
    has "in task 'left', started at s.lua:8" "$stderr"
    has "in task 'right', started at s.lua:9" "$stderr"
  done
}

@test "an error at top level beside the implicit run is told once" {
  for backend in asyncio trio; do
    run --separate-stderr anyrun --backend=$backend \
      -e 'sleep(0) error("late", 0)'
    [ "$status" -eq 1 ]
    same "message" "anyrun: late" "${stderr_lines[0]}"
    same "mentions" 1 "$(grep -c late <<<"$stderr")"
  done
}

@test "SystemExit sets the exit status and prints nothing" {
  for backend in asyncio trio; do
    run --separate-stderr anyrun --backend=$backend "${E[@]}" \
      -e 'error(e.SystemExit(5))'
    expect 5
    run --separate-stderr anyrun --backend=$backend "${E[@]}" \
      -e 'error(e.SystemExit())'
    expect 0
    run --separate-stderr anyrun --backend=$backend "${E[@]}" \
      -e 'run(function() sleep(0) error(e.SystemExit(5)) end)'
    expect 5
  done
}

@test "SystemExit in a task ends the program with its status" {
  save s.lua <<'EOF'
local anyio = require "anyio"
run(function()
  anyio.create_task_group(function(tg)
    tg:start_soon(function() sleep(0) error(anyio.SystemExit(6)) end)
    sleep(math.huge)
  end)
end)
EOF
  for backend in asyncio trio; do
    run --separate-stderr anyrun --backend=$backend s.lua
    expect 6
  done
}

@test "SystemExit with a text says it, status 1" {
  run --separate-stderr anyrun "${E[@]}" -e 'error(e.SystemExit("so long"))'
  expect 1 "" "anyrun: so long"
}

@test "SystemExit beside another error is a failure" {
  run --separate-stderr anyrun "${E[@]}" -e \
    'error(e.BaseExceptionGroup("g", {e.SystemExit(5), "x"}))'
  [ "$status" -eq 1 ]
  has "[1] SystemExit: 5" "$stderr"
  has "[2] x" "$stderr"
}

@test "a deadlock is reported with who waits for what, status 13" {
  save s.lua <<'EOF'
local anyio = require "anyio"
run(function()
  anyio.create_task_group(function(tg)
    local first, second
    first = tg:create_task({function()
      sleep(0)
      second:await()
    end, name = "first"})
    second = tg:create_task({function()
      first:await()
    end, name = "second"})
  end)
end)
EOF
  for backend in asyncio trio; do
    run --separate-stderr anyrun --backend=$backend s.lua
    [ "$status" -eq 13 ]
    starts "anyrun: DeadlockError: " "$stderr"
    has "first" "$stderr"
    has "s.lua:7" "$stderr"
    has "second" "$stderr"
    has "s.lua:10" "$stderr"
  done
}

@test "a DeadlockError that is caught is no deadlock" {
  for backend in asyncio trio; do
    run --separate-stderr anyrun --backend=$backend -e '
      local anyio = require "anyio"
      print(pcall(run, function()
        anyio.create_task_group(function(tg)
          local one, two
          one = tg:create_task(function() sleep(0) two:await() end)
          two = tg:create_task(function() one:await() end)
        end)
      end))'
    [ "$status" -eq 0 ]
    starts "false	DeadlockError" "$output"
  done
}

@test "output that cannot be written is said, status 1" {
  run --separate-stderr bash -c '"$ANYRUN" -e "print(1)" >/dev/full'
  expect 1 "" "anyrun: standard output: No space left on device"
  run --separate-stderr bash -c '"$ANYRUN" -e "io.write(1)" >/dev/full'
  expect 1 "" "anyrun: standard output: No space left on device"
  run --separate-stderr bash -c '"$ANYRUN" --help >/dev/full'
  expect 1 "" "anyrun: standard output: No space left on device"
}

@test "output that cannot be written is said after os.exit too" {
  run --separate-stderr bash -c '"$ANYRUN" -e "print(1) os.exit(0)" >/dev/full'
  expect 1 "" "anyrun: standard output: No space left on device"
}

@test "a closed standard output matters only to who writes" {
  run --separate-stderr bash -c '"$ANYRUN" -e "print(1)" >&-'
  expect 1 "" "anyrun: standard output: Bad file descriptor"
  run --separate-stderr bash -c '"$ANYRUN" -e "x = 1" >&-'
  expect 0
}

@test "an error the report itself cannot show is not lost" {
  run --separate-stderr anyrun -e '
    local mt = {}
    mt.__index, mt.__name, mt.__kind, mt.class = mt, 3, "odd", false
    error(setmetatable({exceptions = 1, tasks = {{}}, traceback = {}}, mt))'
  [ "$status" -eq 1 ]
  starts "anyrun: " "$stderr"
}
