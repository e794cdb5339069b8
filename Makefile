# anyrun: one flat Makefile. `make help` lists the targets.
#
# Rules of the house: CFLAGS, CPPFLAGS, LDFLAGS and LDLIBS are the user's, ours
# start with AR_. Adding a file is enough: every list is a wildcard.

# ---- settings ---------------------------------------------------------------

VERSION = 0.1.0
BUILD ?= build
VARIANT ?= release
PREFIX ?= /usr/local
DESTDIR ?=
T ?=
TARGET ?= sched
TIME ?= 60
BASE ?=
CC ?= cc
LUA ?= lua5.4
PKG_CONFIG ?= pkg-config
JOBS ?= $(shell nproc 2>/dev/null || echo 1)

# A make that was given -j hands its own on.
PARALLEL = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS))

# V=1 shows whole commands; without it one short line each.
V ?=
say = $(if $(V),,@echo '  $(1)';)

MAKEFLAGS += --no-print-directory --no-builtin-rules
SHELL = /bin/sh
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := release

LUA_CFLAGS ?= $(shell $(PKG_CONFIG) --cflags lua5.4)
# The whole archive: C modules (cjson, lpeg) find any lua_* in the executable.
LUA_LIBS ?= -Wl,--whole-archive -l:liblua5.4.a -Wl,--no-whole-archive
UV_LIBS ?= -l:libuv_a.a

AR_CPPFLAGS = -Isrc -I$(BUILD)/gen -D_POSIX_C_SOURCE=200809L \
  -D_DEFAULT_SOURCE -DAR_VERSION='"$(VERSION)"' $(CPPFLAGS_$(VARIANT))
AR_WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
  -Wmissing-prototypes -Wpointer-arith -Wundef -Wvla -Wwrite-strings
AR_CFLAGS = -std=c11 -fno-common -fvisibility=hidden $(AR_WARNINGS) \
  $(FLAGS_$(VARIANT))
AR_LDFLAGS = $(FLAGS_$(VARIANT)) -Wl,-E
AR_LDLIBS = -lm -ldl -lpthread -lrt

# The whole program is compiled as one: hot paths go through many small files.
# (clang would want a linker of its own for that.)
LTO := $(if $(findstring clang,$(shell $(CC) --version)),,-flto=auto)

# One row a variant: what optimises (a user's CFLAGS replaces it), what must
# stand on the compiler's and the linker's line, what the preprocessor sees.
OPT_release = -O2 -g $(LTO)
OPT_debug   = -O0 -g
OPT_asan    = -O1 -g
OPT_ubsan   = -O1 -g
OPT_tsan    = -O1 -g
OPT_cover   = -O0 -g
OPT_hardgc  = -O1 -g
OPT_hardyield = -O1 -g
OPT_hardorder = -O1 -g
OPT_fuzz    = -O1 -g
OPT_lint-gcc   = -O2 -Werror
OPT_lint-clang = -O1 -Werror
OPT_lint-debug = -O1 -Werror
FLAGS_asan  = -fsanitize=address -fno-omit-frame-pointer
FLAGS_ubsan = -fsanitize=undefined -fno-sanitize-recover=all
# Each yield leaves C by a longjmp that tsan does not see: without this its
# record of open calls overflows after 65,536 of them.
FLAGS_tsan  = -fsanitize=thread --param=tsan-instrument-func-entry-exit=0
FLAGS_cover = --coverage
FLAGS_fuzz  = -fsanitize=fuzzer-no-link,address,undefined
CPPFLAGS_debug = -DAR_DEBUG
CPPFLAGS_asan  = -DAR_DEBUG
CPPFLAGS_ubsan = -DAR_DEBUG
CPPFLAGS_tsan  = -DAR_DEBUG
CPPFLAGS_cover = -DAR_DEBUG -DAR_COVER
CPPFLAGS_hardgc = -DAR_DEBUG -DAR_HARDGC
CPPFLAGS_hardyield = -DAR_DEBUG -DAR_HARDYIELD
CPPFLAGS_hardorder = -DAR_DEBUG -DAR_HARDORDER
CPPFLAGS_fuzz  = -DAR_DEBUG
CPPFLAGS_lint-debug = -DAR_DEBUG

