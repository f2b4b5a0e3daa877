"""Traces of a worker's runs. Nothing of OpenTelemetry's SDK is loaded unless the server's settings ask for traces."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_ai.capabilities import AbstractCapability

    from lobu_jupyter.model.events import Event
    from lobu_jupyter.model.ports import Task
    from lobu_jupyter.model.redaction import Redactor

    from .exporting import Exporting

HOW_TO_INSTALL = (
    "LobuApp.traces is set, but the packages for it are missing: pip install 'lobu_jupyter[traces]'."
)

log = logging.getLogger(__name__)
_exporting: Exporting | None = None


class Attributes:
    """The attributes of an open span. These, where there is no span, are kept by nobody."""

    def put(self, attributes: Mapping[str, Any]) -> None:
        """Set attributes. None is left out."""

    def fail(self, kind: str) -> None:
        """Mark the span as failed. ``kind``: its ``error.type``."""


_NOTHING = Attributes()


def configure(settings: dict[str, Any] | None, redactor: Redactor) -> None:
    """Begin to export if the settings say so. A missing package is a warning, and never the end of a worker."""
    global _exporting
    if not settings or _exporting is not None:
        return
    try:
        from .exporting import Exporting
    except ImportError:
        log.warning(HOW_TO_INSTALL)
        return
    _exporting = Exporting(settings, redactor)


def flush(seconds: float) -> None:
    """Send what is not yet sent, for a limited time. Blocks."""
    if _exporting is not None:
        _exporting.flush(seconds)


def of_run(task: Task) -> AbstractContextManager[Attributes]:
    """Return the span of a run, current while it is open."""
    return nullcontext(_NOTHING) if _exporting is None or task.trace is None else _exporting.run(task)


def span(name: str, attributes: Mapping[str, Any]) -> AbstractContextManager[Attributes]:
    """Return a span inside the current one."""
    return nullcontext(_NOTHING) if _exporting is None else _exporting.span(name, attributes)


def capabilities() -> list[AbstractCapability[None]]:
    """Return pydantic-ai's own instrumentation of an agent's run, none if traces are off."""
    return [] if _exporting is None else [_exporting.capability()]


def carried() -> dict[str, str]:
    """Return the current trace context, as W3C's headers name it. Empty if there is none."""
    return {} if _exporting is None else _exporting.carried()


def is_on() -> bool:
    """Return whether this worker exports traces."""
    return _exporting is not None


def shows_content() -> bool:
    """Return whether spans may hold what people, agents and tools said."""
    return _exporting is not None and _exporting.content


def ended(attributes: Attributes, end: Event) -> None:
    """Tell a run's span how the run ended."""
    if end["type"] == "RUN_ERROR":
        attributes.put({"lobu.outcome": "failed"})
        attributes.fail(str(end.get("code")))
    else:
        attributes.put({"lobu.outcome": end["outcome"]["type"]})
