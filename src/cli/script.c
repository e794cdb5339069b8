/*
 * Loads and runs the chunks of a command line, one after the other.
 *
 * All run inside one C function, the script's main task: what one of them
 * has begun (the implicit run, tasks, open scopes) is there for the next,
 * and each may await, because every call has a continuation.
 */

#include "cli/script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <lauxlib.h>
#include <lualib.h>

#include "bind/libs.h"
#include "cli/errval.h"
#include "cli/report.h"
#include "host/embed.h"
#include "host/host.h"

#define INIT_VAR "LUA_INIT"

typedef enum {
  STAGE_INIT,    /* LUA_INIT comes next */
  STAGE_OPTIONS, /* -l, -e and -W, in their order */
  STAGE_WORD,    /* the script itself */
  STAGE_END
} stage;

typedef struct script {
  const ar_options *options; /* borrowed (outlived by main) */
  ar_option_cursor cursor;
  stage next;
  const char *library; /* of the -l that is being required, or NULL */
  int status;          /* exit status so far */
  bool tuned;          /* the command line has options for the backend */
} script;

static void script_init(script *s, const ar_options *options) {
  memset(s, 0, sizeof *s);
  s->options = options;
  ar_option_cursor_init(&s->cursor, options->argv);
}

/* ---- loading ------------------------------------------------------------ */

/* The exit status where the file could not even be read. */
static int file_status(const char *name) {
  struct stat info;
  if (name == NULL || stat(name, &info) == 0)
    return AR_EXIT_UNREADABLE;
  return errno == ENOENT || errno == ENOTDIR ? AR_EXIT_NOT_FOUND
                                             : AR_EXIT_UNREADABLE;
}

/*
 * What luaL_load* left on the stack is a function, if status is LUA_OK. Else
 * it is a message: say it (there is no traceback to show), and stop here.
 */
static bool is_loaded(lua_State *L, script *s, int status) {
  if (status == LUA_OK)
    return true;
  (void)fprintf(stderr, "anyrun: %s\n", lua_tostring(L, -1));
  lua_pop(L, 1);
  s->status = AR_EXIT_FAILURE;
  s->next = STAGE_END;
  return false;
}

static bool load_code(lua_State *L, script *s, const char *code,
                      const char *name) {
  return is_loaded(L, s, luaL_loadbuffer(L, code, strlen(code), name));
}

static bool load_word(lua_State *L, script *s) {
  const char *name = ar_options_script(s->options);
  int status = luaL_loadfile(L, name);
  s->next = STAGE_END;
  if (is_loaded(L, s, status))
    return true;
  if (status == LUA_ERRFILE)
    s->status = file_status(name);
  return false;
}

static bool load_init(lua_State *L, script *s) {
  const char *name = "=" INIT_VAR LUA_VERSUFFIX;
  const char *code = getenv(name + 1);
  s->next = STAGE_OPTIONS;
  if (code == NULL) {
    name = "=" INIT_VAR;
    code = getenv(name + 1);
  }
  if (code == NULL)
    return false;
  if (*code == '@')
    return is_loaded(L, s, luaL_loadfile(L, code + 1));
  return load_code(L, s, code, name);
}

/* ---- running ------------------------------------------------------------ */

/* [-0, +n, v] The script's arguments, as `arg` holds them now. */
static int push_arguments(lua_State *L) {
  int n;
  int table;
  if (lua_getglobal(L, "arg") != LUA_TTABLE)
    luaL_error(L, "'arg' is not a table");
  table = lua_gettop(L);
  n = (int)luaL_len(L, table);
  luaL_checkstack(L, n + 3, "too many arguments to script");
  for (int i = 1; i <= n; i++)
    lua_rawgeti(L, table, i);
  lua_remove(L, table);
  return n;
}

