"""The parts of the gateway's interface: each rule, under the name by which callers reach it.

A rule is a function whose first argument is the context. A part has the context and leaves it out:
``gateway.runs.start(by, thread_id, request)`` is :func:`~lobu_jupyter.gateway.runs.start.start`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from lobu_jupyter.gateway.journal import follow, snapshots
from lobu_jupyter.gateway.runs import end, ingest, lists, lost_pause, rebuild, resume, start

from . import (
    budgets,
    export,
    inbox,
    kernel_events,
    outbox,
    overview,
    ownership,
    permissions,
    policy,
    present_kernel,
    replaced,
    seats,
    threads,
    undo,
    workers,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from .context import Context

P = ParamSpec("P")
T = TypeVar("T")


class Rule(Generic[P, T]):
    """A rule as a method of a part."""

    def __init__(self, rule: Callable[Concatenate[Context, P], T]) -> None:
        self.rule = rule
        self.__doc__ = rule.__doc__

    @overload
    def __get__(self, part: GatewayPart, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, part: None, owner: type) -> Self: ...
    def __get__(self, part: GatewayPart | None, owner: type) -> Any:
        return self if part is None else partial(self.rule, part.ctx)


class GatewayPart:
    """Base of the parts."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx


class ThreadsPart(GatewayPart):
    """The threads of a person, and the notebooks that they belong to."""

    create = Rule(threads.create_thread)
    list = Rule(threads.list_threads)
    get = Rule(threads.get_thread)
    patch = Rule(threads.patch_thread)
    delete = Rule(threads.delete_thread)
    restore = Rule(threads.restore_thread)
    fork = Rule(threads.fork)
    changes = Rule(threads.changes)
    applied = Rule(undo.applied)
    note_undone = Rule(undo.note_undone)
    notebook_moved = Rule(threads.notebook_moved)
    notebook_gone = Rule(replaced.notebook_gone)


class RunsPart(GatewayPart):
    """The runs on a thread, and their journal."""

    start = Rule(start.start)
    rebuild = Rule(rebuild.rebuild)
    cancel = Rule(end.cancel)
    get = Rule(lists.get_run)
    list = Rule(lists.list_runs)
    running = Rule(lists.running)
    follow = Rule(follow.follow)
    snapshot = Rule(snapshots.snapshot)
    export = Rule(export.export)


class PolicyPart(GatewayPart):
    """People's decisions: the open questions, the rules, the grants, and the record of all."""

    interrupts = Rule(policy.interrupts)
    resume = Rule(resume.resume)
    get = Rule(policy.policy)
    put = Rule(policy.put_policy)
    permissions = Rule(policy.permissions)
    revoke = Rule(policy.revoke_grant)
    audit = Rule(policy.audit)
    budget = Rule(budgets.budget)
    put_budget = Rule(budgets.put_budget)


class WorkersPart(GatewayPart):
    """The workers, and what a worker may do."""

    agents = Rule(workers.agents)
    register = Rule(workers.register_worker)
    by_token = Rule(workers.worker_of)
    announce = Rule(workers.announce)
    inbox = Rule(inbox.inbox)
    ingest_each = Rule(ingest.ingest_each)
    ingest = Rule(ingest.ingest)
    heartbeat = Rule(workers.heartbeat)
    spend = Rule(budgets.take_report)
    withdraw = Rule(workers.withdraw)
    notebook_of = Rule(workers.notebook_of)
    permit = Rule(permissions.permit)
    note_change = Rule(permissions.note_change)
    record_file = Rule(undo.record_file)
    record_cell = Rule(undo.record_cell)
    works_in = Rule(ownership.works_in)
    has_run_in = Rule(workers.has_run_in)
    held_in_memory = Rule(lost_pause.held_in_memory)
    gone = Rule(workers.worker_gone)
    none_starts = Rule(workers.no_worker)
    stop = Rule(workers.stop_worker)


class WebhooksPart(GatewayPart):
    """The outbox of webhooks, and what is known of their receivers."""

    lease = Rule(outbox.lease)
    let_go = Rule(outbox.let_go)
    due = Rule(outbox.due)
    delivered = Rule(outbox.delivered)
    failed = Rule(outbox.failed)
    turn_off = Rule(outbox.turn_off)
    trim = Rule(outbox.trim)
    state = Rule(outbox.state)


class KernelsPart(GatewayPart):
    """The kernels: what happens to them, and the tools that they offer."""

    tools = Rule(workers.tools)
    set_tools = Rule(kernel_events.kernel_tools)
    event = Rule(kernel_events.kernel_event)
    still_runs = Rule(kernel_events.still_runs)
    of_thread = Rule(present_kernel.thread_kernel)


class SeatPart(GatewayPart):
    """The rules of one server that reaches this gateway over a network (:meth:`Gateway.at_seat`)."""

    enroll = Rule(seats.enroll_seat)
    attend = Rule(seats.attend_seat)
    leave = Rule(seats.leave_seat)
    check_worker = Rule(seats.check_worker_here)
    check_run = Rule(seats.check_run_here)
    check_kernel = Rule(seats.check_kernel_here)
    has_server = Rule(overview.has_server)
    waiting_for_server = Rule(overview.waiting_for_server)
    overview = Rule(overview.overview)
