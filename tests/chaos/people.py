"""People at the servers: they start, follow from several cursors, decide twice, cancel and come back.

They use HTTP alone and believe nothing but what was answered; whatever fails is tried again, with the
same client request id, at whichever server answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.chaos.stage import Stage

PATIENCE = 75.0  # seconds for one call, or for one run's end: longer than every limit of the servers
ENDED = ("succeeded", "interrupted", "cancelled", "failed")


@dataclass
class Reader:
    """What one reader saw of a thread: (seq, event) in the order of arrival."""

    thread: str
    start: int
    seen: list[tuple[int, str]] = field(default_factory=list)
    connections: int = 0

    @property
    def cursor(self) -> int:
        return self.seen[-1][0] if self.seen else self.start


@dataclass
class Record:
    """All that the people were told, for the verdict."""

    runs: dict[str, str] = field(default_factory=dict)  # run -> thread
    readers: list[Reader] = field(default_factory=list)
    resumed: dict[str, set[str]] = field(
        default_factory=dict
    )  # interrupted run -> runs that go on, as answered
    allowed: set[str] = field(default_factory=set)  # marks of calls that needed no decision
    problems: list[str] = field(default_factory=list)
    refused: dict[int, int] = field(default_factory=dict)  # status -> how often


class People:
    """A crowd of `size`, each living one story after the other until told to go home."""

    def __init__(self, stage: Stage, seed: int, size: int = 4) -> None:
        self.record = Record()
        self._stage = stage
        self._dice = random.Random(seed)
        self._size = size
        self._home = False
        self._number = 0
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(10, read=8), limits=httpx.Limits(max_connections=None)
        )

    async def live(self) -> None:
        async with self._http, asyncio.TaskGroup() as group:
            for _ in range(self._size):
                group.create_task(self._one())

    def go_home(self) -> None:
        """Finish the story you are in, and start no other."""
        self._home = True

    async def _one(self) -> None:
        while not self._home:
            self._number += 1
            number = self._number
            try:
                async with asyncio.timeout(4 * PATIENCE):
                    await self._story(number)
            except TimeoutError:
                self.record.problems.append(f"story {number} did not come to its end")

    # -- one story --------------------------------------------------------------------------------

    async def _story(self, number: int) -> None:
        thread = (await self._call("POST", "threads", {}))["threadId"]
        async with asyncio.TaskGroup() as group:
            readers = [self._reader(thread, 0, group, cuts=False), self._reader(thread, 0, group, cuts=True)]
            for turn in range(self._dice.randint(1, 3)):
                await self._run(thread, f"story{number}-{turn}")
                if turn == 0:
                    cursor = (await self._call("GET", f"threads/{thread}"))["cursor"]
                    readers.append(self._reader(thread, cursor, group, cuts=False))
            last = (await self._call("GET", f"threads/{thread}"))["cursor"]
            for reader, task in readers:
                await self._catch_up(reader, last)
                task.cancel()

    def _reader(
        self, thread: str, cursor: int, group: asyncio.TaskGroup, *, cuts: bool
    ) -> tuple[Reader, asyncio.Task[None]]:
        reader = Reader(thread, cursor)
        self.record.readers.append(reader)
        return reader, group.create_task(self._read(reader, cuts))

    async def _catch_up(self, reader: Reader, last: int) -> None:
        end = time.monotonic() + PATIENCE
        while reader.cursor < last:
            if time.monotonic() > end:
                self.record.problems.append(
                    f"a reader of {reader.thread} stayed at {reader.cursor} of {last}"
                )
                return
            await asyncio.sleep(0.05)

    async def _run(self, thread: str, mark: str) -> None:
        """Start a run, perhaps cancel it, and decide whatever it asks until it has ended."""
        dice = self._dice
        prompt, mode = self._prompt(mark)
        body: dict[str, Any] = {"prompt": prompt, "agent": "script", "clientRequestId": mark, "mode": mode}
        if dice.random() < 0.8 and self._stage.kernels:
            body["kernelId"] = dice.choice(self._stage.kernels)[1]
        run = (await self._call("POST", f"threads/{thread}/runs", body))["runId"]
        self.record.runs[run] = thread
        if dice.random() < 0.15:
            await asyncio.sleep(dice.uniform(0, 1))
            await self._call("POST", f"runs/{run}/cancel", {})
        while await self._end_of(run) == "interrupted":
            going_on = await self._decide(thread, run)
            if going_on is None:
                return
            run = going_on

    def _prompt(self, mark: str) -> tuple[str, str]:
        def code(name: str) -> str:
            return f"run n = open({str(self._stage.ran)!r}, 'a').write('{mark}-{name}\\n')"

        kind = self._dice.choice(["say", "ask", "allow", "batch", "question", "exit"])
        match kind:
            case "say":
                return "say hello\nslow 40 20\nsay bye", "ask"
            case "ask":
                return f"say before\n{code('a')}\nslow 5 20", "ask"
            case "allow":
                self.record.allowed.add(f"{mark}-a")
                return f"{code('a')}\nslow 20 20", "allow"
            case "batch":
                return f"{code('a')} && {code('b')}", "ask"
            case "question":
                return "ask Shall I go on? | yes | no", "ask"
            case _:
                return "slow 10 20\nrun import os; os._exit(3)", "allow"

    async def _end_of(self, run: str) -> str:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            status = (await self._call("GET", f"runs/{run}"))["status"]
            if status in ENDED:
                return status
            await asyncio.sleep(0.1)
        self.record.problems.append(f"run {run} has not ended after {PATIENCE:g} s")
        return "failed"

    async def _decide(self, thread: str, run: str) -> str | None:
        """Two tabs decide at once, alike or not; returns the run that goes on, or None if nothing does."""
        asked = (await self._call("GET", "interrupts", params={"threadId": thread}))["interrupts"]
        if not asked:
            return None
        first = [self._entry(interrupt) for interrupt in asked]
        second = first if self._dice.random() < 0.5 else [self._entry(interrupt) for interrupt in asked]
        path, told = f"threads/{thread}/resume", self.record.resumed.setdefault(run, set())
        for answer in await asyncio.gather(
            *(self._call("POST", path, {"resume": entries}, refusable=True) for entries in (first, second))
        ):
            if answer is not None:
                told.add(answer["runId"])
                self.record.runs[answer["runId"]] = thread
        return min(told) if told else None

    def _entry(self, interrupt: dict[str, Any]) -> dict[str, Any]:
        entry = {"interruptId": interrupt["id"], "status": "resolved"}
        if interrupt["reason"] == "input_required":
            answers = {question["id"]: "yes" for question in interrupt["questions"]}
            return {**entry, "payload": {"answers": answers}}
        if self._dice.random() < 0.6:
            return {**entry, "payload": {"approved": True}}
        return {**entry, "payload": {"approved": False, "reason": "no"}}

    # -- calls and streams ------------------------------------------------------------------------

    async def _call(
        self, method: str, path: str, body: Any = None, *, params: Any = None, refusable: bool = False
    ) -> Any:
        """The answer's JSON, from whichever server gives one; None: refused with 409, where that is fine."""
        end = time.monotonic() + PATIENCE
        while True:
            server = self._dice.choice(self._stage.servers)
            with contextlib.suppress(httpx.TransportError):
                reply = await self._http.request(
                    method, server.api + path, json=body, params=params, headers=server.auth
                )
                if reply.is_success:
                    return reply.json() if reply.content else None
                self.record.refused[reply.status_code] = self.record.refused.get(reply.status_code, 0) + 1
                if refusable and reply.status_code == 409:
                    return None
                if reply.status_code not in (429, 503):
                    self.record.problems.append(f"{method} {path}: {reply.status_code} {reply.text[:300]}")
                    raise RuntimeError(reply.text)
            if time.monotonic() > end:
                raise TimeoutError(f"{method} {path} was not answered")
            await asyncio.sleep(0.1)

    async def _read(self, reader: Reader, cuts: bool) -> None:
        """Read for ever; whoever cuts, does so after a few events and comes back with the cursor."""
        while True:
            server = self._dice.choice(self._stage.servers)
            url = f"{server.api}threads/{reader.thread}/events"
            patience = self._dice.randint(1, 8) if cuts else 2**31
            with contextlib.suppress(httpx.TransportError):
                reader.connections += 1
                async with self._http.stream(
                    "GET", url, params={"cursor": reader.cursor}, headers=server.auth
                ) as reply:
                    if reply.status_code == 200:
                        await self._take(reader, reply, patience, slow=cuts)
                    elif reply.status_code != 503:
                        await reply.aread()
                        self.record.problems.append(f"{url}: {reply.status_code} {reply.text[:300]}")
                        return
            await asyncio.sleep(0.05)

    async def _take(self, reader: Reader, reply: httpx.Response, patience: int, *, slow: bool) -> None:
        seq = 0
        async for line in reply.aiter_lines():
            if line.startswith("id: "):
                seq = int(line[4:])
            elif line.startswith("event: error"):
                return
            elif line.startswith("data: "):
                json.loads(line[6:])
                reader.seen.append((seq, line[6:]))
                patience -= 1
                if patience <= 0:
                    return
                if slow:
                    await asyncio.sleep(0.02)
