"""The bodies of transactions, how they are driven, and what comes of them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from .tx import Tx

T = TypeVar("T")
Body = Callable[[Tx], Coroutine[Any, Any, T]]


@dataclass(slots=True)
class Outcome(Generic[T]):
    """The result of a body: its value once that is durable, or its error."""

    value: T | None = None
    error: BaseException | None = None
    wakes: Iterable[str] = ()
    told: Iterable[str] = ()  # the topics that concern other servers only
    afters: Iterable[Callable[[], None]] = ()

    def result(self) -> T:
        if self.error is not None:
            raise self.error
        return cast("T", self.value)


def drive(body: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends.

    Raises:
        RuntimeError: it awaited something other than its `tx`.
    """
    try:
        body.send(None)
    except StopIteration as stop:
        return stop.value
    body.close()
    raise RuntimeError("a body of the store awaits nothing but its tx")


class Again(Exception):
    """Raised by a body that finds, with its locks taken, that it needs more of them: it is to run again from the start."""
