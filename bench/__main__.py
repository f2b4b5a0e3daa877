"""``python -m bench [--only B1,B5] [--small]``: the table, bench/results.json and docs/performance.md.

Exit code 0: measured (met or not); 1: a measure failed; 2: other processes keep the machine busy, so there
is no verdict.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from bench import machine, render, table
from bench.measures import COUNTED, MEASURES

from .scale import FULL, SMALL

BUSY = "Other processes use {:.2f} cores, more than {} is no fair trial: {}."


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--only", default="", help="ids, separated by commas; default: all")
    parser.add_argument(
        "--small", action="store_true", help="small counts, also on a busy machine: does it work?"
    )
    parser.add_argument("--patience", type=float, default=machine.PATIENCE, help="seconds to wait for quiet")
    given = parser.parse_args()
    wanted = [name.strip() for name in given.only.split(",") if name.strip()] or list(MEASURES)
    if unknown := [name for name in wanted if name not in MEASURES]:
        parser.error(f"no such id: {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    gc.disable()  # a full collection of what the readers have stored would count as latency; Watch.settle makes one
    timed = bool(set(wanted) - COUNTED)
    watch = machine.Watch(0 if given.small or not timed else given.patience)
    watch.settle()
    if not watch.quiet and not given.small and timed:
        print(BUSY.format(watch.worst, machine.BUSY, "nothing was measured"), file=sys.stderr)
        return 2
    rows, worst, failed = _measure(wanted, watch, small=given.small)
    print(table.show(rows))
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    if not given.small:
        table.save(
            rows, {**machine.facts(Path(tempfile.gettempdir())), "othersUsed": round(worst, 2)}, given.only
        )
        render.main()
        if worst > machine.BUSY and timed:
            print(BUSY.format(worst, machine.BUSY, "some rows have no verdict"), file=sys.stderr)
            return 2
    return 1 if failed else 0


def _measure(
    wanted: list[str], watch: machine.Watch, *, small: bool
) -> tuple[list[dict[str, Any]], float, list[str]]:
    """The rows, the most that others used in between, and the ids that failed: the others go on."""
    rows: list[dict[str, Any]] = []
    failed: list[str] = []
    worst = 0.0
    with tempfile.TemporaryDirectory(prefix="lobu-bench-") as name:
        for each in wanted:
            folder = Path(name) / each
            folder.mkdir()  # its own: several start a server of the same name
            began = time.monotonic()
            watch.begin()
            watch.settle()
            try:
                found = asyncio.run(MEASURES[each](folder, SMALL if small else FULL, watch))
            except Exception:  # noqa: BLE001 - one that fails is told, and the others are measured
                traceback.print_exc()
                failed.append(each)
                continue
            rows += [row.to_wire(watch.quiet and not small) for row in found]
            worst = max(worst, watch.worst)
            print(f"{each}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return rows, worst, failed


if __name__ == "__main__":
    sys.exit(main())
