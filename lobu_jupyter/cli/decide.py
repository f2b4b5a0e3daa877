"""The commands `lobu approve`, `reject`, `answer` and `cancel`: decisions from a terminal or a script.

The questions of a thread are decided together, as everywhere. THREAD may be left out if only one
thread waits. It may also be the id of its run or of one of its questions.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from lobu_jupyter.model.covering import GRANTS
from lobu_jupyter.model.digest import digest_of
from lobu_jupyter.model.errors import QuestionChanged

from .connect import reach
from .names import only, run_of, short_id
from .printing import as_json, put_json, put_line
from .question import put_changed, put_questions

if TYPE_CHECKING:
    from collections.abc import Callable

    from lobu_jupyter.client.http import Client
    from lobu_jupyter.model.interrupts import Interrupt

Payload = dict[str, Any]
_thread = click.argument("thread", required=False)


@click.command("approve")
@_thread
@click.option("--reject", "rejected", multiple=True, metavar="INTERRUPT", help="But refuse this one.")
@click.option(
    "--grant",
    type=click.Choice(list(GRANTS)),
    help="Approve later calls too: call this exact one; thread and notebook simple code; *_all whatever it does.",
)
@click.option("--yes", is_flag=True, help="Approve without asking in the terminal.")
@click.option(
    "--option", help="Which of an outside agent's own answers: its id, as `lobu inbox --json` has it."
)
@as_json
@click.pass_context
def approve_command(
    ctx: click.Context,
    thread: str | None,
    rejected: tuple[str, ...],
    grant: str | None,
    yes: bool,
    option: str | None,
    as_json: bool,
) -> None:
    """Show the actions of THREAD that need approval, and approve them."""
    more = {"grant": grant, "option": option}
    approval: Payload = {
        "approved": True,
        **{name: value for name, value in more.items() if value is not None},
    }

    def payload(interrupt: Interrupt) -> Payload:
        if interrupt.id in rejected or interrupt.tool_call_id in rejected:
            return {"approved": False}
        if interrupt.unshown:
            raise click.UsageError(f"{interrupt.id} cannot be approved: {interrupt.unshown}")
        if "approve" not in interrupt.decisions:
            raise click.UsageError(f"{interrupt.id} is a question; use `lobu answer` or `lobu reject`.")
        return approval

    def show(waiting: list[Interrupt]) -> None:
        put_questions(waiting)
        if not yes and sys.stdin.isatty():
            click.confirm("Approve?", abort=True, err=True)

    _decide(ctx, thread, payload, as_json, show)


@click.command("reject")
@_thread
@click.option("--reason", default="", help="The agent reads it.")
@as_json
@click.pass_context
def reject_command(ctx: click.Context, thread: str | None, reason: str, as_json: bool) -> None:
    """Reject the actions of THREAD that need approval, or skip its questions."""
    rejection: Payload = {"approved": False, "reason": reason} if reason else {"approved": False}
    _decide(ctx, thread, lambda _: rejection, as_json)


@click.command("answer")
@click.argument("thread")
@click.argument("answers", nargs=-1, required=True)
@as_json
@click.pass_context
def answer_command(ctx: click.Context, thread: str, answers: tuple[str, ...], as_json: bool) -> None:
    """Answer the questions of THREAD: one ANSWER each, in their order."""
    left = list(answers)

    def payload(interrupt: Interrupt) -> Payload:
        if "answer" not in interrupt.decisions:
            raise click.UsageError(f"{interrupt.id} is a call; use `lobu approve` or `lobu reject`.")
        given: Payload = {}
        for question in interrupt.questions:
            if not left:
                raise click.UsageError("There are more questions than answers.")
            text = left.pop(0)
            given[str(question["id"])] = [text] if question.get("multiple") else text
        return {"answers": given}

    _decide(ctx, thread, payload, as_json)
    if left:
        put_line(f"{len(left)} answers were not used.", err=True)


@click.command("cancel")
@click.argument("run")
@as_json
@click.pass_context
def cancel_command(ctx: click.Context, run: str, as_json: bool) -> None:
    """Cancel a queued, running or waiting RUN."""
    with reach(ctx).client() as client:
        row = client.runs.cancel(run_of(client, run))
    if as_json:
        put_json(row)
    else:
        put_line(f"{row.run_id} is {row.status.value}.")


def _decide(
    ctx: click.Context,
    name: str | None,
    payload: Callable[[Interrupt], Payload],
    is_json: bool,
    show: Callable[[list[Interrupt]], None] = put_questions,
) -> None:
    with reach(ctx).client() as client:
        waiting = _waiting(client, name)
        show(waiting)
        entries = [
            {"interruptId": i.id, "status": "resolved", "payload": payload(i), "digest": digest_of(i)}
            for i in waiting
        ]
        try:
            started, is_new = client.policy.resume(waiting[0].thread_id, entries)
        except QuestionChanged as error:
            put_changed(error)
            raise click.ClickException("Nothing was decided. Run the command again to decide this.") from None
    if is_json:
        put_json(started)
    else:
        put_line(f"{'Decided' if is_new else 'Already decided'}. Resuming as {started.run_id}…")


def _waiting(client: Client, name: str | None) -> list[Interrupt]:
    """Return the open questions of the one thread that is meant."""
    waiting = client.policy.interrupts()
    if name is not None:
        thread = _thread_of(waiting, name)
        waiting = [i for i in waiting if i.thread_id == thread]
    if not waiting:
        where = "" if name is None else f" on {name}"
        raise click.ClickException(f"Nothing to approve{where} (already decided). See all: lobu inbox")
    threads = sorted({i.thread_id for i in waiting})
    if len(threads) > 1:
        raise click.UsageError(
            f"Several threads need approval. Name one: {', '.join(map(short_id, threads))}"
        )
    return waiting


def _thread_of(waiting: list[Interrupt], name: str) -> str:
    """Return the thread of a question that is named by its own id, its run's or its thread's, or by their first digits."""
    whole = only(name, (one for i in waiting for one in (i.id, i.run_id, i.thread_id)))
    return next((i.thread_id for i in waiting if whole in (i.id, i.run_id, i.tool_call_id)), whole)
