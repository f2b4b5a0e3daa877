"""Guardrails see all that a person sends, and fail closed; secrets of the server get into no journal."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.model.errors import InvalidField, NotAllowed, StoreUnavailable
from lobu_jupyter.model.events import custom
from lobu_jupyter.model.redaction import REDACTED, Redactor
from lobu_jupyter.model.requests import NewThread
from tests.peek import dump

from .rig import ME, QUIET, approve, call, failed, open_rig, paused, reject, result, say, success

KEY = "sk-test-0123456789abcdef"


class Ear:
    """A guardrail that notes what it was shown."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    async def __call__(self, text: str, where: str) -> None:
        self.heard.append((where, text))


@pytest.mark.scenario("A29")
async def test_a_guardrail_sees_every_text_that_a_person_can_send(store: Path) -> None:
    ear = Ear()
    async with open_rig(store, settings=replace(QUIET, guardrail=ear)) as rig:
        context = [{"description": "the selection", "value": "rows 1 to 9"}]
        started = await rig.running(prompt="my prompt", context=context)
        parts = [{"type": "text", "text": "a part"}]
        await rig.worker.emit(started.run_id, *call("a"), *call("b"), paused("a", "b"), checkpoint="{}")
        edited = approve("a", editedArgs={"code": "my edit", "more": ["deep inside"]})

        await rig.gateway.policy.resume(ME, started.thread_id, [edited, reject("b", "my reason")])
        other = await rig.running(prompt=None, messages=[{"id": "m", "role": "user", "content": parts}])
        questions = [{"id": "q", "question": "Which?", "freeText": True}]
        ask = paused("c", metadata={"lobu": {"questions": questions}}, reason="input_required")
        await rig.worker.emit(other.run_id, *call("c", "ask_user"), ask, checkpoint="{}")
        answer = {"interruptId": "ask-c", "status": "resolved", "payload": {"answers": {"q": "my answer"}}}
        await rig.gateway.policy.resume(ME, other.thread_id, [answer])

    heard = {text for _, text in ear.heard}
    assert heard >= {"my prompt", "rows 1 to 9", "my edit", "deep inside", "my reason", "a part", "my answer"}


@pytest.mark.scenario("W14")
@pytest.mark.parametrize("telling_fails", [False, True])
async def test_a_guardrail_trip_never_dispatches_even_if_telling_fails(
    store: Path, telling_fails: bool
) -> None:
    async def guardrail(text: str, where: str) -> None:
        raise ValueError("not this")

    async with open_rig(store, settings=replace(QUIET, guardrail=guardrail)) as rig:
        thread_id = await rig.thread()
        with pytest.MonkeyPatch.context() as patch:
            if telling_fails:
                patch.setattr(rig.database, "write", _full)
            with pytest.raises(StoreUnavailable if telling_fails else NotAllowed):
                await rig.start(thread_id)

        assert await rig.worker.fetch() == []
        assert await rig.rows("SELECT run_id FROM runs UNION SELECT run_id FROM leases") == []
        assert rig.pool.calls == 0


async def _full(body: Any) -> Any:
    raise StoreUnavailable


async def test_a_guardrail_that_hangs_refuses_and_the_refusal_is_in_the_audit(store: Path) -> None:
    async def guardrail(text: str, where: str) -> None:
        await asyncio.Event().wait()

    settings = replace(QUIET, guardrail=guardrail, guardrail_seconds=0.01)
    async with open_rig(store, settings=settings) as rig:
        thread_id = await rig.thread()

        with pytest.raises(NotAllowed, match="too long"):
            await rig.start(thread_id, "the text itself")

        (row,) = await rig.gateway.policy.audit(ME)
        assert row["action"] == "guardrail refused prompt"
        assert "the text itself" not in str(row)


@pytest.mark.scenario("A25")
async def test_the_servers_secrets_get_into_nothing_that_is_kept(store: Path) -> None:
    async with open_rig(store, settings=replace(QUIET, redactor=Redactor([KEY]))) as rig:
        context = [{"description": "env", "value": KEY}]
        started = await rig.running(prompt=f"my key is {KEY}", context=context)
        output = {"output_type": "stream", "name": "stdout", "text": f"KEY={KEY}\n"}
        await rig.worker.emit(
            started.run_id,
            *say(f"it is {KEY}"),
            *call("c", args=f'{{"code": "{KEY}"}}'),
            custom("lobu.output", {"toolCallId": "c", "index": 0, "output": output}),
            result("c", KEY),
            {"type": "SOMETHING_NEW", "key": KEY},
        )
        await rig.worker.emit(started.run_id, *call("d", args=f'{{"code": "{KEY}"}}'))
        await rig.worker.emit(started.run_id, paused("d", message=f"May I use {KEY}?"), checkpoint="{}")
        asked = await rig.gateway.policy.interrupts(ME)

        with pytest.raises(InvalidField, match="key or token"):
            await rig.gateway.policy.resume(ME, started.thread_id, [approve("d", editedArgs={"code": KEY})])
        await rig.gateway.policy.resume(ME, started.thread_id, [reject("d")])
        (go_on,) = await rig.worker.fetch()
        assert go_on.run_id is not None
        await rig.worker.emit(go_on.run_id, result("d"), failed(message=f"401 for {KEY}"))
        await rig.gateway.threads.create(ME, NewThread(title=f"about {KEY}"))
        lost = await rig.start(await rig.thread())
        await rig.gateway.workers.gone(rig.worker.caller.worker_id)
        await rig.gateway.workers.none_starts(f"The worker said: {KEY}")

        assert REDACTED in str(asked)
        assert (await rig.run(lost.run_id)).error is not None
        held = await rig.database.read(dump)
    assert KEY not in held
    assert "about " in held


def test_redaction_takes_out_the_longest_secret_first_and_leaves_short_words() -> None:
    redactor = Redactor(["12345678", "12345678-and-more", "short", 'quo"ted-secret'])

    assert redactor.text("x 12345678-and-more y 12345678 short") == f"x {REDACTED} y {REDACTED} short"
    assert redactor.raw(b'{"a": "quo\\"ted-secret"}') == b'{"a": "' + REDACTED.encode() + b'"}'
    assert redactor.tree({"a": ["12345678", 1, None]}) == {"a": [REDACTED, 1, None]}


async def test_the_end_of_a_run_is_told_with_its_usage_and_a_resumed_one_starts_anew(store: Path) -> None:
    async with open_rig(store) as rig:
        started = await rig.running()

        await rig.worker.emit(started.run_id, success(usage=[{"inputTokens": 3}, {"inputTokens": 4}]))

        assert (await rig.run(started.run_id)).usage == {"inputTokens": 7}
