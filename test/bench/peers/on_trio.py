"""The workloads on Python's trio: on_trio.py WORKLOAD [count...]"""
import sys
import tempfile
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
    fire = sys.argv[-1] == "fire"
    delay = 0 if fire else 3600
    wait = trio.sleep_forever if fire else trio.lowlevel.checkpoint
    start = time.perf_counter()
    for _ in range(times):
        with trio.move_on_after(delay):
            await wait()
    return start, times, "scope"


async def threads(times=2000):
    start = time.perf_counter()
    for _ in range(times):
        await trio.to_thread.run_sync(time.monotonic)
    return start, times, "call"


async def read_file(path):
    async with await trio.open_file(path, "rb") as file:
        return await file.read()


async def read_large(path, pieces):
    async with await trio.open_file(path, "rb") as file:
        for _ in range(pieces):
            await file.read(1 << 20)


async def read_some(folder, first, last):
    for i in range(first, last):
        assert len(await read_file(f"{folder}/{i}")) == 1025


async def files(times=10000):
    what = sys.argv[2]
    workers = 16 if what == "wide" else 1
    with tempfile.TemporaryDirectory() as folder:
        if what == "large":
            with open(f"{folder}/large", "wb") as out:
                for _ in range(times):
                    out.write(b"x" * (1 << 20))
            start = time.perf_counter()
            await read_large(f"{folder}/large", times)
            return start, times, "MiB"
        for i in range(times):
            with open(f"{folder}/{i}", "wb") as out:
                out.write(b"x" * 1025)
        start = time.perf_counter()
        async with trio.open_nursery() as group:
            for w in range(workers):
                group.start_soon(read_some, folder, times * w // workers, times * (w + 1) // workers)
        return start, times, "file"


async def startup():
    print("hello")


async def main():
    result = await globals()[name](*count)
    if result:
        start, ops, unit = result
        print(f"{(time.perf_counter() - start) * 1e9 / ops:.1f} ns/{unit}")


import trio.testing

trio.run(main)
