"""``make test-model``: the lane with the model at LOBU_TEST_MODEL_URL. Without it: what to set, and exit code 2."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench.tasks.endpoint import HOW, endpoint

from .lane import Seen, run_checks, table


def main() -> int:
    model = endpoint()
    if model is None:
        print(f"NOTHING WAS TESTED: there is no model.\n{HOW}", file=sys.stderr)
        return 2
    print(f"model: {model.model} at {model.url}", flush=True)
    with tempfile.TemporaryDirectory(prefix="lobu-model-") as home, table(Path(home), model) as at:
        seen = run_checks(at, _tell)
    failed = sum(bool(each.why) for each in seen)
    print(f"{len(seen) - failed} passed, {failed} failed with {model.model}")
    return 1 if failed else 0


def _tell(seen: Seen) -> None:
    print(
        f"{'FAILED' if seen.why else 'ok'} {seen.check} ({seen.seconds:.1f} s) {seen.why}".rstrip(),
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
