"""Chaos from the command line: ``python -m tests.chaos [--seeds 10] [--faults 32] [--first 1]``.

Prints each seed, what was injected and what was lost, then the two measured promises (decisions through two
servers, kernel deaths), then all figures; exits 1 if one is not reached. A seed reproduces its schedule:
``python -m tests.chaos --first 7 --seeds 1 --trials 0 --kills 0``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.chaos import deaths, decisions

from .figures import Figures
from .harness import play

NO_DISK = (
    "!!! NO SMALL FILE SYSTEM COULD BE MOUNTED HERE (that needs root): A FULL DISK WAS NOT TRIED.\n"
    "!!! The limit on file sizes ('forbid writes') stood for it."
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--faults", type=int, default=32, help="faults of one seed")
    parser.add_argument("--trials", type=int, default=200, help="of 20 decisions at once")
    parser.add_argument("--kills", type=int, default=60, help="of a kernel, to be measured")
    parser.add_argument("--servers", type=int, default=2)
    parser.add_argument(
        "--store", choices=["sqlite", "postgres"], default=os.environ.get("STORE") or "sqlite"
    )
    parser.add_argument("--quiet", action="store_true", help="do not print each fault")
    args = parser.parse_args()
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="lobu-chaos-") as folder:
        _storms(args, Path(folder), figures)
        _measures(args, Path(folder), figures)
    print("\n" + figures.table())
    return 0 if figures.reached else 1


def _storms(args: argparse.Namespace, home: Path, figures: Figures) -> None:
    say: Callable[[str], None] = (lambda line: None) if args.quiet else _say
    for seed in range(args.first, args.first + args.seeds):
        _say(f"seed {seed}")
        outcome = asyncio.run(
            play(seed, args.faults, home / f"seed{seed}", servers=args.servers, say=say, kind=args.store)
        )
        figures.add(outcome)
        if not outcome.small_disk and args.store == "sqlite":
            _say(NO_DISK)
        lost = "LOST" if outcome.verdict.failures() else "lost nothing"
        _say(
            f"  {outcome.injected.total()} faults in {outcome.seconds:.0f} s; refused {outcome.refused}; {lost}"
        )
    if args.seeds:
        counts = Counter[str]()
        for outcome in figures.outcomes:
            counts.update(outcome.verdict.counts)
        _say(f"\ninjected: {dict(sorted(figures.injected.items()))}")
        _say(f"meanwhile: {dict(counts)}")
        _say("\n".join(figures.lost) or "lost: nothing. doubled: nothing. every run has one end.")


def _measures(args: argparse.Namespace, home: Path, figures: Figures) -> None:
    if args.trials:
        _say(f"\n{args.trials} trials of {decisions.AT_ONCE} decisions at once, through two servers")
        figures.trials = asyncio.run(decisions.trials(home / "decisions", args.trials, _say, args.store))
    if args.kills:
        _say(f"\n{args.kills} kernels to kill")
        figures.deaths = asyncio.run(deaths.measure(home / "deaths", args.kills))
        _say(f"  {figures.deaths}")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
