"""A grant covers what it names, and nothing that hides what it does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.model.covering import is_simple
from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.model.policy import Grant, Policy, Verdict, judge
from tests.gateway.conftest import rig, store
from tests.gateway.rig import ME, Rig, Worker, approve, call, paused

__all__ = ["rig", "store"]

CODE = json.loads((Path(__file__).parents[1] / "vectors" / "grants" / "code.json").read_text("utf-8"))


def verdict(covers: str, tool: str, args: dict[str, Any] | None, **more: Any) -> Verdict:
    grant = Grant(grant_id="g", tool=tool, scope="thread", covers=covers, **more)  # pyright: ignore[reportArgumentType]
    return judge(Policy(grants=(grant,)), tool, True, args).verdict


@pytest.mark.parametrize("code", CODE["simple"])
def test_a_grant_of_simple_code_covers_it(code: str) -> None:
    assert verdict("simple", "run_code", {"code": code}) is Verdict.ALLOW


@pytest.mark.parametrize("code", CODE["asks"])
def test_what_is_risky_or_cannot_be_seen_through_is_never_covered(code: str) -> None:
    assert verdict("simple", "run_code", {"code": code}) is Verdict.ASK


@pytest.mark.parametrize("code", CODE["asks"])
@pytest.mark.parametrize("around", ["g = 1\n{}", "{}\ng = 1", "if g:\n    {}", "g = 1; {}"])
def test_nor_is_it_beside_simple_code(code: str, around: str) -> None:
    if code in ("", "ls", "rm", "get_ipython", "exit", "quit", "rm[x]", "rm - x", "rm -x", "\n\nrm - x"):
        return  # names and arithmetic, where IPython does not read the line as a command of its own
    assert not is_simple(around.format(code.replace("\n", "\n    ") if "if" in around else code))


@pytest.mark.parametrize(
    ("tool", "args"),
    [
        ("write_file", {"path": "a", "content": "b"}),
        ("run_code", None),
        ("run_code", {"code": 1}),
        ("send_mail", {}),
    ],
)
def test_a_grant_of_simple_code_covers_nothing_else(tool: str, args: dict[str, Any] | None) -> None:
    assert verdict("simple", tool, args) is Verdict.ASK


async def grants(rig: Rig, thread_id: str) -> tuple[Grant, ...]:
    return (await rig.gateway.policy(ME, thread_id=thread_id)).grants


async def test_this_exact_call_covers_itself_only(rig: Rig) -> None:
    first = await rig.waiting("c")
    await rig.gateway.resume(ME, first.thread_id, [approve("c", grant="call")])

    policy = Policy(grants=await grants(rig, first.thread_id))

    assert judge(policy, "run_code", True, {"code": "1 + 1"}).verdict is Verdict.ALLOW
    for other in ({"code": "1 + 2"}, {"code": "1 + 1", "x": 1}, None):
        assert judge(policy, "run_code", True, other).verdict is Verdict.ASK


@pytest.mark.parametrize("grant", ["thread", "notebook"])
async def test_the_default_grants_are_narrow_and_the_wide_ones_are_named(rig: Rig, grant: str) -> None:
    thread = await rig.thread(notebook_path="a.ipynb")
    await rig.waiting("c", thread_id=thread)
    await rig.gateway.resume(ME, thread, [approve("c", grant=grant)])
    policy = Policy(grants=await grants(rig, thread))
    deletes = {"code": 'import shutil; shutil.rmtree("x")'}

    assert judge(policy, "run_code", True, {"code": "g = 2"}).verdict is Verdict.ALLOW
    assert judge(policy, "run_code", True, deletes).verdict is Verdict.ASK
    assert [one.covers for one in policy.grants] == ["simple"]
    wide = Policy(grants=(Grant(grant_id="w", tool="run_code", scope=grant, covers="all"),))
    assert judge(wide, "run_code", True, deletes).verdict is Verdict.ALLOW


async def test_a_tool_that_is_no_code_takes_only_the_grants_that_say_so(rig: Rig) -> None:
    run = await rig.running()
    await rig.worker.emit(run.run_id, *call("c", tool="send_mail"), paused("c"), checkpoint="c")

    with pytest.raises(InvalidField, match="thread_all"):
        await rig.gateway.resume(ME, run.thread_id, [approve("c", grant="thread")])
    await rig.gateway.resume(ME, run.thread_id, [approve("c", grant="thread_all")])

    assert [one.covers for one in await grants(rig, run.thread_id)] == ["all"]


async def test_a_grant_of_before_is_narrow(rig: Rig) -> None:
    await rig.database.write(_old_grant)
    (grant,) = (await rig.gateway.policy(ME)).grants

    assert judge(Policy(grants=(grant,)), "run_code", True, {"code": "import os"}).verdict is Verdict.ASK


async def _old_grant(tx: Any) -> None:
    tx._connection.execute(
        "INSERT INTO grants (grant_id, owner, tool, scope, thread_id, granted_by, created_at)"
        " VALUES ('g', 'ada', 'run_code', 'thread', 't', 'ada', 1)"
    )


async def test_an_outside_worker_is_given_no_grant(rig: Rig) -> None:
    outside = await Worker.register(rig.gateway, child=False, agents=("theirs",))
    first = await rig.waiting("c")
    resumed, _ = await rig.gateway.resume(ME, first.thread_id, [approve("c", grant="thread_all")])
    await rig.worker.fetch()
    await rig.gateway.cancel(ME, resumed.run_id)

    await rig.start(first.thread_id, agent="theirs")
    items = await outside.fetch()

    assert items[-1].task is not None
    assert items[-1].task.policy.grants == ()
