"""The table: one row per id, with a verdict that is only given on a quiet machine."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results.json"
NUMBER = re.compile(r"(\d+)")
UNJUDGED = "no verdict"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure beside its yardstick; ``bound``: what it may at most be, or at least with ``least``.

    What is bounded is the ratio where there is a yardstick, else the figure itself. No bound: a unit cost. ``counted``:
    no time, so that a busy machine changes nothing.
    """

    id: str
    what: str
    unit: str
    product: list[float]
    yardstick: list[float] = field(default_factory=list)
    against: str = ""
    bound: float | None
    least: bool = False
    counted: bool = False
    note: str = ""

    def to_wire(self, quiet: bool) -> dict[str, Any]:
        quiet = quiet or self.counted
        product, yardstick = _middle(self.product), _middle(self.yardstick)
        ratio = product / yardstick if yardstick else None
        figure = product if ratio is None else ratio
        met = self.bound is not None and (figure >= self.bound if self.least else figure <= self.bound)
        return {
            **asdict(self),
            "product": _span(self.product),
            "yardstick": _span(self.yardstick) if self.yardstick else None,
            "ratio": ratio,
            "target": self._target(),
            "verdict": "" if self.bound is None else ("met" if met else "not met") if quiet else UNJUDGED,
            "met": met if quiet and self.bound is not None else None,
        }

    def _target(self) -> str:
        if self.bound is None:
            return ""
        unit = f"x {self.against}" if self.yardstick else self.unit
        return f"{'>=' if self.least else '<='} {self.bound:g} {unit}"


def _middle(values: list[float]) -> float:
    from .figures import median

    return median(values) if values else 0.0


def _span(values: list[float]) -> dict[str, float]:
    return {"median": _middle(values), "min": min(values), "max": max(values), "n": len(values)}


def show(rows: list[dict[str, Any]], *, judged: bool = True) -> str:
    """The rows as a Markdown table; ``judged``: with target and verdict."""
    head = ["id", "what", "product (min to max)", "yardstick (min to max)", "ratio", "target", "verdict"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
        yardstick = f"{_text(row['yardstick'])} {row['against']}" if row["yardstick"] else ""
        figure = f"{_text(row['product'])} {row['unit']}"
        lines.append([row["id"], row["what"], figure, yardstick, ratio, row["target"], row["verdict"]])
    columns = len(head) if judged else len(head) - 2
    return "\n".join("| " + " | ".join(line[:columns]) + " |" for line in lines)


def _text(span: dict[str, float]) -> str:
    middle, low, high = (_short(span[name]) for name in ("median", "min", "max"))
    return middle if span["n"] == 1 else f"{middle} ({low} to {high})"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def save(rows: list[dict[str, Any]], facts: dict[str, Any], only: str) -> None:
    """Write the rows with the machine's facts. If only some were measured, the others stay as they are."""
    kept = {row["id"]: row for row in load()} if only else {}
    kept |= {row["id"]: {**row, "machine": facts} for row in rows}
    RESULTS.write_text(json.dumps(sorted(kept.values(), key=_order), indent=1) + "\n")


def load() -> list[dict[str, Any]]:
    """Return the rows of results.json, in the order of their ids."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else []


def _order(row: dict[str, Any]) -> list[int | str]:
    return [int(part) if part.isdigit() else part for part in NUMBER.split(row["id"])]
