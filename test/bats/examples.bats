#!/usr/bin/env bats
# Every script of scripts/examples, on both backends. What it prints stands at
# its end, behind `-- Output:`; BACKEND there is the backend's name.

load helper

examples=$BATS_TEST_DIRNAME/../../scripts/examples

expected() {
  sed -n '/^-- Output:$/,$s/^-- //p' "$1" | sed -e 1d -e "s/BACKEND/$2/"
}

run_all_on() {
  local script count=0
  for script in "$examples"/*.lua; do
    run --separate-stderr anyrun --backend="$1" "$script"
    expect 0 "$(expected "$script" "$1")" || {
      echo "in $script on $1"
      return 1
    }
    count=$((count + 1))
  done
  [ $count -ge 10 ]
}

@test "every example prints what it says on asyncio" {
  run_all_on asyncio
}

@test "every example prints what it says on trio" {
  run_all_on trio
}
