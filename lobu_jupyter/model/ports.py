"""The seams: Protocols that have, or will have, two real implementations.

An agent gets a :class:`Task` and yields AG-UI events. It reaches the person's kernel through
:class:`KernelPort` and knows nothing of storage. The gateway reaches the Jupyter side through
:class:`KernelsPort` and :class:`WorkersPort`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

from msgspec import field

from .bounds import Name, Text
from .interrupts import Decision, Interrupt
from .model_settings import ModelSettings
from .policy import Policy, Rules
from .runs import Wire, WorkIn
from .tracing import Trace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from .events import Event


class ToolSpec(Wire, frozen=True, kw_only=True):
    """A tool as the model sees it. ``approval``: asks by default. ``respond``: takes a respond.

    ``by_agent``: agent code registered it in the kernel, so it always asks. ``fingerprint``: of its function
    there.
    """

    name: Name
    description: Text = ""
    parameters: dict[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    approval: bool = True
    respond: bool = False
    by_agent: bool = False
    fingerprint: Name = ""


class KernelInfo(Wire, frozen=True, kw_only=True):
    """The kernel that executes a run's code.

    ``connection``: jupyter_client's connection info, as JSON, or ``{"socket": "kernels/{k}/channels"}`` below
    ``workers/{w}/`` for a kernel that only its server reaches, or None if nobody does.
    """

    kernel_id: str
    incarnation: int
    connection: dict[str, Any] | None = None
    language: str = "python"  # as its kernel spec says
    tools: tuple[ToolSpec, ...] = ()  # functions the person registered with @lobu.tool


class Resumption(Wire, frozen=True, kw_only=True):
    """The data that resumes an interrupted run: its opaque checkpoint and the whole decided batch."""

    checkpoint: str
    interrupts: tuple[Interrupt, ...]
    decisions: tuple[Decision, ...]


class LeftOut(Wire, frozen=True, kw_only=True):
    """Parts of a chat that a model's provider refused: kind (text, image, call, result, tool), and digest, id or name."""

    model: str = ""
    parts: tuple[tuple[str, str], ...] = ()


class Task(Wire, frozen=True, kw_only=True):
    """One run, as its worker gets it through the inbox.

    ``messages``: the conversation so far as AG-UI messages, the new user message last. ``root``: absolute
    directory that file tools may reach, or None for no file tools. ``allow_hidden``: its hidden files too.
    ``limits``: e.g. ``{"outputBytes": 10485760}``. ``agent_rules``: the rules of each agent, for those that
    this run delegates to. ``sessions``: the sessions that external agents reported on this thread, by agent:
    ``{"sessionId", "cwd", …}``. ``depth``: 0, or the number of delegations above a sub-agent's task. All ids
    of such a task must be new on the thread. ``client_tools``: tools whose calls the run's client answers.
    ``state``: the state that the client shares with the agent, None if it shares none. ``budgeted``: the gateway is asked
    before each request to a model. ``trace``: None if the server exports no traces. ``left_out``: what earlier runs of
    the thread left out after a refusal. ``work_in``, ``below_cell``: where the code of ``run_code`` is shown.
    """

    run_id: str
    thread_id: str
    incarnation: int
    agent: str
    model: str | None = None
    model_settings: ModelSettings | None = None
    messages: tuple[dict[str, Any], ...] = ()
    context: tuple[dict[str, Any], ...] = ()
    policy: Policy = field(default_factory=Policy)
    kernel: KernelInfo | None = None
    root: str | None = None
    allow_hidden: bool = False
    notebook_path: str | None = None
    resumption: Resumption | None = None
    limits: dict[str, int] = field(default_factory=dict)
    agent_rules: dict[str, Rules] = field(default_factory=dict)
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    depth: int = 0
    client_tools: tuple[ToolSpec, ...] = ()
    state: dict[str, Any] | None = None
    budgeted: bool = False
    trace: Trace | None = None
    left_out: tuple[LeftOut, ...] = ()
    work_in: WorkIn = "chat"
    below_cell: str | None = None


class InboxItem(Wire, frozen=True, kw_only=True):
    """One message to a worker: ``start`` (with `task`), ``cancel`` (of `run_id`) or ``stop``."""

    seq: int
    kind: str
    run_id: str | None = None
    reason: str = ""
    task: Task | None = None


class Held(Protocol):
    """A question that waits in an agent's process."""

    async def ended(self) -> str | None:
        """Wait for its end and return how its process ended.

        Returns None once the agent has the answer or was let go.
        """
        ...

    def let_go(self) -> None:
        """Release the agent, because nobody will answer any more. Does nothing once it has ended."""
        ...


class Pause(Exception):
    """The end of a run at interrupts. An agent raises it after it yielded all its other events.

    ``held``: the question of an agent that waits in its process (its interrupts are ``in_memory``).
    """

    def __init__(
        self,
        interrupts: list[Interrupt],
        checkpoint: str,
        usage: list[dict[str, Any]],
        held: Held | None = None,
    ) -> None:
        super().__init__("waits for a person")
        self.interrupts = interrupts
        self.checkpoint = checkpoint
        self.usage = usage
        self.held = held


