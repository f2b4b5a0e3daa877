"""Budgets in the gateway: what was used is counted, limits hold, and no race passes one by more than a request."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.gateway import Gateway
from lobu_jupyter.model.budget import (
    BUDGET,
    BUDGET_CALL,
    Budget,
    Budgets,
    Reserve,
    Spend,
    SpendVerdict,
    Used,
    counted,
)
from lobu_jupyter.model.callers import KernelCaller
from lobu_jupyter.model.errors import InvalidField, NotAllowed, StaleIncarnation
from lobu_jupyter.model.runs import RunStatus

from .rig import ME, OTHER, QUIET, Rig, Worker, approve, call, open_rig, paused, success

TEN = Budgets(day=Budget(tokens=10_000))
MOST = Reserve(tokens=9000, likely_tokens=1000, micros=900, likely_micros=100)


async def ask(rig: Rig, run_id: str, number: int = 1, most: Reserve = MOST) -> SpendVerdict:
    return await rig.gateway.workers.spend(
        rig.worker.caller, Spend(run_id=run_id, number=number, reserve=most)
    )


async def tell(rig: Rig, run_id: str, tokens: int, number: int = 1, micros: int | None = 0) -> None:
    used = Used(number=number, tokens=tokens, micros=micros)
    await rig.gateway.workers.spend(rig.worker.caller, Spend(run_id=run_id, used=used))


async def used(gateway: Gateway, scope: str = "day", **query: Any) -> dict[str, Any]:
    return (await gateway.policy.budget(ME, **query))["used"][scope]


def test_a_usage_is_counted_by_its_tokens_and_price() -> None:
    priced = {"inputTokens": 100, "outputTokens": 20, "metadata": {"cost": 0.01}}

    assert counted([priced, {"inputTokens": 5}, {"inputTokens": 0}]) == (125, 10_000, 1)


async def test_a_run_that_ends_counts_for_its_thread_and_day(rig: Rig) -> None:
    thread = await rig.thread()
    for _ in range(2):
        run = await rig.running(thread)
        rig.clock.advance(3)
        usage = [{"inputTokens": 100, "outputTokens": 20}, {"inputTokens": 5}]
        await rig.worker.emit(run.run_id, success(usage=usage))

    view = await rig.gateway.policy.budget(ME, thread_id=thread)

    assert view["used"]["run"] == {"tokens": 125, "dollars": 0.0, "seconds": 3, "unpriced": 2}
    assert view["used"]["thread"] == view["used"]["day"]
    assert view["used"]["day"] == {"tokens": 250, "dollars": 0.0, "seconds": 6, "unpriced": 4}
    assert (await rig.gateway.policy.budget(OTHER))["used"]["day"]["tokens"] == 0
    rig.clock.advance(24 * 3600)
    assert (await used(rig.gateway))["tokens"] == 0


async def test_a_server_limit_ends_the_run_and_reports_count_once(store: Path) -> None:
    async with open_rig(store, settings=replace(QUIET, budgets=TEN)) as rig:
        run = await rig.running()
        assert (await ask(rig, run.run_id)).verdict == "go"
        await tell(rig, run.run_id, 10_500)
        await tell(rig, run.run_id, 10_500)  # the answer was lost

        verdict = await ask(rig, run.run_id, 2)

        assert verdict.verdict == "end"
        assert verdict.message == "10,500 tokens used; this server's limit in one day (UTC) is 10,000 tokens."
        await rig.worker.emit(
            run.run_id, {"type": "RUN_ERROR", "message": "m", "usage": [{"inputTokens": 10_500}]}
        )
        assert (await used(rig.gateway))["tokens"] == 10_500


async def test_two_runs_cannot_both_spend_the_last_token(store: Path) -> None:
    async with open_rig(store, settings=replace(QUIET, budgets=TEN)) as rig:
        runs = [(await rig.running()).run_id for _ in range(8)]
        assert (await ask(rig, runs[0])).verdict == "go"
        await tell(rig, runs[0], 9_999)

        verdicts = await asyncio.gather(*(ask(rig, run, 2) for run in runs))

        assert sorted(v.verdict for v in verdicts) == ["go", *["wait"] * 7]
        (won,) = [run for run, v in zip(runs, verdicts, strict=True) if v.verdict == "go"]
        await tell(rig, won, 300, 2)
        assert {(await ask(rig, run, 3)).verdict for run in runs} == {"end"}
        assert (await used(rig.gateway))["tokens"] == 10_299


async def test_far_from_a_limit_requests_are_made_side_by_side(store: Path) -> None:
    async with open_rig(store, settings=replace(QUIET, budgets=Budgets(day=Budget(tokens=20_000)))) as rig:
        first, second, third = [(await rig.running()).run_id for _ in range(3)]

        assert [(await ask(rig, run)).verdict for run in (first, second, third)] == ["go", "go", "wait"]


async def test_a_request_that_was_cut_off_counts_as_what_it_was_likely_to_use(store: Path) -> None:
    async with open_rig(store, settings=replace(QUIET, budgets=TEN)) as rig:
        run = await rig.running()
        await ask(rig, run.run_id)

        await rig.gateway.runs.cancel(ME, run.run_id)

        assert (await used(rig.gateway))["tokens"] == 1000
        assert await rig.rows("SELECT count(*) FROM reservations") == [(0,)]


async def test_a_stale_or_foreign_worker_reserves_nothing(store: Path) -> None:
    async with open_rig(store, settings=replace(QUIET, budgets=TEN)) as rig:
        run = await rig.running()
        other = await Worker.register(rig.gateway)
        with pytest.raises(StaleIncarnation):
            await rig.gateway.workers.spend(other.caller, Spend(run_id=run.run_id, reserve=MOST))
        await rig.worker.emit(run.run_id, success())
        with pytest.raises(StaleIncarnation):
            await ask(rig, run.run_id)


async def _asked(rig: Rig, own: Budgets, **more: Any) -> tuple[str, SpendVerdict]:
    await rig.gateway.policy.put_budget(ME, own)
    run = await rig.running()
    await ask(rig, run.run_id)
    await tell(rig, run.run_id, 6000)
    return run.run_id, await ask(rig, run.run_id, 2)


async def _pause(rig: Rig, run_id: str, args: dict[str, Any], reason: str = BUDGET) -> str:
    thread = (await rig.run(run_id)).thread_id
    lobu = {"toolName": BUDGET_CALL, "args": args, "decisions": ["approve", "reject"], "noGrant": True}
    end = paused("c", metadata={"lobu": lobu})
    end["outcome"]["interrupts"][0]["reason"] = reason
    await rig.worker.emit(run_id, *call("c", BUDGET_CALL), end, checkpoint="x")
    started, _ = await rig.gateway.policy.resume(ME, thread, [approve("c")])
    await rig.worker.fetch()
    return started.run_id


async def test_a_persons_own_limit_asks_and_approving_raises_it_for_this_run_only(store: Path) -> None:
    async with open_rig(store, settings=replace(QUIET, budgets=TEN)) as rig:
        run, verdict = await _asked(rig, Budgets(day=Budget(tokens=5000)))
        assert verdict.verdict == "ask"
        assert verdict.ask == {"limit": "day.tokens", "used": 6000, "most": 5000, "more": 5000}
        assert "your own limit in one day (UTC) is 5,000 tokens" in verdict.message
        assert "up to 5,000 tokens more" in verdict.message

        assert verdict.ask is not None
        goes_on = await _pause(rig, run, verdict.ask)

        assert (await ask(rig, goes_on, 1, Reserve(tokens=10, likely_tokens=1))).verdict == "go"
        await tell(rig, goes_on, 4100)
        assert (await ask(rig, goes_on, 2)).verdict == "end"  # never above the server's
        assert (await ask(rig, (await rig.running()).run_id)).verdict == "end"


async def test_another_run_still_has_the_persons_own_limit(rig: Rig) -> None:
    run, verdict = await _asked(rig, Budgets(day=Budget(tokens=5000)))
    assert verdict.ask is not None
    goes_on = await _pause(rig, run, verdict.ask)

    assert (await ask(rig, goes_on, 1, Reserve(tokens=10, likely_tokens=1))).verdict == "go"
    assert (await ask(rig, (await rig.running()).run_id)).verdict == "ask"


async def test_an_approved_tool_of_the_same_name_raises_nothing(rig: Rig) -> None:
    run, verdict = await _asked(rig, Budgets(day=Budget(tokens=5000)))
    assert verdict.ask is not None

    goes_on = await _pause(rig, run, verdict.ask, reason="tool_call")

    assert (await ask(rig, goes_on)).verdict == "ask"


async def test_a_run_counts_with_those_that_resume_it(store: Path) -> None:
    limit = Budgets(run=Budget(tokens=7000))
    async with open_rig(store, settings=replace(QUIET, budgets=limit)) as rig:
        run = await rig.waiting("c")
        started, _ = await rig.gateway.policy.resume(ME, run.thread_id, [approve("c")])
        await rig.worker.fetch()
        await ask(rig, started.run_id)
        await tell(rig, started.run_id, 7000)

        assert (await ask(rig, started.run_id, 2)).verdict == "end"
        assert (await used(rig.gateway, "run", thread_id=run.thread_id))["tokens"] == 7000
        assert (await ask(rig, (await rig.running()).run_id)).verdict == "go"


async def test_own_limits_are_below_the_servers_and_a_kernel_of_agent_code_sets_none(store: Path) -> None:
    async with open_rig(store, settings=replace(QUIET, budgets=TEN)) as rig:
        with pytest.raises(InvalidField, match="at most 10,000 tokens") as refused:
            await rig.gateway.policy.put_budget(ME, Budgets(day=Budget(tokens=10_001)))
        assert refused.value.field == "day.tokens"
        kernel = KernelCaller(name=ME.name, kernel_id="k1", attended=True, decides=False)
        with pytest.raises(NotAllowed):
            await rig.gateway.policy.put_budget(kernel, Budgets())

        set_ = await rig.gateway.policy.put_budget(ME, Budgets(day=Budget(tokens=10_000)))

        assert set_["limits"]["own"] == Budgets(day=Budget(tokens=10_000))
        (row, *_) = await rig.gateway.policy.audit(ME)
        assert row["action"] == "budget"


async def test_a_model_without_a_known_price_is_refused_only_if_the_server_says_so(store: Path) -> None:
    unpriced = Reserve(tokens=10, likely_tokens=1)
    settings = replace(QUIET, budgets=Budgets(day=Budget(dollars=1.0)))
    async with open_rig(store, settings=settings) as rig:
        run = await rig.running()
        assert (await ask(rig, run.run_id, 1, unpriced)).verdict == "go"
        await tell(rig, run.run_id, 50, micros=None)
        assert await used(rig.gateway) == {"tokens": 50, "dollars": 0.0, "seconds": 0, "unpriced": 1}
        rig.gateway._ctx.settings = replace(settings, unknown_price="deny")
        verdict = await ask(rig, run.run_id, 2, unpriced)
        assert (verdict.verdict, "not known" in verdict.message) == ("end", True)


async def test_a_run_over_its_time_ends_once_with_what_it_had(store: Path) -> None:
    settings = replace(QUIET, budgets=Budgets(run=Budget(seconds=20)))
    async with open_rig(store, settings=settings) as rig:
        run = await rig.running()
        rig.clock.advance(19)
        await rig.gateway.sweep()
        assert (await rig.run(run.run_id)).status is RunStatus.RUNNING
        rig.clock.advance(1)

        await rig.gateway.sweep()

        ended = await rig.run(run.run_id)
        assert (ended.status, ended.error and ended.error.code) == (RunStatus.FAILED, "budget_exceeded")
        assert (await rig.types(run.thread_id)).count("RUN_ERROR") == 1
        assert (await used(rig.gateway))["seconds"] == 20


async def test_a_deleted_thread_takes_its_counts_along_but_not_the_days(rig: Rig) -> None:
    run = await rig.running()
    await rig.worker.emit(run.run_id, success(usage=[{"inputTokens": 7}]))
    await rig.gateway.threads.delete(ME, run.thread_id)
    rig.clock.advance(QUIET.purge_seconds + 1)

    await rig.gateway.sweep()

    assert await rig.rows("SELECT scope, tokens FROM spending") == [("day", 7)]
