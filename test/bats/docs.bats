#!/usr/bin/env bats
# What the documentation says is what the program does.
#
# In README.md every fenced block of Lua is a whole program; its first line,
# `-- name.lua`, names the file it is saved as. A block of kind `console` is a
# transcript: `$ command`, then what that prints.

load helper

root=$BATS_TEST_DIRNAME/../..

# Saves the programs of README.md here, and its transcripts in one file.
unpack_readme() {
  awk '
    /^```$/ && kind != "" { kind = ""; next }
    /^```(lua|console)$/ { kind = substr($0, 4); file = ""; next }
    kind == "lua" && file == "" { file = substr($0, 4); print file > "programs" }
    kind == "lua" { print > file }
    kind == "console" { print > "transcript" }
  ' "$root/README.md"
}

# Runs the commands of the transcript in order; prints what it looks like now.
replay() {
  mkdir bin
  ln -s "$ANYRUN" bin/anyrun
  sed -n 's/^\$ //p' transcript >commands
  PATH=$PWD/bin:$PATH bash -c '
    status=0
    while read -r line <&3; do
      printf "$ %s\n" "$line"
      (exit $status)
      eval "$line" </dev/null 2>&1 3<&-
      status=$?
    done 3<commands'
}

readme_on() {
  unpack_readme
  [ "$(wc -l <programs)" -ge 10 ]
  ANYRUN_BACKEND=$1 run replay
  diff -u transcript <(printf '%s\n' "$output")
}

@test "README.md: every program prints what is said, asyncio by default" {
  readme_on asyncio
}

@test "README.md: every program prints what is said, trio by default" {
  readme_on trio
}

@test "README.md: every program is run and has a name of its own" {
  unpack_readme
  local name
  same "names" "$(sort programs)" "$(sort -u programs)"
  while read -r name; do
    [[ $name == *.lua ]]
    grep -q "^\$ anyrun .*$name" transcript || {
      echo "nothing runs $name"
      return 1
    }
  done <programs
}

@test "README.md: every example is listed" {
  local script
  for script in "$root"/scripts/examples/*.lua; do
    grep -qF "(scripts/examples/$(basename "$script"))" "$root/README.md" || {
      echo "missing: $script"
      return 1
    }
  done
}

@test "links to files lead to files" {
  local page link
  for page in README.md CONTRIBUTING.md test/README.md; do
    while read -r link; do
      case $link in http*) continue ;; esac
      [ -e "$root/$(dirname "$page")/$link" ] || {
        echo "$page: $link is not there"
        return 1
      }
    done < <(grep -o '](\([^)]*\))' "$root/$page" | sed 's/^](\(.*\))$/\1/')
  done
}

@test "README.md: the files of the reading order are there" {
  local file count=0
  while read -r file; do
    [ -e "$root/$file" ]
    count=$((count + 1))
  done < <(sed -n '/^A reading order/,/^$/p' "$root/README.md" |
    grep -oE '(src|lua)/[a-z/]+\.(c|lua)')
  [ "$count" -gt 5 ]
}

# options_of TEXT: the options in it, one a line, in the order of the alphabet.
options_of() {
  grep -oE '^ {2,6}(-[A-Za-z],? ?)?(--[a-z-]+)?' <<<"$1" |
    grep -oE -- '-(-[a-z-]+|[A-Za-z])' | sort
}

@test "--help, the words for completion and the manual name the same options" {
  local help words man
  help=$(options_of "$(anyrun --help)")
  words=$(anyrun --help=words | grep -v '^--backend=.' | sed 's/=$//' | sort)
  man=$(sed -n '/options: made by/,/end of options/p' "$root/man/anyrun.1" |
    grep '^\.It' | grep -oE 'Fl -?[A-Za-z-]+' | sed 's/^Fl /-/' | sort)
  [ "$(wc -l <<<"$help")" -gt 10 ]
  same "words" "$help" "$words"
  same "man page" "$help" "$man"
}

@test "the options of the manual are those of --help=man" {
  local man
  man=$(sed -n '/options: made by/,/end of options/p' "$root/man/anyrun.1" |
    sed '1d;$d')
  same "OPTIONS" "$(anyrun --help=man)" "$man"
}

@test "mandoc has nothing to say about the manual pages" {
  run mandoc -T lint -W warning "$root"/man/*.[1-8]
  same "mandoc" "" "$output"
  [ "$status" -eq 0 ]
}

@test "the manual pages that the pages refer to are there" {
  local page name section
  while read -r name section _; do
    case $name in anyrun | anyio | trio | asyncio) ;; *) continue ;; esac
    [ -e "$root/man/$name.$section" ]
  done < <(sed -n 's/^\.Xr //p' "$root"/man/*.[1-8])
  for page in "$root"/man/*.[1-8]; do
    grep -qF "(man/$(basename "$page"))" "$root/README.md"
  done
}

# names_of FACE: what its init.lua exports.
names_of() {
  local file=$root/lua/$1/init.lua
  sed -n '/^local EXPORTS/,/^}/p' "$file" |
    sed 's/\["[^]]*\]//' | grep -oE '"[A-Za-z_]+"' | tr -d '"'
  sed -nE '/^local CLASSES/,/^}/s/^  (\w+) = .*/\1/p' "$file"
}

@test "the pages of section 3 name what the libraries export" {
  local face name names
  for face in anyio asyncio; do
    names=$(names_of $face)
    [ "$(wc -l <<<"$names")" -gt 10 ]
    for name in $names; do
      grep -qw -- "$name" "$root/man/$face.3" || {
        echo "$face.3 does not name $name"
        return 1
      }
    done
  done
  for name in $(anyrun -e 'for name in pairs(require "trio") do print(name) end'); do
    grep -qw -- "$name" "$root/man/trio.3" || {
      echo "trio.3 does not name $name"
      return 1
    }
  done
}

# The pairs of programs in anyrun-shell.7, as files: 01.shell, 01.lua, ...
unpack_pairs() {
  awk '
    /^\.\\" pair: / {
      kind = $3
      if (kind == "shell") n++
      file = sprintf("%02d.%s", n, kind)
      printf "" >file
      next
    }
    /^\.Bd / && file != "" { inside = 1; next }
    /^\.Ed/ { inside = 0; file = ""; next }
    inside { print >file }
  ' "$root/man/anyrun-shell.7"
}

pairs_on() {
  local shell name count=0
  unpack_pairs
  for shell in [0-9]*.shell; do
    name=${shell%.shell}
    mkdir "$name.a" "$name.b"
    (cd "$name.a" && bash "../$shell") >"$name.want" 2>&1
    (cd "$name.b" && "$ANYRUN" --backend="$1" "../$name.lua") >"$name.got" 2>&1
    diff -u "$name.want" "$name.got"
    count=$((count + 1))
  done
  [ $count -ge 8 ]
}

@test "anyrun-shell.7: what the shell prints, anyrun prints, asyncio" {
  pairs_on asyncio
}

@test "anyrun-shell.7: what the shell prints, anyrun prints, trio" {
  pairs_on trio
}
