"""A grant covers what it names, and nothing that hides what it does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from IPython.core.interactiveshell import InteractiveShell

from lobu_jupyter.model.callers import Person
from lobu_jupyter.model.covering import GRANTS, call_digest, is_simple, words_of
from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.model.events import Event, custom
from lobu_jupyter.model.policy import Grant, Policy, Rules, Verdict, judge
from lobu_jupyter.model.requests import AuditQuery, NewThread
from lobu_jupyter.server import openapi_path
from tests.agents.bench import resume, run
from tests.extending.test_acp import Rig as Robot
from tests.gateway.rig import ME, OTHER, Rig, Worker, approve, call, paused
from tests.peek import peek
from tests.server.test_callers import NamedUsers
from tests.server.wire import Wire

VECTORS = Path(__file__).parents[1] / "vectors" / "grants"
WORDS: list[dict[str, str]] = json.loads((VECTORS / "words.json").read_text("utf-8"))
CODE = json.loads((VECTORS / "code.json").read_text("utf-8"))


def verdict(covers: str, tool: str, args: dict[str, Any] | None, **more: Any) -> Verdict:
    grant = Grant(grant_id="g", tool=tool, scope="thread", covers=covers, **more)  # pyright: ignore[reportArgumentType]
    return judge(Policy(grants=(grant,)), tool, True, args).verdict


@pytest.mark.parametrize("code", CODE["simple"])
def test_a_grant_of_simple_code_covers_it(code: str) -> None:
    assert verdict("simple", "run_code", {"code": code}) is Verdict.ALLOW


@pytest.mark.parametrize("code", [*CODE["asks"], *CODE["commands"]])
def test_what_is_risky_or_cannot_be_seen_through_is_never_covered(code: str) -> None:
    assert verdict("simple", "run_code", {"code": code}) is Verdict.ASK


@pytest.mark.parametrize("code", CODE["asks"])
@pytest.mark.parametrize("around", ["g = 1\n{}", "{}\ng = 1", "if g:\n    {}", "g = 1; {}"])
def test_nor_is_it_beside_simple_code(code: str, around: str) -> None:
    if code == "":
        return
    assert not is_simple(around.format(code.replace("\n", "\n    ") if "if" in around else code))


def test_what_ipython_takes_for_a_command_is_never_simple(tmp_path: Path) -> None:
    shell = InteractiveShell(ipython_dir=str(tmp_path))
    marks = [*"=+-*/%<>!,.;:[(|&@~^", "", "+=", "-=", "!=", ">=", "<=", "==", "**"]
    tried = [
        f"{lines}rm{mark} x" for lines in ("", "\n", " \n\n") for mark in [*marks, *(f" {m}" for m in marks)]
    ]
    tried += [f"{code}{end}!ls" for code in ("g = 1 #", "'a", "g = 1") for end in map(chr, range(32))]

    ran = [c for c in tried if is_simple(c) and "get_ipython" in shell.prefilter(shell.transform_cell(c))]

    assert ran == []
    assert any(is_simple(code) for code in tried)


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
    return (await rig.gateway.policy.get(ME, thread_id=thread_id)).grants


async def test_this_exact_call_covers_itself_only(rig: Rig) -> None:
    first = await rig.waiting("c")
    await rig.gateway.policy.resume(ME, first.thread_id, [approve("c", grant="call")])

    policy = Policy(grants=await grants(rig, first.thread_id))

    assert judge(policy, "run_code", True, {"code": "1 + 1"}).verdict is Verdict.ALLOW
    for other in ({"code": "1 + 2"}, {"code": "1 + 1", "x": 1}, None):
        assert judge(policy, "run_code", True, other).verdict is Verdict.ASK


@pytest.mark.parametrize("grant", ["thread", "notebook"])
async def test_the_default_grants_are_narrow_and_the_wide_ones_are_named(rig: Rig, grant: str) -> None:
    thread = await rig.thread(notebook_path="a.ipynb")
    await rig.waiting("c", thread_id=thread)
    await rig.gateway.policy.resume(ME, thread, [approve("c", grant=grant)])
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
        await rig.gateway.policy.resume(ME, run.thread_id, [approve("c", grant="thread")])
    await rig.gateway.policy.resume(ME, run.thread_id, [approve("c", grant="thread_all")])

    assert [one.covers for one in await grants(rig, run.thread_id)] == ["all"]


async def test_a_grant_of_before_is_narrow(rig: Rig) -> None:
    await rig.database.write(_old_grant)
    (grant,) = (await rig.gateway.policy.get(ME)).grants

    assert judge(Policy(grants=(grant,)), "run_code", True, {"code": "import os"}).verdict is Verdict.ASK


async def _old_grant(tx: Any) -> None:
    peek(
        tx,
        "INSERT INTO grants (grant_id, owner, tool, scope, thread_id, granted_by, created_at)"
        " VALUES ('g', 'ada', 'run_code', 'thread', 't', 'ada', 1)",
    )


async def test_an_outside_worker_is_given_no_grant(rig: Rig) -> None:
    outside = await Worker.register(rig.gateway, child=False, agents=("theirs",))
    first = await rig.waiting("c")
    resumed, _ = await rig.gateway.policy.resume(ME, first.thread_id, [approve("c", grant="thread_all")])
    await rig.worker.fetch()
    await rig.gateway.runs.cancel(ME, resumed.run_id)

    await rig.start(first.thread_id, agent="theirs")
    items = await outside.fetch()

    assert items[-1].task is not None
    assert items[-1].task.policy.grants == ()


async def test_this_exact_call_is_also_for_what_its_question_was_bound_to(rig: Rig) -> None:
    started = await rig.running()
    binds = {"server": "box", "tool": "look", "schema": "5f"}
    ask = paused("c", metadata={"lobu": {"binds": binds}})
    await rig.worker.emit(started.run_id, *call("c", "box__look", '{"a": 1}'), ask, checkpoint="x")
    await rig.gateway.policy.resume(ME, started.thread_id, [approve("c", grant="call")])

    policy = Policy(grants=await grants(rig, started.thread_id))

    assert judge(policy, "box__look", True, {"a": 1}, binds).verdict is Verdict.ALLOW
    for other in ({**binds, "schema": "6f"}, None, {}):
        assert judge(policy, "box__look", True, {"a": 1}, other).verdict is Verdict.ASK


@pytest.fixture
async def robot(tmp_path: Path) -> AsyncIterator[Robot]:
    robot = Robot(tmp_path)
    yield robot
    for agent in robot.agents:
        await agent.close()


@pytest.mark.parametrize(
    ("line", "other", "tool"),
    [
        ("ask {root}/a.txt hello", "ask {root}/a.txt bye", "robot__edit"),
        ("write {root}/b.txt hello", "write {root}/b.txt bye", "robot__write"),
        ("run echo hello", "run echo bye", "robot__execute"),
    ],
)
async def test_this_exact_call_of_an_outside_agents_own_tool_covers_itself_only(
    robot: Robot, line: str, other: str, tool: str
) -> None:
    root = f"{robot.home}/root"
    first, second = robot.task(line.format(root=root)), robot.task(other.format(root=root))
    asked = await run(robot.agent, first)
    (question,) = asked.interrupts
    assert question.tool_name == tool
    digest = call_digest(tool, question.args, question.binds)
    held = Policy(grants=(Grant(grant_id="g", tool=tool, scope="thread", covers="call", digest=digest),))
    await resume(robot.agent, first, asked, None, "reject")

    again = await run(robot.agent, msgspec.structs.replace(first, run_id="run_2", policy=held))
    differs = await run(robot.agent, msgspec.structs.replace(second, run_id="run_3", policy=held))

    assert again.pause is None
    assert [value["grantId"] for value in again.customs("lobu.granted")] == ["g"]
    assert [interrupt.tool_name for interrupt in differs.interrupts] == [tool]


@pytest.mark.parametrize("vector", WORDS, ids=lambda vector: vector["words"])
def test_a_grant_says_in_words_what_it_covers(vector: dict[str, str]) -> None:
    """The browser says the same: labextension/test/grants.test.tsx has these vectors too."""
    grant = msgspec.convert({"grantId": "g", **vector}, Grant)

    assert words_of(grant) == vector["words"]


def test_the_vectors_have_every_grant() -> None:
    assert {(vector["scope"], vector["covers"]) for vector in WORDS} == set(GRANTS.values())


def test_the_document_names_every_grant() -> None:
    schemas = yaml.safe_load(Path(openapi_path()).read_text())["components"]["schemas"]

    assert set(schemas["GrantName"]["enum"]) == set(GRANTS)
    assert set(schemas["Grant"]["properties"]["covers"]["enum"]) == {covers for _, covers in GRANTS.values()}
    assert set(schemas["Grant"]["properties"]["scope"]["enum"]) == {scope for scope, _ in GRANTS.values()}
    wire = msgspec.to_builtins(Grant(grant_id="g", tool="x", scope="thread"))
    assert wire.keys() == schemas["Grant"]["properties"].keys()


def use(call_id: str = "c", **more: Any) -> Event:
    value = {"toolCallId": call_id, "grantId": "grant_1", "tool": "run_code", **more}
    return custom("lobu.granted", value)


async def test_each_use_of_a_grant_is_in_the_audit(rig: Rig) -> None:
    run = await rig.running()

    await rig.worker.emit(run.run_id, *call("c"), use(), *call("d"), use("d"), use("d"))

    rows = [
        row
        for row in await rig.gateway.policy.audit(ME, AuditQuery(thread_id=run.thread_id))
        if row["action"] == "grant used"
    ]
    assert [(row["runId"], row["by"], row["via"]) for row in rows] == [
        (run.run_id, rig.worker.caller.worker_id, "worker")
    ] * 2
    assert [row["detail"] for row in rows[::-1]] == [
        {"grantId": "grant_1", "tool": "run_code", "toolCallId": name} for name in ("c", "d")
    ]
    assert await rig.gateway.policy.audit(OTHER) == []


@pytest.mark.parametrize("bad", [{"grantId": 5}, {"toolCallId": None}, {"tool": "x" * 10**4}])
async def test_a_use_that_names_no_grant_is_refused(rig: Rig, bad: dict[str, Any]) -> None:
    run = await rig.running()

    with pytest.raises(InvalidField, match=r"lobu\.granted") as refused:
        await rig.worker.emit(run.run_id, *call("c"), use(**bad))

    assert refused.value.field is not None
    assert refused.value.field.startswith("events[3].value")


async def test_an_outside_worker_claims_no_use_of_a_grant(rig: Rig) -> None:
    outside = await Worker.register(rig.gateway, child=False, agents=("theirs",))
    run = await rig.start(await rig.thread(), agent="theirs")
    await outside.fetch()

    with pytest.raises(InvalidField, match="no grants"):
        await outside.emit(run.run_id, *call("c"), use())

    assert [row for row in await rig.gateway.policy.audit(ME) if row["action"] == "grant used"] == []


# -- how grants end: the notebook's file is deleted, or is another one


async def granted_in(rig: Rig, path: str, by: Person = ME) -> str:
    """A chat of a notebook, with a grant for the notebook, one for the chat, and a rule."""
    thread = (await rig.gateway.threads.create(by, NewThread(notebook_path=path))).thread_id
    for grant in ("notebook", "thread_all"):
        row = {"owner": by.name, "thread_id": thread, "notebook_path": path}
        await rig.database.write(lambda tx, row=row, grant=grant: _add(tx, row, grant))
    await rig.gateway.policy.put(by, notebook_path=path, rules=Rules(deny=("x",)))
    return thread


async def _add(tx: Any, row: dict[str, str], grant: str) -> None:
    scope = grant.partition("_")[0]
    peek(
        tx,
        "INSERT INTO grants (grant_id, owner, tool, scope, thread_id, notebook_path, granted_by, created_at)"
        " VALUES (?, ?, 'run_code', ?, ?, ?, 'x', 1)",
        f"{grant}-{row['thread_id']}",
        row["owner"],
        scope,
        row["thread_id"] if scope == "thread" else None,
        row["notebook_path"] if scope == "notebook" else None,
    )


async def held(rig: Rig, path: str, thread: str, by: Person = ME) -> tuple[int, bool]:
    """How many grants hold in a notebook's chat, and whether its rules do."""
    grants = (await rig.gateway.policy.get(by, thread_id=thread)).grants
    layers = (await rig.gateway.policy.get(by, notebook_path=path)).layers
    return len(grants), any(layer.name == "notebook" for layer in layers)