CFLAGS ?= $(OPT_$(VARIANT))

# ---- files ------------------------------------------------------------------

LOW_ROOMS  = base loop io sched backend
HIGH_ROOMS = host bind cli

OUT      = $(BUILD)/$(VARIANT)
PROGRAM  = $(OUT)/anyrun
LOW_SRC  = $(sort $(wildcard $(LOW_ROOMS:%=src/%/*.c)))
HIGH_SRC = $(sort $(wildcard $(HIGH_ROOMS:%=src/%/*.c)))
LOW_OBJ  = $(LOW_SRC:src/%.c=$(OUT)/%.o)
HIGH_OBJ = $(HIGH_SRC:src/%.c=$(OUT)/%.o)
GEN_OBJ  = $(OUT)/gen/stdlib.o
LOW_LIB  = $(OUT)/liblow.a
HIGH_LIB = $(OUT)/libhigh.a
HEADERS  = $(sort $(wildcard src/*/*.h src/*/*.def))

LUA_SRC   = $(sort $(shell find lua -name '*.lua' 2>/dev/null))
C_TESTS   = $(sort $(wildcard test/c/test_*.c))
C_TEST_BIN = $(C_TESTS:test/c/%.c=$(OUT)/test/%)
C_FILES   = $(sort $(wildcard src/*/*.[ch] test/c/*.[ch] test/fuzz/*.[ch] \
  test/bench/peers/*.c))
LUA_TESTS = $(sort $(shell find test -name '*.lua' -not -path 'test/fixtures/*' 2>/dev/null))
LUA_SCRIPTS = $(sort $(wildcard scripts/*.lua) \
  $(shell grep -lE '^\#!.*\blua' scripts/* 2>/dev/null))
FUZZ_SRC  = $(sort $(wildcard test/fuzz/fuzz_*.c))
SHELL_SRC = $(sort .ci/run $(shell grep -lE '^\#!.*\b(ba)?sh\b' scripts/* 2>/dev/null) \
  $(wildcard test/bats/*.bash test/fault/*.sh))
BATS_TESTS = $(sort $(wildcard test/bats/*.bats))
MAN_PAGES = $(sort $(wildcard man/*.[1-8]))

# ---- compile ----------------------------------------------------------------

# $(call need,COMMAND,DEBIAN-PACKAGE): a missing tool is named, never skipped.
need = @command -v $(1) >/dev/null || { \
  echo "$(1) is missing: apt-get install $(2) (or: scripts/bootstrap --all)" >&2; \
  exit 1; }

.PHONY: release debug program objects tools
release: tools ## release build: build/release/anyrun (the default)
	@$(MAKE) $(PARALLEL) VARIANT=release program

debug: tools ## debug build: assertions, check.c after each turn, module T, trace
	@$(MAKE) $(PARALLEL) VARIANT=debug program

tools:
	$(call need,$(firstword $(CC)),gcc)
	$(call need,$(PKG_CONFIG),pkg-config)
	$(call need,$(LUA),lua5.4)
	@$(PKG_CONFIG) --exists lua5.4 libuv openssl || { \
	  echo "headers are missing: apt-get install liblua5.4-dev libuv1-dev libssl-dev" >&2; exit 1; }

objects: $(LOW_OBJ) $(HIGH_OBJ)
	@:

program: $(PROGRAM)
	@:

# Rooms below host are compiled without Lua's include path: a stray
# `#include <lua.h>` there does not compile.
$(LOW_OBJ): $(OUT)/%.o: src/%.c $(OUT)/flags
	@mkdir -p $(@D)
	$(call say,CC $<)$(CC) $(AR_CPPFLAGS) $(CPPFLAGS) $(AR_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(HIGH_OBJ): $(OUT)/%.o: src/%.c $(OUT)/flags
	@mkdir -p $(@D)
	$(call say,CC $<)$(CC) $(AR_CPPFLAGS) $(LUA_CFLAGS) $(CPPFLAGS) $(AR_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(GEN_OBJ): $(BUILD)/gen/stdlib.c $(OUT)/flags
	@mkdir -p $(@D)
	$(call say,CC $<)$(CC) $(AR_CPPFLAGS) $(CPPFLAGS) $(AR_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(PROGRAM): $(HIGH_OBJ) $(GEN_OBJ) $(LOW_OBJ) $(OUT)/objects
	$(call say,LD $@)$(CC) $(AR_LDFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $(HIGH_OBJ) $(GEN_OBJ) $(LOW_OBJ) \
	  $(LUA_LIBS) $(UV_LIBS) $(AR_LDLIBS) $(LDLIBS)

# Rooms as libraries: a test or a fuzzer takes what it needs, never main.
$(HIGH_LIB): $(HIGH_OBJ) $(GEN_OBJ) $(OUT)/objects
	@rm -f $@
	@$(AR) rcs $@ $(filter-out %/cli/main.o,$(HIGH_OBJ)) $(GEN_OBJ)

$(LOW_LIB): $(LOW_OBJ) $(OUT)/objects
	@rm -f $@
	@$(AR) rcs $@ $(LOW_OBJ)

# Each test/c/test_*.c is a program of its own, linked without Lua.
$(C_TEST_BIN): $(OUT)/test/%: test/c/%.c $(LOW_LIB) $(OUT)/flags
	@mkdir -p $(@D)
	$(call say,CC $<)$(CC) $(AR_CPPFLAGS) -Itest/c $(CPPFLAGS) $(AR_CFLAGS) $(CFLAGS) -MMD -MP -MF $@.d \
	  $(LDFLAGS) -o $@ $< $(LOW_LIB) $(UV_LIBS) $(AR_LDLIBS) $(LDLIBS)

# Files that change only when what they say changes: other flags compile anew,
# a removed source links anew.
define write-if-changed
@mkdir -p $(@D)
@printf '%s\n' "$$AR_TEXT" | cmp -s - $@ || printf '%s\n' "$$AR_TEXT" > $@
endef
.PHONY: FORCE
FORCE:
$(OUT)/flags: export AR_TEXT = $(CC) $(AR_CPPFLAGS) $(CPPFLAGS) $(AR_CFLAGS) $(CFLAGS)
$(OUT)/flags: FORCE
	$(write-if-changed)
$(OUT)/objects: export AR_TEXT = $(HIGH_OBJ) $(LOW_OBJ) $(LDFLAGS) $(LDLIBS)
$(OUT)/objects: FORCE
	$(write-if-changed)

-include $(LOW_OBJ:.o=.d) $(HIGH_OBJ:.o=.d) $(GEN_OBJ:.o=.d) $(C_TEST_BIN:=.d)

# ---- generate ---------------------------------------------------------------

$(BUILD)/gen/lua-files: export AR_TEXT = $(LUA_SRC)
$(BUILD)/gen/lua-files: FORCE
	$(write-if-changed)

$(BUILD)/gen/stdlib.c: scripts/embed.lua $(BUILD)/gen/lua-files $(LUA_SRC)
	$(call say,EMBED $@)$(LUA) scripts/embed.lua $@ lua $(LUA_SRC)

.PHONY: run man
run: release ## build, then run a first script on the trio backend
	@echo '$(BUILD)/release/anyrun --backend=trio scripts/examples/hello.lua'
	@$(BUILD)/release/anyrun --backend=trio scripts/examples/hello.lua

man: release ## put options and annotations into the manual pages
	@ANYRUN=$(BUILD)/release/anyrun scripts/mkman

# ---- check ------------------------------------------------------------------

RUN_TESTS = BUILD='$(BUILD)' scripts/run-tests

.PHONY: check check-fast check-all check-c check-lua check-bats test-programs
check: tools ## all tests, debug build; T=text takes only what matches
	@$(MAKE) $(PARALLEL) VARIANT=debug test-programs program
	@$(RUN_TESTS) debug c lua bats

check-fast: tools ## without slow tests, one seed
	@$(MAKE) $(PARALLEL) VARIANT=debug test-programs program
	@FAST=1 SEEDS='$(or $(SEEDS),1)' $(RUN_TESTS) debug c lua bats

check-all: ## check, sanitizers, hard switches, valgrind, torture, fuzzers for 10 s
	@$(MAKE) check
	@$(MAKE) asan
	@$(MAKE) ubsan
	@$(MAKE) tsan
	@$(MAKE) torture
	@$(MAKE) hard
	@for file in $(FUZZ_SRC:test/fuzz/fuzz_%.c=%); do \
	  $(MAKE) fuzz TARGET=$$file TIME=10 || exit 1; done
	@$(MAKE) valgrind

check-c: tools ## the C tests of the rooms below Lua
	@$(MAKE) $(PARALLEL) VARIANT=debug test-programs
	@$(RUN_TESTS) debug c

check-lua: tools ## the Lua tests, every file on every backend
	@$(MAKE) $(PARALLEL) VARIANT=debug program
	@$(RUN_TESTS) debug lua

check-bats: tools ## the program from outside
	@$(MAKE) $(PARALLEL) VARIANT=debug program
	@$(RUN_TESTS) debug bats

test-programs: $(C_TEST_BIN)
	@:

.PHONY: asan ubsan tsan valgrind torture hard
asan: tools ## all tests with the address sanitizer
	@$(MAKE) $(PARALLEL) VARIANT=asan test-programs program
	@TEST_TIMEOUT=300 $(RUN_TESTS) asan c lua bats

ubsan: tools ## all tests with the undefined-behaviour sanitizer
	@$(MAKE) $(PARALLEL) VARIANT=ubsan test-programs program
	@TEST_TIMEOUT=300 $(RUN_TESTS) ubsan c lua bats

tsan: tools ## C and Lua tests with the thread sanitizer
	@$(MAKE) $(PARALLEL) VARIANT=tsan test-programs program
	@TEST_TIMEOUT=300 $(RUN_TESTS) tsan c lua

VALGRIND = valgrind -q --suppressions=$(CURDIR)/scripts/valgrind.supp \
  --error-exitcode=99 --leak-check=full \
  --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect
valgrind: tools ## C and Lua tests without slow ones, with leak check
	@$(MAKE) $(PARALLEL) VARIANT=debug test-programs program
	$(call need,valgrind,valgrind)
	@FAST=1 SEEDS='$(or $(SEEDS),1)' TEST_TIMEOUT=600 WRAP='$(VALGRIND)' \
	  $(RUN_TESTS) debug c lua

torture: tools ## n-th allocation fails, n-th checkpoint is cancelled
	@$(MAKE) $(PARALLEL) VARIANT=debug program
	@TEST_TIMEOUT=900 $(RUN_TESTS) debug fault

# AR_HARDGC: a full collection around each resume. AR_HARDYIELD: each checkpoint
# takes a turn more. AR_HARDORDER: batches shuffled wherever the backend promises
# no order.
hard: tools ## Lua tests without slow ones, under each of the hard switches
	@for hard in hardgc hardyield hardorder; do \
	  $(MAKE) $(PARALLEL) VARIANT=$$hard program && \
	  FAST=1 SEEDS='$(or $(SEEDS),1)' TEST_TIMEOUT=600 $(RUN_TESTS) $$hard lua || exit 1; \
	done

.PHONY: fuzz fuzz-program cover bench soak
FUZZER = $(BUILD)/fuzz/fuzz_$(TARGET)
# A Lua state keeps what it allocated: leaks are looked for once, at the end.
FUZZ_FLAGS_sync = -detect_leaks=0
FUZZ_FLAGS_script = -detect_leaks=0
fuzz: tools ## libFuzzer: TARGET=sched TIME=60 (seconds)
	$(call need,clang,clang)
	@$(MAKE) $(PARALLEL) VARIANT=fuzz CC=clang $(FUZZER)
	@mkdir -p $(BUILD)/fuzz/corpus/$(TARGET)
	@test/fixtures/certificates $(BUILD)/fixtures/tls
	BUILD='$(BUILD)' $(FUZZER) -max_total_time=$(TIME) -print_final_stats=1 \
	  $(FUZZ_FLAGS_$(TARGET)) \
	  -artifact_prefix=$(BUILD)/fuzz/$(TARGET)- $(BUILD)/fuzz/corpus/$(TARGET) \
	  $(wildcard test/fuzz/corpus/$(TARGET))

$(FUZZER): test/fuzz/fuzz_$(TARGET).c $(wildcard test/fuzz/*.h) $(LOW_LIB) $(HIGH_LIB) $(OUT)/flags
	@mkdir -p $(@D)
	$(call say,CC $<)$(CC) $(AR_CPPFLAGS) $(LUA_CFLAGS) $(CPPFLAGS) $(AR_CFLAGS) $(CFLAGS) \
	  -fsanitize=fuzzer -o $@ $< $(HIGH_LIB) $(LOW_LIB) $(LUA_LIBS) $(UV_LIBS) \
	  $(AR_LDLIBS) $(LDLIBS)

cover: tools ## lines and branches that the tests reach, room by room
	@$(MAKE) $(PARALLEL) VARIANT=cover test-programs program
	$(call need,gcov,gcc)
	@find $(BUILD)/cover -name '*.gcda' -delete 2>/dev/null || true
	@$(RUN_TESTS) cover c lua bats; status=$$?; \
	  scripts/coverage $(BUILD)/cover && exit $$status

soak: release ## an echo server under load for TIME seconds, on both backends
	@for backend in asyncio trio; do for face in anyio native; do \
	  ANYRUN=$(BUILD)/release/anyrun scripts/soak $(TIME) $$backend $$face || exit 1; \
	done; done

bench: release ## figures and ratios from alternating runs (BASE=rev: against it)
	@$(MAKE) bench-floor
	@ANYRUN=$(BUILD)/release/anyrun FLOOR=$(BUILD)/release/bench/floor \
	  BUILD='$(BUILD)' BASE='$(BASE)' scripts/bench $(T)

# The bare scheduler that anyrun is measured against.
FLOOR = $(OUT)/bench/floor
.PHONY: bench-floor
bench-floor: $(FLOOR)
	@:

$(FLOOR): test/bench/peers/floor.c $(OUT)/flags
	@mkdir -p $(@D)
	$(call say,CC $<)$(CC) $(AR_CPPFLAGS) $(LUA_CFLAGS) $(CPPFLAGS) $(AR_CFLAGS) $(CFLAGS) \
	  $(AR_LDFLAGS) $(LDFLAGS) -o $@ $< $(LUA_LIBS) $(UV_LIBS) $(AR_LDLIBS) $(LDLIBS)

# ---- lint -------------------------------------------------------------------

.PHONY: format format-check lint
format: ## clang-format over src and test, shfmt over shell
	$(call need,clang-format,clang-format)
	$(call need,shfmt,shfmt)
	clang-format -i $(C_FILES)
	shfmt -w $(SHELL_SRC)

format-check: ## changes nothing, fails where format would change something
	$(call need,clang-format,clang-format)
	$(call need,shfmt,shfmt)
	@clang-format --dry-run -Werror $(C_FILES)
	@shfmt -d $(SHELL_SRC)

LINTS = format-check lint-gcc lint-clang lint-tidy lint-cppcheck lint-lua \
  lint-shell lint-man lint-rules
.PHONY: $(LINTS)
lint: tools ## warnings as errors, clang-tidy, cppcheck, luacheck, shellcheck, rules
	@$(MAKE) $(PARALLEL) -k --output-sync=target $(LINTS)
	@echo 'lint: nothing to complain about'

lint-gcc:
	@$(MAKE) VARIANT=lint-gcc objects test-programs bench-floor
	@$(MAKE) VARIANT=lint-debug objects

lint-clang:
	$(call need,clang,clang)
	@$(MAKE) VARIANT=lint-clang CC=clang objects test-programs

# clang-tidy is slow: a file is read again when it or a header of it changed,
# which the dependencies of its object know.
TIDY_DONE = $(patsubst src/%.c,$(BUILD)/lint-tidy/%.ok,$(LOW_SRC) $(HIGH_SRC))
lint-tidy:
	$(call need,clang-tidy,clang-tidy)
	@$(MAKE) VARIANT=lint-tidy CC=clang CFLAGS='-O1 -w' tidy-files

.PHONY: tidy-files
tidy-files: $(TIDY_DONE)
	@:

$(TIDY_DONE): $(BUILD)/lint-tidy/%.ok: src/%.c $(BUILD)/lint-tidy/%.o .clang-tidy
	$(call say,TIDY $<)clang-tidy --quiet --warnings-as-errors='*' $< -- \
	  $(AR_CPPFLAGS) -DAR_DEBUG $(LUA_CFLAGS) -std=c11 2>&1 \
	  | grep -vE '^[0-9]+ warnings? generated|^Suppressed |^Use -header-filter' > $@.log || true
	@! grep -E -A2 ' (error|warning): ' $@.log
	@touch $@

# Each suppression has its reason in scripts/cppcheck.allow.
lint-cppcheck:
	$(call need,cppcheck,cppcheck)
	@mkdir -p $(BUILD)/lint-cppcheck
	@cppcheck --quiet --std=c11 --enable=warning,performance,portability \
	  --inline-suppr --suppressions-list=scripts/cppcheck.allow --error-exitcode=1 \
	  --cppcheck-build-dir=$(BUILD)/lint-cppcheck -D__GNUC__=12 -Isrc -DAR_VERSION='""' src

lint-lua:
	$(call need,luacheck,lua-check)
	@luacheck --quiet --no-color $(LUA_SRC) $(LUA_TESTS) $(wildcard scripts/examples/*.lua) \
	  $(LUA_SCRIPTS)

# 2154: bats itself sets $status, $output, $lines and $stderr. 2016: 'bash -c'
# gets its text unexpanded on purpose. 2030, 2031: each test is a subshell.
BATS_QUIET = --exclude=SC2154,SC2016,SC2030,SC2031
lint-shell:
	$(call need,shellcheck,shellcheck)
	@shellcheck $(SHELL_SRC)
	@$(if $(BATS_TESTS),shellcheck $(BATS_QUIET) $(BATS_TESTS))

lint-man: release
	$(call need,mandoc,mandoc)
	@$(if $(MAN_PAGES),mandoc -T lint -W warning $(MAN_PAGES))
	@ANYRUN=$(BUILD)/release/anyrun scripts/mkman --check

lint-rules: lint-gcc
	$(call need,pmccabe,pmccabe)
	@scripts/check-layers $(BUILD)/lint-gcc
	@scripts/check-globals $(BUILD)/lint-gcc
	@scripts/check-globals $(BUILD)/lint-debug debug
	@scripts/check-names $(BUILD)/lint-gcc
	@scripts/check-sizes
	@scripts/check-lua
	@scripts/check-docs
	@scripts/check-rows

# ---- install ----------------------------------------------------------------

.PHONY: install uninstall dist clean
BIN = $(DESTDIR)$(PREFIX)/bin
MAN = $(DESTDIR)$(PREFIX)/share/man
COMPLETIONS = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
install: release ## into $(DESTDIR)$(PREFIX), by default /usr/local
	install -d $(BIN)
	install -m 755 $(BUILD)/release/anyrun $(BIN)/anyrun
	install -d $(COMPLETIONS)
	ANYRUN=$(BUILD)/release/anyrun scripts/mkcompletion >$(BUILD)/release/anyrun.bash
	install -m 644 $(BUILD)/release/anyrun.bash $(COMPLETIONS)/anyrun
	@set -e; for page in $(MAN_PAGES); do \
	  install -d $(MAN)/man$${page##*.}; \
	  install -m 644 $$page $(MAN)/man$${page##*.}/; done

uninstall: ## take away what install put there
	rm -f $(BIN)/anyrun $(COMPLETIONS)/anyrun
	@for page in $(MAN_PAGES); do \
	  rm -f $(MAN)/man$${page##*.}/$${page##*/}; done

dist: ## a tar of what is committed
	$(call need,git,git)
	@mkdir -p $(BUILD)
	git archive --prefix=anyrun-$(VERSION)/ -o $(BUILD)/anyrun-$(VERSION).tar.gz HEAD

clean: ## remove everything made
	rm -rf $(BUILD)

# ---- help -------------------------------------------------------------------

.PHONY: help
help: ## this list
	@awk -F ':[^#]*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile
