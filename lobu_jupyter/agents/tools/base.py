"""What a tool is, here: a spec, a function of the work at hand, and perhaps a preview of what it would do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.events import Event, custom

if TYPE_CHECKING:
    from lobu_jupyter.model.ports import KernelPort, Task, ToolSpec

Emit = Callable[[Event], Awaitable[None]]


class ToolError(Exception):
    """The call failed, for good; the message is the call's result, for the model and the person."""


@dataclass(frozen=True)
class Call:
    """One call as it runs. ``id``: its AG-UI id; ``guard``: what its preview noted to be still true."""

    id: str
    args: dict[str, Any]
    guard: dict[str, Any] | None = None


@dataclass(frozen=True)
class Work:
    """What a tool has to work with in one run. ``journaled`` waits until all that was said is durable."""

    task: Task
    kernel: KernelPort | None
    emit: Emit
    journaled: Callable[[], Awaitable[None]]

    async def note(self, call_id: str, text: str) -> None:
        """Say on the call's card what it waits for; empty text clears."""
        await self.emit(custom("lobu.note", {"toolCallId": call_id, "text": text}))


@dataclass(frozen=True)
class Result:
    """What the model gets: text, and images as (media type, bytes) for models that see."""

    text: str
    images: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True)
class Preview:
    """What a person sees before deciding. ``guard``: JSON, handed to the call when it was approved."""

    message: str = ""
    diff: str | None = None
    guard: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BoundTool:
    """A tool of a run. ``needs``: ``"kernel"`` or ``"root"``, without which it only says so."""

    spec: ToolSpec
    run: Callable[[Work, Call], Awaitable[Result]]
    preview: Callable[[Work, dict[str, Any]], Awaitable[Preview]] | None = None
    needs: str | None = None

    def check_ready(self, work: Work) -> None:
        """Raise ToolError where the run lacks what the tool needs."""
        if self.needs == "kernel" and work.kernel is None:
            raise ToolError(
                f"{self.spec.name} needs a kernel, and this thread has none. Attach one and ask again."
            )
        if self.needs == "root" and work.task.root is None:
            raise ToolError(f"{self.spec.name} needs a root directory, and this server offers none.")
