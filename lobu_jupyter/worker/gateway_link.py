"""The worker protocol over HTTP: register, read the inbox, append events, send heartbeats, offer jobs.

A call is retried if no server answers or the server cannot serve it now, because each may be repeated.
After ``patience`` seconds without a server, :class:`ServerGone` is raised.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

import httpx
import msgspec

from lobu_jupyter.client.address import address_of
from lobu_jupyter.client.backoff import Backoff
from lobu_jupyter.client.errors import ServerGone
from lobu_jupyter.model.errors import LobuError, from_wire
from lobu_jupyter.model.ports import InboxItem, ToolSpec

from .batch_socket import Gone, Mail
from .batch_wire import WorkerSocket, connect, dial, request_to

if TYPE_CHECKING:
    from tornado.websocket import WebSocketClientConnection

if TYPE_CHECKING:
    from lobu_jupyter.client.tls import Verify
    from lobu_jupyter.model.applied import FileChange

INBOX_WAIT = 30.0
PATIENCE = 30.0
_CONNECT_SECONDS = 5.0
_KERNEL_MESSAGE = 256 * 1024 * 1024  # bytes: a display of a kernel is one message
_ANSWER_SECONDS = 30.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Link:
    """A connection to the gateway at `url` (the base of lobu/api/), as the worker that `ticket` admits."""

    def __init__(
        self,
        url: str,
        ticket: str | None,
        *,
        verify: Verify = True,
        patience: float = PATIENCE,
        one_run: bool = False,
    ) -> None:
        """Create the link. With ``one_run`` no other run shares its messages, so no socket is opened."""
        self.worker_id = ""
        self.incarnation = 0
        self._ticket = ticket
        self._patience = patience
        self._one_run = one_run
        address = address_of(url.rstrip("/"))
        self._url, self._verify, self._socket = address.url, verify, address.socket
        self._mail = Mail(self._open_socket)
        self._http = httpx.AsyncClient(
            base_url=self._url + "/",
            transport=httpx.AsyncHTTPTransport(uds=address.socket) if address.socket else None,
            verify=ssl.create_default_context(cafile=verify) if isinstance(verify, str) else verify,
            timeout=httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=8),
            trust_env=httpx.URL(self._url).host not in _LOOPBACK,
        )

    async def close(self) -> None:
        await self._mail.close()
        await self._http.aclose()

    async def register(self, kind: str, agents: list[dict[str, Any]], tools: tuple[ToolSpec, ...]) -> None:
        """Register as a worker. The ticket is good once, so a lost response ends this process."""
        body = msgspec.json.encode({"kind": kind, "agents": agents, "tools": tools})
        self.become(await self._register(body))

    def become(self, answer: dict[str, Any]) -> None:
        """Adopt the worker id and token of a registration, which a person may have made for us."""
        self.worker_id, self.incarnation = answer["workerId"], answer["incarnation"]
        self._ticket = answer["token"]

    async def _register(self, body: bytes) -> dict[str, Any]:
        backoff = Backoff(self._patience)
        while True:
            try:
                return await self._once("POST", "workers", self._ticket, content=body)
            except httpx.ConnectError as error:  # nothing was sent: the ticket is still good
                delay = backoff.delay()
                if delay is None:
                    raise ServerGone from error
            except httpx.TransportError as error:
                raise ServerGone from error
            await asyncio.sleep(delay)

    async def inbox(self, after: int) -> list[InboxItem]:
        """Return the items after the item `after`. Waits up to half a minute for the first."""
        answer = await self._call(
            "GET",
            f"workers/{self.worker_id}/inbox",
            params={"after": after, "wait": INBOX_WAIT},
            timeout=httpx.Timeout(INBOX_WAIT + _ANSWER_SECONDS, connect=_CONNECT_SECONDS),
        )
        return msgspec.convert(answer["items"], list[InboxItem])

    async def events(self, batch: bytes) -> None:
        """Append a batch.

        Raises:
            Conflict, RunNotFound: the run is no longer this worker's.
            InvalidField, TooLarge: an event of the batch is not acceptable.
        """
        try:
            if self._one_run:
                raise Gone
            answer = await self._mail.post(batch)
        except Gone:
            await self._call("POST", f"workers/{self.worker_id}/events", content=batch)
            return
        if "error" in answer:
            if not _may_pass(answer["status"]):
                raise from_wire(answer["error"])
            await self._call("POST", f"workers/{self.worker_id}/events", content=batch)

    async def heartbeat(self) -> None:
        await self._call("POST", f"workers/{self.worker_id}/heartbeat")

    async def announce(self, agents: list[dict[str, Any]]) -> None:
        """Update the agents that this worker has announced."""
        body = msgspec.json.encode({"agents": agents})
        await self._call("PATCH", f"workers/{self.worker_id}", content=body)

    async def withdraw(self, run_id: str, message: str) -> None:
        """Withdraw a run's pause that was held in our memory and can no longer be answered."""
        body = msgspec.json.encode({"runId": run_id, "message": message})
        await self._call("POST", f"workers/{self.worker_id}/withdraw", content=body)

    async def spend(self, told: dict[str, Any]) -> dict[str, Any]:
        """Tell what a request to a model has used, or ask for another one. See model/budget.py.

        Raises:
            Conflict: the run is no longer this worker's.
        """
        body = msgspec.json.encode(told)
        return await self._call("POST", f"workers/{self.worker_id}/spend", content=body)

    async def notebook(self, run_id: str, path: str, request: dict[str, Any]) -> dict[str, Any]:
        """Read or change the notebook at `path`, that of a run's thread, as in model/notebooks.py.

        Raises:
            Conflict: the run is no longer this worker's.
            InvalidField: the request has an invalid field, which is named.
        """
        body = msgspec.json.encode({"runId": run_id, "path": path, "request": request})
        limit = httpx.Timeout(2 * _ANSWER_SECONDS, connect=_CONNECT_SECONDS)  # the server waits for a page
        return await self._call("POST", f"workers/{self.worker_id}/notebook", content=body, timeout=limit)

    async def change(self, run_id: str, change: FileChange) -> None:
        """Record a file's change before it is made.

        Raises:
            Conflict: the run is no longer this worker's.
        """
        body = msgspec.json.encode({"runId": run_id, "change": change})
        await self._call("POST", f"workers/{self.worker_id}/changes", content=body)

    async def leave(self) -> None:
        """Unregister. A run that this worker still holds ends."""
        await self._call("DELETE", f"workers/{self.worker_id}")

    async def offer(self, kernel_id: str, job_id: str, code: str) -> bool:
        """Return whether a waiting cell in the kernel took the job. Not retried: it might have been taken."""
        body = msgspec.json.encode({"jobId": job_id, "code": code, "wait": 0})
        try:
            answer = await self._once("POST", f"kernels/{kernel_id}/jobs", self._ticket, content=body)
        except (httpx.TransportError, LobuError):
            return False
        return bool(answer["taken"])

    async def call_begins(self, kernel_id: str, call_id: str) -> None:
        """Report agent code that is about to be sent to the kernel, by the msg_id of its request.

        Raises:
            KernelNotFound: no run of this worker is bound to the kernel (any more).
        """
        await self._call("PUT", f"kernels/{kernel_id}/calls/{call_id}")

    async def call_ends(self, kernel_id: str, call_id: str, run_id: str, *, stopped: bool) -> None:
        """Report its end. Not ``stopped`` means that the run gave it up and its code may still run."""
        params = {} if stopped else {"stopped": "false", "runId": run_id}
        await self._call("DELETE", f"kernels/{kernel_id}/calls/{call_id}", params=params)

    async def _call(self, method: str, path: str, **options: Any) -> Any:
        backoff = Backoff(self._patience)
        while True:
            try:
                return await self._once(method, path, self._ticket, **options)
            except (httpx.TransportError, _Unable) as error:
                delay = backoff.delay()
                if delay is None:
                    raise ServerGone from error
            await asyncio.sleep(delay)

    async def _once(self, method: str, path: str, token: str | None, **options: Any) -> Any:
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Lobu-Worker {token}"
        response = await self._http.request(method, path, headers=headers, **options)
        if _may_pass(response.status_code):
            raise _Unable(f"{response.status_code} from {path}")
        if response.is_success:
            return response.json() if response.content else None
        raise _error_of(response)

    async def dial_kernel(self, kernel_id: str, session: str) -> WebSocketClientConnection:
        """Open a socket to a kernel that only the server can reach.

        Raises:
            HTTPClientError: refused, or timed out. OSError: nothing listens there.
        """
        path = f"workers/{self.worker_id}/kernels/{kernel_id}/channels?sessionId={session}"
        request = request_to(f"{self._url}/{path}", self._ticket or "", self._verify)
        return await dial(request, self._socket, max_message_size=_KERNEL_MESSAGE)

    async def _open_socket(self) -> WorkerSocket:
        request = request_to(f"{self._url}/workers/{self.worker_id}/socket", self._ticket or "", self._verify)
        return await connect(request, self._socket)


def _may_pass(status: int) -> bool:
    return status >= 500 or status == 429


class _Unable(LobuError):
    """The server cannot take this now; the same again may succeed."""

    code = "unable"


def _error_of(response: httpx.Response) -> LobuError:
    try:
        return from_wire(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return LobuError(f"{response.status_code} from {response.url.path}")
