"""The limit of the stack: server-sent events with no journal. ``python -m bench.yardsticks.raw``.

It makes its events in its own process, so nothing is judged against it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from .peer import Run, listen, produce


async def main() -> None:
    tasks = set[asyncio.Task[None]]()

    def begin(run: Run, load: dict[str, Any]) -> None:
        def emit(seq: int, frame: bytes, last: bool) -> None:
            run.ending = seq if last else None
            run.deliver(seq, frame)

        task = asyncio.create_task(produce(load, emit))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    print(listen({}, begin, lambda run, cursor, until: b""), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
