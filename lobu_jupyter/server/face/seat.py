"""A person's server at the service: its calls act on a gateway of its own, which can touch only what is the person's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Literal, cast

import msgspec

from lobu_jupyter.gateway.seats import seat_id
from lobu_jupyter.model.callers import WorkerCaller
from lobu_jupyter.model.errors import (
    InvalidField,
    KernelNotFound,
    LobuError,
    NotAllowed,
    StoreUnavailable,
    TooManyRuns,
)

from .attachment import Attachment, tightened
from .methods import METHODS, STREAMS, BatchOutcome, Method
from .wire import (
    WINDOW,
    Answer,
    Ask,
    Attach,
    ByKernel,
    ByPerson,
    ByWorker,
    Down,
    End,
    Invoke,
    Item,
    KernelTable,
    More,
    Open,
    Page,
    Shut,
    Up,
    Wake,
    caller_of,
    error_bytes,
    error_of,
)

if TYPE_CHECKING:
    from logging import Logger

    from lobu_jupyter.gateway import Gateway

MAX_UNDER_WAY = 2000
ASK_SECONDS = 30.0
GONE = "The Jupyter server went away."
Send = Callable[[Down], Awaitable[None]]


class Seat:
    """One connection of a person's server. ``send`` sends a frame."""

    def __init__(self, host: Gateway, owner: str, server: str, send: Send, log: Logger) -> None:
        self.owner = owner
        self._host, self._send, self._log = host, send, log
        self._server_id = seat_id(owner, server)
        self._gateway: Gateway | None = None
        self._place = ""
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._windows: dict[int, asyncio.Semaphore] = {}
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._numbers = 0
        self._kernels: dict[str, str] = {}
        self._mine = set[tuple[str, str, int | None]]()  # workers and runs that were checked
        self._wakes = set[asyncio.Task[None]]()

    async def receive(self, frame: Up) -> None:
        """Take a frame. What takes time goes on in the background."""
        if isinstance(frame, Attach):
            await self._attach(frame)
        elif isinstance(frame, KernelTable):
            await self._take_kernels(frame.table)
        elif isinstance(frame, Invoke | Open):
            self._begin(frame)
        elif isinstance(frame, More):
            if frame.id in self._windows:
                self._windows[frame.id].release()
        elif isinstance(frame, Shut):
            task = self._tasks.get(frame.id)
            if task is not None:
                task.cancel()
        else:
            self._answered(frame)

    async def close(self) -> None:
        """Stop all that is under way, because the connection is gone. The server may come back by another."""
        tasks = [*self._tasks.values(), *self._wakes]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for future in self._asked.values():
            if not future.done():
                future.set_exception(StoreUnavailable(GONE))

    # -- the server's own state -------------------------------------------------------------------

    async def _attach(self, frame: Attach) -> None:
        try:
            try:
                told = msgspec.json.decode(frame.told, type=Attachment)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise InvalidField(str(error), field="attachment") from error
            settings = tightened(self._host.settings, told, self.owner)
            self._place = settings.place
            gateway = self._host.at_seat(
                self._server_id,
                settings,
                kernels=_SeatKernels(self._kernels, self.ask),
                workers=_SeatWorkers(self._wake),
                owners=_SeatOwners(self),
            )
            await gateway.seat.enroll()
            self._gateway = gateway
            await self._send(Answer(frame.id, msgspec.json.encode({"owner": self.owner})))
        except LobuError as error:
            await self._send(Answer(frame.id, error=error_bytes(error)))

    async def _take_kernels(self, table: dict[str, str]) -> None:
        for name in [name for name in self._kernels if name not in table]:
            del self._kernels[name]
        for name, language in table.items():
            try:
                await self.check("kernel", name)
            except LobuError as error:
                self._log.warning("lobu: %s may not have the kernel %s: %s", self.owner, name, error)
            else:
                self._kernels[name] = language

    def _wake(self) -> None:
        task = asyncio.get_running_loop().create_task(self._send_wake(), name="wake a server")
        self._wakes.add(task)
        task.add_done_callback(self._wakes.discard)

    async def _send_wake(self) -> None:
        await self._send(Wake())

    async def ask(self, name: str, *args: Any) -> Any:
        """Ask the server about its kernels or notebooks.

        Raises:
            StoreUnavailable: it does not answer. LobuError: its refusal.
        """
        self._numbers += 1
        number, future = self._numbers, asyncio.get_running_loop().create_future()
        self._asked[number] = future
        try:
            await self._send(Ask(number, name, msgspec.json.encode(args)))
            async with asyncio.timeout(ASK_SECONDS):
                return await future
        except TimeoutError as error:
            raise StoreUnavailable(GONE) from error
        finally:
            self._asked.pop(number, None)

    def _answered(self, frame: Answer) -> None:
        future = self._asked.get(frame.id)
        if future is None or future.done():
            return
        try:
            value = msgspec.json.decode(frame.value)
            error = None if frame.error is None else error_of(frame.error)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, AttributeError):
            value, error = None, NotAllowed("The Jupyter server answered with something else.")
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)

    # -- calls and streams ------------------------------------------------------------------------

    def _begin(self, frame: Invoke | Open) -> None:
        if frame.id in self._tasks:
            return
        work = self._call(frame) if isinstance(frame, Invoke) else self._stream(frame)
        if isinstance(frame, Open):
            self._windows[frame.id] = asyncio.Semaphore(WINDOW)
        task = asyncio.get_running_loop().create_task(work, name=f"{frame.name} for {self.owner}")
        self._tasks[frame.id] = task
        task.add_done_callback(lambda _: self._ended(frame.id))

    def _ended(self, number: int) -> None:
        self._tasks.pop(number, None)
        self._windows.pop(number, None)

    async def _call(self, frame: Invoke) -> None:
        try:
            value = await self._result(frame)
        except Exception as error:  # noqa: BLE001 - told to the caller; the rest of the server goes on
            await self._send(Answer(frame.id, error=error_bytes(self._told(error, frame.name))))
        else:
            await self._send(Answer(frame.id, value))

    async def _result(self, frame: Invoke) -> bytes:
        gateway, method = self._ready(METHODS, frame)
        args = await self._checked(method, method.read(frame.args))
        part, _, name = frame.name.partition(".")
        target = gateway if part == "gateway" else getattr(gateway, part)
        result = await getattr(target, name)(**args)
        if frame.name == "workers.ingest_each":
            result = [
                BatchOutcome(error=each.to_wire())
                if isinstance(each, LobuError)
                else BatchOutcome(taken=each)
                for each in cast("list[dict[str, int] | LobuError]", result)
            ]
        return msgspec.json.encode(result)

    async def _stream(self, frame: Open) -> None:
        error: LobuError | None = None
        try:
            gateway, method = self._ready(STREAMS, frame)
            args = await self._checked(method, method.read(frame.args))
            pages = (
                gateway.runs.follow(**args)
                if frame.name == "runs.follow"
                else gateway.threads.changes(**args)
            )
            window = self._windows[frame.id]
            async with aclosing(cast("Any", pages)) as items:
                async for item in items:
                    await window.acquire()
                    await self._send(_page(frame.id, item))
        except Exception as failure:  # noqa: BLE001 - told to the reader
            error = self._told(failure, frame.name)
        await self._send(End(frame.id, None if error is None else error_bytes(error)))

    def _ready(self, methods: dict[str, Method], frame: Invoke | Open) -> tuple[Gateway, Method]:
        method = methods.get(frame.name)
        if method is None:
            raise InvalidField(f"there is no method {frame.name}", field="name")
        if self._gateway is None:
            raise NotAllowed("The server has not said who it is.")
        if len(self._tasks) > MAX_UNDER_WAY:
            raise TooManyRuns(f"A server may have {MAX_UNDER_WAY} calls under way.")
        return self._gateway, method

    def _told(self, error: Exception, name: str) -> LobuError:
        if isinstance(error, LobuError):
            return error
        self._log.error("lobu: %s of %s failed", name, self.owner, exc_info=error)
        return LobuError("The service failed at this; its log says more.")

    # -- what is the person's ---------------------------------------------------------------------

    async def _checked(self, method: Method, args: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments for the gateway, if all that they name is the person's.

        Raises:
            NotAllowed, WorkerNotFound, RunNotFound, KernelNotFound: something is not.
        """
        for name in ("by", "worker"):
            if name in args:
                args[name] = await self._caller(name, args[name])
        if "worker" in method.needs and "worker_id" in args:
            await self.check("worker", args["worker_id"])
        if "run" in method.needs:
            await self.check("run", args["run_id"])
        if "owner" in method.needs and args.get("owner") not in (None, self.owner):
            raise NotAllowed(f"This server acts for {self.owner} only.", field="owner")
        if "kernel" in method.needs:
            for kernel_id in _kernels_named(args):
                await self.check("kernel", kernel_id)
        return args

    async def _caller(self, name: str, by: ByPerson | ByKernel | ByWorker) -> Any:
        caller = caller_of(by, self._place)
        if (name == "worker") != isinstance(caller, WorkerCaller):
            raise NotAllowed("A worker does a worker's work, and nothing else.")
        if isinstance(caller, WorkerCaller):
            await self.check("worker", caller.worker_id, caller.incarnation)
        elif caller.name != self.owner:
            raise NotAllowed(
                f"This server acts for {self.owner} only. Use your own server for your own chats."
            )
        return caller

    async def check(
        self, what: Literal["worker", "run", "kernel"], name: str, number: int | None = None
    ) -> None:
        """Check that a worker, run or kernel is the person's.

        A worker and a run stay so. A kernel of which nobody has heard may become somebody else's.
        """
        if (what, name, number) in self._mine:
            return
        assert self._gateway is not None or what == "kernel", "calls come after the attachment"
        seat = (self._gateway or self._host).seat
        if what == "worker":
            await seat.check_worker(self.owner, name, number)
        elif what == "run":
            await seat.check_run(self.owner, name)
        else:
            await seat.check_kernel(self.owner, name)
        if what != "kernel" and len(self._mine) < MAX_UNDER_WAY:
            self._mine.add((what, name, number))


def _page(number: int, item: Any) -> Down:
    if isinstance(item, bool):
        return Item(number, msgspec.json.encode(item))
    return Page(number, [(entry.seq, bytes(entry.body)) for entry in item])


def _kernels_named(args: dict[str, Any]) -> list[str]:
    holders = [args.get(name) for name in ("new", "patch", "request")]
    named = [args.get("kernel_id"), *(getattr(holder, "kernel_id", None) for holder in holders)]
    return [name for name in named if isinstance(name, str) and name]


class _SeatKernels:
    """A ``KernelsPort``. A kernel's connection stays at its server, which fills it in for its workers."""

    def __init__(self, table: dict[str, str], ask: Callable[..., Awaitable[Any]]) -> None:
        self._table = table
        self._ask = ask

    def connection(self, kernel_id: str) -> dict[str, Any] | None:
        return {"at": "server"} if kernel_id in self._table else None

    def language(self, kernel_id: str) -> str:
        return self._table.get(kernel_id, "python")

    async def kernel_of(self, notebook_path: str, /) -> str | None:
        found = await self._ask("kernel_of", notebook_path)
        return found if isinstance(found, str) and found in self._table else None

    async def undefined(self, kernel_id: str, names: list[str]) -> list[str] | None:
        found = await self._ask("undefined", kernel_id, names)
        return [name for name in names if name in found] if isinstance(found, list) else None


class _SeatWorkers:
    """A ``WorkersPort``."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.wake = wake


class _SeatOwners:
    """An ``OwnersPort``: the person's own server and its authorizer say what may be used."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat

    async def kernel(self, owner: str, kernel_id: str) -> None:
        if owner != self._seat.owner:
            raise KernelNotFound
        await self._seat.check("kernel", kernel_id)
        await self._seat.ask("kernel", owner, kernel_id)

    async def notebook(self, owner: str, path: str, action: Literal["read", "write"]) -> None:
        if owner != self._seat.owner:
            raise NotAllowed
        await self._seat.ask("notebook", owner, path, action)
