"""The workloads on Python's asyncio: on_asyncio.py WORKLOAD [count...]

LOOP=uvloop takes uvloop's loop.
"""
import asyncio
import os
import time

import workload


async def switches(each):
    for _ in range(each):
        await asyncio.sleep(0)


async def nothing():
    pass


async def switch(tasks=1, each=100000):
    start = workload.now()
    await asyncio.gather(*[switches(each) for _ in range(tasks)])
    return start, tasks * each, "switch"


async def spawn(tasks=100000):
    start = workload.now()
    async with asyncio.TaskGroup() as group:
        for _ in range(tasks):
            group.create_task(nothing())
    return start, tasks, "task"


async def sleepers(tasks=100000):
    start = workload.now()
    async with asyncio.TaskGroup() as group:
        for i in range(1, tasks + 1):
            group.create_task(asyncio.sleep(workload.delay(i)))
    return start, tasks, "sleeper"


async def cancel(tasks=100000):
    all_tasks = [asyncio.create_task(asyncio.sleep(3600)) for _ in range(tasks)]
    await asyncio.sleep(0)
    start = workload.now()
    for task in all_tasks:
        task.cancel()
    await asyncio.gather(*all_tasks, return_exceptions=True)
    return start, tasks, "task"


async def scopes(times=100000):
    delay = 0 if workload.fires else 3600
    start = workload.now()
    for _ in range(times):
        try:
            async with asyncio.timeout(delay):
                await asyncio.sleep(0 if delay else 3600)
        except TimeoutError:
            pass
    return start, times, "scope"


async def threads(times=2000):
    start = workload.now()
    for _ in range(times):
        await asyncio.to_thread(time.monotonic)
    return start, times, "call"


def read_now(path):
    with open(path, "rb") as file:
        return file.read()


async def read_file(path):
    return await asyncio.to_thread(read_now, path)


async def read_large(path, pieces):
    with open(path, "rb") as file:
        for _ in range(pieces):
            await asyncio.to_thread(file.read, 1 << 20)


async def read_some(folder, first, last):
    for i in range(first, last):
        assert len(await read_file(f"{folder}/{i}")) == 1025


async def files(times=10000):
    with workload.folder_of_files(times) as folder:
        start = workload.now()
        if workload.what == "large":
            await read_large(f"{folder}/large", times)
            return start, times, "MiB"
        async with asyncio.TaskGroup() as group:
            for first, last in workload.shares(times):
                group.create_task(read_some(folder, first, last))
        return start, times, "file"


async def echo(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # the load resets its connections
    writer.close()


async def tcpecho(size=64, requests=10000):
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    begun = time.process_time()
    load = await asyncio.create_subprocess_exec(
        *workload.load(server.sockets[0].getsockname()[1], size, requests),
        stdout=asyncio.subprocess.PIPE)
    workload.echoed(begun, (await load.communicate())[0])
    server.close()


async def startup():
    await workload.startup()


async def main():
    await workload.measure(globals())


if os.environ.get("LOOP") == "uvloop":
    import uvloop

    uvloop.install()
asyncio.run(main())
