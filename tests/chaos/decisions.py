"""Twenty decisions at once, through two servers on one store: one is taken, and the tool runs once.

Each trial is one pause. Half of the decisions go to each server, no two alike: each would run code of its own,
which writes its own name into a log. So the log says what ran, whatever the servers say.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests import stores
from tests.servers import RealServer

AT_ONCE = 20
PATIENCE = 60.0


@dataclass(frozen=True)
class Trial:
    """``codes``: HTTP statuses of the decisions; ``ran``: what ran; ``won``: what the winner would run."""

    codes: Counter[int]
    won: list[str]
    ran: list[str]
    ended: str

    @property
    def right(self) -> bool:
        once = self.codes == {202: 1, 409: AT_ONCE - 1}
        return once and len(self.won) == 1 and self.ran == self.won and self.ended == "succeeded"


async def trials(
    home: Path, count: int, say: Callable[[str], None] = lambda line: None, kind: stores.Kind = "sqlite"
) -> list[Trial]:
    """So many trials, one after the other, on two real servers; those that went wrong are said."""
    home.mkdir(parents=True, exist_ok=True)
    store = stores.new_store(home, kind, "shared.sqlite")
    servers = [RealServer(home / name, store=store) for name in ("first", "second")]
    try:
        for server in servers:
            await asyncio.to_thread(server.start)
        kernel = await asyncio.to_thread(servers[0].start_kernel)
        here, there = (server.async_client(limits=httpx.Limits(max_connections=None)) for server in servers)
        async with here, there:
            found = [await _trial(here, there, kernel, home / "ran.log") for _ in range(count)]
    finally:
        for server in servers:
            await asyncio.to_thread(server.stop)
    for number, trial in enumerate(found, 1):
        if not trial.right:
            say(f"  trial {number}: {trial}")
    return found


async def _trial(here: httpx.AsyncClient, there: httpx.AsyncClient, kernel: str, log: Path) -> Trial:
    log.write_text("")
    thread = (await _post(here, "threads", {"kernelId": kernel}))["threadId"]
    run = (await _post(here, f"threads/{thread}/runs", {"prompt": "run 1", "agent": "script"}))["runId"]
    await _end(here, run)
    (asked,) = (await _get(here, "interrupts", threadId=thread))["interrupts"]

    async def decide(number: int) -> tuple[int, str, str]:
        code = f"n = open({str(log)!r}, 'a').write('tab {number}\\n')"
        payload = {"approved": True, "editedArgs": {"code": code}}
        entry = {"interruptId": asked["id"], "status": "resolved", "payload": payload}
        http = here if number % 2 else there
        reply = await http.post(f"threads/{thread}/resume", json={"resume": [entry]})
        return reply.status_code, f"tab {number}", reply.json().get("runId", "")

    told = await asyncio.gather(*(decide(number) for number in range(AT_ONCE)))
    winners = [(tab, going_on) for status, tab, going_on in told if status == 202]
    ends = [await _end(here, going_on) for _, going_on in winners]
    codes = Counter(status for status, _, _ in told)
    return Trial(codes, [tab for tab, _ in winners], log.read_text().splitlines(), ", ".join(ends))


async def _end(http: httpx.AsyncClient, run: str) -> str:
    """The status with which a run ends."""
    limit = time.monotonic() + PATIENCE
    while True:
        status = (await _get(http, f"runs/{run}"))["status"]
        if status not in ("queued", "running"):
            return status
        assert time.monotonic() < limit, f"{run} does not end"
        await asyncio.sleep(0.02)


async def _post(http: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    reply = await http.post(path, json=body)
    reply.raise_for_status()
    return reply.json()


async def _get(http: httpx.AsyncClient, path: str, **params: str) -> dict[str, Any]:
    reply = await http.get(path, params=params)
    reply.raise_for_status()
    return reply.json()