/* Push what the option asks to be called; false if nothing. */
static bool push_option(lua_State *L, script *s, int *nargs) {
  const char *value;
  switch (ar_option_cursor_next(&s->cursor, NULL)) {
    case AR_OPTION_WARNINGS: lua_warning(L, "@on", 0); return false;
    case AR_OPTION_LIBRARY:
      s->library = s->cursor.value;
      value = strchr(s->library, '=');
      (void)lua_getglobal(L, "require");
      lua_pushstring(L, value != NULL ? value + 1 : s->library);
      *nargs = 1;
      return true;
    case AR_OPTION_EXECUTE:
      if (!load_code(L, s, s->cursor.value, "=(command line)"))
        return false;
      *nargs = push_arguments(L);
      return true;
    case AR_OPTION_END:
    case AR_OPTION_WRONG:
      s->next = s->options->code ? STAGE_END : STAGE_WORD;
      return false;
    case AR_OPTION_BACKEND:
    case AR_OPTION_BACKEND_OPTION:
    case AR_OPTION_INTERACTIVE:
    case AR_OPTION_IGNORE_ENV:
    case AR_OPTION_CHECK:
    case AR_OPTION_VERSION:
    case AR_OPTION_HELP:
    case AR_OPTION_COUNT: return false;
  }
  return false;
}

/* Push the next function and its arguments; false if there is none yet. */
static bool push_next(lua_State *L, script *s, int *nargs) {
  *nargs = 0;
  switch (s->next) {
    case STAGE_INIT: return load_init(L, s);
    case STAGE_OPTIONS: return push_option(L, s, nargs);
    case STAGE_WORD:
      if (!load_word(L, s))
        return false;
      *nargs = push_arguments(L);
      return true;
    case STAGE_END: return false;
  }
  return false;
}

/* A call has returned: its results are all there is on the stack. */
static void take_results(lua_State *L, script *s) {
  const char *library = s->library;
  s->library = NULL;
  if (library == NULL) {
    s->status = lua_isinteger(L, 1) ? (int)(lua_tointeger(L, 1) & 0xff) : 0;
    lua_settop(L, 0);
    return;
  }
  lua_settop(L, 1); /* stack: module, globals, name, module */
  lua_pushglobaltable(L);
  lua_pushlstring(L, library, strcspn(library, "="));
  lua_pushvalue(L, 1);
  lua_settable(L, 2);
  lua_settop(L, 0);
}

static int run_rest(lua_State *L, script *s);

static int run_restk(lua_State *L, int status, lua_KContext ctx) {
  script *s = (script *)ctx;
  (void)status;
  take_results(L, s);
  return run_rest(L, s);
}

static int run_rest(lua_State *L, script *s) {
  while (s->next != STAGE_END) {
    int nargs;
    if (!push_next(L, s, &nargs))
      continue;
    lua_callk(L, nargs, LUA_MULTRET, (lua_KContext)s, run_restk);
    take_results(L, s);
  }
  return 0;
}

/* The script's main task. Argument: the script. */
static int run_script(lua_State *L) {
  script *s = lua_touserdata(L, 1);
  lua_settop(L, 0);
  return run_rest(L, s);
}

/* ---- the state ---------------------------------------------------------- */

/*
 * [-0, +0, m] The global `arg`: the words of the command line, so that the
 * script is number 0. Where no word names it, the arguments start at 1 all
 * the same.
 */
static void set_arg(lua_State *L, const ar_options *options) {
  int zero = options->first;
  if (options->code || options->argv[zero] == NULL)
    zero--;
  lua_createtable(L, options->argc - zero, zero + 1);
  for (int i = 0; i < options->argc; i++) {
    lua_pushstring(L, options->argv[i]);
    lua_rawseti(L, -2, i - zero);
  }
  lua_setglobal(L, "arg");
}

/* [-0, +1, m] true, false, a number or a string */
static void push_value(lua_State *L, const char *text) {
  if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
    lua_pushboolean(L, *text == 't');
  else if (lua_stringtonumber(L, text) == 0)
    lua_pushstring(L, text);
}

