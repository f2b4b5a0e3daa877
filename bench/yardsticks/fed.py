"""What the floors share: events from another process over one WebSocket, and one writer thread with group commit."""

from __future__ import annotations

import asyncio
import json
import queue
import sys
import threading
from typing import Any

from tornado.websocket import WebSocketHandler

from .peer import Run, listen
from .producer import unpack

Part = tuple[Run, int, int, bytes]
"""A run, the first and the last seq, and their frames."""


class GroupCommit:
    """A journal whose thread takes what waits, commits it, and hands it to the loop, which writes it to the readers."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Part] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._write, daemon=True).start()

    def after(self, run: Run, cursor: int, until: int) -> bytes:
        """Return the frames after `cursor`."""
        raise NotImplementedError

    def commit(self, parts: list[Part]) -> None:
        """Make the parts durable, one of each run."""
        raise NotImplementedError

    def append(self, part: Part) -> None:
        self._waiting.put(part)

    def _write(self) -> None:
        while True:
            group: dict[Run, list[Part]] = {}
            for part in self._take():
                group.setdefault(part[0], []).append(part)
            done = [
                (run, parts[0][1], parts[-1][2], b"".join(frames for *_, frames in parts))
                for run, parts in group.items()
            ]
            self.commit(done)
            self._loop.call_soon_threadsafe(_deliver, done)

    def _take(self) -> list[Part]:
        taken = [self._waiting.get()]
        while len(taken) < 4096:
            try:
                taken.append(self._waiting.get_nowait())
            except queue.Empty:
                break
        return taken


def _deliver(done: list[Part]) -> None:
    for run, _, last, body in done:
        run.deliver(last, body)


class Feed(WebSocketHandler):
    """The producer's socket. ``here`` has it as its result once it has come."""

    def initialize(self, runs: dict[str, Run], journal: GroupCommit, here: asyncio.Future[Feed]) -> None:
        self.runs, self.journal, self.here = runs, journal, here

    def open(self, *_: str, **__: str) -> None:
        self.set_nodelay(True)
        self.here.set_result(self)

    def on_message(self, message: str | bytes) -> None:
        assert isinstance(message, bytes), "frames are bytes"
        for name, first, last, ended, frames in unpack(message):
            run = self.runs[name]
            if ended:
                run.ending = last
            self.journal.append((run, first, last, frames))


async def serve(journal: GroupCommit) -> None:
    """Print the port once the producer is there, and serve until it ends."""
    runs: dict[str, Run] = {}
    here: asyncio.Future[Feed] = asyncio.get_running_loop().create_future()

    def begin(run: Run, load: dict[str, Any]) -> None:
        here.result().write_message(json.dumps({"name": run.name, **load}))

    port = listen(
        runs, begin, journal.after, (r"/feed", Feed, {"runs": runs, "journal": journal, "here": here})
    )
    command = [sys.executable, "-m", "bench.yardsticks.producer", str(port)]
    producer = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
    await here
    print(port, flush=True)
    await producer.wait()
