"""The command `lobu chat`: one prompt or a conversation, with decisions made in the terminal.

If standard input is no terminal, nobody can decide: calls that need approval are refused, as in a notebook
that runs by itself. An agent's error, a time-out and a stream that ends without a terminal event print the
message and give exit code 1.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from lobu_jupyter.client.http import AsyncClient
from lobu_jupyter.model.cut import CUT
from lobu_jupyter.model.errors import Conflict, LobuError
from lobu_jupyter.model.events import decode
from lobu_jupyter.model.requests import RunsQuery, StartRun
from lobu_jupyter.model.runs import RunStatus, Started
from lobu_jupyter.model.usage import usages_of

from .connect import reach, thread_at, thread_id_of
from .printing import as_json, put_json, put_line
from .question import decide
from .screen import Screen

if TYPE_CHECKING:
    from lobu_jupyter.client.http import Client
    from lobu_jupyter.model.events import Event
    from lobu_jupyter.model.runs import RunMode

    from .connect import Reached

GONE_AFTER = 20.0
"""Seconds without a sign of the server after which its stream counts as ended."""


class ChatFailed(LobuError):
    """The run did not end well."""

    code = "run_failed"


@dataclass
class _Answer:
    """The JSON that `--json` prints for a prompt's run."""

    thread_id: str
    run_id: str = ""
    status: str = "running"
    text: str = ""
    interrupts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    usage: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    error: dict[str, str] | None = None
    cut: str | None = None  # why the answer is not complete

    def to_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "runId": self.run_id,
            "threadId": self.thread_id,
            "status": self.status,
            "text": self.text,
            "interrupts": self.interrupts,
            "usage": self.usage,
        }
        more = {"error": self.error, "cut": self.cut}
        return told | {name: value for name, value in more.items() if value is not None}


@dataclass(frozen=True)
class _Choice:
    """The options of a prompt's run. ``seconds`` is the time after which it is cancelled."""

    agent: str | None
    model: str | None
    mode: RunMode | None
    seconds: float | None
    asks: bool


@click.command("chat")
@click.argument("prompt", required=False)
@click.option("--thread", help="Go on with this thread: its id, or a name that finds it again.")
@click.option("--notebook", metavar="PATH", help="On this notebook's thread, with its kernel.")
@click.option("--kernel", metavar="ID", help="On this kernel, as Jupyter lists it.")
@click.option("--agent", help="Which agent; `lobu agents` lists them.")
@click.option("--model", help="Which model, as in openai:gpt-….")
@click.option(
    "--mode",
    type=click.Choice(["ask", "allow", "deny", "plan"]),
    help="For tools that no rule names; plan: only reads until you approve a plan.",
)
@click.option(
    "--timeout", "seconds", type=click.FloatRange(min=0, min_open=True), help="Cancel a run after SECONDS."
)
@as_json
@click.pass_context
def chat_command(
    ctx: click.Context,
    prompt: str | None,
    thread: str | None,
    notebook: str | None,
    kernel: str | None,
    agent: str | None,
    model: str | None,
    mode: RunMode | None,
    seconds: float | None,
    as_json: bool,
) -> int:
    """Ask an agent: PROMPT, or what is piped in; with neither, a conversation."""
    if thread and (notebook or kernel):
        raise click.UsageError("Give --thread, or --notebook and --kernel.")
    terminal = sys.stdin.isatty()
    if prompt is None and not terminal:
        prompt = sys.stdin.read()
    choice = _Choice(agent, model, mode, seconds, asks=terminal and not as_json)
    reached = reach(ctx)
    with reached.client() as client:
        named = notebook or kernel
        thread_id = thread_at(client, notebook, kernel) if named else thread_id_of(client, thread)
        chat = _Chat(reached, client, choice, thread_id, Screen(quiet=as_json))
        return chat.talk() if prompt is None else chat.once(prompt, as_json)


