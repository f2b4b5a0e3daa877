"""The gateway of a server without a store: the same methods, which a hub's service executes."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import msgspec

from lobu_jupyter.gateway import Gateway, parts
from lobu_jupyter.gateway.journal.chunks import Chunk
from lobu_jupyter.model.callers import KernelCaller, Person, WorkerCaller
from lobu_jupyter.model.errors import LobuError, StoreUnavailable, from_wire
from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.runs import Entry

from .attachment import attachment_of
from .filters import Outgoing
from .link import READ_SECONDS, ServiceLink
from .methods import METHODS, STREAMS, BatchOutcome
from .wire import Item, Page, told_caller

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from logging import Logger

    from lobu_jupyter.gateway import Settings
    from lobu_jupyter.model.callers import Caller
    from lobu_jupyter.model.ports import InboxItem, KernelsPort, OwnersPort, WorkersPort

ATTEND_SECONDS = 3.0
FIRST_SECONDS = 5.0  # how long a start waits for the service
LEAVE_SECONDS = 3.0


class RemotePart:
    """A part of the gateway, by the methods of its namesake in :mod:`lobu_jupyter.gateway.parts`."""

    def __init__(self, name: str, part: type[parts.GatewayPart], remote: RemoteGateway) -> None:
        self._name, self._part, self._remote = name, part, remote

    def __getattr__(self, name: str) -> Callable[..., Any]:
        rule = vars(self._part).get(name)
        if not isinstance(rule, parts.Rule):
            raise AttributeError(name)
        signature = inspect.signature(rule.rule)
        full = f"{self._name}.{name}"

        def method(*args: Any, **kwargs: Any) -> Any:
            given = dict(signature.bind(None, *args, **kwargs).arguments)
            del given["ctx"]
            return self._remote.send(full, given)

        setattr(self, name, method)
        return method


class RemoteWebhooks:
    """The webhooks of a server without a store: the service sends its own, and tells nobody about them."""

    async def state(self) -> list[dict[str, Any]]:
        return []


class RemoteGateway:
    """A gateway at a service. It has the parts of :class:`~lobu_jupyter.gateway.Gateway`."""

    def __init__(
        self,
        settings: Settings,
        *,
        kernels: KernelsPort,
        table: Callable[[], dict[str, str]],
        workers: WorkersPort,
        owners: OwnersPort,
        version: str,
        log: Logger,
    ) -> None:
        self.settings = settings
        self.server_id = ""
        self.threads = RemotePart("threads", parts.ThreadsPart, self)
        self.runs = RemotePart("runs", parts.RunsPart, self)
        self.policy = RemotePart("policy", parts.PolicyPart, self)
        self.workers = RemotePart("workers", parts.WorkersPart, self)
        self.kernels = RemotePart("kernels", parts.KernelsPart, self)
        self.webhooks = RemoteWebhooks()
        self.link: ServiceLink
        self._kernels, self._owners, self._pool = kernels, owners, workers
        self._table, self._outgoing = table, Outgoing()
        self._version, self._log = version, log

    def connect(self, url: str, request: Callable[[], dict[str, Any]]) -> None:
        """Set the service's address."""
        self.link = ServiceLink(
            url,
            request=request,
            hello=self._hello,
            table=self._table,
            on_ask=self._answer,
            on_wake=self._pool.wake,
            log=self._log,
        )

    def _hello(self) -> bytes:
        return msgspec.json.encode(attachment_of(self.settings, self._version))

    def send(self, name: str, given: dict[str, Any]) -> Any:
        """Return the awaitable result, or the stream, of a method."""
        if name == "runs.follow":
            return self._follow(given)
        if name == "threads.changes":
            return self._changes(given["by"])
        return self._call(name, given)

    async def _call(self, name: str, given: dict[str, Any]) -> Any:
        method = METHODS[name]
        once = method.once
        if name == "threads.create":
            once = not (given.get("new") is not None and given["new"].reuse)
        if name in ("runs.start", "runs.rebuild"):
            given = _named(given)
        given = await self._outgoing.checked(self.settings, name, given)
        result = await self.link.call(name, _encoded(given), once=once)
        found = method.result_of(result)
        if name == "workers.ingest_each":
            return [_outcome(each) for each in cast("list[BatchOutcome]", found)]
        if name == "workers.inbox":
            return [self._with_connection(item) for item in cast("list[InboxItem]", found)]
        return found

    def _with_connection(self, item: InboxItem) -> InboxItem:
        """Return the item with the kernel's connection, which only this server has."""
        if item.task is None or item.task.kernel is None:
            return item
        connection = self._kernels.connection(item.task.kernel.kernel_id)
        kernel = msgspec.structs.replace(item.task.kernel, connection=connection)
        return msgspec.structs.replace(item, task=msgspec.structs.replace(item.task, kernel=kernel))

    async def _follow(self, given: dict[str, Any]) -> AsyncGenerator[Chunk]:
        """Yield the journal, each entry once, over as many connections as it takes."""
        while True:
            try:
                async with aclosing(self.link.stream("runs.follow", _encoded(given))) as pages:
                    async for page in pages:
                        entries = [Entry(seq, body) for seq, body in cast("Page", page).entries]
                        if entries:
                            given = {**given, "cursor": entries[-1].seq}
                        yield Chunk(entries)
                return
            except ConnectionError:
                yield Chunk()

    async def _changes(self, by: Caller) -> AsyncGenerator[bool]:
        while True:
            try:
                async with aclosing(self.link.stream("threads.changes", _encoded({"by": by}))) as items:
                    async for item in items:
                        yield STREAMS["threads.changes"].result_of(cast("Item", item).value)
                return
            except ConnectionError:
                yield False

    # -- the gateway's own ------------------------------------------------------------------------

    def reconfigure(
        self, *, default_agent: str, default_model: str | None, offered: tuple[dict[str, Any], ...]
    ) -> None:
        """Use another default agent and model for new runs, and list other agents of this server."""
        self.settings = replace(
            self.settings, default_agent=default_agent, default_model=default_model, offered=offered
        )
        self.link.attach_again()

    async def note(self, by: Caller, action: str, detail: dict[str, Any]) -> None:
        """Record in the audit what a person did to this server itself."""
        await self._call("gateway.note", {"by": by, "action": action, "detail": detail})

    async def health(self) -> dict[str, Any]:
        """Return the service's health."""
        found = await self._call("gateway.health", {})
        return {**found, "store": {"kind": "hub", "path": self.link.url}}

    async def recover(self) -> list[str]:
        """Wait a moment for the service. What a server of before left behind ends there."""
        await self.link.wait_up(FIRST_SECONDS)
        return []

    async def attend_on(self) -> None:
        """Tell the service every few seconds that this server is there, until cancelled."""
        while True:
            with suppress(LobuError):
                await self._call("seat.attend", {})
            await asyncio.sleep(ATTEND_SECONDS)

    async def leave(self) -> None:
        """Tell the service that this server stops, if it is there."""
        with suppress(LobuError, TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._call("seat.leave", {})

    async def _answer(self, name: str, args: list[Any]) -> Any:
        """Answer the service's question about a kernel or a notebook of this server."""
        if name == "kernel_of":
            return await self._kernels.kernel_of(*args)
        if name == "undefined":
            return await self._kernels.undefined(*args)
        if name == "kernel":
            return await self._owners.kernel(*args)
        return await self._owners.notebook(*args)


@asynccontextmanager
async def open_remote(
    url: str, remote: RemoteGateway, request: Callable[[], dict[str, Any]]
) -> AsyncGenerator[Gateway]:
    """Yield the gateway at a service. On exit, end this server's runs there."""
    remote.connect(url, request)
    tasks = [
        asyncio.create_task(remote.link.run(), name="lobu link"),
        asyncio.create_task(remote.attend_on(), name="lobu attend"),
    ]
    try:
        yield cast("Gateway", remote)
    finally:
        tasks[1].cancel()
        await remote.leave()
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _encoded(given: dict[str, Any]) -> bytes:
    told = {
        name: told_caller(value) if isinstance(value, Person | KernelCaller | WorkerCaller) else value
        for name, value in given.items()
    }
    return msgspec.json.encode(told)


def _named(given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a start with a name, so that it takes effect once, however often it is sent."""
    member = "request" if "request" in given else "wanted"
    request = given.get(member)
    if request is None or request.client_request_id is not None:
        return given
    return {**given, member: msgspec.structs.replace(request, client_request_id=new_id("req"))}


def _outcome(outcome: BatchOutcome) -> dict[str, int] | LobuError:
    return from_wire(outcome.error) if outcome.error is not None else outcome.taken or {}


__all__ = ["READ_SECONDS", "RemoteGateway", "StoreUnavailable", "open_remote"]
