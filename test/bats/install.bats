#!/usr/bin/env bats
# make install and make uninstall.

load helper

root=$(realpath "$BATS_TEST_DIRNAME/../..")

# The program under test stands in for the release build.
prepare() {
  mkdir -p build/release
  cp "$ANYRUN" build/release/anyrun
}

# house TARGET [VARIABLE=value...]: make in the house, with nothing of the make
# that may have called us, and without building.
house() {
  env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u MAKEOVERRIDES -u PREFIX \
    -u DESTDIR make -C "$root" -o release BUILD="$PWD/build" "$@"
}

# there FOLDER: the files below it, one a line.
there() {
  (cd "$1" && find . ! -type d | LC_ALL=C sort)
}

pages() {
  local page
  for page in "$root"/man/*.[1-8]; do
    echo "./$1/share/man/man${page##*.}/${page##*/}"
  done
}

# files PREFIX: what install puts there.
files() {
  {
    echo "./$1/bin/anyrun"
    echo "./$1/share/bash-completion/completions/anyrun"
    pages "$1"
  } | LC_ALL=C sort
}

@test "install puts program, pages and completion below DESTDIR/usr/local" {
  prepare
  run house install DESTDIR="$PWD/dest"
  [ "$status" -eq 0 ]
  same "files" "$(files usr/local)" "$(there dest)"
}

@test "PREFIX says where below DESTDIR" {
  prepare
  run house install DESTDIR="$PWD/dest" PREFIX=/opt/anyrun
  [ "$status" -eq 0 ]
  same "files" "$(files opt/anyrun)" "$(there dest)"
}

@test "PREFIX without DESTDIR is the place itself" {
  prepare
  run house install PREFIX="$PWD/place"
  [ "$status" -eq 0 ]
  [ -x place/bin/anyrun ]
  cmp "$root/man/anyrun.1" place/share/man/man1/anyrun.1
}

@test "what was installed runs, from anywhere" {
  prepare
  run house install DESTDIR="$PWD/dest" PREFIX=/usr
  [ "$status" -eq 0 ]
  mkdir elsewhere
  cd elsewhere
  PATH=$PWD/../dest/usr/bin:$PATH LUA_PATH='' run --separate-stderr \
    anyrun --backend=trio -e 'print(require("anyio").run(function()
      sleep(0) return current_async_library() end))'
  expect 0 trio
}

@test "the program may be read and run by everybody, the pages read" {
  prepare
  (umask 077 && house install DESTDIR="$PWD/dest")
  same "program" 755 "$(stat -c %a dest/usr/local/bin/anyrun)"
  same "folder" 755 "$(stat -c %a dest/usr/local/bin)"
  same "page" 644 "$(stat -c %a dest/usr/local/share/man/man7/anyrun.7)"
}

@test "install may be repeated" {
  prepare
  house install DESTDIR="$PWD/dest"
  local before
  before=$(there dest)
  run house install DESTDIR="$PWD/dest"
  [ "$status" -eq 0 ]
  same "files" "$before" "$(there dest)"
}

@test "uninstall takes away what install put there, and nothing else" {
  prepare
  mkdir -p dest/usr/bin dest/usr/share/man/man1
  touch dest/usr/bin/other dest/usr/share/man/man1/other.1
  house install DESTDIR="$PWD/dest" PREFIX=/usr
  run house uninstall DESTDIR="$PWD/dest" PREFIX=/usr
  [ "$status" -eq 0 ]
  same "files" "./usr/bin/other
./usr/share/man/man1/other.1" "$(there dest)"
}

@test "uninstall where nothing is installed is no error" {
  run house uninstall DESTDIR="$PWD/dest"
  [ "$status" -eq 0 ]
}
