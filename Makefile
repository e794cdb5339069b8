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
CC ?= cc
LUA ?= lua5.4
PKG_CONFIG ?= pkg-config
JOBS ?= $(shell nproc 2>/dev/null || echo 1)

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

# One row a variant: what optimises (a user's CFLAGS replaces it), what must
# stand on the compiler's and the linker's line, what the preprocessor sees.
OPT_release = -O2 -g
OPT_debug   = -O0 -g
OPT_asan    = -O1 -g
OPT_ubsan   = -O1 -g
OPT_tsan    = -O1 -g
OPT_cover   = -O0 -g
OPT_fuzz    = -O1 -g
FLAGS_asan  = -fsanitize=address -fno-omit-frame-pointer
FLAGS_ubsan = -fsanitize=undefined -fno-sanitize-recover=all
FLAGS_tsan  = -fsanitize=thread
FLAGS_cover = --coverage
FLAGS_fuzz  = -fsanitize=fuzzer-no-link,address,undefined
CPPFLAGS_debug = -DAR_DEBUG
CPPFLAGS_asan  = -DAR_DEBUG
CPPFLAGS_ubsan = -DAR_DEBUG
CPPFLAGS_tsan  = -DAR_DEBUG
CPPFLAGS_cover = -DAR_DEBUG
CPPFLAGS_fuzz  = -DAR_DEBUG

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
HEADERS  = $(sort $(wildcard src/*/*.h src/*/*.def))

LUA_SRC   = $(sort $(shell find lua -name '*.lua' 2>/dev/null))
C_TESTS   = $(sort $(wildcard test/c/test_*.c))
C_TEST_BIN = $(C_TESTS:test/c/%.c=$(OUT)/test/%)
FUZZ_SRC  = $(sort $(wildcard test/fuzz/fuzz_*.c))
SHELL_SRC = $(sort .ci/run $(shell grep -lE '^\#!.*\b(ba)?sh\b' scripts/* 2>/dev/null) \
  $(wildcard test/bats/*.bash test/fault/*.sh))
MAN_PAGES = $(sort $(wildcard man/*.[1-8]))

# ---- compile ----------------------------------------------------------------

.PHONY: release debug program
release: ## release build: build/release/anyrun (the default)
	@$(MAKE) VARIANT=release program

debug: ## debug build: assertions, check.c after each turn, module T, trace
	@$(MAKE) VARIANT=debug program

program: $(PROGRAM)

# Rooms below host are compiled without Lua's include path: a stray
# `#include <lua.h>` there does not compile.
$(LOW_OBJ): $(OUT)/%.o: src/%.c $(OUT)/flags
	@mkdir -p $(@D)
	$(CC) $(AR_CPPFLAGS) $(CPPFLAGS) $(AR_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(HIGH_OBJ): $(OUT)/%.o: src/%.c $(OUT)/flags
	@mkdir -p $(@D)
	$(CC) $(AR_CPPFLAGS) $(LUA_CFLAGS) $(CPPFLAGS) $(AR_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(GEN_OBJ): $(BUILD)/gen/stdlib.c $(OUT)/flags
	@mkdir -p $(@D)
	$(CC) $(AR_CPPFLAGS) $(CPPFLAGS) $(AR_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(PROGRAM): $(HIGH_OBJ) $(GEN_OBJ) $(LOW_OBJ) $(OUT)/objects
	$(CC) $(AR_LDFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $(HIGH_OBJ) $(GEN_OBJ) $(LOW_OBJ) \
	  $(LUA_LIBS) $(UV_LIBS) $(AR_LDLIBS) $(LDLIBS)

$(LOW_LIB): $(LOW_OBJ) $(OUT)/objects
	@rm -f $@
	@$(AR) rcs $@ $(LOW_OBJ)

# Each test/c/test_*.c is a program of its own, linked without Lua.
$(C_TEST_BIN): $(OUT)/test/%: test/c/%.c $(LOW_LIB) $(OUT)/flags
	@mkdir -p $(@D)
	$(CC) $(AR_CPPFLAGS) -Itest/c $(CPPFLAGS) $(AR_CFLAGS) $(CFLAGS) -MMD -MP -MF $@.d \
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
	$(LUA) scripts/embed.lua $@ lua $(LUA_SRC)

.PHONY: run
run: release ## build, then run scripts/examples/hello.lua on the trio backend
	$(BUILD)/release/anyrun --backend=trio scripts/examples/hello.lua

# ---- check ------------------------------------------------------------------

RUN_TESTS = T='$(T)' BUILD='$(BUILD)' MAKE='$(MAKE)' scripts/run-tests

.PHONY: check check-c check-lua check-bats
check: ## all tests, debug build (T=pattern: only matching ones)
	@$(RUN_TESTS) debug c lua bats

check-c: ## the C tests of the rooms below Lua
	@$(RUN_TESTS) debug c

check-lua: ## the Lua tests, every file on every backend
	@$(RUN_TESTS) debug lua

check-bats: ## the program from outside
	@$(RUN_TESTS) debug bats

.PHONY: test-programs
test-programs: $(C_TEST_BIN)

# ---- install ----------------------------------------------------------------

.PHONY: clean
clean: ## remove everything made
	rm -rf $(BUILD)

# ---- help -------------------------------------------------------------------

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile
