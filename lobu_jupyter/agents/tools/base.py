"""The parts of a tool: a spec, a function of the current work, and perhaps a preview of its effect."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.events import Event, custom

from .answers import REST, bounded, last_images

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lobu_jupyter.model.applied import FileChange
    from lobu_jupyter.model.ports import AgentPort, Held, KernelPort, Task, ToolSpec

Emit = Callable[[Event], Awaitable[None]]


class Suspended(Exception):
    """A call whose sub-agent waits for a person. ``child``: the sub-agent as JSON, from which it continues."""

    def __init__(self, child: dict[str, Any]) -> None:
        super().__init__("a sub-agent waits for a person")
        self.child = child


class Asks(Exception):
    """A call in which a server asks the person, and waits. ``held``: the call, which goes on with the answers."""

    def __init__(self, questions: list[dict[str, Any]], token: str, held: Held) -> None:
        super().__init__("a server asks the person")
        self.questions = questions
        self.token = token
        self.held = held


class ToolError(Exception):
    """A final failure of a call. The message is the call's result, for the model and the person."""


class Outdated(Exception):
    """An approval that no longer matches the call's effect. ``preview``: the new question to the person.

    ``arguments``: the call's arguments, as they were decided.
    """

    def __init__(self, preview: Preview, arguments: dict[str, Any]) -> None:
        super().__init__(preview.message)
        self.preview = preview
        self.arguments = arguments


@dataclass(frozen=True)
class Call:
    """One call as it runs. ``id``: its AG-UI id. ``guard``: the facts of its preview that must still hold.
    ``child``: the sub-agent that was suspended in it, with the decisions. ``pending``: the call that waits at a server,
    by its token, for ``answers``, None if the person gave none.
    """

    id: str
    args: dict[str, Any]
    guard: dict[str, Any] | None = None
    child: dict[str, Any] | None = None
    pending: str | None = None
    answers: dict[str, Any] | None = None


@dataclass
class Team:
    """The agents that a run may delegate to. ``model``: the run's model. ``begun``: the number of sub-agents so far.
    ``usage``: the sub-agents' TokenUsage entries.
    """

    me: AgentPort | None = None
    peers: Mapping[str, AgentPort] = field(default_factory=dict)
    model: str | None = None
    begun: int = 0
    usage: list[dict[str, Any]] = field(default_factory=list)

    def find(self, name: str) -> AgentPort | None:
        return self.me if self.me is not None and name == self.me.name else self.peers.get(name)

    def names(self) -> set[str]:
        return {*self.peers, *([self.me.name] if self.me is not None else [])}


@dataclass
class ShownPlan:
    """The plan that the person sees. ``id``: of its activity. ``steps``: as this run has shown them, status first."""

    id: str = ""
    steps: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


@dataclass(frozen=True)
class Work:
    """The means of a tool in one run. ``journaled`` waits until all earlier events are durable.

    ``held``: the calls that wait at a server for the person. ``cells``: the sources of the notebook's cells, by id, as the agent last read or wrote them.
    """

    task: Task
    kernel: KernelPort | None
    emit: Emit
    journaled: Callable[[], Awaitable[None]]
    team: Team = field(default_factory=Team)
    cells: dict[str, str] = field(default_factory=dict[str, str])
    held: list[Held] = field(default_factory=list["Held"])
    plan: ShownPlan = field(default_factory=ShownPlan)

    async def at_notebook(self, request: dict[str, Any]) -> dict[str, Any]:
        """Have the thread's notebook read or changed. See model/notebooks.py for requests and answers.

        Raises:
                ToolError: the notebook cannot be reached.
        """
        done = asyncio.get_running_loop().create_future()
        await self.emit({"type": "lobu.notebook", "request": request, "done": done})
        answer: dict[str, Any] = await done
        if "refused" in answer:
            raise ToolError(str(answer["refused"]))
        return answer

    async def record(self, change: FileChange) -> None:
        """Have a file's change journaled before it is made, so that a person can take it back.

        Raises:
                ToolError: it cannot be journaled, so it must not be made.
        """
        done = asyncio.get_running_loop().create_future()
        await self.emit({"type": "lobu.change", "change": change, "done": done})
        refused: str = await done
        if refused:
            raise ToolError(f"{change.path} was not written: {refused}")

    async def note(self, call_id: str, text: str) -> None:
        """Show on the call's card why it waits. Empty text clears the note."""
        await self.emit(custom("lobu.note", {"toolCallId": call_id, "text": text}))


@dataclass(frozen=True)
class Result:
    """A result for the model: text, and images as (media type, bytes) for models that see.

    ``ok``: True if code ran to its end without an error, None if no code ran.
    """

    text: str
    images: tuple[tuple[str, bytes], ...] = ()
    ok: bool | None = None


@dataclass(frozen=True)
class Preview:
    """A question before a call, for the person. ``guard``: JSON that the approved call gets. ``binds``: the facts
    that an approval covers beside the arguments, as the question names them.

    ``by_agent``: agent code registered the function, as the kernel has it now.
    ``args``: the arguments that an approval covers, if the call left some of them out.
    ``diff_repeats``: True if the diff only repeats the arguments, so that it may be left out.
    """

    message: str = ""
    diff: str | None = None
    guard: dict[str, Any] = field(default_factory=dict)
    binds: dict[str, Any] | None = None
    by_agent: bool = False
    args: dict[str, Any] | None = None
    diff_repeats: bool = False


@dataclass(frozen=True)
class BoundTool:
    """A tool of a run. ``needs``: ``"kernel"``, ``"root"`` or ``"notebook"``. Without it a call fails and says so.

    ``always_asks``: a person approves each call, whatever mode, rule or grant would allow it.
    ``registered``: a function of the kernel, which takes the name of no other tool. ``client``: the run's client answers
    its calls. ``rest``: how to get the part of an answer that is left out because it is too long, as a sentence.
    ``binds``: what an approval covers beside the arguments.
    """

    spec: ToolSpec
    run: Callable[[Work, Call], Awaitable[Result]]
    preview: Callable[[Work, dict[str, Any]], Awaitable[Preview]] | None = None
    needs: str | None = None
    always_asks: bool = False
    registered: bool = False
    binds: dict[str, Any] | None = None
    client: bool = False
    rest: str = REST

    def answer(self, result: Result) -> Result:
        """Return a result within the bounds of every tool's answer."""
        images, note = last_images(result.images)
        text = bounded(f"{note}\n{result.text}" if note else result.text, self.rest)
        return Result(text, images, result.ok)

    def check_ready(self, work: Work) -> None:
        """Raise ToolError if the run lacks what the tool needs."""
        if self.needs == "kernel" and work.kernel is None:
            raise ToolError(f"{_without_kernel(work)} {self.spec.name} was not run.")
        if self.needs == "notebook" and work.task.notebook_path is None:
            raise ToolError(f"{self.spec.name} needs a notebook, and this thread belongs to none.")
        if self.needs == "root" and work.task.root is None:
            raise ToolError(f"{self.spec.name} needs a root directory, and this server offers none.")


def _without_kernel(work: Work) -> str:
    if work.task.kernel is None:
        return "No kernel is running for this notebook. Start one and ask again."
    return (
        "The kernel of this notebook cannot be reached from this server: it has ended, or it runs elsewhere, as "
        "behind a Jupyter gateway. Start the notebook's kernel here, or ask with %lobu in a cell of that kernel."
    )
