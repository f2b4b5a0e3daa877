"""Medians, percentiles, and the two of a ratio."""

from __future__ import annotations

from collections.abc import Iterable


def percentile(values: Iterable[float], share: float) -> float:
    """The value below which `share` percent lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share / 100 * (len(ordered) - 1)))]


def median(values: Iterable[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def latencies_ms(stamps: Iterable[tuple[int, int]]) -> list[float]:
    return [(received - sent) / 1e6 for sent, received in stamps]
