"""The floor's producer: a process that makes the load of all runs, as a worker does for the product.

``python -m bench.yardsticks.producer PORT``. One WebSocket carries the loads here and the frames there. What is
ready when the socket is written goes as one message. It ends with its socket.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from tornado.websocket import WebSocketClientConnection, websocket_connect

from .peer import produce

Waiting = dict[str, tuple[int, int, bool, list[bytes]]]


def pack(waiting: Waiting) -> bytes:
    """Return a message: for each run a line of its name, first and last seq, end and length, and then its frames."""
    parts: list[bytes] = []
    for name, (first, last, ended, frames) in waiting.items():
        body = b"".join(frames)
        parts += [f"{name} {first} {last} {int(ended)} {len(body)}\n".encode(), body]
    return b"".join(parts)


def unpack(message: bytes) -> list[tuple[str, int, int, bool, bytes]]:
    """Return the name, first and last seq, end and frames of each run in a message."""
    found: list[tuple[str, int, int, bool, bytes]] = []
    at = 0
    while at < len(message):
        line = message.index(b"\n", at)
        name, first, last, ended, length = message[at:line].split()
        at = line + 1 + int(length)
        found.append((name.decode(), int(first), int(last), ended == b"1", message[line + 1 : at]))
    return found


async def main(port: str) -> None:
    socket = await websocket_connect(f"ws://127.0.0.1:{port}/feed")
    waiting: Waiting = {}
    news = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(_send(socket, waiting, news))
        while (message := await socket.read_message()) is not None:
            asked: dict[str, Any] = json.loads(message)
            name: str = asked["name"]

            def emit(seq: int, frame: bytes, last: bool, name: str = name) -> None:
                first, _, _, frames = waiting.get(name, (seq, seq, last, []))
                frames.append(frame)
                waiting[name] = (first, seq, last, frames)
                news.set()

            group.create_task(produce(asked, emit))
        sys.exit(0)


async def _send(socket: WebSocketClientConnection, waiting: Waiting, news: asyncio.Event) -> None:
    while True:
        await news.wait()
        news.clear()
        message = pack(waiting)
        waiting.clear()
        await socket.write_message(message, binary=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
