--- Small random programs of tasks, and what CPython's asyncio did with them.
-- Each is what `test_traces.lua` plays: `nt` tasks with `bodies`, `nf` futures,
-- the main program, and the trace, event by event. Made with CPython 3.11 and
-- the rules of 3.13 for uncancel, gather and TaskGroup.
return {
  {
    nt = 5, nf = 3,
    main = {{"tg", {{"sleep"}}, {{{"cancel_task", 1}, {"cancel_task", 3}, {"sleep"}}}},
      {"create", 0}, {"sleep"}, {"timeout0", {{"shield", 1}, {"set_exc", 2}, {"sleep"}}},
      {"timeout0", {{"sleep"}, {"log"}}}, {"sleep"}, {"log"}, {"set_exc", 0}},
    bodies = {{{"shield", 2}, {"gather", {3, 4, 4}, true}}, {{"gather", {2, 4}, true},
      {"uncancel", 3}, {"raise", "V"}}, {{"cancel_task", 0}, {"await_task", 3}}, {{"await_task",
      4}, {"timeout0", {{"try", {{"cbtask", 2}, {"log"}, {"sleep"}}}, {"await_task", 4},
      {"cbtask", 1}}}, {"tg", {{"gather", {4, 4}, false}}, {{{"await_task", 4}, {"cancel_task",
      1}, {"uncancel", 1}, {"wait", {4, 4, 4}, "FIRST_COMPLETED"}}, {{"set_exc", 1}}}}},
      {{"set_fut", 0}, {"cancel_fut", 0}, {"create", 4}, {"create", 1}}},
    trace = "main.0.c0 child; main.0.0 slept; main.0.c0.2 slept; main.0 tg left 0; t 0 start; " ..
      "main.2 slept; t 2 start; t2.0 cancel True 1; t 1 start; t0.0 shield raised C; t 0 " ..
      "ends C; t 3 start; main.3.0 shield raised C; main.3 timeout0 raised T; main ends T; " ..
      "t 4 start; t4.1 cf False; t 4 ends ok; t3.0 task gave 4; t3.1.0.1 log 0; t3.1.0.2 " ..
      "sleep raised C; t3.1.0 caught C; t3.1.1 task gave 4; t3.1 timeout left True 0; " ..
      "t3.2.0 gathered 4 4; t3.2.c0 child; t3.2.c0.0 task gave 4; t3.2.c0.1 cancel True 1; " ..
      "t3.2.c0.2 uncancel 0; t3.2.c1 child; t3.2.c0.3 wait raised C; t3.2 tg raised C; t 3 " ..
      "ends C; t2.1 await_task raised C; t 2 ends C; t3.1.0.0 cb True; t1.0 gather raised " ..
      "C; t 1 ends C; t3.1.2 cb True; final 0 cancelled; final 1 cancelled; final 2 " ..
      "cancelled; final 3 cancelled; final 4 ok; END",
  },
  {
    nt = 4, nf = 1,
    main = {{"gather", {2}, true}, {"try", {{"shield", 3}, {"soon_cancel", 2}, {"soon_set",
      0}, {"await_fut", 0}}}, {"sleep"}, {"gather", {0, 3, 3}, true}, {"create", 3}, {"tg",
      {{"cbtask", 1}, {"await_fut", 0}, {"cancel_task", 1}, {"sleep"}}, {{{"shield", 0}}}},
      {"cbtask", 3}, {"create", 0}, {"cancel_task", 0}, {"cancel_task", 3}},
    bodies = {{{"log"}, {"soon_cancel", 3}}, {{"sleep"}}, {{"gather", {3, 3, 3}, true},
      {"set_exc", 0}, {"cbtask", 1}, {"tg", {{"tg", {{"cancel_task", 2}, {"cancel_task", 2},
      {"shield", 3}}, {{{"cbtask", 1}, {"uncancel", 0}, {"sleep"}}, {{"sleep"}, {"wait", {3, 3},
      "ALL_COMPLETED"}, {"sleep"}, {"cancel_task", 0}}}}}, {{{"cancel_task", 2}, {"sleep"},
      {"sleep"}}}}}, {{"sleep"}}},
    trace = "t 2 start; t 3 start; t3.0 slept; t 3 ends ok; t2.0 gathered 3 3 3; t2.3.0.0 cancel " ..
      "True 1; t2.3.0.1 cancel True 2; t2.3.0.2 shielded 3; t 1 start; t2.3.c0 child; " ..
      "t2.3.c0.0 cancel True 3; t2.3.0.c0 child; t2.3.0.c1 child; t1.0 slept; t 1 ends ok; " ..
      "t2.3.c0.1 slept; t2.3.0.c0.2 sleep raised C; t2.3.0.c1.0 sleep raised C; t2.2 cb " ..
      "False; t2.3.0.c0.0 cb False; t2.3.c0.2 slept; t2.3.0 tg raised C; t2.3 tg raised C; " ..
      "t 2 ends C; main.0 gathered C; main.1.0 shielded 3; main.1.3 await_fut raised V; " ..
      "main.1 caught V; main.1.1 soonc False; main.1.2 soon; main.2 slept; t 0 start; t0.0 " ..
      "log 0; t 0 ends ok; t0.1 soonc False; main.3 gathered 0 3 3; main.5.1 await_fut " ..
      "raised V; main.5.0 cb False; main.5 tg raised G(V); main ends G(V); final 0 ok; " ..
      "final 1 ok; final 2 cancelled; final 3 ok; END",
  },
  {
    nt = 3, nf = 2,
    main = {{"wait", {0, 1, 2}, "ALL_COMPLETED"}, {"soon_set", 1}, {"raise", "C"},
      {"timeout0", {{"await_task", 2}}}, {"await_task", 1}, {"soon_cancel", 0}, {"tg",
      {{"sleep"}, {"await_task", 2}}, {{{"await_task", 0}, {"shield", 1}, {"sleep"}},
      {{"await_task", 2}, {"sleep"}}}}, {"create", 2}, {"raise", "V"}, {"cancel_task", 0}},
    bodies = {{{"shield", 1}, {"timeout0", {{"gather", {1, 2}, false}, {"tg", {{"cbtask", 1},
      {"soon_set", 0}, {"sleep"}}, {{{"soon_set", 1}, {"cancel_fut", 0}, {"await_task", 1},
      {"await_fut", 1}}, {{"cancel_task", 1}, {"gather", {1, 1, 1}, false}, {"cancel_task", 0},
      {"soon_set", 0}}}}}}, {"sleep"}, {"wait", {1}, "FIRST_COMPLETED"}}, {{"soon_set", 1}},
      {{"soon_set", 1}}},
    trace = "t 0 start; t 1 start; t 1 ends ok; t 2 start; t 2 ends ok; t1.0 soon; t2.0 soon; " ..
      "t0.0 shielded 1; t0.1.0 gathered 1 2; t0.1.1.c0 child; t0.1.1.c0.1 cf True; " ..
      "t0.1.1.c0.2 task gave 1; t0.1.1.c0.3 got 7; t0.1.1.c1 child; t0.1.1.c1.0 cancel " ..
      "False 0; t0.1.1.c1.1 gathered 1 1 1; t0.1.1.c1.2 cancel True 2; t0.1.1.0 cb False; " ..
      "t0.1.1.1 soon; t0.1.1.2 sleep raised C; t0.1.1.c0.0 soon; t0.1.1.c1.3 soon; t0.1.1 " ..
      "tg raised C; t0.1 timeout0 raised C; t 0 ends C; main.0 waited 3 0; main.2 raise " ..
      "raised C; main ends C; main.1 soon; final 0 cancelled; final 1 ok; final 2 ok; END",
  },
  {
    nt = 6, nf = 1,
    main = {{"cancel_task", 3}, {"gather", {2}, true}, {"sleep"}, {"gather", {5, 2, 1}, true},
      {"soon_cancel", 5}, {"sleep"}, {"soon_set", 0}, {"create", 1}, {"create", 1}},
    bodies = {{{"set_fut", 0}, {"set_exc", 0}, {"log"}, {"shield", 3}}, {{"tg", {{"timeout0",
      {{"sleep"}}}}, {{{"create", 1}, {"await_task", 4}, {"sleep"}}}}, {"gather", {5, 4},
      false}, {"create", 4}}, {{"soon_cancel", 3}}, {{"try", {{"timeout0", {{"soon_cancel", 4},
      {"cancel_task", 5}, {"create", 1}}}, {"wait", {4}, "FIRST_COMPLETED"}}}, {"await_task",
      5}, {"create", 2}}, {{"soon_set", 0}}, {{"sleep"}, {"timeout0", {{"log"}}}, {"create",
      0}}},
    trace = "t 2 start; t 2 ends ok; t2.0 soonc None; main.1 gathered 2; main.2 slept; t 5 start; " ..
      "t 1 start; t5.0 slept; t5.1.0 log 0; t5.1 timeout left False 0; t 5 ends ok; t1.0.c0 " ..
      "child; t1.0.0.0 sleep raised C; t1.0.0 timeout0 raised T; t 0 start; t0.2 log 0; t 3 " ..
      "start; t3.0.0.1 cancel False 0; t3.0.0 timeout left False 0; t1.0.c0.1 await_task " ..
      "raised C; t3.0.0.0 soonc False; t3.0.1 waited 1 0; t3.1 task gave 5; t 3 ends ok; " ..
      "t1.0 tg raised G(T); t 1 ends G(T); t0.3 shielded 3; t 0 ends ok; main.3 gathered 5 " ..
      "2 G(T); main.4 soonc False; main.5 slept; main.6 soon; final 0 ok; final 1 G(T); " ..
      "final 2 ok; final 3 ok; final 4 cancelled; final 5 ok; END",
  },
  {
    nt = 5, nf = 3,
    main = {{"cancel_fut", 1}, {"shield", 4}, {"sleep"}, {"await_fut", 0}, {"tg", {{"sleep"},
      {"sleep"}, {"uncancel", 3}, {"uncancel", 0}}, {{{"await_fut", 1}, {"cbtask", 4}},
      {{"raise", "V"}, {"await_task", 3}, {"sleep"}}}}, {"await_fut", 1}, {"create", 2},
      {"uncancel", 2}},
    bodies = {{{"timeout0", {{"set_fut", 0}, {"set_exc", 1}, {"await_task", 2}}},
      {"await_fut", 0}}, {{"gather", {3, 2, 2}, true}, {"timeout0", {{"create", 1}, {"gather",
      {2}, false}, {"await_task", 2}}}}, {{"cbtask", 0}, {"raise", "V"}, {"gather", {3}, true}},
      {{"set_exc", 1}}, {{"sleep"}, {"timeout0", {{"cbtask", 4}}}, {"cbtask", 1}}},
    trace = "main.0 cf True; t 4 start; t4.0 slept; t4.1 timeout left False 0; t 4 ends ok; t 1 " ..
      "start; t4.1.0 cb False; t 3 start; t 3 ends ok; t 2 start; t2.1 raise raised V; t 2 " ..
      "ends V; main.1 shielded 4; t 0 start; t0.0.2 await_task raised V; t0.0 timeout0 " ..
      "raised V; t 0 ends V; main.2 slept; main.3 got 0; t2.0 cb False; t1.0 gathered 3 V " ..
      "V; t1.1.1 gather raised V; t1.1 timeout0 raised V; t 1 ends V; main.4.c0 child; " ..
      "main.4.c0.0 await_fut raised C; main.4.c1 child; main.4.c1.0 raise raised V; " ..
      "main.4.0 slept; t4.2 cb False; main.4.1 sleep raised C; main.4 tg raised G(V); main " ..
      "ends G(V); final 0 V; final 1 V; final 2 V; final 3 ok; final 4 ok; END",
  },
  {
    nt = 4, nf = 2,
    main = {{"create", 1}, {"log"}, {"soon_cancel", 3}, {"tg", {{"sleep"}, {"await_task", 1},
      {"cancel_task", 1}, {"soon_cancel", 2}}, {{{"uncancel", 3}, {"cancel_fut", 1},
      {"await_task", 3}}}}, {"await_fut", 1}, {"sleep"}, {"set_exc", 1}},
    bodies = {{{"sleep"}}, {{"try", {{"tg", {{"await_task", 3}, {"create", 0}},
      {{{"await_task", 2}, {"await_task", 2}}}}, {"cbtask", 2}}}, {"cancel_fut", 0}},
      {{"cancel_task", 3}, {"soon_set", 1}, {"set_fut", 1}, {"create", 2}}, {{"sleep"},
      {"await_fut", 1}, {"cancel_task", 3}, {"uncancel", 3}}},
    trace = "main.1 log 0; t 1 start; main.2 soonc True; main.3.c0 child; main.3.c0.0 uncancel 0; " ..
      "main.3.c0.1 cf True; main.3.0 slept; t1.0.0.c0 child; t 3 start; t 2 start; t2.0 " ..
      "cancel True 1; t 2 ends ok; t3.0 sleep raised C; t 3 ends C; t2.1 soon; t1.0.0.c0.0 " ..
      "task gave 2; t1.0.0.c0.1 task gave 2; t1.0.0.0 await_task raised C; main.3.c0.2 " ..
      "await_task raised C; t1.0.0 tg raised C; t1.0 caught C; t1.1 cf True; t 1 ends ok; " ..
      "main.3.1 task gave 1; main.3.2 cancel False 0; main.3 tg left 0; main.4 await_fut " ..
      "raised C; main ends C; main.3.3 soonc False; final 0 none; final 1 ok; final 2 ok; " ..
      "final 3 cancelled; END",
  },
  {
    nt = 5, nf = 3,
    main = {{"tg", {{"gather", {0}, true}, {"create", 2}, {"log"}}, {{{"wait", {0, 4, 4},
      "ALL_COMPLETED"}, {"sleep"}, {"sleep"}}}}, {"tg", {{"create", 2}, {"cancel_fut", 0},
      {"gather", {1, 1}, true}, {"sleep"}}, {{{"await_fut", 1}, {"gather", {2, 3, 4}, false}}}},
      {"cancel_task", 4}, {"cbtask", 3}, {"sleep"}, {"set_exc", 1}},
    bodies = {{{"cbtask", 0}}, {{"tg", {{"try", {{"set_fut", 2}}}}, {{{"await_task", 4},
      {"set_exc", 2}}}}, {"create", 4}, {"shield", 2}, {"tg", {{"create", 0}}, {{{"sleep"},
      {"sleep"}}}}}, {{"gather", {3, 3}, true}, {"shield", 4}, {"cancel_task", 2}, {"create",
      1}}, {{"cancel_task", 0}}, {{"sleep"}, {"raise", "V"}}},
    trace = "main.0.c0 child; t 0 start; t 0 ends ok; t 4 start; t0.0 cb False; t4.0 slept; t4.1 " ..
      "raise raised V; t 4 ends V; main.0.0 gathered 0; main.0.2 log 0; t 2 start; " ..
      "main.0.c0.0 waited 2 0; t 3 start; t3.0 cancel False 0; t 3 ends ok; main.0.c0.1 " ..
      "slept; main.0.c0.2 slept; t2.0 gathered 3 3; t2.1 shield raised V; t 2 ends V; " ..
      "main.0 tg left 0; main.1.1 cf True; main.1.c0 child; t 1 start; t1.0.c0 child; " ..
      "t1.0.c0.0 await_task raised V; t1.0 tg raised G(V); t 1 ends G(V); main.1.2 gathered " ..
      "G(V) G(V); main.1.3 slept; final 0 ok; final 1 G(V); final 2 V; final 3 ok; final 4 " ..
      "V; END",
  },
  {
    nt = 2, nf = 4,
    main = {{"uncancel", 0}, {"wait", {1, 1, 1}, "FIRST_COMPLETED"}, {"tg", {{"shield", 0},
      {"set_fut", 2}}, {{{"gather", {1, 0}, true}, {"sleep"}, {"cancel_task", 1}, {"uncancel",
      1}}}}, {"await_task", 0}, {"gather", {1, 0, 0}, false}, {"create", 0}},
    bodies = {{{"wait", {1}, "FIRST_COMPLETED"}, {"create", 0}}, {{"cbtask", 0}, {"sleep"},
      {"set_exc", 3}, {"uncancel", 1}}},
    trace = "t 1 start; t 0 start; t1.1 slept; t1.3 uncancel 0; t 1 ends ok; main.1 waited 1 0; " ..
      "t0.0 waited 1 0; t 0 ends ok; main.2.c0 child; main.2.c0.0 gathered 1 0; t1.0 cb " ..
      "False; main.2.c0.1 slept; main.2.c0.2 cancel False 0; main.2.c0.3 uncancel 0; " ..
      "main.2.0 shielded 0; main.2 tg left 0; main.3 task gave 0; main.4 gathered 1 0 0; " ..
      "final 0 ok; final 1 ok; END",
  },
  {
    nt = 6, nf = 1,
    main = {{"gather", {1, 4}, false}, {"create", 1}, {"shield", 2}, {"cancel_fut", 0}},
    bodies = {{{"await_fut", 0}, {"sleep"}, {"wait", {3, 1}, "FIRST_COMPLETED"}},
      {{"await_fut", 0}, {"raise", "V"}, {"soon_set", 0}}, {{"create", 5}}, {{"shield", 4},
      {"set_exc", 0}, {"soon_cancel", 3}}, {{"wait", {5, 5}, "FIRST_EXCEPTION"}, {"cancel_task",
      4}, {"set_fut", 0}, {"timeout0", {{"try", {{"set_fut", 0}}}}}}, {{"try", {{"create", 2},
      {"sleep"}, {"raise", "V"}, {"sleep"}}}, {"try", {{"soon_set", 0}, {"create", 4},
      {"create", 3}}}, {"log"}, {"tg", {{"await_fut", 0}}, {{{"soon_set", 0}, {"await_fut",
      0}}}}}},
    trace = "t 1 start; t 4 start; t 5 start; t 2 start; t 2 ends ok; t5.0.1 slept; t5.0.2 raise " ..
      "raised V; t5.0 caught V; t5.2 log 0; t5.1.0 soon; t 3 start; t5.3.c0 child; " ..
      "t5.3.c0.1 got 7; t1.0 got 7; t1.1 raise raised V; t 1 ends V; t5.3.0 got 7; " ..
      "t5.3.c0.0 soon; t5.3 tg left 0; t 5 ends ok; main.0 gather raised V; main ends V; " ..
      "t4.0 waited 1 0; t4.1 cancel True 1; t4.3 timeout left False 1; t 4 ends ok; t3.0 " ..
      "shield raised C; t 3 ends C; final 0 none; final 1 V; final 2 ok; final 3 cancelled; " ..
      "final 4 cancelled; final 5 ok; END",
  },
  {
    nt = 6, nf = 2,
    main = {{"tg", {{"soon_cancel", 1}, {"wait", {4, 0, 2}, "FIRST_COMPLETED"}}, {{{"sleep"},
      {"log"}, {"shield", 3}}}}, {"cancel_task", 3}, {"raise", "V"}, {"await_task", 0},
      {"await_fut", 1}, {"cancel_fut", 1}, {"cancel_task", 0}, {"cancel_fut", 1},
      {"cancel_task", 3}},
    bodies = {{{"cancel_task", 1}}, {{"sleep"}, {"sleep"}, {"uncancel", 0}}, {{"cancel_task",
      2}, {"create", 2}, {"soon_set", 1}, {"gather", {3, 4}, false}}, {{"uncancel", 1},
      {"sleep"}, {"gather", {4, 4, 4}, true}}, {{"tg", {{"soon_set", 0}, {"create", 5},
      {"await_fut", 1}, {"set_fut", 1}}, {{{"uncancel", 2}, {"sleep"}, {"cancel_fut", 1},
      {"await_task", 5}}, {{"uncancel", 5}, {"sleep"}, {"await_task", 5}, {"await_task", 5}}}},
      {"create", 0}}, {{"tg", {{"log"}, {"await_fut", 1}, {"raise", "V"}}, {{{"cbtask", 0}}}},
      {"cancel_fut", 1}, {"sleep"}}},
    trace = "main.0.c0 child; main.0.0 soonc None; t 4 start; t 0 start; t 0 ends ok; t 2 start; " ..
      "t2.0 cancel True 1; main.0.c0.0 slept; main.0.c0.1 log 0; t4.0.c0 child; t4.0.c0.0 " ..
      "uncancel 0; t4.0.c1 child; t4.0.c1.0 uncancel 0; t4.0.0 soon; t 5 start; t5.0.0 log " ..
      "0; t5.0.1 await_fut raised C; t2.2 soon; t4.0.2 await_fut raised C; t4.0.c0.1 sleep " ..
      "raised C; t4.0.c1.1 sleep raised C; main.0.1 waited 1 2; t2.3 gather raised C; t 2 " ..
      "ends C; main.0.c0.2 shield raised C; t4.0 tg raised C; t 4 ends C; t5.0 tg raised C; " ..
      "t 5 ends C; main.0 tg left 0; main.1 cancel False 1; main.2 raise raised V; main " ..
      "ends V; final 0 ok; final 1 none; final 2 cancelled; final 3 cancelled; final 4 " ..
      "cancelled; final 5 cancelled; END",
  },
  {
    nt = 5, nf = 4,
    main = {{"wait", {3, 2}, "FIRST_EXCEPTION"}, {"sleep"}, {"try", {{"shield", 2}, {"wait",
      {2, 0}, "FIRST_COMPLETED"}, {"cancel_task", 0}}}, {"try", {{"create", 1}, {"sleep"}}},
      {"wait", {0}, "ALL_COMPLETED"}, {"soon_cancel", 4}, {"set_exc", 1}, {"soon_cancel", 1},
      {"shield", 2}},
    bodies = {{{"await_task", 4}}, {{"gather", {4, 2, 2}, true}}, {{"cancel_task", 0},
      {"cancel_task", 3}, {"timeout0", {{"create", 2}, {"set_exc", 3}, {"wait", {3},
      "ALL_COMPLETED"}}}}, {{"sleep"}, {"await_task", 4}}, {{"uncancel", 4}}},
    trace = "t 3 start; t 2 start; t2.1 cancel True 1; t3.0 sleep raised C; t 3 ends C; t2.2.2 " ..
      "wait raised C; t2.2 timeout0 raised T; t 2 ends T; main.0 waited 2 0; main.1 slept; " ..
      "main.2.0 shield raised T; main.2 caught T; t 1 start; main.3.1 slept; t 4 start; " ..
      "t4.0 uncancel 0; t 4 ends ok; t 0 start; t0.0 task gave 4; t 0 ends ok; t1.0 " ..
      "gathered 4 T T; t 1 ends ok; main.4 waited 1 0; main.8 shield raised T; main ends T; " ..
      "main.5 soonc False; main.7 soonc False; final 0 ok; final 1 ok; final 2 T; final 3 " ..
      "cancelled; final 4 ok; END",
  },
  {
    nt = 6, nf = 1,
    main = {{"soon_set", 0}, {"wait", {4, 1, 4}, "FIRST_COMPLETED"}, {"soon_set", 0}, {"wait",
      {3, 0, 0}, "FIRST_COMPLETED"}, {"cancel_task", 4}, {"log"}, {"create", 5}, {"try",
      {{"set_fut", 0}, {"create", 5}, {"log"}}}},
    bodies = {{{"gather", {3, 3, 3}, false}, {"sleep"}}, {{"soon_cancel", 3}, {"tg",
      {{"await_task", 2}, {"set_exc", 0}, {"shield", 5}}, {{{"cancel_fut", 0}, {"gather", {2},
      false}, {"await_fut", 0}}, {{"soon_cancel", 5}}}}, {"log"}}, {{"wait", {3, 4},
      "FIRST_EXCEPTION"}, {"await_task", 4}, {"await_fut", 0}}, {{"gather", {5, 4, 5}, true},
      {"cancel_task", 2}, {"cancel_fut", 0}}, {{"wait", {5, 5, 5}, "ALL_COMPLETED"}, {"gather",
      {5, 5, 5}, false}}, {{"cancel_fut", 0}, {"sleep"}}},
    trace = "main.0 soon; t 4 start; t 1 start; t 5 start; t5.0 cf False; t1.0 soonc None; " ..
      "t1.1.c0 child; t1.1.c0.0 cf False; t1.1.c1 child; t 2 start; t5.1 slept; t 5 ends " ..
      "ok; t1.1.c1.0 soonc False; t 3 start; t4.0 waited 1 0; t4.1 gathered 5 5 5; t 4 ends " ..
      "ok; main.1 waited 1 1; t3.0 gathered 5 4 5; t3.1 cancel True 1; t3.2 cf False; t 3 " ..
      "ends ok; main.2 soon; t 0 start; t0.0 gathered 3 3 3; t2.0 wait raised C; t 2 ends " ..
      "C; t0.1 slept; t 0 ends ok; t1.1.0 await_task raised C; main.3 waited 2 0; main.4 " ..
      "cancel False 0; main.5 log 0; main.7.2 log 0; t1.1.c0.1 gather raised C; t1.1 tg " ..
      "raised C; t 1 ends C; final 0 ok; final 1 cancelled; final 2 cancelled; final 3 ok; " ..
      "final 4 ok; final 5 ok; END",
  },
  {
    nt = 5, nf = 3,
    main = {{"await_task", 0}, {"cancel_fut", 1}, {"shield", 2}, {"soon_cancel", 1},
      {"uncancel", 4}, {"gather", {1, 1}, true}},
    bodies = {{{"try", {{"soon_cancel", 3}, {"await_task", 2}, {"cancel_fut", 2}}},
      {"set_fut", 2}, {"create", 4}}, {{"soon_cancel", 1}, {"create", 4}, {"await_task", 3},
      {"tg", {{"soon_cancel", 1}, {"sleep"}, {"cancel_task", 0}, {"raise", "C"}},
      {{{"cancel_task", 0}, {"await_task", 4}}}}}, {{"cbtask", 0}, {"try", {{"await_task", 4},
      {"cbtask", 1}, {"cbtask", 3}, {"create", 3}}}}, {{"tg", {{"create", 1}, {"shield", 4},
      {"sleep"}}, {{{"soon_set", 0}, {"raise", "V"}, {"sleep"}}, {{"raise", "C"}, {"await_task",
      4}}}}}, {{"sleep"}, {"sleep"}}},
    trace = "t 0 start; t0.0.0 soonc None; t 2 start; t 4 start; t4.0 slept; t4.1 slept; t 4 ends " ..
      "ok; t2.1.0 task gave 4; t 2 ends ok; t 1 start; t 3 start; t3.0.1 shielded 4; t0.0.1 " ..
      "task gave 2; t0.0.2 cf True; t 0 ends ok; t1.0 soonc True; t3.0.c0 child; t3.0.c0.1 " ..
      "raise raised V; t3.0.c1 child; t3.0.c1.0 raise raised C; t3.0.2 sleep raised C; " ..
      "main.0 task gave 0; main.1 cf True; main.2 shielded 2; main.4 uncancel 0; t2.0 cb " ..
      "False; t3.0.c0.0 soon; main.3 soonc True; t3.0 tg raised G(V); t 3 ends G(V); t2.1.2 " ..
      "cb False; t1.2 await_task raised G(V); t 1 ends G(V); t2.1.1 cb False; main.5 " ..
      "gathered G(V) G(V); final 0 ok; final 1 G(V); final 2 ok; final 3 G(V); final 4 ok; " ..
      "END",
  },
  {
    nt = 5, nf = 3,
    main = {{"cancel_task", 3}, {"tg", {{"await_fut", 2}, {"gather", {0, 3}, false}},
      {{{"cancel_task", 1}, {"cancel_task", 3}, {"soon_set", 2}, {"gather", {1, 1, 2}, true}}}},
      {"create", 3}, {"await_task", 2}, {"cancel_task", 3}, {"wait", {0, 3, 2},
      "FIRST_COMPLETED"}, {"tg", {{"set_exc", 0}, {"set_exc", 2}, {"uncancel", 0}, {"sleep"}},
      {{{"wait", {0, 0}, "ALL_COMPLETED"}, {"create", 1}, {"await_fut", 0}, {"await_task",
      3}}}}, {"create", 0}, {"await_task", 0}},
    bodies = {{{"set_exc", 0}}, {{"shield", 4}, {"create", 0}, {"set_exc", 2}},
      {{"cancel_fut", 2}, {"gather", {4, 4, 3}, true}}, {{"await_task", 4}, {"sleep"},
      {"gather", {4, 4}, true}, {"tg", {{"create", 0}}, {{{"sleep"}, {"await_task", 4},
      {"cancel_task", 0}}}}}, {{"soon_set", 2}}},
    trace = "main.1.c0 child; main.1.c0.2 soon; t 1 start; t 2 start; t2.0 cf False; main.1.0 got " ..
      "7; t 4 start; t 4 ends ok; t 3 start; t3.0 task gave 4; t 0 start; t 0 ends ok; t4.0 " ..
      "soon; t3.1 slept; t3.2 gathered 4 4; t1.0 shielded 4; t 1 ends ok; t3.3.c0 child; " ..
      "t3.3.c0.0 slept; t3.3.c0.1 task gave 4; t3.3.c0.2 cancel False 0; t3.3 tg left 0; t " ..
      "3 ends ok; t2.1 gathered 4 4 3; t 2 ends ok; main.1.1 gathered 0 3; main.1.c0.3 " ..
      "gathered 1 1 2; main.1 tg left 0; main.3 task gave 2; main.4 cancel False 0; main.5 " ..
      "waited 3 0; main.6.2 uncancel 0; main.6.c0 child; main.6.3 slept; main.6.c0.0 waited " ..
      "1 0; main.6.c0.2 await_fut raised V; main.6 tg raised G(V); main ends G(V); final 0 " ..
      "ok; final 1 ok; final 2 ok; final 3 ok; final 4 ok; END",
  },
}
