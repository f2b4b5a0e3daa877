"""A recording answers in place of a model, and only what was recorded."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.agents.builtin.assistant import assistant
from lobu_jupyter.model.events import run_finished, run_started
from lobu_jupyter.model.recording import recording_of
from tests.agents.bench import FakeKernel, policy, resume, run, task_for
from tests.gateway.rig import call, result, say

USAGE = [{"provider": "openai", "model": "m", "inputTokens": 1}]
CODE = '{"code": "n + 1"}'


def recording(returned: str = "3", code: str = CODE) -> dict[str, Any]:
    started = run_started("t", "r", [{"id": "u", "role": "user", "content": "count"}])
    end = run_finished("t", "r", {"type": "success"}, usage=USAGE)
    return recording_of(
        [started, *say("I count."), *call("c", args=code), result("c", returned), *say("Three.", "m2"), end]
    )


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    def refuse(*args: Any) -> None:
        raise AssertionError("a replay reaches no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    return tmp_path / "a.recording.json", tmp_path / "report"


def agent(files: tuple[Path, Path], content: dict[str, Any] | str) -> Any:
    path, report = files
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
    return assistant({"replay": {"path": str(path), "report": str(report)}})


def task(prompt: str = "count", mode: str = "allow") -> Any:
    return task_for(prompt, agent="assistant", model="openai:any", policy=policy(run={"mode": mode}))


def report(files: tuple[Path, Path]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in files[1].read_text().splitlines()]


async def test_the_recorded_answers_come_and_code_runs(files: tuple[Path, Path]) -> None:
    kernel = FakeKernel(n=2)

    ended = await run(agent(files, recording()), task(), kernel)

    assert ended.text == "I count.Three."
    assert kernel.ran == ["n + 1"]
    assert [line["answered"] for line in report(files)] == [True, True]


async def test_it_goes_on_after_a_decision(files: tuple[Path, Path]) -> None:
    replayed, kernel, asks = agent(files, recording()), FakeKernel(n=2), task(mode="ask")

    paused = await run(replayed, asks, kernel)
    ended = await resume(replayed, asks, paused, kernel, "approve")

    assert ended.text == "Three."


@pytest.mark.parametrize(
    ("prompt", "n", "diff"),
    [("count all", 2, ["-  count", "+  count all"]), ("count", 3, ["-  3", "+  4"])],
)
async def test_another_request_ends_the_run_with_what_differs(
    files: tuple[Path, Path], prompt: str, n: int, diff: list[str]
) -> None:
    ended = await run(agent(files, recording()), task(prompt), FakeKernel(n=n))

    assert ended.error is not None
    assert ended.error.code == "replay_mismatch"
    assert [line for line in ended.error.message.splitlines() if line in diff] == diff
    assert report(files)[-1]["answered"] is False


async def test_memory_addresses_do_not_count(files: tuple[Path, Path]) -> None:
    ended = await run(
        agent(files, recording("<object object at 0x7f0000000001>", '{"code": "object()"}')),
        task(),
        FakeKernel(),
    )

    assert ended.text.endswith("Three.")


async def test_a_broken_recording_ends_the_run_with_file_line_and_field(files: tuple[Path, Path]) -> None:
    broken = json.dumps(recording(), indent=1).replace('"part_kind": "user-prompt"', '"part_kind": "riddle"')

    ended = await run(agent(files, broken), task(), FakeKernel())

    assert ended.error is not None
    assert ended.error.code == "replay_mismatch"
    assert "a.recording.json, line 13: exchanges[0].request[0].parts[0]" in ended.error.message