@pytest.mark.parametrize("what", ["deleted", "replaced"])
@pytest.mark.parametrize("place", ["work/a.ipynb", "work"])
async def test_a_notebook_that_is_gone_takes_its_grants_and_rules_along(
    rig: Rig, what: Any, place: str
) -> None:
    thread = await granted_in(rig, "work/a.ipynb")
    beside = await granted_in(rig, "workshop/a.ipynb")
    assert await held(rig, "work/a.ipynb", thread) == (2, True)

    await rig.gateway.threads.notebook_gone(place, what, owner=ME.name)

    assert await held(rig, "work/a.ipynb", thread) == (0, False)
    assert await held(rig, "workshop/a.ipynb", beside) == (2, True)
    ended = [row for row in await rig.gateway.policy.audit(ME) if row["action"].endswith(" ended")]
    assert sorted(row["action"] for row in ended) == ["grant ended", "grant ended", "rules ended"]
    assert {row["detail"]["why"] for row in ended} == {f"the notebook was {what}"}
    assert {row["detail"]["grantId"] for row in ended if row["action"] == "grant ended"} == {
        f"notebook-{thread}",
        f"thread_all-{thread}",
    }


@pytest.mark.parametrize("how", ["deleted", "replaced", "moved there"])
async def test_on_a_shared_tree_everybodys_grants_end_and_other_persons_rules_stay(
    rig: Rig, how: Any
) -> None:
    mine, theirs = await granted_in(rig, "a.ipynb"), await granted_in(rig, "a.ipynb", OTHER)
    assert await held(rig, "a.ipynb", mine) == (2, True)

    if how == "moved there":
        await rig.gateway.threads.notebook_moved("b.ipynb", "a.ipynb", owner=OTHER.name)
    else:
        await rig.gateway.threads.notebook_gone("a.ipynb", how, owner=OTHER.name)

    assert await held(rig, "a.ipynb", mine) == (0, True)
    assert await held(rig, "a.ipynb", theirs, OTHER) == (0, False)
    ended = [row for row in await rig.gateway.policy.audit(ME) if row["action"] == "grant ended"]
    assert len(ended) == 2, "each person reads it in their own audit"


