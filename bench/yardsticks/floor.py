"""The floor: tornado and SQLite (WAL, FULL), durable before visible, and no rules at all.

``python -m bench.yardsticks.floor DIRECTORY``; prints its port. Its events come over one WebSocket from a process
of its own, as the product's come from a worker.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path

from .fed import GroupCommit, Part, serve
from .peer import Run

PRAGMAS = ("pragma journal_mode=wal", "pragma synchronous=full")
TABLE = "create table seg(run text, first integer, last integer, body blob, primary key(run, first)) without rowid"
AFTER = """select first, body from seg where run = ? and last > ? and last <= ?
  and first >= coalesce((select max(first) from seg where run = ? and first <= ?), 0) order by first"""


class Journal(GroupCommit):
    """Writes in one thread, reads in the loop's."""

    def __init__(self, path: Path) -> None:
        self._writer, self._reader = self._connect(path), self._connect(path)
        self._writer.execute(TABLE)
        super().__init__()

    def after(self, run: Run, cursor: int, until: int) -> bytes:
        rows = self._reader.execute(AFTER, (run.name, cursor, until, run.name, cursor + 1)).fetchall()
        return b"".join(_cut(body, cursor - first + 1) if first <= cursor else body for first, body in rows)

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in PRAGMAS:
            connection.execute(pragma)
        return connection

    def commit(self, parts: list[Part]) -> None:
        self._writer.execute("begin immediate")
        for run, first, last, body in parts:
            self._writer.execute("insert into seg values (?, ?, ?, ?)", (run.name, first, last, body))
        self._writer.execute("commit")


def _cut(body: bytes, frames: int) -> bytes:
    return b"\n\n".join(body.split(b"\n\n")[frames:])


async def main(folder: str) -> None:
    await serve(Journal(Path(folder) / "floor.sqlite"))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
