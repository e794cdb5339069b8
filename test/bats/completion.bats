#!/usr/bin/env bats
# The completion for bash that scripts/mkcompletion makes.

load helper

setup_file() {
  "$BATS_TEST_DIRNAME/../../scripts/mkcompletion" \
    >"$BATS_FILE_TMPDIR/completion"
}

# complete_words WORD...: what is offered for the last word, one a line. Bash
# itself splits words at `=`, as here.
complete_words() {
  bash --norc -c '
    source "$1"
    shift
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _anyrun
    [ ${#COMPREPLY[@]} -eq 0 ] || printf "%s\n" "${COMPREPLY[@]}"
  ' complete "$BATS_FILE_TMPDIR/completion" "$@" | LC_ALL=C sort
}

@test "all the options of the program are offered" {
  local words
  words=$(anyrun --help=words | grep -v '^--backend=.' | sed 's/^\(-.\)=$/\1/')
  [ "$(wc -l <<<"$words")" -gt 10 ]
  same "options" "$(LC_ALL=C sort <<<"$words")" "$(complete_words anyrun -)"
}

@test "an option is completed, with its =" {
  same "one" "--check" "$(complete_words anyrun --ch)"
  same "both" "--backend-option=
--backend=" "$(complete_words anyrun --back)"
  same "none" "" "$(complete_words anyrun --nothing)"
}

@test "the backends are the values of --backend" {
  same "all" "asyncio
trio" "$(complete_words anyrun --backend = "")"
  same "at the =" "asyncio
trio" "$(complete_words anyrun --backend =)"
  same "one" "trio" "$(complete_words anyrun --backend = t)"
  same "the next word" "trio" "$(complete_words anyrun --backend t)"
  same "no value" "" "$(complete_words anyrun --backend-option = "")"
}

@test "scripts and folders are offered, then files for the script" {
  mkdir folder
  touch a.lua b.txt
  same "script" "a.lua
folder" "$(complete_words anyrun "")"
  same "script after an option" "a.lua" "$(complete_words anyrun -W a)"
  same "arguments" "a.lua
b.txt
folder" "$(complete_words anyrun a.lua "")"
}

@test "nothing is offered as code or module" {
  touch a.lua
  same "code" "" "$(complete_words anyrun -e "")"
  same "module" "" "$(complete_words anyrun -l "")"
}

@test "it registers itself for anyrun" {
  same "complete" "complete -F _anyrun anyrun" \
    "$(bash --norc -c 'source "$1" && complete -p anyrun' x "$BATS_FILE_TMPDIR/completion")"
}
