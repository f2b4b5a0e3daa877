"""The settings of a gateway. The defaults suit one person's Jupyter server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from lobu_jupyter.model.budget import Budgets
from lobu_jupyter.model.model_settings import MAX_TOKENS, Effort
from lobu_jupyter.model.policy import Rules
from lobu_jupyter.model.redaction import Redactor

if TYPE_CHECKING:
    from lobu_jupyter.model.runs import Mode
    from lobu_jupyter.model.webhooks import Hook

Guardrail = Callable[[str, str], Awaitable[None]]
"""``await guardrail(text, where)`` runs for every text that a person sends. Raising refuses the request."""

KIB = 1024


def anything(model: str) -> Mapping[str, Any]:
    """Return the bounds of a model that nothing is known about: those of the wire."""
    return {"effort": get_args(Effort), "temperature": 2, "maxTokens": MAX_TOKENS}


DAY = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Settings:
    """A gateway's limits in bytes and counts, and times in seconds."""

    pool: str = "default"  # the servers that execute each other's runs, with the same keys, kernels and files
    place: str = ""  # the tree of files that notebooks' paths belong to

    default_agent: str = "demo"
    default_model: str | None = None
    model_agent: str | None = None  # the agent of a run that names a model only; None: the default agent
    agents: frozenset[str] | None = None  # of this server's workers; None: unknown until they announce them
    offered: tuple[dict[str, Any], ...] = ()  # listed while none of this server's workers is alive
    allowed_models: tuple[str, ...] | None = None  # globs, anchored; None: any
    model_takes: Callable[[str], Mapping[str, Any]] = anything  # by setting: its most, or its choices
    rules: Rules = field(default_factory=Rules)  # the server's layer
    agent_rules: Mapping[str, Rules] = field(default_factory=dict[str, Rules])  # agent name -> its layer
    max_mode: Mode = "allow"
    guardrail: Guardrail | None = None
    guardrail_seconds: float = 10.0  # a guardrail that takes longer refuses
    traces: bool = False  # whether runs belong to traces, which their workers export
    redactor: Redactor = field(default_factory=Redactor)  # knows the server's own secrets

    webhooks: tuple[Hook, ...] = ()
    public_url: str = ""  # the server's address in links

    budgets: Budgets = field(default_factory=Budgets)  # the server's; each person may set lower ones
    unknown_price: Literal["allow", "deny"] = "allow"  # of a model, while a limit in dollars holds

    root: str | None = None  # absolute directory that file tools may reach
    allow_hidden: bool = False  # its hidden files too
    limits: Mapping[str, int] = field(default_factory=lambda: {"outputBytes": 10 * KIB * KIB})
    max_runs: int = 64  # running at once in the pool, over all people
    max_runs_per_user: int = 16
    max_queued: int = 32  # per thread
    max_kernel_threads: int = 1000  # of one notebook and kernel; a kernel makes no more
    max_prompt_bytes: int = 256 * KIB
    max_checkpoint_bytes: int = 16 * KIB * KIB

    lease_seconds: float = 30.0  # silence of a worker after which its runs are lost
    start_seconds: float = 60.0  # time for a worker to fetch a run
    interrupt_seconds: float | None = 7 * DAY  # how long a question stays open; None: for ever
    grant_seconds: float | None = None
    heartbeat_seconds: float = 15.0  # silence after which a reader gets an empty list
    sweep_seconds: float = 3.0  # 0: no background sweeper (tests)
    sweep_after: float = (
        0.0  # a hub's service waits so long before its first sweep, so that servers come back first
    )
    poll_seconds: float = 0.05  # how often other processes' commits are polled; 0: never
    busy_seconds: float = 5.0  # how long to wait for a locked store
    purge_seconds: float = 60.0  # from a thread's deletion to the removal of its rows
    temporary_seconds: float = 60.0  # from a temporary thread's end to its deletion
    keep_seconds: float | None = None  # a thread that nobody touched for so long is deleted; None: kept
    keep_bytes: int | None = None  # a store that grew past it loses its oldest threads; None: may grow
    retain_all: bool = False  # whether both concern the threads of all pools
    outside_seconds: float = 90.0  # silence after which an outside worker gets no new runs
