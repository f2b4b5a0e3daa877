"""The floor: tornado and SQLite, durable before visible, and no rules at all.

``python -m bench.yardsticks.floor DIRECTORY``; prints its port. One writer thread takes what waits,
commits it (WAL, FULL) and hands the frames to the loop, which writes them to every reader.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import sys
import threading
from pathlib import Path

from .peer import Run, serve

PRAGMAS = ("pragma journal_mode=wal", "pragma synchronous=full")
TABLE = "create table seg(run text, first integer, last integer, body blob, primary key(run, first)) without rowid"
AFTER = """select first, body from seg where run = ? and last > ? and last <= ?
  and first >= coalesce((select max(first) from seg where run = ? and first <= ?), 0) order by first"""


class Journal:
    """Group commit in one thread, reads in the loop's."""

    def __init__(self, path: Path) -> None:
        self._waiting: queue.SimpleQueue[tuple[Run, int, bytes]] = queue.SimpleQueue()
        self._writer, self._reader = self._connect(path), self._connect(path)
        self._writer.execute(TABLE)
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._write, daemon=True).start()

    def append(self, run: Run, seq: int, frame: bytes) -> None:
        self._waiting.put((run, seq, frame))

    def after(self, run: Run, cursor: int, until: int) -> bytes:
        """The frames after `cursor`."""
        rows = self._reader.execute(AFTER, (run.name, cursor, until, run.name, cursor + 1)).fetchall()
        return b"".join(_cut(body, cursor - first + 1) if first <= cursor else body for first, body in rows)

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in PRAGMAS:
            connection.execute(pragma)
        return connection

    def _write(self) -> None:
        while True:
            group: dict[Run, list[tuple[int, bytes]]] = {}
            for run, seq, frame in self._take():
                group.setdefault(run, []).append((seq, frame))
            self._writer.execute("begin immediate")
            done = [
                (run, frames[0][0], frames[-1][0], b"".join(f for _, f in frames))
                for run, frames in group.items()
            ]
            for run, first, last, body in done:
                self._writer.execute("insert into seg values (?, ?, ?, ?)", (run.name, first, last, body))
            self._writer.execute("commit")
            self._loop.call_soon_threadsafe(deliver, done)

    def _take(self) -> list[tuple[Run, int, bytes]]:
        taken = [self._waiting.get()]
        while len(taken) < 4096:
            try:
                taken.append(self._waiting.get_nowait())
            except queue.Empty:
                break
        return taken


def deliver(done: list[tuple[Run, int, int, bytes]]) -> None:
    for run, _, last, body in done:
        run.deliver(last, body)


def _cut(body: bytes, frames: int) -> bytes:
    return b"\n\n".join(body.split(b"\n\n")[frames:])


async def main(folder: str) -> None:
    journal = Journal(Path(folder) / "floor.sqlite")
    await serve(journal.append, journal.after)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
