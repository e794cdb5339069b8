"""The workloads on Python's asyncio: on_asyncio.py WORKLOAD [count...]

LOOP=uvloop takes uvloop's loop.
"""
import asyncio
import os
import sys
import time

name = sys.argv[1]
count = [int(word) for word in sys.argv[2:] if word.isdigit()]


async def switches(each):
    for _ in range(each):
        await asyncio.sleep(0)


async def nothing():
    pass


async def switch(tasks=1, each=100000):
    start = time.perf_counter()
    await asyncio.gather(*[switches(each) for _ in range(tasks)])
    return start, tasks * each, "switch"


async def spawn(tasks=100000):
    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(tasks):
            group.create_task(nothing())
    return start, tasks, "task"


async def sleepers(tasks=100000):
    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for i in range(1, tasks + 1):
            group.create_task(asyncio.sleep((i * 7919 % 50 + 1) / 1000))
    return start, tasks, "sleeper"


async def cancel(tasks=100000):
    all_tasks = [asyncio.create_task(asyncio.sleep(3600)) for _ in range(tasks)]
    await asyncio.sleep(0)
    start = time.perf_counter()
    for task in all_tasks:
        task.cancel()
    await asyncio.gather(*all_tasks, return_exceptions=True)
    return start, tasks, "task"


async def scopes(times=100000):
    delay = 0 if sys.argv[-1] == "fire" else 3600
    start = time.perf_counter()
    for _ in range(times):
        try:
            async with asyncio.timeout(delay):
                await asyncio.sleep(0)
        except TimeoutError:
            pass
    return start, times, "scope"


async def threads(times=2000):
    start = time.perf_counter()
    for _ in range(times):
        await asyncio.to_thread(time.monotonic)
    return start, times, "call"


async def startup():
    print("hello")


async def main():
    result = await globals()[name](*count)
    if result:
        start, ops, unit = result
        print(f"{(time.perf_counter() - start) * 1e9 / ops:.1f} ns/{unit}")


if os.environ.get("LOOP") == "uvloop":
    import uvloop

    uvloop.install()
asyncio.run(main())
