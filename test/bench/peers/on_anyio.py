"""The workloads on Python's anyio: on_anyio.py WORKLOAD [count...]

BACKEND is asyncio (the default) or trio.
"""
import os
import time

import anyio
import anyio.abc
import anyio.lowlevel

import workload


async def switches(each):
    for _ in range(each):
        await anyio.lowlevel.checkpoint()


async def nothing():
    pass


async def switch(tasks=1, each=100000):
    start = workload.now()
    async with anyio.create_task_group() as group:
        for _ in range(tasks):
            group.start_soon(switches, each)
    return start, tasks * each, "switch"


async def spawn(tasks=100000):
    start = workload.now()
    async with anyio.create_task_group() as group:
        for _ in range(tasks):
            group.start_soon(nothing)
    return start, tasks, "task"


async def sleepers(tasks=100000):
    start = workload.now()
    async with anyio.create_task_group() as group:
        for i in range(1, tasks + 1):
            group.start_soon(anyio.sleep, workload.delay(i))
    return start, tasks, "sleeper"


async def cancel(tasks=100000):
    async with anyio.create_task_group() as group:
        for _ in range(tasks):
            group.start_soon(anyio.sleep_forever)
        await anyio.wait_all_tasks_blocked()
        start = workload.now()
        group.cancel_scope.cancel()
    return start, tasks, "task"


async def scopes(times=100000):
    delay = 0 if workload.fires else 3600
    wait = anyio.sleep_forever if workload.fires else anyio.lowlevel.checkpoint
    start = workload.now()
    for _ in range(times):
        with anyio.move_on_after(delay):
            await wait()
    return start, times, "scope"


async def work(lock, times):
    for _ in range(times):
        async with lock:
            if workload.what == "held":
                await anyio.lowlevel.checkpoint()


async def lock(times=100000):
    start, one = workload.now(), anyio.Lock()
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
    start = workload.now()
    async with anyio.create_task_group() as group:
        if workload.what == "stream":
            send, receive = anyio.create_memory_object_stream(100)
            group.start_soon(send_all, send, times)
            group.start_soon(receive_all, receive, times)
        else:
            there, receive = anyio.create_memory_object_stream()
            send, back = anyio.create_memory_object_stream()
            group.start_soon(ask, there, back, times)
            group.start_soon(answer, receive, send, times)
    unit = "item" if workload.what == "stream" else "round trip"
    return start, times, unit


async def echo(stream):
    async with stream:
        try:
            async for data in stream:
                await stream.send(data)
        except anyio.BrokenResourceError:
            pass  # the load resets its connections


async def tcpecho(size=64, requests=10000):
    async with anyio.create_task_group() as group:
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        group.start_soon(listener.serve, echo)
        begun = time.process_time()
        load = await anyio.run_process(workload.load(
            listener.extra(anyio.abc.SocketAttribute.local_port), size, requests))
        workload.echoed(begun, load.stdout)
        group.cancel_scope.cancel()


async def startup():
    await workload.startup()


async def main():
    await workload.measure(globals())


anyio.run(main, backend=os.environ.get("BACKEND", "asyncio"))
