"""A worker that makes load: it speaks the worker protocol through the product's own link.

``python -m bench.worker``, told on stdin where the server is. A run's prompt is its load as JSON:
``{"tokens", "tools", "rate", "hold", "output", "ascii", "gate", "batcher", "messages"}``: ``output`` bytes
end it as one call's output, it begins once the file ``gate`` is there, and with ``batcher`` its events
leave as an agent's do, gathered by the product's own batcher; ``messages`` makes each text a message.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import httpx

from bench import workload
from lobu_jupyter.client.errors import ServerGone
from lobu_jupyter.model.ports import Task
from lobu_jupyter.worker.batcher import MAX_BYTES, MAX_EVENTS, Batcher
from lobu_jupyter.worker.gateway_link import Link

OUTPUT_PART = 60_000


class AgentLoad:
    """One run whose texts take the way of an agent's: coalesced by the product's batcher."""

    def __init__(self, task: Task, link: Link) -> None:
        self._task = task
        self._batcher = Batcher(task.run_id, link.incarnation, link.events)
        self._spec: dict[str, Any] = json.loads(task.messages[-1]["content"])

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._batcher.pump())
            await _open(self._spec)
            await self._produce()

    async def _produce(self) -> None:
        tokens, rate, apart = self._spec["tokens"], self._spec["rate"], self._spec.get("messages")
        began = time.monotonic()
        for k, (_, payload) in enumerate(workload.items(tokens, 0)):
            if rate and (wait := began + k / rate - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            name = f"m{k if apart else 0}"
            if apart or k == 0:
                await self._batcher.send(
                    {"type": "TEXT_MESSAGE_START", "messageId": name, "role": "assistant"}
                )
            text = {"type": "TEXT_MESSAGE_CONTENT", "messageId": name, "delta": payload["text"] + " "}
            await self._batcher.send({**text, "rawEvent": {"t": time.monotonic_ns()}})
            if apart or k == tokens - 1:
                await self._batcher.send({"type": "TEXT_MESSAGE_END", "messageId": name})
            if not rate and k % 64 == 63:
                await asyncio.sleep(0)
        ids = {"threadId": self._task.thread_id, "runId": self._task.run_id}
        await self._batcher.finish({"type": "RUN_FINISHED", **ids})


async def _open(spec: dict[str, Any]) -> None:
    """Wait for the gate, if there is one."""
    async with asyncio.timeout(120):
        while (gate := spec.get("gate")) and not Path(gate).exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.005)


class Load:
    """One run: its events wait here and leave in numbered batches, one in flight, each acked."""

    def __init__(self, task: Task, link: Link) -> None:
        self._task, self._link = task, link
        self._ready: deque[bytes] = deque()
        self._news, self._room = asyncio.Event(), asyncio.Event()
        self._room.set()
        self._ended = False
        self._spec: dict[str, Any] = json.loads(task.messages[-1]["content"])

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._post())
            await self._produce()
            self._ended = True
            self._news.set()

    async def _produce(self) -> None:
        spec = self._spec
        self._add({"type": "TEXT_MESSAGE_START", "messageId": "m", "role": "assistant"})
        fill = workload.FILL[:30] if spec.get("ascii", True) else workload.NOT_ASCII
        rate = spec["rate"]
        began = workload.beginning(rate, spec.get("phase"))
        for k, item in enumerate(workload.items(spec["tokens"], spec["tools"], fill)):
            if rate and (wait := began + k / rate - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            self._ready.extend(workload.as_events(item, time.monotonic_ns()))
            self._news.set()
            if not rate and k % 64 == 63:
                await asyncio.sleep(0)
            if len(self._ready) > 8 * MAX_EVENTS:
                self._room.clear()
                await self._room.wait()
        self._add({"type": "TEXT_MESSAGE_END", "messageId": "m"})
        if spec.get("output"):
            self._add_output(spec["output"])
        if not spec.get("hold"):
            self._add({"type": "RUN_FINISHED", "threadId": self._task.thread_id, "runId": self._task.run_id})

    def _add_output(self, size: int) -> None:
        self._add({"type": "TOOL_CALL_START", "toolCallId": "big", "toolCallName": "run_code"})
        self._add({"type": "TOOL_CALL_END", "toolCallId": "big"})
        output = {"output_type": "stream", "name": "stdout", "text": "x" * OUTPUT_PART}
        value = {"toolCallId": "big", "index": 0, "output": output}
        for _ in range(size // OUTPUT_PART):
            self._add({"type": "CUSTOM", "name": "lobu.output", "value": value})
        result = {"type": "TOOL_CALL_RESULT", "toolCallId": "big", "messageId": "r"}
        self._add({**result, "content": "done"})

    def _add(self, event: dict[str, Any]) -> None:
        self._ready.append(json.dumps(event, separators=(",", ":")).encode())
        self._news.set()

    async def _post(self) -> None:
        number = 0
        while not (self._ended and not self._ready):
            await self._news.wait()
            self._news.clear()
            while self._ready:
                number += 1
                await self._link.events(self._batch(number))
                self._room.set()

    def _batch(self, number: int) -> bytes:
        events: list[bytes] = []
        size = 0
        while self._ready and len(events) < MAX_EVENTS and size + len(self._ready[0]) <= MAX_BYTES:
            events.append(self._ready.popleft())
            size += len(events[-1])
        head = {"runId": self._task.run_id, "incarnation": self._link.incarnation, "batch": number}
        return json.dumps(head).encode()[:-1] + b',"events":[' + b",".join(events) + b"]}"


async def main(api: str, token: str) -> None:
    async with httpx.AsyncClient(base_url=api, headers={"Authorization": f"token {token}"}) as person:
        new = {"kind": "bench", "agents": [{"name": "bench", "description": "makes load"}]}
        registered = (await person.post("workers", json=new)).raise_for_status().json()
    link = Link(api, registered["token"])
    link.worker_id, link.incarnation = registered["workerId"], registered["incarnation"]
    gc.freeze()  # as the product's worker does
    print("ready", flush=True)
    async with asyncio.TaskGroup() as group:
        group.create_task(_beat(link))
        after = 0
        while True:
            for item in await link.inbox(after):
                after = max(after, item.seq)
                if item.kind == "start" and item.task is not None:
                    kind = AgentLoad if '"batcher"' in item.task.messages[-1]["content"] else Load
                    group.create_task(kind(item.task, link).run())


async def _beat(link: Link) -> None:
    while True:
        await asyncio.sleep(5)
        await link.heartbeat()


if __name__ == "__main__":
    where = json.loads(sys.stdin.readline())
    try:
        asyncio.run(main(where["api"], where["token"]))
    except* ServerGone:
        print("the load's server is gone", file=sys.stderr)
