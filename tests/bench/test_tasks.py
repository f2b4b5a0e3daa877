"""The tasks of bench/tasks: their checkers see what is wrong, their answers say whose they are, and tokens are guarded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.tasks import TASKS, drive, results
from bench.tasks.check import Result, wrong_of
from bench.tasks.drive import RECORDINGS, SCRIPT, Outcome, Stage, recording_of
from bench.tasks.meter import metering, tokens_of
from lobu_jupyter.model.recording import parse
from tests.providers import Provider, says

pytestmark = pytest.mark.timeout(600)

FEW = ("explain-name", "cell-change", "cell-run", "file-change", "respect-a-no")


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with drive.stage(tmp_path_factory.mktemp("tasks")) as found:
        yield found


def test_there_are_thirty_tasks_and_each_has_answers_that_say_that_they_are_written() -> None:
    assert len(TASKS) == 30
    assert {path.name.removesuffix(".recording.json") for path in RECORDINGS.iterdir()} == set(TASKS)
    for task in TASKS.values():
        recording = recording_of(task)
        named = {(exchange.provider, exchange.model) for exchange in recording.exchanges}
        assert (named, recording.note) == ({(SCRIPT, results.ANSWERS)}, results.NOTE)
    assert set(results.baseline()["tasks"]) == set(TASKS)


@pytest.mark.parametrize("name", TASKS)
def test_what_nobody_did_is_not_done(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, names = TASKS[name], dict[str, Any]()
    monkeypatch.chdir(tmp_path)
    for file, text in task.files.items():
        Path(file).write_text(text, "utf-8")
    for source in task.cells[: task.asked]:
        try:
            exec(source, names)
        except (NameError, TypeError, ZeroDivisionError, KeyError):
            assert task.name.startswith(("explain", "mend"))

    def holds(expression: str) -> bool:
        try:
            return bool(eval(expression, names))
        except Exception:  # noqa: BLE001 - as in a kernel, what fails does not hold
            return False

    untouched = Result(holds, list(task.cells), ["code"] * len(task.cells), [""] * len(task.cells), "")

    assert wrong_of(task, untouched)
    assert bool(task.spoil_state) == bool(task.state)
    assert bool(task.spoil_notebook) == bool(task.notebook)
    assert bool(task.spoil_answer) == bool(task.answer)


@pytest.mark.parametrize("name", FEW)
def test_a_task_is_done_within_its_tokens_and_its_checks_see_each_spoiled_result(
    name: str, on: Stage
) -> None:
    outcome = drive.drive(on, TASKS[name])

    assert (outcome.wrong, outcome.blind) == ((), ())
    assert results.over([outcome]) == []
    assert outcome.approvals == (0 if name == "explain-name" else 1)


def test_a_wrong_answer_fails_its_task(on: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (RECORDINGS / "cell-change.recording.json").read_text()
    assert "> 100]" in text
    monkeypatch.setattr(drive, "recording_of", lambda _: parse(text.replace("> 100]", "> 1000]"), "wrong"))

    outcome = drive.drive(on, replace(TASKS["cell-change"], name="cell-change-wrong"))

    assert [why.partition(":")[0] for why in outcome.wrong] == ["notebook"]


def outcome(tokens: int, tools: int) -> Outcome:
    return Outcome("cell-run", (), (), 3, tokens, tools, 1, 1.0, 0.0, {})


def test_more_tokens_than_the_baseline_allows_are_named() -> None:
    known = results.baseline()
    usual, tools = known["tasks"]["cell-run"], known["tools"]

    assert results.over([outcome(usual, tools)]) == []
    assert "cell-run" in results.over([outcome(round(usual * 1.06), tools)])[0]
    assert "the tools of one request" in results.over([outcome(usual, round(tools * 1.06))])[0]


def test_the_meter_counts_what_is_sent_without_pixels_and_passes_it_on() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 4000}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, image]}]
    body = {"model": "m", "stream": True, "messages": messages, "tools": [{"type": "function"}]}
    with Provider() as provider, metering(f"{provider.url}/v1") as meter:
        provider.script = [says("A line.")]
        reply = httpx.post(f"{meter.url}/chat/completions", json=body, headers={"Authorization": "Bearer k"})
        (request,) = provider.requests

    (sent,) = meter.sent
    assert "line." in reply.text
    assert request.headers["Authorization"] == "Bearer k"
    assert request.body == body
    assert sent.messages < 40
    assert (
        sent.tools == tokens_of(body["tools"]) == len(json.dumps(body["tools"], separators=(",", ":"))) // 4
    )
