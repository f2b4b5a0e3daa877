"""The gateway over HTTP: a blocking :class:`Client` and an :class:`AsyncClient`.

Both have the parts of the gateway (docs/parts.md), without ``by``, because the credential names
the caller. Errors are those of :mod:`lobu_jupyter.model.errors`. A call whose response is lost is retried if
that does no harm. A server that stays away raises :class:`ServerGone`.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx
import msgspec
from httpx_sse import EventSource, SSEError

from lobu_jupyter.model.errors import LobuError, NotAllowed, from_wire

from . import calls
from .address import address_of
from .backoff import Backoff
from .errors import NoLobuThere, ServerGone
from .parts import KernelCalls, PolicyCalls, RunCalls, ThreadCalls, WorkerCalls
from .reading import Reading, may_come_back
from .sign import TokenAuth

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from lobu_jupyter.model.runs import Entry

    from .calls import HttpCall
    from .tls import Verify

T = TypeVar("T")

CONNECT = 5.0
"""Seconds within which a connection must be established."""
ANSWER = 60.0
"""Seconds within which a response must begin."""
SILENCE = 40.0
"""Seconds without a byte, heartbeats included, after which a stream counts as broken."""
_PASSING = frozenset({502, 503, 504})


class _Connection:
    """The base of both clients: the connection's options."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        auth: httpx.Auth | None = None,
        verify: Verify = True,
        patience: float = 10.0,
        gone_after: float = 60.0,
        silence: float = SILENCE,
        via: str = "rest",
    ) -> None:
        """Set the connection's options.

        Args:
            url: the Jupyter server's URL, base_url included. :mod:`.address` has the form of a unix socket.
            token: a person's Jupyter token.
            auth: the credential if there is no token, such as a kernel's signature.
            verify: check TLS certificates. A path names the authority to trust. A context is used as it is.
            patience: seconds for which a call that found no server is retried.
            gone_after: the same for `follow`.
            silence: seconds without heartbeat after which `follow` reconnects.
            via: the person's way in, for the audit: rest or cli.
        """
        address = address_of(url.rstrip("/") + "/")
        self.url = address.url
        self._named = url
        self._socket = address.socket
        self._patience = patience
        self._gone_after = gone_after
        self._stream_timeout = httpx.Timeout(CONNECT, read=silence)
        self._options: dict[str, Any] = {
            "base_url": self.url + "lobu/api/",
            "auth": TokenAuth(token) if token else auth,
            "headers": {"X-Lobu-Via": via},
            "timeout": httpx.Timeout(ANSWER, connect=CONNECT),
            "verify": _verification(url, verify),
            # The person's own machine is reached without the environment's proxy.
            "trust_env": httpx.URL(self.url).host not in ("localhost", "127.0.0.1", "::1"),
            "limits": httpx.Limits(max_connections=None, max_keepalive_connections=4),
        }

    def reading(self, thread_id: str, cursor: int | None, run_id: str | None, follow: bool) -> Reading:
        """Return the state of a new follow."""
        return Reading(thread_id, cursor, run_id, follow, Backoff(self._gone_after))


class BlockingRuns(RunCalls["Client"]):
    """The runs part of a :class:`Client`."""

    def follow(
        self, thread_id: str, cursor: int | None = None, *, run_id: str | None = None, follow: bool = True
    ) -> Iterator[list[Entry]]:
        """Yield the journal after `cursor` in batches, each entry once. An empty batch is a heartbeat.

        The stream survives dropped connections. With `run_id` it ends after that run's terminal event, with
        ``follow=False`` at the end of the journal.

        Raises:
            ServerGone: nothing came through for ``gone_after`` seconds.
        """
        reading = self.client.reading(thread_id, cursor, run_id, follow)
        while not reading.done:
            fault: object = "the stream ended before the run did"
            try:
                with self.client.stream(reading) as response:
                    if response.status_code != 200:
                        response.read()
                        fault = _refused(response, reading)
                    else:
                        for sse in EventSource(response).iter_sse():
                            yield reading.feed(sse)
                        reading.closed()
            except (httpx.TransportError, SSEError) as error:
                fault = error
            if not reading.done:
                self.client.sleep(reading.delay(fault))


