"""What the checks behind a decision cost: CPU time of this process, which other processes hardly change.

Events pay for the bounds of their batch and for the search for secrets, a decision for its digest. The search is held
against the one of before, for each secret in each event. All is measured in turns, and the best of a few counts.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import process_time

import msgspec

from bench import workload
from lobu_jupyter.gateway import open_gateway
from lobu_jupyter.gateway.runs.ingest import _check_size  # pyright: ignore[reportPrivateUsage]
from lobu_jupyter.model import events as ev
from lobu_jupyter.model.digest import digest_of
from lobu_jupyter.model.interrupts import Interrupt
from lobu_jupyter.model.redaction import Redactor
from lobu_jupyter.model.requests import NewThread, StartRun
from lobu_jupyter.model.streamed import Streamed
from tests.gateway.rig import ME, QUIET, Worker

SHARE = 0.02  # of what an event costs
SECRETS = [
    secrets.token_urlsafe(32) for _ in range(5)
]  # a server's token, cookie, keys of kernels and a model
EVENTS = [body for item in workload.items(3000, 30) for body in workload.as_events(item, 123456789012345)]
DELTAS = [
    (event, body) for body in EVENTS if isinstance(event := ev.parse(body, "e")[0], ev.TextMessageContent)
]
TURNS = 7


def batches(size: int) -> list[ev.Batch]:
    """The standard run in batches: of many events as in B1, of one as in B2."""
    parts = [EVENTS[i : i + size] for i in range(0, len(EVENTS), size)]
    return [
        ev.Batch(run_id="r", incarnation=1, batch=number, events=[msgspec.Raw(body) for body in part])
        for number, part in enumerate(parts[:800], 2)
    ]


def seconds(work: Callable[[], object]) -> float:
    began = process_time()
    work()
    return process_time() - began


async def cost_of_ingest(folder: Path, size: int) -> float:
    """CPU seconds per event of journaling in a real store: less than a server's, which also reads and writes sockets."""
    settings = replace(QUIET, redactor=Redactor(SECRETS))
    async with open_gateway(folder / "store.db", settings=settings) as gateway:
        worker = await Worker.register(gateway)
        thread = await gateway.threads.create(ME, NewThread())
        started = await gateway.runs.start(ME, thread.thread_id, StartRun(prompt="x"))
        await worker.fetch()
        begun: ev.Event = {"type": "TEXT_MESSAGE_START", "messageId": "m", "role": "assistant"}
        await worker.emit(started.run_id, begun)
        given = [
            msgspec.structs.replace(b, run_id=started.run_id, incarnation=worker.caller.incarnation)
            for b in batches(size)
        ]
        began = process_time()
        for batch in given:
            await gateway.workers.ingest(worker.caller, batch)
        return (process_time() - began) / sum(len(batch.events) for batch in given)


def added(size: int) -> float:
    """CPU seconds per event of all checks, less the search for secrets as it was."""
    redactor, many = Redactor(SECRETS), batches(size)
    bodies = [[bytes(raw) for raw in batch.events] for batch in many]
    encoded = [secret.encode() for secret in SECRETS]
    count = sum(map(len, bodies))
    deltas = DELTAS[:count]

    def now() -> None:
        streams = Streamed(redactor)
        for batch, texts in zip(many, bodies, strict=True):
            _check_size(batch)
            streams.clear = redactor.clear(b"".join(texts))
        for event, body in deltas:
            streams.delta("message", event.message_id, event.delta, body)

    def before() -> None:
        for texts in bodies:
            for body in texts:
                for secret in encoded:
                    assert secret not in body

    turns = [(seconds(now), seconds(before)) for _ in range(TURNS)]
    return (min(turn[0] for turn in turns) - min(turn[1] for turn in turns)) / count


async def test_the_checks_on_events_cost_a_fiftieth_of_them_at_most(tmp_path: Path) -> None:
    for size in (128, 1):
        for attempt in range(3):
            folder = tmp_path / f"{size}-{attempt}"
            folder.mkdir()
            more, event = added(size), await cost_of_ingest(folder, size)
            print(f"batches of {size}: {more * 1e6:+.2f} µs of {event * 1e6:.1f} µs an event")
            if more <= SHARE * event:
                break
        assert more <= SHARE * event, (size, more, event)


def test_the_digest_of_a_long_question_takes_milliseconds() -> None:
    asked = Interrupt(
        id="i",
        thread_id="t",
        run_id="r",
        reason="tool_call",
        tool_name="write_file",
        args={"path": "a.py", "content": "x = 1\n" * 4000},  # 24 kB
        diff="+x = 1\n" * 4000,
    )

    took = min(seconds(lambda: digest_of(asked)) for _ in range(TURNS))

    print(f"{took * 1e6:.0f} µs a question of 50 kB")
    assert took < 0.005
