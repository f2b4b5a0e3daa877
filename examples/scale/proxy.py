"""A load balancer in a few lines: each request of lobu_jupyter goes to the next server, and all else to the first that is there.

    python proxy.py PORT 8001 8002

A kernel is on one server, so JupyterLab's own requests stay together. Threads, streams, sockets and a worker's batches
may go anywhere, because all that they need is in the store. A connection carries one request, so each is a new choice.
"""

import asyncio
import contextlib
import itertools
import re
import sys

PORT, *SERVERS = map(int, sys.argv[1:])
TURNS = itertools.cycle(range(len(SERVERS)))


async def serve(reader, writer):
    """Pass one request on, and what comes back."""
    tasks = []
    with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        head = await reader.readuntil(b"\r\n\r\n")
        there, back = await connect(head)
        if not re.search(rb"\r\nUpgrade:", head, re.IGNORECASE):
            head = re.sub(rb"\r\nConnection:[^\r]*", b"", head, flags=re.IGNORECASE)
            head = head[:-2] + b"Connection: close\r\n\r\n"
        back.write(head)
        tasks = [asyncio.create_task(pump(reader, back)), asyncio.create_task(pump(there, writer))]
        await tasks[1]
        back.close()
    for task in tasks:
        task.cancel()
    writer.close()


async def connect(head):
    """The next server that is there."""
    path = head.split(b" ", 2)[1]
    first = next(TURNS) if b"/lobu/api/" in path else 0
    for port in SERVERS[first:] + SERVERS[:first]:
        with contextlib.suppress(OSError):
            return await asyncio.open_connection("127.0.0.1", port)
    raise OSError("no server is there")


async def pump(source, sink):
    with contextlib.suppress(OSError):
        while chunk := await source.read(65536):
            sink.write(chunk)
            await sink.drain()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", PORT)
    await server.serve_forever()


with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(main())
