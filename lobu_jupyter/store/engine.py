"""The face of a database to the store: connections that write, one that reads, and other servers' commits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Callable, Sequence

    from .bodies import Body, Outcome
    from .queries import Kind
    from .tx import Row

T = TypeVar("T")

SHARED_SILENCE = 15.0  # seconds after which a server of a store for several machines counts as gone


class Lane(Protocol):
    """One connection that writes. ``room``: how many bodies it takes at once."""

    room: int

    async def commit(self, bodies: Sequence[Body[T]]) -> list[Outcome[T]]:
        """Run each body whole or not at all, and return once all of that is durable."""
        ...


class HotBatch(NamedTuple):
    """A batch that ends nothing, of a worker that holds the lease as far as we know."""

    run_id: str
    batch: int
    worker_id: str
    incarnation: int
    chunk: str | None
    bodies: Sequence[bytes]


class Road(Protocol):
    """A faster way for batches that end nothing."""

    async def take(self, batch: HotBatch, after: Callable[[Row], None]) -> Row | None:
        """Journal a batch and return ``run_id``, ``thread_id`` and the journal's new ``last``.

        Returns None if the batch must be judged by a body. ``after`` is called with the row on the event loop once
        the batch is durable, also if the caller was cancelled.
        """
        ...


class Engine(Protocol):
    """An open database.

    Args:
        name: where it is, without secrets.
        version: the newest schema that this lobu_jupyter knows.
    """

    kind: Kind
    name: str
    version: int

    @property
    def fast_road(self) -> Road | None:
        """Return the faster way for batches, if this database gains by one."""
        ...

    @property
    def clock_offset(self) -> float:
        """Return by how many seconds the store's clock is ahead of this machine's."""
        ...

    @property
    def facts(self) -> dict[str, Any]:
        """Return what ``health`` says of the connection: clockOffset, notices, connections."""
        ...

    @property
    def lanes(self) -> Sequence[Lane]:
        """Return the connections that write. Each takes what is next."""
        ...

    async def look(self, body: Body[T]) -> Outcome[T]:
        """Run a body that only reads, on one consistent view of all commits."""
        ...

    def observe(self, heard: Callable[[float], None]) -> None:
        """Call `heard` with the seconds that each notice of another server was on its way."""
        ...

    def publish(self, topics: set[str]) -> None:
        """Tell the other servers of this store what a commit touched."""
        ...

    def foreign(self, used: asyncio.Event, seconds: float) -> AsyncGenerator[set[str] | None]:
        """Yield the topics that other servers' commits touched, or None if these are unknown.

        Args:
            used: set while anybody waits for such a commit.
            seconds: how often a database that sends no notices is polled.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