class _Chat:
    """A conversation on one thread."""

    def __init__(
        self, reached: Reached, client: Client, choice: _Choice, thread_id: str, screen: Screen
    ) -> None:
        self._reached, self._client, self._choice, self._screen = reached, client, choice, screen
        self._thread_id = thread_id

    def once(self, prompt: str, is_json: bool) -> int:
        """Run one prompt. Returns the exit code."""
        answer = _Answer(self._thread_id)
        failure: LobuError | None = None
        try:
            self._ask(prompt, answer)
        except LobuError as error:
            failure = error
            answer.error = answer.error or {"code": error.code, "message": error.message}
        if is_json:
            put_json(answer.to_json())
        if failure is not None:
            put_line(f"Error: {failure.message}", err=True)
        return 0 if failure is None else 1

    def talk(self) -> int:
        """Read prompts until the end of the input. An error ends a prompt, not the conversation."""
        put_line(f"thread {self._thread_id}; Ctrl-D ends, Ctrl-C cancels a run", err=True)
        code = 0
        while True:
            try:
                prompt = click.prompt("you", prompt_suffix="> ", err=True)
            except click.Abort:
                click.echo(err=True)
                return code
            try:
                self._ask(prompt, _Answer(self._thread_id))
                code = 0
            except LobuError as error:
                put_line(f"Error: {error.message}", err=True)
                code = 1
            except KeyboardInterrupt:
                click.echo("Cancelled.", err=True)

    def _ask(self, prompt: str, answer: _Answer) -> None:
        """Run a prompt to its end, through the person's decisions."""
        choice = self._choice
        request = StartRun(
            prompt=prompt,
            agent=choice.agent,
            model=choice.model,
            mode=choice.mode,
            answerable=choice.asks,
            # Without a terminal nobody decides what is ahead, so a script gets the 409 at once.
            if_running="queue" if choice.asks else None,
        )
        started: Started | None = self._client.runs.start(self._thread_id, request)
        if choice.asks:
            self._say_if_queued(started)
        while started is not None:
            end = self._watch(started, answer)
            started = self._after(end, started, answer)

    def _say_if_queued(self, started: Started) -> None:
        """Print why a message is queued. It does not decide the question ahead of it."""
        if self._client.runs.get(started.run_id).status is not RunStatus.QUEUED:
            return
        hint = "."
        if self._client.policy.interrupts(thread_id=self._thread_id):
            thread = self._thread_id
            hint = f": the agent needs a decision first, `lobu approve {thread}` or `lobu reject {thread}`."
        put_line(f"Queued{hint} Ctrl-C removes the message.", err=True)

    def _watch(self, started: Started, answer: _Answer) -> Event:
        answer.run_id = started.run_id
        try:
            return asyncio.run(self._stream(started, answer))
        except KeyboardInterrupt:
            self._client.runs.cancel(started.run_id)
            raise
        except TimeoutError:
            self._client.runs.cancel(started.run_id)
            message = f"The run took longer than {self._choice.seconds:g} s and was cancelled."
            answer.status, answer.error = "cancelled", {"code": "timeout", "message": message}
            raise ChatFailed(message) from None

    async def _stream(self, started: Started, answer: _Answer) -> Event:
        """Show a run as it comes, and return its terminal event.

        Raises:
            ChatFailed, ServerGone: the stream ended without one.
            TimeoutError: it took too long.
        """
        options = self._reached.options()
        async with (
            asyncio.timeout(self._choice.seconds),
            AsyncClient(self._reached.url, gone_after=GONE_AFTER, **options) as client,
        ):
            async for batch in client.runs.follow(started.thread_id, started.cursor, run_id=started.run_id):
                for entry in batch:
                    event = decode(entry.body)
                    answer.text += self._screen.show(event)
                    if event.get("name") == CUT and not event.get("subagentRunId"):
                        answer.cut = event["value"]["reason"]
                    if event["type"] in ("RUN_FINISHED", "RUN_ERROR"):
                        return event
        raise ChatFailed("The stream of the run ended without saying how the run did.")

    def _after(self, end: Event, started: Started, answer: _Answer) -> Started | None:
        """Return the run that a decision began after a terminal event, or None."""
        answer.usage += usages_of(end)
        if end["type"] == "RUN_ERROR":
            answer.status = "failed"
            answer.error = {"code": str(end.get("code") or "internal"), "message": str(end["message"])}
            raise ChatFailed(str(end["message"]))
        outcome: dict[str, Any] = end.get("outcome") or {"type": "success"}
        if outcome["type"] == "cancelled":
            answer.status = "cancelled"
            raise ChatFailed("The run was cancelled.")
        if outcome["type"] == "success":
            answer.status = "succeeded"
            return None
        answer.status, answer.interrupts = "interrupted", outcome["interrupts"]
        return self._decide(outcome["interrupts"], started)

    def _decide(self, interrupts: list[dict[str, Any]], started: Started) -> Started:
        thread = started.thread_id
        if not self._choice.asks:
            raise ChatFailed(
                f"The agent needs your approval: `lobu approve {thread}` or `lobu reject {thread}`."
            )
        try:
            return decide(self._client, thread, interrupts)
        except Conflict as error:
            put_line(f"{error.message}", err=True)
            return self._winner(started)

    def _winner(self, started: Started) -> Started:
        """Return the run that resumed because somebody else decided."""
        for run in self._client.runs.list(RunsQuery(thread_id=started.thread_id, limit=20)):
            if run.parent_run_id == started.run_id:
                return Started(
                    run_id=run.run_id, thread_id=run.thread_id, cursor=max(run.start_cursor - 1, 0)
                )
        raise ChatFailed("The question was closed elsewhere; ask again.")
