"""The workloads on Python's anyio: on_anyio.py WORKLOAD [count...]

BACKEND is asyncio (the default) or trio.
"""
import os
import sys
import time

import anyio
import anyio.lowlevel

name = sys.argv[1]
count = [int(word) for word in sys.argv[2:] if word.isdigit()]


async def switches(each):
    for _ in range(each):
        await anyio.lowlevel.checkpoint()


async def nothing():
    pass


async def switch(tasks=1, each=100000):
    start = time.perf_counter()
    async with anyio.create_task_group() as group:
        for _ in range(tasks):
            group.start_soon(switches, each)
    return start, tasks * each, "switch"


async def spawn(tasks=100000):
    start = time.perf_counter()
    async with anyio.create_task_group() as group:
        for _ in range(tasks):
            group.start_soon(nothing)
    return start, tasks, "task"


async def sleepers(tasks=100000):
    start = time.perf_counter()
    async with anyio.create_task_group() as group:
        for i in range(1, tasks + 1):
            group.start_soon(anyio.sleep, (i * 7919 % 50 + 1) / 1000)
    return start, tasks, "sleeper"


async def cancel(tasks=100000):
    async with anyio.create_task_group() as group:
        for _ in range(tasks):
            group.start_soon(anyio.sleep_forever)
        await anyio.wait_all_tasks_blocked()
        start = time.perf_counter()
        group.cancel_scope.cancel()
    return start, tasks, "task"


async def scopes(times=100000):
    fire = sys.argv[-1] == "fire"
    delay = 0 if fire else 3600
    wait = anyio.sleep_forever if fire else anyio.lowlevel.checkpoint
    start = time.perf_counter()
    for _ in range(times):
        with anyio.move_on_after(delay):
            await wait()
    return start, times, "scope"


async def work(lock, times):
    for _ in range(times):
        async with lock:
            if sys.argv[2] == "held":
                await anyio.lowlevel.checkpoint()


async def lock(times=100000):
    start, one = time.perf_counter(), anyio.Lock()
    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(work, one, times // 100)
    return start, times, "acquire+release"


async def send_all(stream, times):
    for i in range(times):
        await stream.send(i)


async def receive_all(stream, times):
    for _ in range(times):
        await stream.receive()


async def ask(there, back, times):
    for i in range(times):
        await there.send(i)
        await back.receive()


async def answer(there, back, times):
    for _ in range(times):
        await back.send(await there.receive())


async def channel(times=100000):
    start = time.perf_counter()
    async with anyio.create_task_group() as group:
        if sys.argv[2] == "stream":
            send, receive = anyio.create_memory_object_stream(100)
            group.start_soon(send_all, send, times)
            group.start_soon(receive_all, receive, times)
        else:
            there, receive = anyio.create_memory_object_stream()
            send, back = anyio.create_memory_object_stream()
            group.start_soon(ask, there, back, times)
            group.start_soon(answer, receive, send, times)
    unit = "item" if sys.argv[2] == "stream" else "round trip"
    return start, times, unit


async def startup():
    print("hello")


async def main():
    result = await globals()[name](*count)
    if result:
        start, ops, unit = result
        print(f"{(time.perf_counter() - start) * 1e9 / ops:.1f} ns/{unit}")


anyio.run(main, backend=os.environ.get("BACKEND", "asyncio"))
