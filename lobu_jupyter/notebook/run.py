"""A run in the notebook: read it, wait for it, decide its questions, cancel it."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from lobu_jupyter.model.errors import LobuError, QuestionChanged
from lobu_jupyter.notebook.output.cell_output import CellOutput, bundle_of, live_front_end

from . import decisions
from .chain import Chain
from .errors import RunFailed
from .follower import Follower, catch_up

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from lobu_jupyter.model.events import Event
    from lobu_jupyter.model.runs import RunInfo as Row

    from .decisions import Which
    from .session import Session

_OVER = ("succeeded", "cancelled", "failed", "expired")


class Run:
    """A run and the runs that resume it after a decision, shown to the person as one.

    ``status``, ``text``, ``interrupts`` and the like read the journal on each use.
    """

    def __init__(self, session: Session, thread_id: str, run_id: str, cursor: int, prompt: str = "") -> None:
        self.thread_id = thread_id
        self.prompt = prompt
        self._listeners: list[Callable[[], None]] = []
        self._session = session
        self._first = (run_id, cursor)
        self._chain = Chain(run_id, cursor)
        self._batch = session.batch(thread_id)
        self._watch: Follower | None = None
        self._outputs: list[CellOutput] = []
        self._timer: threading.Timer | None = None
        self._live = True  # updates of its outputs are shown

    @classmethod
    def of(cls, session: Session, row: Row) -> Run:
        """Return the run of a row, from the beginning of its chain."""
        while row.parent_run_id is not None:
            row = session.client.runs.get(row.parent_run_id)
        run = cls(session, row.thread_id, row.run_id, max(row.start_cursor - 1, 0))
        said = [item["content"] for item in run.state["items"] if item.get("role") == "user"]
        run.prompt = said[0] if said and isinstance(said[0], str) else ""
        return run

    # -- reading ----------------------------------------------------------------------------------

    @property
    def run_id(self) -> str:
        """Its id. After a decision, the id of the run that resumes it."""
        return self._chain.run_id

    @property
    def status(self) -> str:
        """The status: queued, running, interrupted, succeeded, cancelled, failed or expired.

        An interrupted run waits for a decision.
        """
        return self._catch_up().status

    @property
    def text(self) -> str:
        """The agent's text so far."""
        return self._catch_up().text

    @property
    def error(self) -> RunFailed | None:
        """The failure, or None."""
        error = self._catch_up().error
        return RunFailed(error["code"], error["message"]) if error else None

    @property
    def cut(self) -> str | None:
        """Why the answer is not complete: length, content_filter, pause_turn and the like. None if it is."""
        return self._catch_up().cut

    @property
    def interrupts(self) -> list[dict[str, Any]]:
        """The open questions: AG-UI Interrupts, with tool, arguments and decisions in metadata.lobu."""
        open_ = self._catch_up().interrupts
        self._batch.show(open_)
        return open_

    @property
    def state(self) -> dict[str, Any]:
        """The folded state: items, runs, interrupts, usage (:mod:`lobu_jupyter.model.fold`)."""
        return self._catch_up().state()

    def events(self) -> Iterator[Event]:
        """Yield its AG-UI events from the first on, as they come, up to its end or an open question."""
        seen = Chain(*self._first)
        known = self._catch_up().cursor
        for batch in self._session.client.runs.follow(self.thread_id, seen.cursor):
            for entry in batch:
                event = seen.feed(entry)
                if event is not None:
                    yield event
                if seen.cursor >= known and seen.status in (*_OVER, "interrupted"):
                    return

    # -- deciding ---------------------------------------------------------------------------------

    def wait(self, timeout: float | None = None) -> Self:
        """Wait until it ends or asks. Meanwhile this cell runs the agent's code.

        Stopping the cell cancels the run.

        Args:
            timeout: seconds, after which the run is cancelled.

        Raises:
            RunFailed: it ended with an error, given by code and message.
            RunTimeout: it took too long.
        """
        from .waiting import wait

        wait(self, timeout, through_decisions=False)
        return self

    def cancel(self) -> Self:
        """Cancel it, also while it waits for a decision. Harmless once it has ended."""
        self._session.client.runs.cancel(self.run_id)
        self._refresh()
        return self

    def approve(self, which: Which = None, *, grant: str | None = None, option: str | None = None) -> Self:
        """Let the call run.

        Args:
            which: an id or a position if several are open, or "all".
            grant: approve later calls, too. ``call``: this exact one in this chat. ``thread``, ``notebook``: simple
                code there. ``thread_all``, ``notebook_all``: every call of the tool there, whatever it does.
            option: the id of one of an outside agent's own answers, as ``run.interrupts`` has them.
        """
        return self._decide_all("approve", which, decisions.approval(grant, option))

    def reject(self, reason: str = "", which: Which = None) -> Self:
        """Refuse the call or the question, and give the agent the reason."""
        return self._decide_all("reject", which, decisions.rejection(reason))

    def edit(self, args: dict[str, Any] | None = None, which: Which = None, **changed: Any) -> Self:
        """Let the call run with changed arguments. The others stay."""
        interrupt = self._batch.find(self._open(), which)
        return self._decide(interrupt["id"], decisions.edit(interrupt, {**(args or {}), **changed}))

    def respond(self, text: str, which: Which = None) -> Self:
        """Give the call's result yourself. The call does not run."""
        return self._decide(which, {"response": text})

    def answer(self, *given: Any, which: Which = None, **by_id: Any) -> Self:
        """Answer the agent's questions, in their order or by id. Give a list if several may be chosen."""
        interrupt = self._batch.find(self._open(), which)
        return self._decide(interrupt["id"], decisions.answers(interrupt, given, by_id))

    def questions(self, which: Which = None) -> list[dict[str, Any]]:
        """Return the agent's own questions of an interrupt, or none if a call asks for approval.

        Raises:
            ValueError: nothing is open, or `which` does not name one of several.
        """
        return decisions.lobu(self._batch.find(self.interrupts, which)).get("questions") or []

    @property
    def undecided(self) -> int:
        """The number of open questions to decide before the run continues."""
        return len(self._batch.left(self._open()))

    def _decide_all(self, kind: str, which: Which, payload: dict[str, Any]) -> Self:
        """Make the same decision on the one that `which` names, or on all open questions that take it."""
        if which != "all":
            return self._decide(which, payload)
        for id_ in decisions.offering(self._open(), kind):
            self._decide(id_, payload)
        return self

    def _decide(self, which: Which, payload: dict[str, Any]) -> Self:
        open_ = self._open()
        if self._batch.is_another(open_):
            self.show()
            raise ValueError("Another question waits than the one shown here. Read it, then decide again.")
        entries = self._batch.decide(open_, which, payload)
        if entries is not None:
            try:
                started, _ = self._session.client.policy.resume(self.thread_id, entries)
            except QuestionChanged:
                self._read_anew()
                raise
            self._chain.resumed(started.run_id)
            self._refresh()
        return self

    def _open(self) -> list[dict[str, Any]]:
        """Return the open questions without recording them as shown."""
        return self._catch_up().interrupts

    def _read_anew(self) -> None:
        """Show the questions as the journal has them, because the shown ones are out of date."""
        self._batch.forget()
        self._chain, self._watch = Chain(*self._first), None
        self._refresh()
        self.show()

    # -- showing ----------------------------------------------------------------------------------

    def show(self) -> None:
        """Show it in this cell, live if the front end can."""
        self._live = live_front_end(self._session.found.embedded)
        if not any(output.in_this_cell for output in self._outputs):
            self._outputs.append(CellOutput(self._bundle()))
        if self._live:
            self.watch()

    def _ipython_display_(self) -> None:
        self._catch_up()
        self.show()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        self._catch_up()
        return self._bundle()

    def __repr__(self) -> str:
        return f"<Run {self.run_id} {self._chain.status}>"

    def _bundle(self) -> dict[str, Any]:
        self._batch.show(self._chain.interrupts)
        return bundle_of(self._chain, self.thread_id, self.prompt, self._trouble, live=self._live)

    # -- following --------------------------------------------------------------------------------

    def watch(self) -> Follower | None:
        """Return the thread that follows the journal, or None once the run has ended."""
        if self._watch is not None and self._watch.is_alive():
            return self._watch
        if self._chain.ended:
            return None
        self._watch = Follower(self._session.client, self.thread_id, self._chain, self._news)
        self._watch.start()
        return self._watch

    @property
    def chain(self) -> Chain:
        """The fold of the entries read so far. :attr:`status` and the others read the journal first."""
        return self._chain

    @property
    def session(self) -> Session:
        return self._session

    @property
    def ended(self) -> bool:
        """True if it has ended for good. A run that waits for a decision has not."""
        return self._catch_up().ended

    @contextmanager
    def told(self, listener: Callable[[], None]) -> Generator[None]:
        """Call `listener`, from the watching thread, whenever it has news."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    @property
    def _trouble(self) -> LobuError | None:
        """The error that ended the watch, or None."""
        return self._watch.error if self._watch is not None else None

    def _catch_up(self) -> Chain:
        if not self._chain.ended:
            catch_up(self._session.client, self.thread_id, self._chain)
        return self._chain

    def _refresh(self) -> None:
        """Read the journal and update earlier outputs, after this cell changed the run."""
        self._catch_up()
        self.update_outputs()

    def update_outputs(self) -> None:
        """Update all outputs of the run, from the cell that runs now."""
        if self._outputs:
            bundle = self._bundle()
            for output in self._outputs:
                output.update(bundle, from_this_cell=True)

    def _news(self) -> None:
        """Call the listeners and update the outputs that are due, on news of the watch."""
        for listener in list(self._listeners):
            listener()
        if not self._live or not self._outputs:
            return
        is_over = self._chain.status not in ("queued", "running") or self._trouble is not None
        if is_over or all(output.due() for output in self._outputs):
            self._update_live()
        elif self._timer is None:
            self._timer = threading.Timer(0.3, self._update_live)
            self._timer.daemon = True
            self._timer.start()

    def _update_live(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()  # this is the update that it was set for
        bundle = self._bundle()
        for output in self._outputs:
            output.update(bundle)


def cancel_quietly(run: Run) -> None:
    """Cancel while another exception is being raised. A failure to cancel is printed, not raised."""
    try:
        run.cancel()
    except LobuError as error:
        print(f"lobu: the run could not be cancelled: {error}", file=sys.stderr)
