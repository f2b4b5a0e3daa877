"""Controls come from the live question only: what a saved copy says of a question decides nothing.

The page's half is in ``labextension/test/savedcopy.test.tsx``, and in a real JupyterLab in
``tests/browser/test_saved_controls.py``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lobu_jupyter.model.digest import digest_of_wire
from tests.scenarios.person import Person
from tests.servers import RealServer

MIME = "application/vnd.lobu.thread+json"
NO_RUN = "run_" + "f" * 32


class Waiting:
    """A thread of which a write really waits for a decision."""

    def __init__(self, server: RealServer, name: str) -> None:
        self.person = Person(server)
        self.file = server.root / name
        self.thread = self.person.thread()
        self.run = self.person.start(self.thread, f"write {name} hello")["runId"]
        self.person.finish(self.thread, self.run)
        (self.question,) = self.person.interrupts(self.thread)

    def output(self, run_id: str) -> dict[str, Any]:
        """An output that tells of the question in words of its own."""
        call = self.question["toolCallId"]
        args = {"path": "README.md"}
        asked = {
            "id": self.question["id"],
            "runId": run_id,
            "reason": "tool_call",
            "message": "Read the README?",
            "toolCallId": call,
            "metadata": {
                "lobu": {"toolName": "read_file", "args": args, "decisions": ["approve", "edit", "reject"]}
            },
        }
        tool = {"kind": "tool", "id": call, "runId": run_id, "name": "read_file", "args": json.dumps(args)}
        snapshot = {
            "cursor": 9,
            "title": "",
            "status": "waiting",
            "runs": [{"runId": run_id, "status": "interrupted"}],
            "items": [{**tool, "status": "waiting", "outputs": []}],
            "interrupts": [asked],
            "usage": {},
            "state": None,
        }
        more = {"version": 1, "threadId": self.thread, "runId": run_id, "cursor": 9, "prompt": "go"}
        return {MIME: {**more, "snapshot": snapshot}, "text/plain": "a saved output"}

    def assert_undecided(self) -> None:
        assert [one["id"] for one in self.person.interrupts(self.thread)] == [self.question["id"]]
        assert not self.file.exists()

    def audit(self) -> list[dict[str, Any]]:
        return self.person.ok(self.person.http.get("audit", params={"threadId": self.thread}))["audit"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    server = RealServer(tmp_path_factory.mktemp("server"))
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.mark.parametrize("payload", [{"approved": True}, {"approved": False}], ids=["approve", "reject"])
def test_a_decision_on_what_a_forged_copy_shows_is_told_the_true_question(
    served: RealServer, payload: dict[str, Any]
) -> None:
    waiting = Waiting(served, f"forged-{payload['approved']}.txt")
    (shown,) = waiting.output(NO_RUN)[MIME]["snapshot"]["interrupts"]
    shown["metadata"]["digest"] = digest_of_wire(waiting.question)  # the true digest beside false text
    entry = {"interruptId": shown["id"], "status": "resolved", "payload": payload}

    refused = waiting.person.http.post(
        f"threads/{waiting.thread}/resume", json={"resume": [{**entry, "digest": digest_of_wire(shown)}]}
    )

    assert refused.status_code == 409
    error = refused.json()["error"]
    assert error["code"] == "question_changed"
    assert [one["metadata"]["lobu"]["toolName"] for one in error["interrupts"]] == ["write_file"]
    waiting.assert_undecided()
    assert waiting.audit()[0]["action"] == "refused decision"
