"""``make tasks``, or ``python -m bench.tasks [NAME …]``: drive the tasks, print a table, guard the tokens.

Exit code 0: all done within the baseline; 1: not; 2: wrong arguments.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from . import TASKS, results
from .drive import RECORDINGS, Outcome, drive, stage
from .endpoint import HOW, endpoint

WRITTEN = f"The answers are written ones, not a model's: nothing here says how good a model is.\n{HOW}\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make tasks", epilog=HOW)
    parser.add_argument("names", nargs="*", metavar="NAME", help="tasks; default: all")
    parser.add_argument(
        "--record", action="store_true", help="requests of the recordings, and the baseline, anew"
    )
    parser.add_argument("--keep", type=Path, help="a folder for recordings of a real model")
    given = parser.parse_args()
    names = given.names or list(TASKS)
    if unknown := [name for name in names if name not in TASKS]:
        parser.error(f"no such task: {', '.join(unknown)}; there are {', '.join(TASKS)}")
    model = endpoint()
    if given.record and (model or given.names):
        parser.error("--record is for all tasks, with the written answers")
    if given.keep and not model:
        parser.error(f"--keep is for a real model. {HOW}")
    print(f"model: {model.model} at {model.url}\n" if model else WRITTEN, file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="lobu-tasks-") as home, stage(Path(home), model) as on:
        outcomes = [_told(drive(on, TASKS[name])) for name in names]
    failed = any(one.wrong or one.blind for one in outcomes)
    if given.keep:
        for one in outcomes:
            if one.recording:
                results.write_recording(given.keep, one.name, one.recording)
    if given.record and not failed:
        for one in outcomes:
            known = json.loads((RECORDINGS / f"{one.name}.recording.json").read_text())
            results.write_script(one, known)
        results.write_baseline(outcomes)
    print(results.table(outcomes, scripted=model is None))
    more = [] if model or failed else results.over(outcomes)
    for line in more:
        print(f"OVER {line}", file=sys.stderr)
    return 1 if failed or more else 0


def _told(one: Outcome) -> Outcome:
    for why in one.wrong:
        print(f"{one.name}: {why}", file=sys.stderr, flush=True)
    for kind in one.blind:
        print(f"{one.name}: its check takes a wrong {kind}", file=sys.stderr, flush=True)
    return one


if __name__ == "__main__":
    sys.exit(main())
