"""The server's secrets are sent to no model, wherever in a conversation they stand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lobu_jupyter.agents.builtin.assistant import assistant
from lobu_jupyter.agents.models.keys import redactor_of
from tests.agents.bench import FakeKernel, policy, run, task_for
from tests.providers import Call, Provider, calls, says

KEY, TOKEN, KERNEL = "sk-secret-0123456789", "0123456789abcdef-token", "kernel-key-0123456789"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.mark.scenario("A25")
async def test_no_request_to_a_model_holds_a_secret(provider: Provider, tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_text(f"The token is {TOKEN}.")
    (tmp_path / "config.json").write_text(json.dumps({"key": KERNEL, "token": TOKEN}))
    chat = {"kind": "openai", "base_url": f"{provider.url}/v1", "api_key": KEY}
    settings = {"providers": {"chat": chat}, "secrets": [TOKEN]}
    redactor_of(settings).add(KERNEL)
    provider.script = [calls(Call("read_file", '{"path": "config.json"}')), says("Done.")]
    task = task_for(
        f"My key is {KEY}.",
        agent="assistant",
        model="chat:test-model",
        root=str(tmp_path),
        policy=policy(run={"mode": "allow"}),
        context=({"description": "env", "value": f"TOKEN={TOKEN}"},),
    )

    await run(assistant(settings), task, FakeKernel())

    sent = [json.dumps(request.body) for request in provider.requests]
    assert len(sent) == 2
    for secret in (KEY, TOKEN, KERNEL):
        assert not [body for body in sent if secret in body]
    assert sent[1].count("[redacted]") >= 5
