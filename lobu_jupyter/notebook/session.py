"""This kernel's link with its gateway, found once on first use, and found again if it went away."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from lobu_jupyter.client.errors import ServerGone
from lobu_jupyter.client.http import Client
from lobu_jupyter.client.sign import KernelAuth
from lobu_jupyter.model.errors import ThreadNotFound
from lobu_jupyter.model.requests import NewThread

from . import embedded
from .decisions import PendingDecisions
from .discover import Found, ThisKernel, find, this_kernel

if TYPE_CHECKING:
    from lobu_jupyter.model.requests import StartRun
    from lobu_jupyter.model.runs import Started, Thread


class Session:
    """A client with this kernel's credential, the tools last sent, and the decisions made so far."""

    def __init__(
        self,
        found: Found,
        kernel: ThisKernel | None,
        auth: KernelAuth | None,
        gateway: embedded.Embedded | None,
    ) -> None:
        self.found = found
        self.kernel = kernel
        self.gateway = gateway
        self.auth = auth
        self.client = Client(found.url, token=found.token, auth=auth, verify=found.verify)
        self._told_tools: list[Any] = []
        self._batches: dict[str, PendingDecisions] = {}
        self._thread_id: str | None = None

    @property
    def kernel_id(self) -> str | None:
        return self.kernel.kernel_id if self.kernel is not None else None

    def batch(self, thread_id: str) -> PendingDecisions:
        """Return the decisions made so far on a thread's open questions. Cells may make them one by one."""
        return self._batches.setdefault(thread_id, PendingDecisions())

    def thread(self, name: str | None = None, *, new: bool = False) -> Thread:
        """Return this notebook's thread, or its thread `name`. ``new`` begins one."""
        if name is None and not new and (known := self._terminals_thread()) is not None:
            return known
        thread = self.client.threads.create(NewThread(name=name, kernel_id=self.kernel_id, reuse=not new))
        if self.kernel_id is None:
            self._thread_id = thread.thread_id
        return thread

    def _terminals_thread(self) -> Thread | None:
        """Return the thread that was asked last where neither a kernel nor a notebook finds it: in IPython."""
        try:
            return None if self._thread_id is None else self.client.threads.get(self._thread_id)
        except ThreadNotFound:
            return None

    def known_thread(self) -> Thread | None:
        """Return this notebook's thread, or None. Never creates one."""
        if self.kernel_id is None:
            return self._terminals_thread()
        try:
            return self.client.threads.create(NewThread(kernel_id=self.kernel_id, reuse=True, create=False))
        except ThreadNotFound:
            return None

    def start(self, thread_id: str, run: StartRun) -> Started:
        """Start a run, after sending the tools that the notebook defined since the last one."""
        self._tell_tools()
        return self.client.runs.start(thread_id, run)

    def front_end_attached(self) -> bool:
        """Return whether a person can answer while a cell waits. ``LOBU_ANSWERABLE`` decides, if set."""
        given = os.environ.get("LOBU_ANSWERABLE")
        if given is not None:
            return given == "1"
        return bool(self.client.health().get("pages"))

    def _tell_tools(self) -> None:
        from lobu_jupyter.notebook.tools.decorator import specs

        tools = specs()
        if self.kernel_id is not None and tools != self._told_tools:
            self.client.kernels.set_tools(self.kernel_id, tools)
            self._told_tools = tools


_lock = threading.Lock()
_session: Session | None = None
_auth: KernelAuth | None = None
_gateway: embedded.Embedded | None = None


def current() -> Session:
    """Return this kernel's session.

    Raises:
        NoGateway: there is none, and none could be started. The message says what to do.
    """
    global _session, _auth
    with _lock:
        if _session is not None and _session.kernel is not None and _session.kernel != this_kernel():
            _session = _auth = None  # a server that was restarted has given us another key
        if _session is None or (_session.gateway is not None and _session.gateway.process.poll() is not None):
            _session = _open()
        return _session


def opened() -> Session | None:
    """Return this kernel's session if it has one, None if nothing was asked yet."""
    return _session


def reaching() -> Session:
    """Return this kernel's session, found again if its server moved or was restarted elsewhere."""
    session = current()
    try:
        session.client.health()
    except ServerGone:
        forget()
        session = current()
    return session


def forget() -> None:
    """Drop the session. The next use finds the gateway again."""
    global _session
    with _lock:
        _session = None


def _open() -> Session:
    """Find the gateway, or start our own. That one and the kernel's boot value last as long as we do."""
    global _auth, _gateway
    kernel = this_kernel()
    if _auth is None and kernel is not None:
        _auth = KernelAuth(kernel.kernel_id, kernel.key)
        _answer_looks()
    found = find(kernel, _auth)
    if found is not None:
        return Session(found, kernel, _auth, None)
    if _gateway is None or _gateway.process.poll() is not None:
        _gateway = embedded.start(kernel, _auth)
        _say_that_a_cell_runs()
    return Session(_gateway.found, kernel, _auth, _gateway)


def _answer_looks() -> None:
    """Let an agent look at the variables while a cell runs, from this first one on."""
    from IPython.core.getipython import get_ipython

    from lobu_jupyter.notebook.guest import guest

    guest.install(get_ipython())


def _say_that_a_cell_runs() -> None:
    """Repeat this cell's "busy" for a gateway that began to listen in the middle of it.

    A kernel may start and decide only while a person's cell is seen to run.
    """
    from IPython.core.getipython import get_ipython

    kernel: Any = getattr(get_ipython(), "kernel", None)
    if kernel is not None:
        parent, topic = kernel.get_parent("shell"), b"kernel.lobu.status"
        kernel.session.send(
            kernel.iopub_socket, "status", {"execution_state": "busy"}, parent=parent, ident=topic
        )
