"""The usage of a run: AG-UI's TokenUsage, and what it has no member for.

On the wire an entry has the members of TokenUsage only, because a strict client drops any other. What else is known of it
(``cost`` in US dollars, ``contextWindow``, ``contextUsed``) stands in the event's ``metadata.lobu.usage``, at the same
place of a list. Agents, states and earlier journals have it as the entry's own ``metadata``.
"""

from __future__ import annotations

from typing import Any, cast

from .errors import InvalidField

COUNTS = (
    "inputTokens",
    "outputTokens",
    "totalTokens",
    "reasoningTokens",
    "cachedInputTokens",
    "cacheWriteInputTokens",
)
LABELS = ("provider", "model")
MAX_TOKENS = 10**12  # of one count of one run, so that no sum overflows

Usages = list[dict[str, Any]]


def check_usage(usages: Usages, where: str) -> None:
    """Refuse counts that are no counts, and labels that are no text.

    Raises:
        InvalidField: names the member.
    """
    for index, usage in enumerate(usages):
        for name, value in usage.items():
            if name in COUNTS and not (_is_count(value) and 0 <= value <= MAX_TOKENS):
                raise InvalidField(f"must be 0 to {MAX_TOKENS}", field=f"{where}[{index}].{name}")
            if name in LABELS and not isinstance(value, str):
                raise InvalidField("must be a text", field=f"{where}[{index}].{name}")


def conformant(event: dict[str, Any]) -> dict[str, Any]:
    """Return a terminal event whose usage a strict client of AG-UI takes."""
    usages = usages_of(event)
    more = [entry.get("metadata", {}) for entry in usages]
    if not any(more):
        return event
    known = {*COUNTS, *LABELS}
    clean = [{name: value for name, value in entry.items() if name in known} for entry in usages]
    metadata: dict[str, Any] = event.get("metadata") or {}
    lobu = {**_dict(metadata.get("lobu")), "usage": more}
    return {**event, "usage": clean, "metadata": {**metadata, "lobu": lobu}}


def usages_of(event: dict[str, Any]) -> Usages:
    """Return a terminal event's entries, each with the ``metadata`` that is known of it."""
    told: Any = _dict(_dict(event.get("metadata")).get("lobu")).get("usage")
    beside: list[Any] = cast("list[Any]", told) if isinstance(told, list) else []
    found: Usages = []
    for index, entry in enumerate(event.get("usage") or []):
        own = {name: value for name, value in entry.items() if name in COUNTS or name in LABELS}
        more = {name: value for name, value in entry.items() if name not in own and name != "metadata"}
        more |= _dict(entry.get("metadata")) | _dict(beside[index] if index < len(beside) else None)
        found.append({**own, "metadata": more} if more else own)
    return found


def add_usage(sums: dict[str, int], usages: Usages) -> dict[str, int]:
    """Add the counts of some entries to `sums`, and return it."""
    for usage in usages:
        for name, count in usage.items():
            if _is_count(count):
                sums[name] = sums.get(name, 0) + count
    return sums


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _dict(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