class Client(_Connection):
    """A blocking client of the gateway. Threads may share it."""

    def __init__(self, url: str, *, sleep: Callable[[float], None] = time.sleep, **options: Any) -> None:
        super().__init__(url, **options)
        self.sleep = sleep
        self._http = self.rest()
        self.threads = ThreadCalls(self)
        self.runs = BlockingRuns(self)
        self.policy = PolicyCalls(self)
        self.workers = WorkerCalls(self)
        self.kernels = KernelCalls(self)

    def send(self, call: HttpCall[T]) -> T:
        """Send a call and return its result."""
        backoff = Backoff(self._patience)
        while True:
            try:
                response = self._http.request(*_parts(call), **_details(call))
                if not _passing(response):
                    return _answer(call, response)
                fault: object = f"HTTP {response.status_code}"
            except httpx.TransportError as error:
                fault = _worth_repeating(call, error)
            self.sleep(_delay(backoff, fault, self._named))

    def health(self) -> dict[str, Any]:
        """Return the version, the store, and the numbers of workers and running runs."""
        return self.send(calls.health())

    def stream(self, reading: Reading) -> AbstractContextManager[httpx.Response]:
        """Open a connection of a follow."""
        return self._http.stream("GET", reading.path, params=reading.query, timeout=self._stream_timeout)

    def rest(self) -> httpx.Client:
        """Return a plain httpx client of the same routes, with the same credential. The caller closes it."""
        return httpx.Client(
            **self._options, transport=httpx.HTTPTransport(uds=self._socket) if self._socket else None
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class AsyncRuns(RunCalls["AsyncClient"]):
    """The runs part of an :class:`AsyncClient`."""

    async def follow(
        self, thread_id: str, cursor: int | None = None, *, run_id: str | None = None, follow: bool = True
    ) -> AsyncGenerator[list[Entry]]:
        """Yield the journal as :meth:`BlockingRuns.follow` does."""
        reading = self.client.reading(thread_id, cursor, run_id, follow)
        while not reading.done:
            fault: object = "the stream ended before the run did"
            try:
                async with self.client.stream(reading) as response:
                    if response.status_code != 200:
                        await response.aread()
                        fault = _refused(response, reading)
                    else:
                        async for sse in EventSource(response).aiter_sse():
                            yield reading.feed(sse)
                        reading.closed()
            except (httpx.TransportError, SSEError) as error:
                fault = error
            if not reading.done:
                await self.client.sleep(reading.delay(fault))


class AsyncClient(_Connection):
    """An async client of the gateway, for one event loop."""

    def __init__(
        self, url: str, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep, **options: Any
    ) -> None:
        super().__init__(url, **options)
        self.sleep = sleep
        transport = httpx.AsyncHTTPTransport(uds=self._socket) if self._socket else None
        self._http = httpx.AsyncClient(**self._options, transport=transport)
        self.threads = ThreadCalls(self)
        self.runs = AsyncRuns(self)
        self.policy = PolicyCalls(self)
        self.workers = WorkerCalls(self)
        self.kernels = KernelCalls(self)

    async def send(self, call: HttpCall[T]) -> T:
        """Send a call and return its result."""
        backoff = Backoff(self._patience)
        while True:
            try:
                response = await self._http.request(*_parts(call), **_details(call))
                if not _passing(response):
                    return _answer(call, response)
                fault: object = f"HTTP {response.status_code}"
            except httpx.TransportError as error:
                fault = _worth_repeating(call, error)
            await self.sleep(_delay(backoff, fault, self._named))

    async def health(self) -> dict[str, Any]:
        """Return the version, the store, and the numbers of workers and running runs."""
        return await self.send(calls.health())

    def stream(self, reading: Reading) -> AbstractAsyncContextManager[httpx.Response]:
        """Open a connection of a follow."""
        return self._http.stream("GET", reading.path, params=reading.query, timeout=self._stream_timeout)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


def _verification(url: str, verify: Verify) -> ssl.SSLContext | bool:
    if not url.startswith("https:"):
        return False  # saves the 20 ms of reading all authorities
    return ssl.create_default_context(cafile=verify) if isinstance(verify, str) else verify


def _parts(call: HttpCall[Any]) -> tuple[str, str]:
    return call.method, call.path


def _details(call: HttpCall[Any]) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"} if call.body is not None else {}
    return {"params": dict(call.query), "content": call.body, "headers": headers}


def _worth_repeating(call: HttpCall[Any], error: httpx.TransportError) -> httpx.TransportError:
    """Return `error`, or raise if a retry could take effect twice or cannot help."""
    never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
    if isinstance(error, httpx.UnsupportedProtocol) or not (call.repeatable or never_sent):
        raise ServerGone(f"{call.method} {call.path}: {error or type(error).__name__}") from error
    return error


def _delay(backoff: Backoff, fault: object, url: str) -> float:
    delay = backoff.delay()
    if delay is None:
        cause = fault if isinstance(fault, BaseException) else None
        raise ServerGone(f"No answer from {url} for {backoff.patience:g} s: {fault}") from cause
    return delay


def _passing(response: httpx.Response) -> bool:
    """Return whether a proxy responded in place of a server that is coming back."""
    return response.status_code in _PASSING and _wire_error(response) is None


def _refused(response: httpx.Response, reading: Reading) -> object:
    """Return why a stream did not open if the fault may pass, else raise.

    A store that was there when the follow began is waited for.
    """
    if _passing(response):
        return f"HTTP {response.status_code}"
    error = _error(response)
    if not (reading.begun and may_come_back(error)):
        raise error
    return error


def _answer(call: HttpCall[T], response: httpx.Response) -> T:
    if response.status_code >= 300:
        raise _error(response)
    try:
        return call.read(response.status_code, response.content)
    except (msgspec.MsgspecError, UnicodeError, LookupError, TypeError, RecursionError) as error:
        raise LobuError(
            f"{response.url.host} gave a reply that cannot be read ({type(error).__name__})."
        ) from error


def _error(response: httpx.Response) -> LobuError:
    wire = _wire_error(response)
    if wire is not None:
        return from_wire(wire)
    if response.status_code in (301, 302, 401, 403):
        return NotAllowed(
            f"{response.url.host}:{response.url.port} does not know this caller; check the token."
        )
    if response.status_code == 404:
        return NoLobuThere()
    return LobuError(f"HTTP {response.status_code} from {response.url}: {response.text[:200]}")


def _wire_error(response: httpx.Response) -> dict[str, Any] | None:
    try:
        error = msgspec.json.decode(response.content).get("error")
    except (msgspec.DecodeError, AttributeError):
        return None
    return error if isinstance(error, dict) else None
