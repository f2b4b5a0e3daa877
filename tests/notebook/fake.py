"""A gateway in memory for tests of the notebook's side: a journal that a test writes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from lobu_jupyter.model.errors import LobuError, NotFound
from lobu_jupyter.model.requests import NewThread, StartRun
from lobu_jupyter.model.runs import Entry, RunInfo, RunStatus, Started, Thread, ThreadStatus
from lobu_jupyter.notebook.decisions import PendingDecisions
from lobu_jupyter.notebook.discover import Found

from . import journal as j

PAGES = {"status": "ok", "pages": 1}


def thread_row(**more: Any) -> Thread:
    fields = {
        "thread_id": j.T,
        "owner": "owner",
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
    }
    return Thread(status=ThreadStatus.IDLE, **{**fields, **more})


class FakeClient:
    """What a Session's client does. ``script`` is asked for events after each start and resume."""

    def __init__(self) -> None:
        self.journal: list[Entry] = []
        self.requests: list[StartRun] = []
        self.resumed: list[list[dict[str, Any]]] = []
        self.cancelled: list[str] = []
        self.told_tools: list[Any] = []
        self.pages = 0
        self.refuse: LobuError | None = None
        self.broken: LobuError | None = None
        self.created: list[NewThread] = []
        self.rows: list[RunInfo] = []
        self.grants: list[dict[str, Any]] = []
        self._more = threading.Condition()
        self.threads = SimpleNamespace(create=self._create_thread)
        self.runs = SimpleNamespace(
            start=self._start,
            cancel=self._cancel,
            list=self._list_runs,
            get=self._get_run,
            follow=self._follow,
        )
        self.policy = SimpleNamespace(
            get=self._policy, revoke=self._revoke_grant, resume=self._resume, interrupts=self._interrupts
        )
        self.kernels = SimpleNamespace(set_tools=self._set_tools)

    def write(self, *events: dict[str, Any]) -> None:
        with self._more:
            self.journal += j.entries(events, len(self.journal) + 1)
            self._more.notify_all()

    def break_(self, error: LobuError) -> None:
        with self._more:
            self.broken = error
            self._more.notify_all()

    def health(self) -> dict[str, Any]:
        return {"status": "ok", "pages": self.pages}

    def _create_thread(self, new: NewThread) -> Thread:
        self.created.append(new)
        return thread_row(name=new.name)

    def _policy(self, **about: Any) -> dict[str, Any]:
        return {"layers": [], "grants": self.grants, "maxMode": "allow"}

    def _revoke_grant(self, grant_id: str) -> None:
        left = [one for one in self.grants if one["grantId"] != grant_id]
        if left == self.grants:
            raise NotFound("There is no such grant.")
        self.grants = left

    def _start(self, thread_id: str, run: StartRun) -> Started:
        if self.refuse is not None:
            raise self.refuse
        self.requests.append(run)
        started = Started(run_id=f"run_{len(self.requests)}", thread_id=thread_id, cursor=len(self.journal))
        self.write(j.started(started.run_id, run.prompt or ""))
        return started

    def _resume(self, thread_id: str, entries: list[dict[str, Any]]) -> tuple[Started, bool]:
        self.resumed.append(entries)
        self.write(j.started("run_resumed", "", parentRunId="run_1"), j.decided(entries[0]["interruptId"]))
        return Started(run_id="run_resumed", thread_id=thread_id, cursor=len(self.journal) - 2), True

    def _cancel(self, run_id: str) -> None:
        self.cancelled.append(run_id)
        self.write(j.finished(run_id, "cancelled"))

    def _set_tools(self, kernel_id: str, tools: list[Any]) -> None:
        self.told_tools.append((kernel_id, tools))

    def _interrupts(self, *, thread_id: str | None = None) -> list[Any]:
        return []

    def _list_runs(self, _query: Any = None) -> list[RunInfo]:
        return self.rows

    def _get_run(self, run_id: str) -> RunInfo:
        return next(row for row in self.rows if row.run_id == run_id)

    def _follow(
        self, thread_id: str, cursor: int | None = None, *, run_id: str | None = None, follow: bool = True
    ) -> Iterator[list[Entry]]:
        at = cursor or 0
        while True:
            with self._more:
                if follow and self.broken is None:
                    self._more.wait_for(
                        lambda at=at: len(self.journal) > at or self.broken is not None, timeout=60
                    )
                batch = self.journal[at:]
            if batch:
                at = batch[-1].seq
                yield batch
            elif not follow:
                return
            elif self.broken is not None:
                raise self.broken
            else:
                raise AssertionError("a test waited 60 s for an event")


class FakeSession:
    """A link whose gateway is a :class:`FakeClient`."""

    def __init__(self, *, embedded: bool = True) -> None:
        self.client = FakeClient()
        self.found = Found("http://fake/", "fake", embedded=embedded)
        self.kernel_id: str | None = None  # a kernel would be lent to the agent; here there is none
        self.gateway = None
        self.answerable = False
        self._batch = PendingDecisions()

    def batch(self, thread_id: str) -> PendingDecisions:
        return self._batch

    def thread(self, name: str | None = None, *, new: bool = False) -> Thread:
        return self.client.threads.create(NewThread(name=name, reuse=not new))

    def known_thread(self) -> Thread | None:
        return self.client.threads.create(NewThread(reuse=True))

    def start(self, thread_id: str, run: StartRun) -> Started:
        return self.client.runs.start(thread_id, run)

    def front_end_attached(self) -> bool:
        return self.answerable


def run_row(run_id: str = "run_1", **more: Any) -> RunInfo:
    fields: dict[str, Any] = {
        "status": RunStatus.RUNNING,
        "agent": "script",
        "created_at": "2026-01-01T00:00:00Z",
    }
    return RunInfo(run_id=run_id, thread_id=j.T, **{**fields, **more})


def soon(work: Callable[[], None]) -> threading.Thread:
    """`work` in another thread, as a worker would do it."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
