"""The commands of `%lobu`."""

from __future__ import annotations

import json
import shlex
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from lobu_jupyter.model.card import card_lines
from lobu_jupyter.model.covering import GRANTS
from lobu_jupyter.model.errors import Conflict, InvalidField, QuestionChanged
from lobu_jupyter.model.interrupts import event_of_interrupt
from lobu_jupyter.model.requests import RunsQuery, ThreadsQuery
from lobu_jupyter.model.runs import RunStatus
from lobu_jupyter.notebook.output.cell_output import live_front_end, this_cell
from lobu_jupyter.notebook.output.tables import Table, short

from . import session
from .api import NotebookThread, ask_and_show
from .doctor import NOT_TOLD_YET, doctor
from .grants import grants
from .magic import COMMANDS as MANUAL
from .recording import record
from .rules import policy
from .run import Run
from .undo import undo
from .waiting import show_when_settled
from .waiting import wait as wait_for

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Generator

    from lobu_jupyter.model.runs import Thread

    from .session import Session


def ask(prompt: str, args: Namespace) -> Run | None:
    """Start a run for `%lobu PROMPT` and show it, or print it as JSON."""
    if not prompt.strip():
        raise UsageError("Write a prompt after %lobu. See all commands: %lobu help")
    link = session.reaching()
    thread = link.thread(args.thread, new=args.new)
    _thread_of.clear()
    _thread_of[this_cell()] = thread.thread_id
    run = ask_and_show(
        link,
        thread.thread_id,
        prompt,
        agent=args.agent,
        model=args.model,
        mode=args.mode,
        wait=args.wait,
        timeout=args.timeout,
        show=not args.json,
    )
    if not args.json:
        return run
    print(json.dumps(as_json(run), ensure_ascii=False, indent=1))
    return None


def as_json(run: Run) -> dict[str, Any]:
    """Return a run as `--json` prints it."""
    status, error = run.status, run.error
    wire: dict[str, Any] = {
        "runId": run.run_id,
        "threadId": run.thread_id,
        "status": status,
        "prompt": run.prompt,
        "text": run.text,
        "interrupts": run.interrupts,
        "usage": run.state["usage"],
    }
    return wire if error is None else {**wire, "error": {"code": error.code, "message": error.message}}


def _wait(rest: str) -> Run:
    _no_more("wait", rest)
    link, run = _latest()
    through = run.chain.status != "interrupted" and link.front_end_attached()
    live = live_front_end(link.found.embedded)
    if live:
        run.show()
    try:
        wait_for(run, None, through_decisions=through)
    finally:
        run.show()
    return run


def _cancel(rest: str) -> None:
    """Cancel the run that is under way or asks. A queued run is cancelled only if there is no other."""
    _no_more("cancel", rest)
    link = session.reaching()
    run = _current(link, _known(link).thread_id)
    if run.ended:
        print("Nothing is running here.")
    else:
        run.cancel()
        print(_CANCELLED.get(run.status, f"Not cancelled: the run is {run.status}."))


_CANCELLED = {
    "cancelled": "Cancelled.",
    "succeeded": "The run had already finished.",
    "failed": "The run had already failed.",
}


def _runs(rest: str) -> Table:
    _no_more("runs", rest)
    link = session.reaching()
    thread = link.known_thread()
    rows = link.client.runs.list(RunsQuery(thread_id=thread.thread_id)) if thread is not None else []
    return Table(
        ("run", "status", "agent", "started", "error"),
        [
            (
                row.run_id,
                row.status.value,
                row.agent,
                row.created_at[:19],
                short(row.error.message) if row.error else "",
            )
            for row in rows
        ],
        empty="No runs on this notebook's thread yet.",
    )


def _threads(rest: str) -> Table:
    rows = session.reaching().client.threads.list(ThreadsQuery(search=rest or None))
    return Table(
        ("thread", "status", "title", "notebook", "updated"),
        [
            (
                row.thread_id,
                row.status.value,
                short(row.name or row.title),
                row.notebook_path or "",
                row.updated_at[:19],
            )
            for row in rows
        ],
        empty="No threads.",
    )


