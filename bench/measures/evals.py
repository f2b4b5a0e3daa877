"""B16.tasks: what the thirty tasks of bench/tasks cost: tokens, requests and approvals, with the written answers."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bench.machine import Watch
from bench.scale import FULL, Scale
from bench.table import Row
from bench.tasks import TASKS, results
from bench.tasks.drive import Outcome, drive, stage

FEW = ("explain-name", "cell-change", "file-change")


async def tasks(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    outcomes = await asyncio.to_thread(_driven, folder, tuple(TASKS) if scale is FULL else FEW)
    if failed := [f"{one.name}: {one.wrong or one.blind}" for one in outcomes if one.wrong or one.blind]:
        raise RuntimeError("; ".join(failed))
    return _rows(outcomes)


def _driven(folder: Path, names: tuple[str, ...]) -> list[Outcome]:
    with stage(folder) as on:
        return [drive(on, TASKS[name]) for name in names]


def _rows(outcomes: list[Outcome]) -> list[Row]:
    known, of = results.baseline(), f"a task of {len(outcomes)}"
    note = "Answers are written ones, not a model's."
    each = {
        "requests": ("requests to the model", [float(one.requests) for one in outcomes], "requests"),
        "approvals": ("approvals that it asks for", [float(one.approvals) for one in outcomes], "approvals"),
        "wall": ("time without the model's, imports of libraries included", [o.wall for o in outcomes], "s"),
    }
    return [
        Row(id="B16.tasks.tokens", what=f"{of}: tokens sent to the model", unit="tokens",
            product=[float(one.tokens) for one in outcomes], against="baseline", bound=results.BOUND, counted=True,
            yardstick=[float(known["tasks"][one.name]) for one in outcomes], note=note),
        Row(id="B16.tasks.tools", what="the descriptions of the tools in one request", unit="tokens",
            product=[float(max(one.tools for one in outcomes))], yardstick=[float(known["tools"])],
            against="baseline", bound=results.BOUND, counted=True),
        *(Row(id=f"B16.tasks.{name}", what=f"{of}: {what}", unit=unit, product=figures, bound=None, counted=True, note=note)
          for name, (what, figures, unit) in each.items()),
    ]  # fmt: skip
