/*
 * A run as Lua code starts it: opened, driven, closed, whatever happens.
 */

#ifndef ar_lrun_h
#define ar_lrun_h

#include "host/coro.h"

/* User values of a run's userdata. */
#define AR_RUN_VARS 1    /* table that lives as long as the run */
#define AR_RUN_ERROR 2   /* error that ends it: deadlock, stop, crash */
#define AR_RUN_REPORT 3  /* function(table): the exception handler, or nil */
#define AR_RUN_CLOCK 4   /* clock object, or nil */
#define AR_RUN_HOOKS 5   /* instruments, see hooks.c */
#define AR_RUN_CONTEXT 6 /* context it was started in */
#define AR_RUN_NAME 7    /* name of the main task, or nil */
#define AR_RUN_COUNT 7

/* [-0, +1] Open a run as the options table at `opts` says (0: none). */
ar_lrun *ar_lrun_open(lua_State *L, int opts);

/* [-(nargs+1), +1] Run a function as main of an open run, the userdata of
 * which is at `self`; nobody else is ended. Returns a Lua status; the main
 * task, or the error that ended the driving, is on top. */
int ar_lrun_main(lua_State *L, int self, int nargs);

/* [-1, +results] Of the main task on top; raises main's error. */
int ar_lrun_results(lua_State *L, int self);

/* The driving failed: end all tasks without running them, and close. */
void ar_lrun_abandon(lua_State *L, ar_lrun *run);

/* The userdata is being collected with the run open. */
void ar_lrun_abandon_quietly(lua_State *L, ar_lrun *run);

/* [-0, +0] End all tasks and close it: once. Raises what ended it. */
void ar_lrun_close(lua_State *L, int self);

/* [-0, +1] The userdata of a run that is current. */
void ar_lrun_push(lua_State *L, ar_lrun *run);

/* Raise the error of a run() where one is going on already. */
void ar_lrun_refuse_nested(lua_State *L);

/* Begin the implicit run of the script; its chunk becomes the main task. */
void ar_lrun_begin_script(lua_State *L);

/* Take the run through until its main is done; see to signals, deadlock. */
void ar_lrun_drive(lua_State *L, ar_lrun *run);

/* [-(nargs+1), +0] Call a function of the script from the scheduler. Its
 * error goes where the backend sends the errors of callbacks. */
void ar_lrun_callback(lua_State *L, ar_lrun *run, int nargs, const char *what);

/* [-1, +0] The table on top goes to the run's exception handler. */
void ar_lrun_report(lua_State *L, ar_lrun *run);

/* [-1, +0] The error on top, of `what`, goes there. */
void ar_lrun_report_error(lua_State *L, ar_lrun *run, const char *what);

/* [-1, +0] End the run at once with the error on top. */
void ar_lrun_stop(lua_State *L, ar_lrun *run);

/* [-1, +0] Cancel everything; the run raises an internal error. */
void ar_lrun_crash(lua_State *L, ar_lrun *run);

/* [-0, +0] Note in the error at idx that it left this task (at self). */
void ar_lrun_note_task(lua_State *L, ar_coro *c, int self, int idx);

/* A signal arrived that is raised in the code which is running. */
void ar_lrun_note_signal(ar_lrun *run, int signum);

/* A signal arrived: as the backend says. */
void ar_lrun_interrupt(lua_State *L, ar_lrun *run, int signum);

static inline ar_lrun *ar_lrun_of(const ar_coro *c) {
  return (ar_lrun *)ar_container_of(c->task.sched, ar_run, sched);
}

#endif
