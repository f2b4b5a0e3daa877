"""The extension's service: gateway, kernel watch, worker pool, and the state that handlers share.

If the store cannot be opened, the service has no gateway. Health then reports the reason, every other
route returns 503, and Jupyter is not disturbed.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from jupyter_server.base.call_context import CallContext

from lobu_jupyter.gateway import Gateway, Settings, open_gateway
from lobu_jupyter.model.errors import LobuError, NotAllowed, StoreUnavailable
from lobu_jupyter.server.kernels.inline_jobs import Jobs
from lobu_jupyter.server.kernels.kernels import made_up

from .contents_events import tell_contents
from .face.remote import RemoteGateway, open_remote
from .hub.owners import SeatOwners
from .hub_token import request_options
from .open_pages import OpenPages
from .outside_calls import OutsideCalls
from .store_address import is_address
from .tasks import Tasks
from .webhooks import Sender

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from logging import Logger
    from pathlib import Path

    from tornado.websocket import WebSocketHandler

    from lobu_jupyter.gateway.observer import Observer
    from lobu_jupyter.model.clock import Clock
    from lobu_jupyter.model.mcp_listing import McpListing
    from lobu_jupyter.server.kernels.kernels import Kernels, What

    from .activity import Activity
    from .callers import Callers
    from .face.socket import Users
    from .handler import LobuHandler
    from .hub.servers import HubServers
    from .models.rights import Rights
    from .models.settings import Models
    from .notebooks import Notebooks
    from .owners import Owners
    from .recorded import RecordedDecisions
    from .undo import Undo
    from .worker_pool import Pool

READY_SECONDS = 30.0
OPEN_AGAIN_SECONDS = 3.0
TOLD_SECONDS = 60.0  # a store that fails for longer is logged again


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """The administrator's settings beside the gateway's own. Sizes are in bytes."""

    store: str | Path
    gateway_url: str = ""  # of a hub's service whose gateway is used instead of a store
    hub: bool = False  # this is a hub's service, without kernels and workers of its own
    gateway: Settings = field(default_factory=Settings)
    body_bytes: int = 8 * 1024 * 1024
    workers: int = 1
    worker_start_seconds: float = 60.0
    worker_idle_seconds: float = 900.0


class Service:
    """The extension's parts, built when it is loaded and opened when the server's loop runs."""

    def __init__(self, settings: ServiceSettings, kernels: Kernels, log: Logger) -> None:
        self.settings = settings
        self.kernels = kernels
        self.log = log
        self.version = _version()
        self.failure: LobuError | None = None
        self.jobs = Jobs()
        self.pages = OpenPages()
        self.outside_calls = OutsideCalls()
        self.sockets: set[WebSocketHandler] = set()
        self.pool: Pool
        self.notebooks: Notebooks
        self.undo: Undo
        self.callers: Callers
        self.activity: Activity
        self.owners: Owners
        self.models: Models
        self.rights: Rights
        self.mcp_servers: tuple[McpListing, ...] = ()
        self.observer: Observer | None = None
        self.hub_users: Users | None = None  # of a hub's service: whose token it is
        self.hub_servers: HubServers | None = None
        self.hub_address = ""
        self.recorded: RecordedDecisions | None = None
        self._gateway: Gateway | None = None
        self._told = ("", 0.0)  # the store's last failure in the log, and its time
        self._ready = asyncio.Event()
        self._opening = False
        self._closing: asyncio.Task[None] | None = None
        self._stack = AsyncExitStack()
        self._tasks = Tasks(log)
        kernels.on_gone = self.jobs.kernel_gone
        kernels.has_run_in = self._has_run_in

    @property
    def gateway(self) -> Gateway:
        """The gateway.

        Raises:
            StoreUnavailable: there is none. The message gives the reason.
        """
        if self._gateway is None:
            raise self.failure or StoreUnavailable("lobu is not ready yet")
        return self._gateway

    def store_failed(self, error: StoreUnavailable) -> None:
        """Log a failure of the store once, and again if the message changes or the failure lasts."""
        told, at = self._told
        if error.message != told or time.monotonic() - at > TOLD_SECONDS:
            self._told = error.message, time.monotonic()
            self.log.warning("lobu: %s", error.message)

    async def wait_ready(self) -> None:
        """Wait until the store is open and the runs of dead servers have ended, or until that failed."""
        if not self._ready.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(READY_SECONDS):
                    await self._ready.wait()

    async def open(self, clock: Clock | None = None) -> None:
        """Open the store and begin. If it cannot be opened, keep the error in ``failure``."""
        if self._closing is not None:
            return
        self._opening = True
        try:
            await self.models.load()
            await self._open(clock)
        except LobuError as error:
            self.failure = error
            self._told = error.message, time.monotonic()
            self.log.error("lobu: %s", error.message)
            if is_address(str(self.settings.store)):
                self._tasks.start(self._open_later(clock), "open the store")
        finally:
            self._ready.set()

    async def _open_later(self, clock: Clock | None) -> None:
        """Open a store on another machine again and again, because it may be away only now."""
        while self._gateway is None:
            await asyncio.sleep(OPEN_AGAIN_SECONDS)
            try:
                await self._open(clock)
            except LobuError as error:
                self.failure = error
                if isinstance(error, StoreUnavailable):
                    self.store_failed(error)
            else:
                self.failure = None
                self.log.info("lobu: the store can be used now")

    async def _open(self, clock: Clock | None) -> None:
        self._gateway = await self._stack.enter_async_context(self._opened(clock))
        try:
            if not self.settings.gateway.sweep_after:
                await self._gateway.recover()
        except LobuError:
            self._gateway = None
            with suppress(LobuError):
                await self._stack.aclose()
            raise
        self.kernels.start()
        self._tasks.start(self.activity.watch(), "watch activity")
        if (
            self._gateway.settings.webhooks and not self.settings.gateway_url
        ):  # else the service sends its own
            self._tasks.start(Sender(self._gateway, self.log).run(), "send webhooks")
        if self.recorded is not None:
            self._tasks.start(self.recorded.decide_on(self.gateway), "decide as recorded")

    def _opened(self, clock: Clock | None) -> AbstractAsyncContextManager[Gateway]:
        """Return the gateway: on the store, or that of a hub's service."""
        if self.settings.gateway_url:
            remote = RemoteGateway(
                self.settings.gateway,
                kernels=self.kernels,
                table=self.kernels.table,
                workers=self.pool,
                owners=self.owners,
                version=self.version,
                log=self.log,
            )
            return open_remote(self.settings.gateway_url, remote, request_options)
        return open_gateway(
            self.settings.store,
            settings=self.settings.gateway,
            clock=clock,
            kernels=None if self.settings.hub else self.kernels,
            workers=None if self.settings.hub else self.pool,
            observer=self.observer,
            owners=SeatOwners(lambda: self.gateway) if self.settings.hub else self.owners,
        )

    async def close(self) -> None:
        """Close this server's parts: first its workers, then the gateway, which ends our runs.

        A second call waits for the first, so that a second signal cannot cut it short.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="close lobu")
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        # A server may be stopped while it starts. A store that opens after this would keep the process alive
        # with its threads.
        if self._opening:
            await self._ready.wait()
        await self._tasks.close()
        await self.pool.close()
        for socket in list(self.sockets):
            socket.close(1001, "the server stops")
        await self.kernels.close()
        try:
            await self._stack.aclose()
        except StoreUnavailable as error:  # raised on, it would keep Jupyter from ending
            self.log.warning(
                "lobu: this server's runs are ended by the next one of its store: %s", error.message
            )
        self.failure = self.failure or StoreUnavailable("the server stops")
        self._gateway = None

    async def check_configures(self, handler: LobuHandler) -> None:
        """Refuse a caller who may not set up model providers. The attempt is in the audit.

        Raises:
            NotAllowed: the caller may not.
        """
        try:
            await self.rights.check(handler)
        except NotAllowed:
            await self.gateway.note(handler.caller, "refused model provider", {})
            raise

    def models_changed(self, settings: dict[str, Any], offered: list[dict[str, Any]]) -> None:
        """Use other settings of models from now on, here and in the workers."""
        self.settings.gateway.redactor.add(*settings["secrets"])
        if self._gateway is not None:
            self._gateway.reconfigure(
                default_agent=settings["default_agent"],
                default_model=settings["default_model"],
                offered=tuple(offered),
            )
        self.pool.tell(settings)

    async def tell_kernel_event(self, kernel_id: str, what: What, detail: str) -> None:
        """Pass a kernel's fate on to the gateway."""
        if self._gateway is not None:
            await self._gateway.kernels.event(kernel_id, what, detail)

    async def on_contents(self, logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        """Handle a contents_service event: a thread follows its notebook, and grants end with it."""
        if self._gateway is not None and not made_up():
            handler = CallContext.get(CallContext.JUPYTER_HANDLER)
            owner = self.callers.owner_of_event(getattr(handler, "current_user", None))
            await tell_contents(self._gateway, data, handler, owner)

    async def running(self) -> list[str | None]:
        """Return the kernel (or None) of each running run."""
        return [] if self._gateway is None else await self._gateway.runs.running()

    async def _has_run_in(self, worker_id: str, kernel_id: str) -> bool:
        return self._gateway is not None and await self._gateway.workers.has_run_in(worker_id, kernel_id)

    async def held(self) -> int:
        """Return the number of pauses in the memory of our workers."""
        return 0 if self._gateway is None else await self._gateway.workers.held_in_memory()


def _version() -> str:
    try:
        return version("lobu_jupyter")
    except PackageNotFoundError:
        return "0"


__all__ = ["Service", "ServiceSettings"]
