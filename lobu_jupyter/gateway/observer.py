"""The observer for operators: numbers and ids, never content. It is called on the loop, after the commit."""

from __future__ import annotations

from typing import Any, Protocol


class Observer(Protocol):
    """A listener for durable changes. Its methods must not fail, and must not wait."""

    def run_began(self, run_id: str, thread_id: str, agent: str) -> None: ...

    def run_ended(self, run_id: str, thread_id: str, agent: str, status: str, code: str | None) -> None: ...

    def decided(self, run_id: str, thread_id: str, kind: str, via: str) -> None: ...

    def ingested(self, events: int, seconds: float) -> None:
        """Count batches that were journaled together, `seconds` from their arrival to their commit."""
        ...

    def attached(self, change: int) -> None:
        """Count a follower that attached (1) or left (-1)."""
        ...

    def waiting(self, interrupts: int) -> None:
        """Report the number of open questions in the store, with each sweep."""
        ...

    def committed(self, seconds: float) -> None:
        """Report how long a commit of the store took, with the statements before it."""
        ...

    def heard(self, seconds: float) -> None:
        """Report how long another server's notice was on its way."""
        ...

    def store_seen(self, facts: dict[str, Any]) -> None:
        """Report the state of the store's connection, with each sweep."""
        ...


class Unobserved:
    """An observer that does nothing."""

    def run_began(self, run_id: str, thread_id: str, agent: str) -> None: ...

    def run_ended(self, run_id: str, thread_id: str, agent: str, status: str, code: str | None) -> None: ...

    def decided(self, run_id: str, thread_id: str, kind: str, via: str) -> None: ...

    def ingested(self, events: int, seconds: float) -> None: ...

    def attached(self, change: int) -> None: ...

    def waiting(self, interrupts: int) -> None: ...

    def committed(self, seconds: float) -> None: ...

    def heard(self, seconds: float) -> None: ...

    def store_seen(self, facts: dict[str, Any]) -> None: ...
