"""``python -m bench.render``: docs/performance.md with the figures of bench/results.json between its markers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench import simulate, table

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
NOT_YET = "Not measured yet: `make bench` on a quiet machine fills this in.\n"


def main() -> None:
    rows = table.load()
    text = PAGE.read_text()
    for name, part in (("table", _table(rows)), ("growth", _growth(rows)), ("scale", _scale(rows))):
        begin, end = f"<!-- {name}: made by python -m bench.render -->\n", f"<!-- end of {name} -->\n"
        head, _, rest = text.partition(begin)
        _, _, tail = rest.partition(end)
        if not tail and end not in text:
            raise ValueError(f"{PAGE} has no part {name}")
        text = head + begin + part + end + tail
    PAGE.write_text(text)


def _table(rows: list[dict[str, Any]]) -> str:
    targets = [row for row in rows if row["bound"] is not None]
    if not targets:
        return NOT_YET
    machine = targets[0]["machine"]
    facts = ", ".join(
        f"{name} {value}" for name, value in machine.items() if name not in ("at", "othersUsed")
    )
    days = sorted({row["machine"]["at"][:10] for row in targets})
    met = sum(row["met"] is True for row in targets)
    judged = sum(row["met"] is not None for row in targets)
    head = f"Measured {' and '.join(days)} ({facts}): {met} of {judged} judged figures met their target.\n\n"
    return head + table.show([row for row in rows if row["id"].startswith(("B", "P"))]) + "\n"


def _growth(rows: list[dict[str, Any]]) -> str:
    grown = [row for row in rows if row["id"].startswith("G.")]
    return table.show(grown, judged=False) + "\n" if grown else NOT_YET


def _scale(rows: list[dict[str, Any]]) -> str:
    units = {row["id"]: row["product"]["median"] for row in rows}
    if "S.batch" not in units:
        return NOT_YET
    batch, reader = units["S.batch"], max(0.0, units["S.reader"])
    lines = [
        f"Measured: a batch with its first reader costs the server {batch:.0f} µs of CPU, each further reader of it"
        f" {reader:.0f} µs; the server takes {units['S.server']:.0f} MB, a worker {units['S.worker']:.0f} MB, a reader"
        f" that is held {units['S.held']:.0f} kB.\n",
        f"| runs that stream at once ({simulate.BATCHES:.0f} batches/s each) | readers each | share of the loop | p99 wait for the loop |",
        "| --- | --- | --- | --- |",
    ]
    for runs, readers in ((10, 1), (50, 1), (50, 5), (100, 1), (100, 5), (200, 1)):
        share, wait = simulate.wait_ms(runs, batch, reader, readers)
        falls = f"{wait:.1f} ms" if share < 1 else "grows without end"
        lines.append(f"| {runs} | {readers} | {share:.0%} | {falls} |")
    most = {readers: simulate.most_runs(batch, reader, readers) for readers in (1, 5, 50)}
    lines.append(
        f"\nWith a wait of at most 20 ms at p99, one server carries {most[1]} runs that stream at once with one"
        f" reader each, {most[5]} with 5 and {most[50]} with 50. Of 1,000 people behind a hub, 50 of whom have a"
        f" run at one time, each on a server of their own: {(1000 * units['S.server']) / 1000:,.0f} GB for the"
        f" servers, if all are up, and {(50 * units['S.worker']) / 1000:,.1f} GB for the workers;"
        f" {50 * simulate.BATCHES * batch / 1e6:.1f} cores for the journals."
    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
