"""People at the servers: they start, follow from several cursors, decide twice, cancel and come back.

They use HTTP and a page's socket alone and believe nothing but what was answered; whatever fails is tried
again, with the same client request id, at whichever server answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from .readers import Page, Reader, Stream
from .stage import Stage
from .wires import Wire

PATIENCE = 75.0  # seconds for one call, or for one run's end: longer than every limit of the servers
ENDED = ("succeeded", "interrupted", "cancelled", "failed")


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
        """A person with two tabs: one stays, one is reloaded often. Their sockets outlive each story."""
        tabs = [self._page(cuts=False), self._page(cuts=True)]
        living = [asyncio.create_task(tab.live(), name="tab") for tab in tabs]
        try:
            while not self._home:
                self._number += 1
                try:
                    async with asyncio.timeout(4 * PATIENCE):
                        await self._story(self._number, tabs)
                except TimeoutError:
                    self.record.problems.append(f"story {self._number} did not come to its end")
        finally:
            for task in living:
                task.cancel()
            for ended in await asyncio.gather(*living, return_exceptions=True):
                if not isinstance(ended, asyncio.CancelledError):
                    self.record.problems.append(f"a tab failed: {ended!r}")
            self.record.problems += [problem for tab in tabs for problem in tab.problems]

    def _page(self, *, cuts: bool) -> Page:
        return Page(self._stage.wires, self._auth, self._dice, cuts=cuts)

    def _auth(self, wire: Wire) -> dict[str, str]:
        return self._stage.servers[self._stage.wires.index(wire)].auth

    # -- one story --------------------------------------------------------------------------------

    async def _story(self, number: int, tabs: list[Page]) -> None:
        thread = (await self._call("POST", "threads", {}))["threadId"]
        steady, reloaded = tabs
        async with asyncio.TaskGroup() as group:
            streams = [self._stream(thread, 0, group, cuts=False), self._stream(thread, 0, group, cuts=True)]
            readers = [steady.watch(thread, 0)]
            for turn in range(self._dice.randint(1, 3)):
                await self._run(thread, f"story{number}-{turn}")
                if turn == 0:
                    cursor = (await self._call("GET", f"threads/{thread}"))["cursor"]
                    streams.append(self._stream(thread, cursor, group, cuts=False))
                    readers.append(reloaded.watch(thread, cursor // 2))
            last = (await self._call("GET", f"threads/{thread}"))["cursor"]
            self.record.readers += readers
            for reader in [*readers, *(stream.reader for stream, _ in streams)]:
                await self._catch_up(reader, last)
            for stream, task in streams:
                task.cancel()
                self.record.problems += stream.problems
        for tab in tabs:
            tab.unwatch(thread)

    def _stream(
        self, thread: str, cursor: int, group: asyncio.TaskGroup, *, cuts: bool
    ) -> tuple[Stream, asyncio.Task[None]]:
        reader = Reader(thread, cursor)
        self.record.readers.append(reader)
        stream = Stream(self._http, self._stage.wires, self._auth, self._dice, reader, cuts=cuts)
        return stream, group.create_task(stream.live())

    async def _catch_up(self, reader: Reader, last: int) -> None:
        end = time.monotonic() + PATIENCE
        while reader.cursor < last:
            if time.monotonic() > end:
                self.record.problems.append(
                    f"a {reader.over} of {reader.thread} stayed at {reader.cursor} of {last}"
                )
                return
            await asyncio.sleep(0.05)

    async def _run(self, thread: str, mark: str) -> None:
        """Start a run, perhaps cancel it, and decide whatever it asks until it has ended."""
        dice = self._dice
        prompt, mode = self._prompt(mark)
        body: dict[str, Any] = {"prompt": prompt, "agent": "script", "clientRequestId": mark, "mode": mode}
        near = None
        if dice.random() < 0.8 and self._stage.kernels:
            near, body["kernelId"] = dice.choice(self._stage.kernels)
        run = (await self._call("POST", f"threads/{thread}/runs", body, near=near))["runId"]
        self.record.runs[run] = thread
        if dice.random() < 0.15:
            await asyncio.sleep(dice.uniform(0, 1))
            await self._call("POST", f"runs/{run}/cancel", {})
        while await self._end_of(run) == "interrupted":
            going_on = await self._decide(thread, run, near)
            if going_on is None:
                return
            run = going_on

    def _prompt(self, mark: str) -> tuple[str, str]:
        def code(name: str) -> str:
            return f"run n = open({str(self._stage.ran)!r}, 'a').write('{mark}-{name}\\n')"

        kind = self._dice.choice(["say", "ask", "allow", "batch", "question", "exit", "loud"])
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
            case "loud":
                return "run for n in range(30): print(str(n % 10) * 10_000)", "allow"
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

    async def _decide(self, thread: str, run: str, near: int | None) -> str | None:
        """Two tabs decide at once, alike or not; returns the run that goes on, or None if nothing does."""
        asked = (await self._call("GET", "interrupts", params={"threadId": thread}))["interrupts"]
        if not asked:
            return None
        first = [self._entry(interrupt) for interrupt in asked]
        second = first if self._dice.random() < 0.5 else [self._entry(interrupt) for interrupt in asked]
        path, told = f"threads/{thread}/resume", self.record.resumed.setdefault(run, set())
        for answer in await asyncio.gather(
            *(
                self._call("POST", path, {"resume": entries}, refusable=True, near=near)
                for entries in (first, second)
            )
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

    # -- calls ------------------------------------------------------------------------------------

    async def _call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: Any = None,
        refusable: bool = False,
        near: int | None = None,
    ) -> Any:
        """The answer's JSON, from whichever server gives one, most often the one that is `near`.

        None: refused with 409, where that is fine.
        """
        end = time.monotonic() + PATIENCE
        while True:
            here = near is not None and self._dice.random() < 0.8
            wire = (
                self._stage.wires[near] if near is not None and here else self._dice.choice(self._stage.wires)
            )
            with contextlib.suppress(httpx.TransportError):
                reply = await self._http.request(
                    method, wire.api + path, json=body, params=params, headers=self._auth(wire)
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
