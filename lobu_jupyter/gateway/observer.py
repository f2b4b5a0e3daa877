"""What an operator may watch: numbers and ids, never content; told on the loop, after the commit."""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """Told of what has become durable. Nothing that it does may fail, or wait."""

    def run_began(self, run_id: str, thread_id: str, agent: str) -> None: ...

    def run_ended(self, run_id: str, thread_id: str, agent: str, status: str, code: str | None) -> None: ...

    def decided(self, run_id: str, thread_id: str, kind: str, via: str) -> None: ...

    def ingested(self, events: int, seconds: float) -> None:
        """Batches that came together were journaled; `seconds` from their arrival to their commit."""
        ...

    def attached(self, change: int) -> None:
        """A follower came (1) or went (-1)."""
        ...

    def waiting(self, interrupts: int) -> None:
        """So many questions are open in the store; told with each sweep."""
        ...


class Unobserved:
    """Nobody watches."""

    def run_began(self, run_id: str, thread_id: str, agent: str) -> None: ...

    def run_ended(self, run_id: str, thread_id: str, agent: str, status: str, code: str | None) -> None: ...

    def decided(self, run_id: str, thread_id: str, kind: str, via: str) -> None: ...

    def ingested(self, events: int, seconds: float) -> None: ...

    def attached(self, change: int) -> None: ...

    def waiting(self, interrupts: int) -> None: ...