class AgentError(Exception):
    """The end of a run with RUN_ERROR, raised by an agent. The message says what to do next."""

    def __init__(self, code: str, message: str, usage: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.usage = usage or []


class Executed(Wire, frozen=True, kw_only=True):
    """The result of executed code. ``value``: of a tool or look.

    ``error``: ``{"ename", "evalue", "traceback": […]}``. ``changed``: the function that the kernel has under a
    tool's name is not the approved one, so it did not run: ``{"fingerprint", "byAgent"}`` of the one it has. ``count``: the
    number in the prompt of code that ran as a cell.
    """

    ok: bool
    error: dict[str, Any] | None = None
    value: Any = None
    changed: dict[str, Any] | None = None
    seconds: float = 0.0
    count: int | None = None


Output = dict[str, Any]
"""An nbformat output: stream, display_data, execute_result or error."""


class KernelGone(Exception):
    """The death or restart of a kernel while it was needed. The gateway ends the run."""


class KernelPort(Protocol):
    """The person's kernel, as an agent's tools use it. Cancelling the awaiting task interrupts the code."""

    async def run_code(
        self,
        code: str,
        on_output: Callable[[Output], Awaitable[None]],
        on_waiting: Callable[[str], Awaitable[None]],
        *,
        as_cell: bool = False,
    ) -> Executed:
        """Run `code` under its own parent header. ``as_cell``: it gets a number, as a cell that the person runs.

        ``on_output`` gets nbformat outputs as they come. ``on_waiting`` gets a sentence while the code waits
        ("waiting for your cell") and "" when it starts.

        Raises:
            KernelGone: the kernel died or restarted before the code ended.
        """
        ...

    async def look(self, expression: str) -> Executed:
        """Evaluate a read-only expression of ours to a JSON ``value``, through a subshell if there is one."""
        ...

    async def call_tool(
        self,
        name: str,
        args: dict[str, Any],
        on_output: Callable[[Output], Awaitable[None]],
        on_waiting: Callable[[str], Awaitable[None]],
        *,
        approved: str | None = None,
    ) -> Executed:
        """Call a function that was registered with ``@lobu.tool``. ``value`` is its JSON result.

        ``approved``: the fingerprint that a person approved. Another function does not run, and is ``changed``.
        Without an approval, no function of agent code runs.
        """
        ...


class AgentPort(Protocol):
    """An agent, which turns a task into events.

    ``run`` yields AG-UI events without RUN_STARTED and without a terminal event. It returns for success
    (usage, if any, in a last ``{"type": "lobu.usage", "usage": [TokenUsage, …]}`` that the host moves into
    RUN_FINISHED), raises :class:`Pause`, or raises :class:`AgentError`. Before a tool acts ``run`` may yield
    ``{"type": "lobu.sync", "done": Future}`` and wait: the host sets the future once all events yielded
    before are durable. Likewise ``{"type": "lobu.change", "change": FileChange, "done": Future}`` before it writes a
    file: the future gets why it must not be written, or an empty text. If cancelled, ``run`` stops the provider's connection and the tool.
    """

    name: str
    description: str

    def run(self, task: Task, kernel: KernelPort | None) -> AsyncIterator[Event]: ...


class KernelsPort(Protocol):
    """The gateway's access to kernels of the Jupyter side, implemented by server/kernels/kernels.py."""

    def connection(self, kernel_id: str) -> dict[str, Any] | None:
        """Return the connection info (JSON) of a running kernel, or None."""
        ...

    def language(self, kernel_id: str) -> str:
        """Return the language of a kernel, as its kernel spec says."""
        ...

    async def kernel_of(self, notebook_path: str, /) -> str | None:
        """Return the kernel that the notebook has now, or None."""
        ...

    async def undefined(self, kernel_id: str, names: list[str]) -> list[str] | None:
        """Return those of the names that are not defined in the kernel, or None if it does not say so soon."""
        ...


class OwnersPort(Protocol):
    """The gateway's checks before it acts for a person on a kernel or a notebook. See server/owners.py."""

    async def kernel(self, owner: str, kernel_id: str) -> None:
        """Check that this person may execute in this kernel now.

        Raises:
            KernelNotFound: it is not this person's. NotAllowed: the server's authorizer refuses.
        """
        ...

    async def notebook(self, owner: str, path: str, action: Literal["read", "write"]) -> None:
        """Check that this person may read or write this notebook now.

        Raises:
            NotAllowed: the server's authorizer refuses.
        """
        ...


class WorkersPort(Protocol):
    """The gateway's access to the process pool, implemented by server/worker_pool.py."""

    def wake(self) -> None:
        """Provide a worker for a run that waits for one, or report ``Gateway.no_worker``."""
        ...
