"""The figures of a session of chaos, each with what it has to be."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .deaths import Deaths
from .decisions import Trial
from .harness import Outcome

FAULTS = 300  # over ten seeds
P99_MILLISECONDS = 500
PROMISES = {
    "lost events": "lost_events",
    "duplicated events": "doubled_events",
    "runs without exactly one end": "runs_without_one_end",
    "tools run without or against a decision": "tools_without_decision",
    "tools run twice": "tools_twice",
    "effects told that were not, or not told that were": "lost_effects",
    "decisions counted twice": "decisions_twice",
    "half-written pauses": "half_pauses",
    "orphan processes": "orphans",
    "other complaints of the people": "problems",
}


@dataclass
class Figures:
    outcomes: list[Outcome] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    deaths: Deaths | None = None

    def add(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    @property
    def injected(self) -> Counter[str]:
        return sum((outcome.injected for outcome in self.outcomes), Counter[str]())

    @property
    def lost(self) -> list[str]:
        return [
            f"seed {outcome.seed}: {name}: {len(items)}: {items[0]}"
            for outcome in self.outcomes
            for name, items in outcome.verdict.failures().items()
        ]

    @property
    def reached(self) -> bool:
        return all(reached for *_, reached in self._rows())

    def table(self) -> str:
        """Markdown."""
        lines = ["| figure | promised | measured |", "|---|---|---|"]
        lines += [
            f"| {name} | {promised} | {measured}{'' if reached else ' **MISSED**'} |"
            for name, promised, measured, reached in self._rows()
        ]
        return "\n".join(lines)

    def _rows(self) -> list[tuple[str, str, str, bool]]:
        """(figure, promised, measured, whether it is reached); what was not measured has no row."""
        rows: list[tuple[str, str, str, bool]] = []
        if self.outcomes:
            faults, seeds = self.injected.total(), len(self.outcomes)
            least = FAULTS * seeds // 10
            rows.append((f"faults injected, over {seeds} seeds", f"≥ {least}", str(faults), faults >= least))
        if self.outcomes:
            for name, kind in PROMISES.items():
                count = sum(len(getattr(outcome.verdict, kind)) for outcome in self.outcomes)
                rows.append((name, "0", str(count), count == 0))
        if self.trials:
            right, all_ = sum(trial.right for trial in self.trials), len(self.trials)
            name = "20 decisions at once through two servers: one 202, the tool once"
            rows.append((name, f"{all_} of {all_} trials", f"{right} of {all_}", right == all_))
        if self.deaths is not None:
            p50, p99 = self.deaths.percentile(50), self.deaths.percentile(99)
            name = f"kernel SIGKILL to RUN_ERROR on a page's socket, {len(self.deaths.milliseconds)} kills"
            measured = f"p50 {p50:.0f} ms, p99 {p99:.0f} ms"
            well = p99 < P99_MILLISECONDS and self.deaths.codes == {"kernel_died"}
            rows.append((name, f"p99 < {P99_MILLISECONDS} ms", measured, well))
        return rows
