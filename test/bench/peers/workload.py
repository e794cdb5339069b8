"""What the programs of the Python libraries share: arguments, files, the figure.

A program is on_LIBRARY.py WORKLOAD [count...]. A workload is an async function
that returns when it began, how many operations it did, and what one is called.
"""
import contextlib
import os
import sys
import tempfile
import time

name = sys.argv[1]
what = sys.argv[2] if len(sys.argv) > 2 else ""
fires = sys.argv[-1] == "fire"
count = [int(word) for word in sys.argv[2:] if word.isdigit()]


def now():
    return time.perf_counter()


def delay(i):
    """How long the i-th sleeper sleeps."""
    return (i * 7919 % 50 + 1) / 1000


async def startup():
    print("hello")


async def measure(workloads):
    """Runs the workload that was asked for, one of a program's globals."""
    result = await workloads[name](*count)
    if result:
        start, ops, unit = result
        print(f"{(now() - start) * 1e9 / ops:.1f} ns/{unit}")


@contextlib.contextmanager
def folder_of_files(times):
    """What `files` reads: `times` small ones, or one of so many MiB."""
    with tempfile.TemporaryDirectory() as folder:
        if what == "large":
            with open(f"{folder}/large", "wb") as out:
                for _ in range(times):
                    out.write(b"x" * (1 << 20))
        else:
            for i in range(times):
                with open(f"{folder}/{i}", "wb") as out:
                    out.write(b"x" * 1025)
        yield folder


def shares(times):
    """The first and the last file of each of the tasks that read them."""
    workers = 16 if what == "wide" else 1
    return [(times * w // workers, times * (w + 1) // workers) for w in range(workers)]


def load(port, size, requests):
    """The command that asks an echo server, which the server in C has built."""
    folder = os.environ.get("BUILD", "build") + "/bench"
    return [f"{folder}/tcpload", str(port), "50", str(size), str(requests)]


def echoed(begun, output):
    """Says what a request cost this process since `begun`, or how long they took."""
    used = time.process_time() - begun
    done, slow = output.split()[:2]
    if sys.argv[-1] == "p99":
        print(f"{float(slow):.0f} us")
    else:
        print(f"{used * 1e6 / int(done):.2f} us/request")
