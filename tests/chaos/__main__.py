"""Chaos from the command line: ``python -m tests.chaos [--seeds 10] [--faults 32] [--first 1]``.

Prints each seed, what was injected and what was lost; exits 1 if anything was. A seed reproduces its
schedule: ``python -m tests.chaos --first 7 --seeds 1``.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.chaos.harness import play


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--faults", type=int, default=32, help="faults of one seed")
    parser.add_argument("--quiet", action="store_true", help="do not print each fault")
    args = parser.parse_args()
    injected: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    failures: list[str] = []
    for seed in range(args.first, args.first + args.seeds):
        print(f"seed {seed}", flush=True)
        say = (lambda line: None) if args.quiet else (lambda line: print(line, flush=True))
        with tempfile.TemporaryDirectory(prefix="lobu-chaos-") as folder:
            outcome = asyncio.run(play(seed, args.faults, Path(folder) / "stage", say=say))
        injected += outcome.injected
        counts.update(outcome.verdict.counts)
        found = outcome.verdict.failures()
        failures += [f"seed {seed}: {name}: {len(items)}: {items[0]}" for name, items in found.items()]
        print(
            f"  {outcome.injected.total()} faults in {outcome.seconds:.0f} s, disk full by {outcome.disk}; "
            f"refused {outcome.refused}; {'LOST' if found else 'lost nothing'}",
            flush=True,
        )
    print(f"\ninjected {injected.total()} faults: {dict(sorted(injected.items()))}")
    print(f"meanwhile {dict(counts)}")
    print(
        "\n".join(failures) or "lost: nothing. doubled: nothing. every run has one end; no tool ran unasked."
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
