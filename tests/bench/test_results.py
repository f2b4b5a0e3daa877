"""What the benchmark says: verdicts only on a quiet machine, and a page that is made of the results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench import __main__ as command
from bench import machine, render, simulate, table
from bench.table import Row


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results and a page of the test's own."""
    page = tmp_path / "performance.md"
    page.write_text(render.PAGE.read_text())
    monkeypatch.setattr(table, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(render, "PAGE", page)
    return tmp_path


def row(name: str, product: float, yardstick: float | None = None, bound: float | None = 2.0) -> Row:
    against = [yardstick] if yardstick else []
    return Row(
        id=name, what=f"what {name} is", unit="ms", product=[product], yardstick=against, against="floor", bound=bound
    )  # fmt: skip


def test_a_busy_machine_is_refused_before_anything_is_measured(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "others", lambda: 1.5)
    monkeypatch.setattr("sys.argv", ["bench", "--patience", "0"])

    code = command.main()

    assert code == 2
    assert "1.50 cores" in capsys.readouterr().err
    assert not (results / "results.json").exists()


def test_a_ratio_is_judged_where_there_is_a_yardstick_and_only_on_a_quiet_machine() -> None:
    wires = [row("B2", 3, 1).to_wire(True), row("B3", 1, 1).to_wire(True), row("B3", 1, 1).to_wire(False)]

    assert [wire["met"] for wire in wires] == [False, True, None]
    assert [wire["verdict"] for wire in wires] == ["not met", "met", "no verdict"]


def test_the_page_is_made_of_the_results_as_often_as_one_likes(results: Path) -> None:
    facts: dict[str, Any] = {"cores": 2, "at": "2026-01-02T03:04:05Z"}
    costs = {"S.batch": 70, "S.reader": 30, "S.held": 20, "S.server": 100, "S.worker": 140}
    rows = [
        row("B10", 1),
        row("B2", 3, 1),
        *(row(name, cost, bound=None) for name, cost in costs.items()),
        row("G.list", 4, 2, bound=None),
    ]
    table.save([each.to_wire(True) for each in rows], facts, "")

    render.main()
    once = (results / "performance.md").read_text()
    render.main()

    assert (results / "performance.md").read_text() == once
    assert "1 of 2 judged figures met" in once
    assert once.index("| B2 |") < once.index("| B10 |")
    assert "costs the server 70 µs" in once
    assert "| G.list | what G.list is | 4 ms | 2 floor | 2.00 |\n" in once


def test_a_measure_of_some_rows_keeps_the_others_and_one_of_all_replaces_them() -> None:
    table.save([row("B2", 1).to_wire(True), row("B10", 1).to_wire(True)], {"at": "then"}, "")
    table.save([row("B2", 3).to_wire(True)], {"at": "now"}, "B2")

    kept = [(each["id"], each["product"]["median"], each["machine"]["at"]) for each in table.load()]
    assert kept == [("B2", 3, "now"), ("B10", 1, "then")]

    table.save([row("B3", 1).to_wire(True)], {"at": "now"}, "")
    assert [each["id"] for each in table.load()] == ["B3"]


def test_a_fuller_loop_lets_its_batches_wait_longer() -> None:
    waits = [simulate.wait_ms(runs, 100, 30)[1] for runs in (10, 100, 190)]

    assert waits == sorted(waits)
    assert waits[0] < 1 < waits[2]
