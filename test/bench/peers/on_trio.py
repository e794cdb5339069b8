"""The workloads on Python's trio: on_trio.py WORKLOAD [count...]"""
import sys
import time

import trio

name = sys.argv[1]
count = [int(word) for word in sys.argv[2:] if word.isdigit()]


async def switches(each):
    for _ in range(each):
        await trio.lowlevel.checkpoint()


async def nothing():
    pass


async def switch(tasks=1, each=100000):
    start = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for _ in range(tasks):
            nursery.start_soon(switches, each)
    return start, tasks * each, "switch"


async def spawn(tasks=100000):
    start = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for _ in range(tasks):
            nursery.start_soon(nothing)
    return start, tasks, "task"


async def sleepers(tasks=100000):
    start = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for i in range(1, tasks + 1):
            nursery.start_soon(trio.sleep, (i * 7919 % 50 + 1) / 1000)
    return start, tasks, "sleeper"


async def cancel(tasks=100000):
    async with trio.open_nursery() as nursery:
        for _ in range(tasks):
            nursery.start_soon(trio.sleep_forever)
        await trio.testing.wait_all_tasks_blocked()
        start = time.perf_counter()
        nursery.cancel_scope.cancel()
    return start, tasks, "task"


async def scopes(times=100000):
    delay = 0 if sys.argv[-1] == "fire" else 3600
    start = time.perf_counter()
    for _ in range(times):
        with trio.move_on_after(delay):
            await trio.lowlevel.checkpoint()
    return start, times, "scope"


async def threads(times=2000):
    start = time.perf_counter()
    for _ in range(times):
        await trio.to_thread.run_sync(time.monotonic)
    return start, times, "call"


async def startup():
    print("hello")


async def main():
    result = await globals()[name](*count)
    if result:
        start, ops, unit = result
        print(f"{(time.perf_counter() - start) * 1e9 / ops:.1f} ns/{unit}")


import trio.testing

trio.run(main)
