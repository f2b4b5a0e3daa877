"""``python -m bench [--only B1,B5] [--small]``: the table, and bench/results/*.json.

Exit code 0: measured (met or not); 2: other processes kept the machine busy, so there is no verdict.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import machine, table
from bench.measures import MEASURES
from bench.scale import FULL, SMALL


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--only", default="", help="ids, separated by commas; default: all")
    parser.add_argument("--small", action="store_true", help="small counts: to see that it works")
    parser.add_argument("--patience", type=float, default=machine.PATIENCE, help="seconds to wait for quiet")
    given = parser.parse_args()
    wanted = [name.strip() for name in given.only.split(",") if name.strip()] or list(MEASURES)
    if unknown := [name for name in wanted if name not in MEASURES]:
        parser.error(f"no such id: {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    rows: list[dict[str, Any]] = []
    busy = 0.0
    with tempfile.TemporaryDirectory(prefix="lobu-bench-") as name:
        folder = Path(name)
        for each in wanted:
            watch, began = machine.Watch(given.patience), time.monotonic()
            watch.settle()
            (folder / each).mkdir()  # its own: several start a server of the same name
            found = asyncio.run(MEASURES[each](folder / each, SMALL if given.small else FULL, watch))
            rows += [row.to_wire(watch.quiet and not given.small) for row in found]
            busy = max(busy, watch.worst)
            print(f"{each}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        facts = {**machine.facts(folder), "othersUsed": round(busy, 2)}
    print(table.show(rows))
    if given.small:
        return 0
    table.save(rows, facts, "latest" if not given.only else "part")
    if busy > machine.BUSY:
        print(f"No verdict for some rows: other processes used {busy:.2f} cores.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
