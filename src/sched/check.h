/*
 * Debug: walk tasks, scopes and groups, and assert every invariant.
 */

#ifndef ar_check_h
#define ar_check_h

struct ar_sched;

#ifdef AR_DEBUG
void ar_check_all(const struct ar_sched *s);
#define AR_CHECK_ALL(s) ar_check_all(s)
#else
#define AR_CHECK_ALL(s) ((void)0)
#endif

#endif
