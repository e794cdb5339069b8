# The library inside the program: it works with no file of it around.

load helper

@test "the library is found without any file of it" {
  local module
  for module in anyio anyio.lowlevel trio asyncio sniffio contextvars; do
    LUA_PATH='' LUA_CPATH='' run --separate-stderr anyrun \
      -e "print(type(require '$module'))"
    expect 0 "table"
  done
}

@test "a copy of the program alone works" {
  cp "$ANYRUN" ./copy
  run --separate-stderr ./copy -e 'print(require("anyio").run(function()
    sleep(0) return "ran" end))'
  expect 0 "ran"
}

@test "every module of the library can be loaded" {
  local root=$BATS_TEST_DIRNAME/../../lua file module count=0
  while read -r file; do
    module=${file#"$root"/}
    module=${module%.lua}
    module=${module%/init}
    LUA_PATH='' run --separate-stderr anyrun -e "require '${module//\//.}'"
    expect 0
    count=$((count + 1))
  done < <(find "$root" -name '*.lua')
  [ "$count" -gt 10 ]
}

@test "modules are loaded on first use" {
  run --separate-stderr anyrun -e '
    for name in pairs(package.loaded) do
      if name:find("^anyio") or name:find("^trio") then print(name) end
    end'
  expect 0
}

@test "an error inside the library names its file and line" {
  run --separate-stderr anyrun -e \
    'local anyio = require "anyio" anyio.create_task_group(1, 2)'
  [ "$status" -eq 1 ]
  starts "anyrun: " "$stderr"
  has "(command line):1:" "$stderr"
}

@test "loading the library sets no globals" {
  run --separate-stderr anyrun -e '
    local before = {}
    for name in pairs(_G) do before[name] = true end
    require "anyio" require "trio" require "asyncio"
    for name in pairs(_G) do if not before[name] then print(name) end end'
  expect 0
}