def _attach(rest: str) -> Run:
    if not rest:
        raise UsageError("Name a thread. See all: %lobu threads")
    link = session.reaching()
    for thread in link.client.threads.list():
        if rest in (thread.thread_id, thread.name, thread.title):
            run = _latest_of(link, thread.thread_id)
            run.show()
            return run
    raise UsageError(f"There is no thread with the id, name or title {rest!r}. See all: %lobu threads")


def _inbox(rest: str) -> Table:
    _no_more("inbox", rest)
    waiting = session.reaching().client.policy.interrupts()
    return Table(
        ("thread", "question", "tool", "decisions", "until"),
        [
            (
                one.thread_id,
                short(one.message or " / ".join(str(q.get("question")) for q in one.questions)),
                one.tool_name or "",
                ", ".join(one.decisions),
                (one.expires_at or "")[:19],
            )
            for one in waiting
        ],
        empty="All caught up.",
        below=[
            "\n".join([f"{one.thread_id}: {one.message}", *card_lines(event_of_interrupt(one))])
            for one in waiting
        ],
    )


def _approve(rest: str) -> None:
    which, flag, grant = rest.partition("--grant")
    if flag and grant.strip() not in GRANTS:
        raise UsageError(f"%lobu approve [N | all] [--grant {' | '.join(GRANTS)}]")
    if (run := _waiting()) is None:
        return
    with _said_in_a_line():
        run.approve(_which(which.strip()), grant=grant.strip() or None)
    _tell("Approved", run)


def _reject(rest: str) -> None:
    if (run := _waiting()) is None:
        return
    first, _, reason = rest.partition(" ")
    which = _which(first) if first == "all" or first.isdigit() else None
    with _said_in_a_line():
        run.reject(rest if which is None else reason.strip(), which)
    _tell("Rejected", run)


def _answer(rest: str) -> None:
    if not rest:
        raise UsageError("Write an answer: %lobu answer TEXT")
    if (run := _waiting()) is None:
        return
    with _said_in_a_line():
        which, text = _asked(run, rest)
        run.answer(*_answers(run, which, text), which=which)
    _tell("Answered", run)


def _asked(run: Run, rest: str) -> tuple[int | None, str]:
    """Return the position that an answer begins with, if several questions are open, and its text."""
    first, _, text = rest.partition(" ")
    if first.isdigit() and len(run.interrupts) > 1:
        return int(first), text.strip()
    return None, rest


def _answers(run: Run, which: int | None, text: str) -> list[str | list[str]]:
    """Return one answer for each question: the whole text for one, its quoted words for several.

    Commas separate options if several may be chosen.
    """
    asked = run.questions(which)
    if not asked:
        raise UsageError("The agent asks for approval: %lobu approve, or %lobu reject REASON.")
    given = [text] if len(asked) == 1 else shlex.split(text)
    if len(given) != len(asked):
        listed = " / ".join(str(question["question"]) for question in asked)
        raise UsageError(f'{len(asked)} questions: {listed}. Answer all: %lobu answer "first" "second"')
    return [
        [part.strip() for part in answer.split(",")] if question.get("multiple") else answer
        for question, answer in zip(asked, given, strict=True)
    ]


@contextmanager
def _said_in_a_line() -> Generator[None]:
    """Turn a refused decision into a UsageError: it is the person's slip, not the cell's failure."""
    try:
        yield
    except (ValueError, InvalidField, QuestionChanged) as error:
        raise UsageError(str(error)) from None


def _tell(what: str, run: Run) -> None:
    left = run.undecided
    print(f"{what}. {left} more to decide." if left else f"{what}. Resuming…")
    if not left and not live_front_end(run.session.found.embedded):
        show_when_settled(run)


def _rebuild(rest: str) -> Run:
    _no_more("rebuild", rest)
    link = session.reaching()
    thread = _known(link)
    try:
        run = NotebookThread(link, thread.thread_id, thread.title).rebuild()
    except Conflict as error:
        raise UsageError(str(error)) from None
    show_when_settled(run)
    return run


