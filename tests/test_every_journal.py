"""Whatever this test session journaled is a valid AG-UI stream, run by run."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from .journals import slices_below

VERIFY = Path(__file__).parent / "agui" / "verify.mjs"


@pytest.mark.last
@pytest.mark.timeout(400)
@pytest.mark.scenario("E35")
def test_the_strict_client_accepts_every_run_of_every_journal_of_this_session(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    found = list(slices_below(tmp_path_factory.getbasetemp()))
    assert found, "run it with the rest of the suite: it reads what the other tests journaled"

    lines = "\n".join(json.dumps(slice_) for _, slice_ in found)
    verdict = subprocess.run(
        ["node", VERIFY], input=lines, text=True, capture_output=True, timeout=300, check=False
    )

    told = [json.loads(line) for line in verdict.stdout.split("\n") if line]
    where = [f"{found[bad['slice'] - 1][0]}: {bad['message']}" for bad in told]
    assert not where, "\n".join(where)
    assert verdict.returncode == 0, verdict.stderr


@pytest.mark.scenario("E35")
@pytest.mark.parametrize(
    ("slice_", "complaint"),
    [
        ([{"type": "RUN_STARTED", "threadId": "t", "runId": "r"}], "ends with RUN_STARTED"),
        (
            [
                {"type": "RUN_STARTED", "threadId": "t", "runId": "r"},
                {"type": "TEXT_MESSAGE_START", "messageId": "m"},
                {"type": "RUN_FINISHED", "threadId": "t", "runId": "r"},
            ],
            "still active",
        ),
        (
            [
                {"type": "RUN_STARTED", "threadId": "t", "runId": "r"},
                {"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "f"},
                {"type": "TOOL_CALL_END", "toolCallId": "c"},
                {"type": "RUN_FINISHED", "threadId": "t", "runId": "r"},
            ],
            "no result",
        ),
    ],
)
def test_the_check_itself_refuses_a_bad_slice(slice_: list[dict[str, str]], complaint: str) -> None:
    verdict = subprocess.run(
        ["node", VERIFY], input=json.dumps(slice_), text=True, capture_output=True, timeout=60, check=False
    )

    assert verdict.returncode == 1
    assert complaint in verdict.stdout
