"""What a tool is, here: a spec, a function of the work at hand, and perhaps a preview of what it would do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.events import Event, custom

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lobu_jupyter.model.ports import AgentPort, KernelPort, Task, ToolSpec

Emit = Callable[[Event], Awaitable[None]]


class Suspended(Exception):
    """The call's sub-agent waits for a person. ``child``: the sub-agent as JSON, to go on with."""

    def __init__(self, child: dict[str, Any]) -> None:
        super().__init__("a sub-agent waits for a person")
        self.child = child


class ToolError(Exception):
    """The call failed, for good; the message is the call's result, for the model and the person."""


class Outdated(Exception):
    """What was approved is not what it would do now; ``preview``: what a person is to be asked instead.

    ``arguments``: the call's, as they were decided.
    """

    def __init__(self, preview: Preview, arguments: dict[str, Any]) -> None:
        super().__init__(preview.message)
        self.preview = preview
        self.arguments = arguments


@dataclass(frozen=True)
class Call:
    """One call as it runs. ``id``: its AG-UI id; ``guard``: what its preview noted to be still true;
    ``child``: the sub-agent that was suspended in it, with what was decided.
    """

    id: str
    args: dict[str, Any]
    guard: dict[str, Any] | None = None
    child: dict[str, Any] | None = None


@dataclass
class Team:
    """The agents that a run may delegate to. ``model``: the run's; ``begun``: how many sub-agents it has had;
    ``usage``: the TokenUsage entries of theirs.
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


@dataclass(frozen=True)
class Work:
    """What a tool has to work with in one run. ``journaled`` waits until all that was said is durable.

    ``cells``: the sources of the notebook's cells, by id, as the agent last read or wrote them.
    """

    task: Task
    kernel: KernelPort | None
    emit: Emit
    journaled: Callable[[], Awaitable[None]]
    team: Team = field(default_factory=Team)
    cells: dict[str, str] = field(default_factory=dict[str, str])

    async def at_notebook(self, request: dict[str, Any]) -> dict[str, Any]:
        """Have the thread's notebook read or changed; requests and answers: model/notebooks.py.

        Raises:
            ToolError: it cannot be had.
        """
        done = asyncio.get_running_loop().create_future()
        await self.emit({"type": "lobu.notebook", "request": request, "done": done})
        answer: dict[str, Any] = await done
        if "refused" in answer:
            raise ToolError(str(answer["refused"]))
        return answer

    async def note(self, call_id: str, text: str) -> None:
        """Say on the call's card what it waits for; empty text clears."""
        await self.emit(custom("lobu.note", {"toolCallId": call_id, "text": text}))


@dataclass(frozen=True)
class Result:
    """What the model gets: text, and images as (media type, bytes) for models that see.

    ``ok``: whether code ran to its end without an error; None: no code ran.
    """

    text: str
    images: tuple[tuple[str, bytes], ...] = ()
    ok: bool | None = None


@dataclass(frozen=True)
class Preview:
    """What a person sees before deciding. ``guard``: JSON, handed to the call when it was approved; ``binds``: what
    the question says that an approval is for, beside the arguments.

    ``args``: the arguments that an approval stands for, where the call left some of them out.
    ``diff_repeats``: the diff says nothing that the arguments do not, so it may be left out.
    """

    message: str = ""
    diff: str | None = None
    guard: dict[str, Any] = field(default_factory=dict)
    binds: dict[str, Any] | None = None
    args: dict[str, Any] | None = None
    diff_repeats: bool = False


@dataclass(frozen=True)
class BoundTool:
    """A tool of a run. ``needs``: ``"kernel"``, ``"root"`` or ``"notebook"``, without which it only says so.

    ``always_asks``: a person approves each call, whatever mode, rule or grant would allow it.
    ``registered``: a function of the kernel, which takes the name of no other tool.
    """

    spec: ToolSpec
    run: Callable[[Work, Call], Awaitable[Result]]
    preview: Callable[[Work, dict[str, Any]], Awaitable[Preview]] | None = None
    needs: str | None = None
    always_asks: bool = False
    registered: bool = False

    def check_ready(self, work: Work) -> None:
        """Raise ToolError where the run lacks what the tool needs."""
        if self.needs == "kernel" and work.kernel is None:
            raise ToolError(f"{self.spec.name} needs a kernel, and {_without_kernel(work)}")
        if self.needs == "notebook" and work.task.notebook_path is None:
            raise ToolError(f"{self.spec.name} needs a notebook, and this thread belongs to none.")
        if self.needs == "root" and work.task.root is None:
            raise ToolError(f"{self.spec.name} needs a root directory, and this server offers none.")


def _without_kernel(work: Work) -> str:
    if work.task.kernel is None:
        return "this thread has none. Attach one and ask again."
    return (
        "the one of this thread cannot be reached from this server: it has ended, or it runs elsewhere, as "
        "behind a Jupyter gateway. Start the notebook's kernel here, or ask with %lobu in a cell of that kernel."
    )
