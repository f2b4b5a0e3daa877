"""The parts of both clients: the gateway's own parts (docs/parts.md), with its calls over HTTP.

``client.runs.start(thread_id, request)`` blocks on a Client and is awaitable on an AsyncClient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Self, TypeVar, overload

from . import calls

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .calls import HttpCall
    from .http import AsyncClient, Client

C = TypeVar("C")
P = ParamSpec("P")
T = TypeVar("T")


class Endpoint(Generic[P, T]):
    """A call of :mod:`.calls` as a method of a part."""

    def __init__(self, build: Callable[P, HttpCall[T]]) -> None:
        self._build = build
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, part: ClientPart[Client], owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, part: ClientPart[AsyncClient], owner: type) -> Callable[P, Awaitable[T]]: ...
    @overload
    def __get__(self, part: None, owner: type) -> Self: ...
    def __get__(self, part: ClientPart[Any] | None, owner: type) -> Any:
        if part is None:
            return self

        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return part.client.send(self._build(*args, **kwargs))

        return method


class ClientPart(Generic[C]):
    """Base of the parts."""

    def __init__(self, client: C) -> None:
        self.client = client


class ThreadCalls(ClientPart[C]):
    """The caller's threads."""

    create = Endpoint(calls.create_thread)
    list = Endpoint(calls.list_threads)
    get = Endpoint(calls.get_thread)
    patch = Endpoint(calls.patch_thread)
    delete = Endpoint(calls.delete_thread)
    restore = Endpoint(calls.restore_thread)
    fork = Endpoint(calls.fork)
    undo = Endpoint(calls.undo)


class RunCalls(ClientPart[C]):
    """The runs on a thread. The clients add ``follow``."""

    start = Endpoint(calls.start)
    rebuild = Endpoint(calls.rebuild)
    cancel = Endpoint(calls.cancel)
    get = Endpoint(calls.get_run)
    list = Endpoint(calls.list_runs)
    snapshot = Endpoint(calls.snapshot)
    export = Endpoint(calls.export)


class PolicyCalls(ClientPart[C]):
    """People's decisions: the open questions, the rules, the grants, and the record of all."""

    interrupts = Endpoint(calls.interrupts)
    resume = Endpoint(calls.resume)
    get = Endpoint(calls.policy)
    put = Endpoint(calls.put_policy)
    revoke = Endpoint(calls.revoke_grant)
    audit = Endpoint(calls.audit)
    budget = Endpoint(calls.budget)
    put_budget = Endpoint(calls.put_budget)


class WorkerCalls(ClientPart[C]):
    """The agents that workers announced, and the registration of another worker."""

    agents = Endpoint(calls.agents)
    register = Endpoint(calls.register_worker)


class KernelCalls(ClientPart[C]):
    """The tools that a kernel offers, and the jobs of its waiting cell."""

    tools = Endpoint(calls.tools)
    set_tools = Endpoint(calls.kernel_tools)
    poll_job = Endpoint(calls.poll_job)
    end_job = Endpoint(calls.end_job)
