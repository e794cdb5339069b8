# What all the bats files use. ANYRUN names the program under test.

bats_require_minimum_version 1.5.0

ANYRUN=${ANYRUN:-$BATS_TEST_DIRNAME/../../build/debug/anyrun}
ANYRUN=$(realpath "$ANYRUN")
export ANYRUN

# An empty folder to be in, and nothing of the user's environment.
setup() {
  cd "$BATS_TEST_TMPDIR" || return 1
  unset "${!LUA_@}" "${!ANYRUN_@}"
}

# anyrun ARGUMENT...: the program, without anything on standard input.
anyrun() {
  "$ANYRUN" "$@" </dev/null
}

# save NAME: writes standard input to a file.
save() {
  cat >"$1"
}

# same WHAT WANTED GOT: fails and shows both where they differ.
same() {
  [ "$2" = "$3" ] && return 0
  printf '%s\n--- wanted\n%s\n--- got\n%s\n' "$1" "$2" "$3"
  return 1
}

# expect STATUS [STDOUT [STDERR]]: what the last `run --separate-stderr` left,
# exactly; the two texts are empty where they are left out.
expect() {
  # shellcheck disable=SC2154 # run sets these three
  local seen="stdout: $output
stderr: $stderr"
  same "exit status ($seen)" "$1" "$status" &&
    same "standard output ($seen)" "${2-}" "$output" &&
    same "standard error ($seen)" "${3-}" "$stderr"
}

# starts WITH TEXT: TEXT is the beginning of what is given.
starts() {
  [ "${2#"$1"}" != "$2" ] && return 0
  printf 'no such beginning: %s\n--- got\n%s\n' "$1" "$2"
  return 1
}

# has PART TEXT: PART is somewhere in TEXT.
has() {
  [[ $2 == *"$1"* ]] && return 0
  printf 'not found: %s\n--- in\n%s\n' "$1" "$2"
  return 1
}

# wrong_use MESSAGE: the last run ended as wrong use does.
wrong_use() {
  expect 2 "" "anyrun: $1
Try 'anyrun --help'."
}

# eventually COMMAND...: waits until the command succeeds.
eventually() {
  local i
  for ((i = 0; i < 1000; i++)); do
    "$@" && return 0
    sleep 0.02
  done
  printf 'never came true: %s\n' "$*"
  return 1
}

# begin COMMAND...: starts it in a session of its own, so that signals can be
# sent to its whole group, with the signals a shell in the foreground gives to
# its children (a background job would ignore SIGINT). Its number is in $job,
# its output in the files out and err.
begin() {
  rm -f out err
  setsid env --default-signal=INT,PIPE,HUP,TERM "$@" \
    >out 2>err </dev/null 3>&- &
  job=$!
}

# ready [TEXT]: waits until the job has written TEXT (a line of its own).
ready() {
  eventually grep -qsxF -- "${1-ready}" out
}

# interrupt: Ctrl-C again and again until the job has died.
interrupt() {
  local i
  for ((i = 0; i < 500; i++)); do
    kill -INT "$job" 2>/dev/null || return 0
    sleep 0.02
  done
  echo "no Ctrl-C ends it"
  return 1
}

# end: waits for the job. Leaves status, output and stderr as run does.
end() {
  status=0
  wait "$job" || status=$?
  output=$(cat out)
  stderr=$(cat err)
}

# Nothing a test began may outlive it.
teardown() {
  if [ -n "${job-}" ]; then
    kill -KILL -- "-$job" 2>/dev/null || true
  fi
}
