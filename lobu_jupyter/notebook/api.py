"""`lobu.ask`, `lobu.thread`, `lobu.rest`: the agent from Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.requests import Rebuild, RunsQuery, StartRun
from lobu_jupyter.notebook.output.cell_output import cell_id, live_front_end

from . import session
from .run import Run
from .waiting import raise_unless_answered, show_when_settled, wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from lobu_jupyter.model.events import Event
    from lobu_jupyter.model.runs import RunMode

    from .session import Session


class NotebookThread:
    """A conversation to ask on and to read."""

    def __init__(self, link: Session, thread_id: str, title: str = "") -> None:
        self.thread_id = thread_id
        self.title = title
        self._session = link

    def ask(self, prompt: str, **options: Any) -> Run:
        """Ask on this thread, with the options of :func:`ask`."""
        return _ask(self._session, self.thread_id, prompt, **options)

    def rebuild(self) -> Run:
        """Run the agent's code of this thread again after a kernel restart, once you have approved it all.

        Raises:
            Conflict: there is no code that could be run again.
        """
        started = self._session.client.runs.rebuild(
            self.thread_id, Rebuild(kernel_id=self._session.kernel_id)
        )
        return Run(self._session, started.thread_id, started.run_id, started.cursor, "Rebuild")

    @property
    def runs(self) -> list[Run]:
        """Its runs, oldest first. A run that resumes another is part of that one."""
        rows = self._session.client.runs.list(RunsQuery(thread_id=self.thread_id))
        return [Run.of(self._session, row) for row in reversed(rows) if row.parent_run_id is None]

    def events(self, cursor: int = 0, *, follow: bool = False) -> Iterator[tuple[int, Event]]:
        """Yield each ``(seq, event)`` of the journal after `cursor` once, with `follow` also those to come."""
        from lobu_jupyter.model.events import decode

        for batch in self._session.client.runs.follow(self.thread_id, cursor, follow=follow):
            for entry in batch:
                yield entry.seq, decode(entry.body)

    def snapshot(self) -> dict[str, Any]:
        """Return the folded state and its cursor (:mod:`lobu_jupyter.model.fold`)."""
        return self._session.client.runs.snapshot(self.thread_id)

    def __repr__(self) -> str:
        return f"<Thread {self.thread_id} {self.title!r}>"


def ask(
    prompt: str,
    *,
    agent: str | None = None,
    model: str | None = None,
    thread: str | NotebookThread | None = None,
    new: bool = False,
    mode: RunMode | None = None,
    wait: bool = False,
    timeout: float | None = None,
) -> Run:
    """Ask the agent on this notebook's thread. Returns at once unless ``wait`` is set.

    While a run is under way on the thread, or a question of the agent is open, the new run is queued.
    A prompt never decides a question: see :meth:`Run.approve`, :meth:`Run.reject` and :meth:`Run.answer`.

    Args:
        agent, model: the agent and its model. Default: the server's.
        thread: a name, or a thread from :func:`thread`.
        new: begin a new thread.
        mode: ``ask``, ``allow`` or ``deny`` for tools that no policy rule names, or ``plan``: only reads until you approve a plan.
        wait: return when the run has ended. Questions wait if a page is open, and are refused if none is.
        timeout: seconds to wait, after which the run is cancelled. Implies ``wait``.

    Raises:
        RunFailed: the awaited run did not end well.
        NoGateway: no gateway was found.
    """
    link = session.reaching()
    if isinstance(thread, NotebookThread):
        thread_id = thread.thread_id
    else:
        thread_id = link.thread(thread, new=new).thread_id
    return _ask(link, thread_id, prompt, agent=agent, model=model, mode=mode, wait=wait, timeout=timeout)


def thread(name: str | None = None, *, new: bool = False, thread_id: str | None = None) -> NotebookThread:
    """Return this notebook's thread, or its thread `name`, created if missing. Or any, by its id."""
    link = session.reaching()
    found = link.client.threads.get(thread_id) if thread_id else link.thread(name, new=new)
    return NotebookThread(link, found.thread_id, found.title or found.name or "")


def kernel_id() -> str | None:
    """Return the id of this kernel, for ``kernelId`` in REST, or None outside a Jupyter kernel."""
    return session.reaching().kernel_id


def rest() -> httpx.Client:
    """Return a client of this kernel's gateway that signs requests. Paths are relative to ``lobu/api/``."""
    return session.reaching().client.rest()


def _ask(
    link: Session,
    thread_id: str,
    prompt: str,
    *,
    agent: str | None = None,
    model: str | None = None,
    mode: RunMode | None = None,
    wait: bool = False,
    timeout: float | None = None,
    show: bool = False,
) -> Run:
    waits = wait or timeout is not None
    answerable = not waits or link.front_end_attached()
    request = StartRun(
        prompt=prompt,
        agent=agent,
        model=model,
        mode=mode,
        kernel_id=link.kernel_id,
        if_running="queue",
        answerable=answerable,
        cell_id=cell_id() if show else None,
    )
    started = link.start(thread_id, request)
    run = Run(link, started.thread_id, started.run_id, started.cursor, prompt)
    if show and (not waits or live_front_end(link.found.embedded)):
        show_when_settled(run)
    if waits:
        try:
            _wait_for_answer(run, timeout, answerable)
        finally:
            if show:
                run.show()
    return run


def _wait_for_answer(run: Run, timeout: float | None, answerable: bool) -> None:
    wait(run, timeout, through_decisions=answerable)
    raise_unless_answered(run)


ask_and_show = _ask
