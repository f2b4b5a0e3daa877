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
            rows = connection.execute("SELECT thread_id, body FROM events ORDER BY thread_id, seq").fetchall()
    except sqlite3.DatabaseError:
        return []
    slices: list[Slice] = []
    open_slice: Slice | None = None
    for _, body in rows:
        event = json.loads(body)
        if event["type"] == "RUN_STARTED":
            open_slice = []
        if open_slice is None:
            continue
        open_slice.append(event)
        if event["type"] in ("RUN_FINISHED", "RUN_ERROR"):
            slices.append(open_slice)
            open_slice = None
    return slices