def _agents(rest: str) -> Table:
    _no_more("agents", rest)
    rows = session.reaching().client.workers.agents()
    told = [(row["name"], _state(row), str(row.get("description", ""))) for row in rows]
    return Table(("agent", "state", "what it is"), told, empty=NOT_TOLD_YET)


def _state(agent: dict[str, Any]) -> str:
    state = str(agent.get("state") or "ready")
    return f"{state}: {agent['hint']}" if agent.get("hint") else state


def _export(rest: str) -> None:
    if not rest.endswith(".ipynb"):
        raise UsageError(
            f"%lobu export FILE.ipynb; if this is a prompt, write %lobu ask export {rest or '…'}"
        )
    file = Path(rest)
    if not file.parent.is_dir():
        raise UsageError(f"There is no directory {file.parent}.")
    if file.exists():
        raise UsageError(f"{file} exists; give a new name.")
    link = session.reaching()
    notebook = link.client.runs.export(_known(link).thread_id, "notebook")
    file.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(f"Wrote {file.name} ({len(notebook['cells'])} cells).")


def _record(rest: str) -> None:
    if not rest:
        raise UsageError("%lobu record FILE.recording.json writes what lobu test replays.")
    print(f"Wrote {record(rest).name}.")


def _help(rest: str) -> None:
    _no_more("help", rest)
    width = max(len(name) for name in MANUAL)
    lines = [f"  %lobu {name.ljust(width)}  {text}" for name, text in MANUAL.items()]
    print("\n".join(["%lobu PROMPT asks the agent. %lobu? shows the options.", *lines]))


def _doctor(rest: str) -> Table:
    _no_more("doctor", rest)
    return doctor()


COMMANDS: dict[str, Callable[[str], Any]] = {
    "wait": _wait,
    "cancel": _cancel,
    "runs": _runs,
    "threads": _threads,
    "attach": _attach,
    "inbox": _inbox,
    "approve": _approve,
    "reject": _reject,
    "answer": _answer,
    "rebuild": _rebuild,
    "undo": undo,
    "agents": _agents,
    "policy": policy,
    "grants": grants,
    "export": _export,
    "record": _record,
    "doctor": _doctor,
    "help": _help,
}


_thread_of: dict[str, str] = {}  # the cell that asked last, and the thread that it asked


def _latest() -> tuple[Session, Run]:
    """Return the session and the newest run of the thread that this cell asked, else of the notebook's."""
    link = session.reaching()
    cell = this_cell()
    thread_id = _thread_of.get(cell) if cell else None
    return link, _latest_of(link, thread_id or _known(link).thread_id)


def _known(link: Session) -> Thread:
    """Return this notebook's thread. Raises a UsageError if nothing was asked yet."""
    thread = link.known_thread()
    if thread is None:
        raise UsageError("No chat in this notebook yet.")
    return thread


def _latest_of(link: Session, thread_id: str) -> Run:
    rows = link.client.runs.list(RunsQuery(thread_id=thread_id, limit=1))
    if not rows:
        raise UsageError("No runs in this chat yet.")
    return Run.of(link, rows[0])


def _current(link: Session, thread_id: str) -> Run:
    """Return the run that asks, else the running one, else the newest."""
    for interrupt in link.client.policy.interrupts(thread_id=thread_id):
        return Run.of(link, link.client.runs.get(interrupt.run_id))
    for row in link.client.runs.list(RunsQuery(thread_id=thread_id, status=RunStatus.RUNNING, limit=1)):
        return Run.of(link, row)
    return _latest_of(link, thread_id)


def _waiting() -> Run | None:
    """Return the run that asks, or say that none does: a click on its card was quicker than this cell."""
    link = session.reaching()
    run = _current(link, _known(link).thread_id)
    if run.status != "interrupted":
        print("Nothing to approve here (already decided). See all: %lobu inbox")
        return None
    return run


def _which(word: str) -> str | int | None:
    if not word:
        return None
    return int(word) if word.isdigit() else word


def _no_more(command: str, rest: str) -> None:
    if rest:
        raise UsageError(
            f"%lobu {command} takes nothing more; if this is a prompt, write %lobu ask {command} {rest}"
        )
