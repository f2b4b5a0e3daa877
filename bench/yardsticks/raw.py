"""The limit of the stack: server-sent events with no journal. ``python -m bench.yardsticks.raw``."""

from __future__ import annotations

import asyncio

from .peer import Run, serve


async def main() -> None:
    def append(run: Run, seq: int, frame: bytes) -> None:
        run.deliver(seq, frame)

    await serve(append, lambda run, cursor, until: b"")


if __name__ == "__main__":
    asyncio.run(main())
