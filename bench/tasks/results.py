"""What the tasks came to: the table, the baseline of tokens, and the recordings made anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .drive import RECORDINGS, SCRIPT, Outcome

BASELINE = Path(__file__).parent / "baseline.json"
BOUND = 1.05  # of the baseline's tokens
ANSWERS = "answers"
NOTE = "Answers that we wrote, not a model's. The requests are the product's own."
HEAD = ("task", "done", "requests", "tokens sent", "baseline", "approvals", "s of product", "s of model")


def baseline() -> dict[str, Any]:
    """Return the tokens by task, and those of the tools of one request."""
    return json.loads(BASELINE.read_text())


def over(outcomes: list[Outcome]) -> list[str]:
    """Return what sends more tokens than its baseline allows."""
    known = baseline()
    found = [
        f"{one.name}: {one.tokens:,} tokens sent, baseline {known['tasks'][one.name]:,}"
        for one in outcomes
        if one.tokens > BOUND * known["tasks"][one.name]
    ]
    tools = max(one.tools for one in outcomes)
    if tools > BOUND * known["tools"]:
        found.append(f"the tools of one request: {tools:,} tokens, baseline {known['tools']:,}")
    return found


def write_baseline(outcomes: list[Outcome]) -> None:
    known = {"tasks": {one.name: one.tokens for one in outcomes}, "tools": max(o.tools for o in outcomes)}
    BASELINE.write_text(json.dumps(known, indent=1) + "\n")


def write_script(outcome: Outcome, known: dict[str, Any]) -> None:
    """Write a task's recording anew: its written answers, with the requests that the product makes today."""
    exchanges = [
        {**new, "provider": SCRIPT, "model": ANSWERS, "response": old["response"]}
        for new, old in zip(outcome.recording["exchanges"], known["exchanges"], strict=True)
    ]
    whole = {**outcome.recording, "title": outcome.name, "note": NOTE, "exchanges": exchanges}
    write_recording(RECORDINGS, outcome.name, whole)


def write_recording(folder: Path, name: str, recording: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(recording, indent=1, ensure_ascii=False)
    (folder / f"{name}.recording.json").write_text(text + "\n", "utf-8")


def table(outcomes: list[Outcome], *, scripted: bool) -> str:
    """Return the outcomes as a Markdown table."""
    known = baseline()["tasks"] if scripted and BASELINE.exists() else {}
    lines = [HEAD, ("---",) * len(HEAD)]
    for one in outcomes:
        before = f"{known[one.name]:,}" if one.name in known else ""
        done = "**no**" if one.wrong or one.blind else "yes"
        lines.append((one.name, done, str(one.requests), f"{one.tokens:,}", before, str(one.approvals),
                      f"{one.wall:.1f}", f"{one.model:.1f}"))  # fmt: skip
    done = sum(not one.wrong for one in outcomes)
    tokens, approvals = sum(o.tokens for o in outcomes), sum(o.approvals for o in outcomes)
    lines.append((f"all {len(outcomes)}", str(done), str(sum(o.requests for o in outcomes)), f"{tokens:,}",
                  f"{sum(known.get(o.name, 0) for o in outcomes):,}" if known else "", str(approvals),
                  f"{sum(o.wall for o in outcomes):.0f}", f"{sum(o.model for o in outcomes):.0f}"))  # fmt: skip
    tools = f"\nThe tools of one request: {max(o.tools for o in outcomes):,} tokens." if outcomes else ""
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n" + tools
