"""Webhooks over HTTP: signed, repeated, never followed elsewhere, and never in the way of a run."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.model.webhooks import Hook, key_of, signature
from lobu_jupyter.server import webhooks
from lobu_jupyter.server.webhooks import Sender, problem_of, webhooks_of
from tests.gateway.rig import QUIET, Rig, open_rig, success
from tests.receiver import KEY, SECRET, receiving

LOG = logging.getLogger("test")


@asynccontextmanager
async def sending(store: Path, *urls: str) -> AsyncGenerator[Rig]:
    hooks = tuple(Hook(name=f"hook{n}", url=url, key=KEY) for n, url in enumerate(urls))
    async with open_rig(store, settings=replace(QUIET, webhooks=hooks)) as rig:
        task = asyncio.create_task(Sender(rig.gateway, LOG).run())
        try:
            yield rig
        finally:
            task.cancel()
            await asyncio.wait({task})


async def end_a_run(rig: Rig) -> str:
    started = await rig.running()
    await rig.worker.emit(started.run_id, success())
    return started.run_id


async def state_of(rig: Rig, name: str, value: Any, hook: int = 0) -> dict[str, Any]:
    """The webhook's state once it has this value."""
    async with asyncio.timeout(30):
        while (found := (await rig.gateway.webhooks.state())[hook])[name] != value:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return found


async def test_an_event_is_sent_signed_as_soon_as_it_is_true(store: Path) -> None:
    async with receiving() as receiver, sending(store, receiver.url) as rig:
        run = await end_a_run(rig)
        (body,) = await receiver.until(1)
        await state_of(rig, "delivered", 1)

    assert (body["type"], body["data"]["runId"], body["data"]["outcome"]) == ("run.ended", run, "succeeded")


def test_the_signature_is_the_one_of_the_standard() -> None:
    """The example of the standard's own libraries."""
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    assert key is not None
    found = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("status", [500, 302, 404, 429])
async def test_what_fails_is_sent_again_under_the_same_id(store: Path, status: int) -> None:
    async with receiving() as receiver:
        receiver.answers = [status, 200]
        receiver.headers = {"Location": receiver.url} if status == 302 else {}
        async with sending(store, receiver.url) as rig:
            await end_a_run(rig)
            found = await state_of(rig, "failed", 1)
            assert found["lastError"] == f"HTTP {status}"
            rig.clock.advance(webhooks.DELAYS[0] * 2)
            rig.gateway._ctx.on_webhook_event()
            await state_of(rig, "delivered", 1)

    (first, _), (second, _) = receiver.got
    assert first == second


async def test_410_turns_it_off_with_a_warning(store: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with receiving() as receiver:
        receiver.answers = [410]
        async with sending(store, receiver.url) as rig:
            await end_a_run(rig)
            await state_of(rig, "off", True)
            await end_a_run(rig)
            assert (await rig.gateway.webhooks.state())[0]["waiting"] == 0

    assert len(receiver.got) == 1
    (warning,) = [record.getMessage() for record in caplog.records if record.name == LOG.name]
    assert "hook0 is off" in warning
    assert "a-long-secret-path" not in warning


@pytest.mark.parametrize("how", ["hangs", "refuses"])
async def test_a_dead_receiver_holds_up_neither_runs_nor_other_receivers(store: Path, how: str) -> None:
    async with receiving() as dead, receiving() as living:
        dead.answers = [0]
        url = dead.url if how == "hangs" else "http://127.0.0.1:9/hook"
        async with sending(store, url, living.url) as rig:
            began = time.monotonic()
            for _ in range(3):
                await end_a_run(rig)
            await living.until(3)
            assert time.monotonic() - began < webhooks.REQUEST_SECONDS / 2


async def test_an_endless_answer_is_not_kept(store: Path) -> None:
    async with receiving() as receiver:
        receiver.body = b"x" * (2 * 1024 * 1024)
        async with sending(store, receiver.url) as rig:
            await end_a_run(rig)
            await state_of(rig, "delivered", 1)


async def test_what_a_server_left_in_the_outbox_is_sent_by_the_next_one(store: Path) -> None:
    async with receiving() as receiver:
        hooks = (Hook(name="hook0", url=receiver.url, key=KEY),)
        async with open_rig(store, settings=replace(QUIET, webhooks=hooks)) as rig:
            await end_a_run(rig)  # nobody sends
        async with sending(store, receiver.url):
            assert [body["type"] for body in await receiver.until(1)] == ["run.ended"]


def test_secrets_come_from_the_environment_or_a_file_and_kernels_lose_them(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    environment = {"HOOK": SECRET, "PATH": "/bin"}
    configured = {
        "a": {"url": "https://example.org/a-path-that-is-a-secret", "secret": "env:HOOK"},
        "b": {"url": "https://example.org", "secret": f"file:{tmp_path}/secret", "events": ["run.ended"]},
        "c": {"url": "https://example.org", "secret": "env:NOT_SET"},
        "d": {"url": "https://example.org", "secret": "too short"},
    }
    hooks, known = webhooks_of(configured, LOG, hide=True, environment=environment)

    assert [(hook.name, hook.key) for hook in hooks] == [("a", KEY), ("b", KEY)]
    assert hooks[1].events == ("run.ended",)
    assert environment == {"PATH": "/bin"}
    assert {SECRET, "https://example.org/a-path-that-is-a-secret", "a-path-that-is-a-secret"} <= set(known)


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"url": "example.org"}, "url"),
        ({"url": "ftp://example.org"}, "url"),
        ({"url": "https://u:p@example.org"}, "url"),
        ({"url": 7}, "url"),
        ({"events": ["run.began"]}, "events"),
        ({"more": 1}, "more"),
        ({"secret": None}, "secret"),
    ],
)
def test_a_wrong_configuration_is_refused_with_the_field(changed: dict[str, Any], names: str) -> None:
    problem = problem_of({"ops": {"url": "https://example.org", "secret": SECRET, **changed}})

    assert problem is not None
    assert "'ops'" in problem
    assert names in problem