static void set_backend_options(lua_State *L, script *s) {
  ar_option_cursor cursor;
  ar_option option;
  lua_newtable(L);
  ar_option_cursor_init(&cursor, s->options->argv);
  do {
    option = ar_option_cursor_next(&cursor, NULL);
    if (option == AR_OPTION_BACKEND_OPTION) {
      const char *equals = strchr(cursor.value, '=');
      s->tuned = true;
      lua_pushlstring(L, cursor.value, (size_t)(equals - cursor.value));
      push_value(L, equals + 1);
      lua_rawset(L, -3);
    }
  } while (option < AR_OPTION_COUNT);
  ar_host_set_options(L);
}

/* Raises where the backend does not know what the command line tells it. */
static int check_backend_options(lua_State *L) {
  ar_embed_require(L, "anyrun.run");
  lua_getfield(L, -1, "implicit_options");
  lua_call(L, 0, 0);
  return 0;
}

/* [-1, +0] What is wrong with them, as wrong use of the command line. */
static ar_ending refuse_backend_options(lua_State *L) {
  ar_ending ending = {AR_EXIT_USAGE, 0};
  const char *text = lua_tostring(L, -1); /* a value of a wrong type */
  if (text == NULL && ar_errval_push_field(L, -1, "message") == LUA_TSTRING)
    text = lua_tostring(L, -1);
  (void)fprintf(stderr, "anyrun: option '--backend-option': %s\n",
                text != NULL ? text : "cannot be checked");
  (void)ar_options_hint(stderr);
  return ending;
}

/* Fill the fresh state. Argument: the script. */
static int prepare(lua_State *L) {
  script *s = lua_touserdata(L, 1);
  const ar_options *options = s->options;
  lua_settop(L, 0);
  if (options->ignore_env) {
    lua_pushboolean(L, true); /* for package.path, as lua does it */
    lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
  }
  (void)lua_gc(L, LUA_GCSTOP);
  luaL_openlibs(L);
  ar_libs_open(L);
  set_arg(L, options);
  ar_host_open(L, options->backend);
  set_backend_options(L, s);
  (void)lua_gc(L, LUA_GCRESTART);
  (void)lua_gc(L, LUA_GCGEN, 0, 0);
  return 0;
}

ar_ending ar_script_run(lua_State *L, const ar_options *options) {
  ar_ending ending = {0, 0};
  script s;
  int signal;
  int status;
  script_init(&s, options);
  if (options->ignore_env)
    s.next = STAGE_OPTIONS;
  lua_pushcfunction(L, prepare);
  lua_pushlightuserdata(L, &s);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK)
    return ar_ending_of_error(L, 0);
  lua_pushcfunction(L, check_backend_options);
  if (s.tuned && lua_pcall(L, 0, 0, 0) != LUA_OK)
    return refuse_backend_options(L);
  lua_settop(L, 0);
  lua_pushcfunction(L, run_script);
  lua_pushlightuserdata(L, &s);
  status = ar_host_main(L, 1);
  signal = ar_host_signal(L);
  if (status != LUA_OK) {
    ending = ar_ending_of_error(L, signal);
  } else {
    ending.status = s.status;
    ending.signal = signal;
  }
  ar_host_dies_of(L, ending.signal);
  ar_host_close(L);
  return ending;
}

/* Arguments: the script, to be parsed. */
static int check_script(lua_State *L) {
  script *s = lua_touserdata(L, 1);
  ar_option option;
  do {
    option = ar_option_cursor_next(&s->cursor, NULL);
    if (option == AR_OPTION_EXECUTE &&
        !load_code(L, s, s->cursor.value, "=(command line)"))
      return 0;
  } while (option < AR_OPTION_COUNT);
  if (!s->options->code)
    (void)load_word(L, s);
  return 0;
}

ar_ending ar_script_check(lua_State *L, const ar_options *options) {
  ar_ending ending = {0, 0};
  script s;
  script_init(&s, options);
  lua_pushcfunction(L, check_script);
  lua_pushlightuserdata(L, &s);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK)
    return ar_ending_of_error(L, 0);
  ending.status = s.status;
  return ending;
}