async def test_a_notebook_that_takes_anothers_path_brings_its_own_grants_only(rig: Rig) -> None:
    old, new = await granted_in(rig, "old.ipynb"), await granted_in(rig, "new.ipynb")

    await rig.gateway.threads.notebook_moved("old.ipynb", "new.ipynb", owner=ME.name)

    grants = (await rig.gateway.policy.get(ME, notebook_path="new.ipynb")).grants
    assert [grant.grant_id for grant in grants] == [f"notebook-{old}"]
    assert (await held(rig, "new.ipynb", old)) == (2, True)
    assert (await held(rig, "new.ipynb", new)) == (1, True)  # the notebook's, which is the moved one


async def test_a_notebook_without_rules_takes_no_rules_of_the_one_that_it_replaces(rig: Rig) -> None:
    await granted_in(rig, "new.ipynb")

    await rig.gateway.threads.notebook_moved("old.ipynb", "new.ipynb", owner=ME.name)

    policy = await rig.gateway.policy.get(ME, notebook_path="new.ipynb")
    assert ([layer.name for layer in policy.layers], policy.grants) == (["server"], ())


@pytest.mark.parametrize(("old", "new"), [("a.ipynb", "a.ipynb"), ("b/a.ipynb", "b")])
async def test_a_rename_to_where_it_was_ends_nothing(rig: Rig, old: str, new: str) -> None:
    thread = await granted_in(rig, old)

    await rig.gateway.threads.notebook_moved(old, new, owner=ME.name)

    assert (await held(rig, new, thread)) == (2, True)


NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
SAVE = {"type": "notebook", "format": "json", "content": NOTEBOOK}
BASE64 = {"type": "notebook", "content": {**NOTEBOOK, "metadata": {"format": "base64"}}}
UPLOAD = {"type": "file", "format": "base64", "name": "a.ipynb", "content": "e30="}


@pytest.fixture
def named(jp_server_config: Any) -> None:
    jp_server_config["ServerApp"]["identity_provider_class"] = NamedUsers


async def _put(wire: Wire, jp_fetch: Any, requests: list[tuple[str, str, Any]], **who: Any) -> None:
    for method, path, body in requests:
        sent = None if body is None else json.dumps(body)
        await jp_fetch("api", "contents", *path.split("/"), method=method, body=sent, **who)
    await wire.app.event_logger.gather_listeners()


async def _rules(wire: Wire, path: str, **who: Any) -> bool:
    policy = await wire.ok("GET", "policy", params={"notebookPath": path}, **who)
    return "notebook" in [layer["name"] for layer in policy["layers"]]


@pytest.mark.parametrize(
    ("requests", "stay"),
    [
        ([("PUT", "a.ipynb", SAVE)], True),
        ([("PUT", "a.ipynb", BASE64)], True),
        ([("GET", "a.ipynb", None)], True),
        ([("PUT", "a.ipynb", UPLOAD)], False),
        ([("PUT", "a.ipynb", {**UPLOAD, "chunk": 1})], False),
        ([("DELETE", "a.ipynb", None)], False),
        ([("DELETE", "a.ipynb", None), ("PUT", "a.ipynb", SAVE)], False),
        ([("PUT", "c.ipynb", SAVE), ("DELETE", "a.ipynb", None), ("PATCH", "c.ipynb", {"path": "a.ipynb"})], False),
        ([("PATCH", "a.ipynb", {"path": "z.ipynb"})], False),
    ],
)  # fmt: skip
async def test_jupyter_tells_when_a_notebook_is_another_one(
    wire: Wire, jp_fetch: Any, requests: list[tuple[str, str, Any]], stay: bool
) -> None:
    await _put(wire, jp_fetch, [("PUT", "a.ipynb", SAVE)])
    await wire.ok("PUT", "policy", {"notebookPath": "a.ipynb", "rules": {"deny": ["x"]}})

    await _put(wire, jp_fetch, requests)

    assert await _rules(wire, "a.ipynb") is stay


