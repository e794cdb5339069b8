"""The workloads on Python's trio: on_trio.py WORKLOAD [count...]"""
import functools
import time

import trio

import workload


async def switches(each):
    for _ in range(each):
        await trio.lowlevel.checkpoint()


async def nothing():
    pass


async def switch(tasks=1, each=100000):
    start = workload.now()
    async with trio.open_nursery() as nursery:
        for _ in range(tasks):
            nursery.start_soon(switches, each)
    return start, tasks * each, "switch"


async def spawn(tasks=100000):
    start = workload.now()
    async with trio.open_nursery() as nursery:
        for _ in range(tasks):
            nursery.start_soon(nothing)
    return start, tasks, "task"


async def sleepers(tasks=100000):
    start = workload.now()
    async with trio.open_nursery() as nursery:
        for i in range(1, tasks + 1):
            nursery.start_soon(trio.sleep, workload.delay(i))
    return start, tasks, "sleeper"


async def cancel(tasks=100000):
    async with trio.open_nursery() as nursery:
        for _ in range(tasks):
            nursery.start_soon(trio.sleep_forever)
        await trio.testing.wait_all_tasks_blocked()
        start = workload.now()
        nursery.cancel_scope.cancel()
    return start, tasks, "task"


async def scopes(times=100000):
    delay = 0 if workload.fires else 3600
    wait = trio.sleep_forever if workload.fires else trio.lowlevel.checkpoint
    start = workload.now()
    for _ in range(times):
        with trio.move_on_after(delay):
            await wait()
    return start, times, "scope"


async def threads(times=2000):
    start = workload.now()
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
    with workload.folder_of_files(times) as folder:
        start = workload.now()
        if workload.what == "large":
            await read_large(f"{folder}/large", times)
            return start, times, "MiB"
        async with trio.open_nursery() as nursery:
            for first, last in workload.shares(times):
                nursery.start_soon(read_some, folder, first, last)
        return start, times, "file"


async def echo(stream):
    try:
        async for data in stream:
            await stream.send_all(data)
    except trio.BrokenResourceError:
        pass  # the load resets its connections


async def tcpecho(size=64, requests=10000):
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(
            functools.partial(trio.serve_tcp, echo, 0, host="127.0.0.1"))
        begun = time.process_time()
        load = await trio.run_process(
            workload.load(listeners[0].socket.getsockname()[1], size, requests),
            capture_stdout=True)
        workload.echoed(begun, load.stdout)
        nursery.cancel_scope.cancel()


async def startup():
    await workload.startup()


async def main():
    await workload.measure(globals())


import trio.testing

trio.run(main)
