"""Read the run slices out of every store file below a folder, as a third party would: with sqlite3."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Slice = list[dict[str, Any]]


def slices_below(folder: Path) -> Iterator[tuple[Path, Slice]]:
    """Each ended run's slice, in every store below `folder`; files that are no store are passed over."""
    for path in sorted(p for kind in ("*.db", "*.sqlite") for p in folder.rglob(kind)):
        for slice_ in slices_of(path):
            yield path, slice_


def slices_of(path: Path) -> list[Slice]:
    """The slices of the ended runs in one store. A broken file, as some tests make on purpose, has none."""
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            rows = connection.execute(
                "SELECT run_id, body FROM events WHERE run_id IS NOT NULL ORDER BY thread_id, seq"
            ).fetchall()
    except sqlite3.DatabaseError:
        return []
    runs: dict[str, Slice] = {}
    for run_id, body in rows:
        runs.setdefault(run_id, []).append(json.loads(body))
    ends = ("RUN_FINISHED", "RUN_ERROR")
    return [slice_ for slice_ in runs.values() if any(event["type"] in ends for event in slice_)]