@pytest.mark.parametrize("body", [{"type": "notebook"}, {"copy_from": "b.ipynb"}])
async def test_a_new_file_takes_nothing_of_one_that_went_unseen(wire: Wire, jp_fetch: Any, body: Any) -> None:
    await _put(wire, jp_fetch, [("PUT", "b.ipynb", SAVE)])
    paths = ("Untitled.ipynb", "b-Copy1.ipynb")
    for path in paths:
        await wire.ok("PUT", "policy", {"notebookPath": path, "rules": {"deny": ["x"]}})

    reply = await jp_fetch("api", "contents", method="POST", body=json.dumps(body))
    await wire.app.event_logger.gather_listeners()

    made = json.loads(reply.body)["path"]
    assert made in paths
    assert {path: await _rules(wire, path) for path in paths} == {path: path != made for path in paths}


@pytest.mark.usefixtures("named")
async def test_a_deletion_ends_the_rules_of_its_own_person_only(wire: Wire, jp_fetch: Any) -> None:
    ada, bob = ({"headers": {"X-User": name}} for name in ("ada", "bob"))
    await _put(wire, jp_fetch, [("PUT", "a.ipynb", SAVE)], **ada)
    for who in (ada, bob):
        await wire.ok("PUT", "policy", {"notebookPath": "a.ipynb", "rules": {"deny": ["x"]}}, **who)

    await _put(wire, jp_fetch, [("DELETE", "a.ipynb", None)], **bob)

    assert [await _rules(wire, "a.ipynb", **who) for who in (ada, bob)] == [True, False]


async def test_a_deletion_that_a_client_only_claims_ends_nothing(wire: Wire, jp_fetch: Any) -> None:
    await wire.ok("PUT", "policy", {"notebookPath": "a.ipynb", "rules": {"deny": ["x"]}})
    event = {
        "schema_id": "https://events.jupyter.org/jupyter_server/contents_service/v1",
        "version": "1",
        "data": {"action": "delete", "path": "a.ipynb"},
    }
    await jp_fetch("api", "events", method="POST", body=json.dumps(event))
    await wire.app.event_logger.gather_listeners()

    assert await _rules(wire, "a.ipynb")


@pytest.mark.parametrize("end", ["revoked", "deleted"])
async def test_open_pages_are_told_that_a_grant_ended(rig: Rig, end: str) -> None:
    thread = await granted_in(rig, "a.ipynb")
    async with aclosing(rig.gateway.threads.changes(ME)) as changes:
        assert await anext(changes)  # at once

        if end == "revoked":
            await rig.gateway.policy.revoke(ME, f"notebook-{thread}")
        else:
            await rig.gateway.threads.notebook_gone("a.ipynb", "deleted", owner=ME.name)

        assert await anext(changes)
