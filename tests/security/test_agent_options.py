"""A permission's options are the card's buttons; what was shown is what the agent may do, once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.model.digest import digest_of
from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.model.interrupts import Interrupt, decide, event_of_interrupt, interrupt_from_event
from lobu_jupyter.model.policy import Grant, Policy
from tests.agents.bench import Ended, FakeKernel, policy, resume, run
from tests.extending.test_acp import WITH_KERNEL, Rig, held_of

ONCE = {"optionId": "once", "name": "Yes", "kind": "allow_once"}
SESSION = {"optionId": "allow_session", "name": "Yes, for this session", "kind": "allow_always"}
ALWAYS = {"optionId": "allow_always", "name": "Yes, always", "kind": "allow_always"}
NO = {"optionId": "no", "name": "No", "kind": "reject_once"}
NEVER = {"optionId": "never", "name": "No, never", "kind": "reject_always"}
CODEX = [ONCE, SESSION, ALWAYS, NO]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    for agent in rig.agents:
        await agent.close()


def permit(options: list[dict[str, str]], **call: Any) -> str:
    tool = {"title": "Do it", "kind": "execute", **call}
    return "permit " + json.dumps({"toolCall": tool, "options": options})


def entry(interrupt: Interrupt, **payload: Any) -> dict[str, Any]:
    return {"interruptId": interrupt.id, "status": "resolved", "payload": payload}


async def decided(rig: Rig, asked: Ended, task: Any, **payload: Any) -> str:
    """What the agent is told after a decision as REST takes it."""
    (interrupt,) = asked.interrupts
    decision = decide(entry(interrupt, **payload), interrupt, "resume[0]")
    fields = {
        "kind": decision.kind,
        "option": decision.option,
        "reason": decision.reason,
        "grant": decision.grant,
    }
    await resume(rig.agent, task, asked, None, fields)
    return rig.log("permission")[-1]["chosen"]


async def test_only_always_is_two_buttons_and_a_plain_approval_is_neither(rig: Rig) -> None:
    task = rig.task(permit([ALWAYS, NEVER]))

    asked = await run(rig.agent, task)

    (interrupt,) = asked.interrupts
    assert [(o["name"], o["kind"]) for o in interrupt.options] == [
        ("Yes, always", "allow_always"),
        ("No, never", "reject_always"),
    ]
    assert interrupt.no_grant
    with pytest.raises(InvalidField, match="Yes, always") as refused:
        decide(entry(interrupt, approved=True), interrupt, "resume[0]")
    assert refused.value.field == "resume[0].payload.option"
    assert decide(entry(interrupt, approved=False), interrupt, "resume[0]").option is None
    assert await decided(rig, asked, task, approved=True, option="allow_always") == "allow_always"


@pytest.mark.parametrize(
    ("payload", "chosen"),
    [
        ({"approved": True}, "once"),
        ({"approved": True, "grant": "thread"}, "once"),
        ({"approved": True, "option": "allow_session"}, "allow_session"),
        ({"approved": False}, "no"),
        ({"approved": False, "reason": "not now"}, "no"),
    ],
)
async def test_a_plain_decision_is_for_once_and_a_button_is_what_it_says(
    rig: Rig, payload: dict[str, Any], chosen: str
) -> None:
    task = rig.task(permit(CODEX))

    asked = await run(rig.agent, task)

    assert await decided(rig, asked, task, **payload) == chosen


async def test_a_plain_no_where_only_never_is_offered_is_remembered_by_nobody(rig: Rig) -> None:
    task = rig.task(permit([ALWAYS, NEVER]))

    asked = await run(rig.agent, task)

    assert await decided(rig, asked, task, approved=False) == "cancelled"


@pytest.mark.parametrize(
    "wider",
    [
        {"optionId": "x", "name": "Yes, and auto-accept edits", "kind": "allow_once"},
        {"optionId": "allow-all", "name": "Yes", "kind": "allow_once"},
        {"optionId": "x", "name": "Yes, don't ask again", "kind": "allow_once"},
        {"optionId": "plan", "name": "Yes", "kind": "allow_once"},
        {"optionId": "x", "name": "Trust this command permanently", "kind": "allow_once"},
        {"optionId": "x", "name": "Yes, for the whole conversation", "kind": "allow_once"},
        {"optionId": "x", "name": "Yes, and edits too", "kind": "allow_once"},
        {"optionId": "x", "name": "Ja, immer", "kind": "allow_once"},
        {"optionId": "x", "name": "YES_FROM_NOW_ON", "kind": "allow_once"},
        {"optionId": "trust-forever-ALL", "name": "Yes", "kind": "allow_once"},
    ],
)
async def test_a_plain_approval_is_never_a_wider_one_whatever_kind_it_has(
    rig: Rig, wider: dict[str, str]
) -> None:
    rig.anew("--modes=default,plan", config={"mode": "default"})

    (asked,) = (await run(rig.agent, rig.task(permit([wider, NO])))).interrupts

    assert not any(option.get("plain") for option in asked.options if option["kind"] == "allow_once")
    with pytest.raises(InvalidField, match="name the option"):
        decide(entry(asked, approved=True), asked, "resume[0]")


async def test_two_options_of_one_id_are_no_plain_yes(rig: Rig) -> None:
    twice = [ONCE, {**ALWAYS, "optionId": "once"}, NO]

    (asked,) = (await run(rig.agent, rig.task(permit(twice)))).interrupts

    assert not any(option.get("plain") for option in asked.options if option["kind"] != "reject_once")


@pytest.mark.parametrize(
    "name", ["Yes", "Allow once", "allow_once", "Approve", "Yes, proceed", "Allow", "Run this command", "OK"]
)
async def test_the_usual_words_of_agents_are_a_plain_yes(rig: Rig, name: str) -> None:
    named = {"optionId": "1", "name": name, "kind": "allow_once"}

    (asked,) = (await run(rig.agent, rig.task(permit([named, ALWAYS, NO])))).interrupts

    assert [option["id"] for option in asked.options if option.get("plain")] == ["1", "no"]


@pytest.mark.parametrize(
    "payload",
    [
        {"approved": True, "option": "no"},
        {"approved": False, "option": "once"},
        {"approved": True, "option": "other"},
        {"approved": True, "option": 5},
        {"approved": True, "option": "allow_session", "grant": "thread"},
    ],
)
def test_an_option_that_is_not_offered_for_this_is_refused(payload: dict[str, Any]) -> None:
    offered = [{"id": "once", "name": "Yes", "kind": "allow_once", "plain": True}]
    offered += [
        {"id": "allow_session", "name": "S", "kind": "allow_always"},
        {"id": "no", "name": "N", "kind": "reject_once"},
    ]
    asked = Interrupt(
        id="i",
        thread_id="t",
        run_id="r",
        reason="tool_call",
        options=offered,
        decisions=("approve", "reject"),
    )

    with pytest.raises(InvalidField, match="option"):
        decide(entry(asked, **payload), asked, "resume[0]")


@pytest.mark.parametrize(
    "rules",
    [
        policy(server={"allow": ["robot__*"]}),
        policy(run={"mode": "allow"}),
        Policy(grants=(Grant(grant_id="g", tool="robot__execute", scope="thread", covers="all", by="p"),)),
    ],
)
async def test_no_rule_mode_or_grant_takes_an_always(rig: Rig, rules: Policy) -> None:
    once = await run(rig.agent, rig.task(permit(CODEX), policy=rules))
    asked = await run(rig.agent, rig.task(permit([ALWAYS, NO]), policy=rules))

    assert (once.pause, [e["chosen"] for e in rig.log("permission")]) == (None, ["once"])
    assert [option["id"] for option in asked.interrupts[0].options] == ["allow_always", "no"]


@pytest.mark.parametrize("rules", [policy(server={"no_grant": ["robot__*"]}), policy(max_mode="ask")])
async def test_an_always_is_not_offered_where_the_server_asks_each_time(rig: Rig, rules: Policy) -> None:
    asked = await run(rig.agent, rig.task(permit(CODEX), policy=rules))

    assert [option["id"] for option in asked.interrupts[0].options] == ["once", "no"]


async def test_options_and_mode_are_part_of_what_is_decided(rig: Rig) -> None:
    rig.anew("--modes=default,plan", config={"mode": "default"})

    (asked,) = (await run(rig.agent, rig.task(permit(CODEX)))).interrupts

    wire = json.loads(json.dumps(event_of_interrupt(asked)))
    assert wire["metadata"]["lobu"]["agentMode"] == "default"
    read = interrupt_from_event(wire, "i", thread_id=asked.thread_id, run_id=asked.run_id)
    assert read.options == asked.options
    wire = json.loads(json.dumps(wire))
    wire["metadata"]["lobu"]["options"][0]["name"] = "Other"
    other = interrupt_from_event(wire, "i", thread_id=asked.thread_id, run_id=asked.run_id)
    assert digest_of(read) == digest_of(asked) != digest_of(other)


async def test_the_whole_raw_input_is_beside_the_diff(rig: Rig) -> None:
    raw = {
        "file_path": "/root/.bashrc",
        "content": "new\n",
        "command": "ls",
        "cwd": "/x",
        "env": {"PATH": "/evil"},
    }
    diff = [{"type": "diff", "path": "/root/.bashrc", "oldText": "old\n", "newText": "new\n"}]

    (asked,) = (await run(rig.agent, rig.task(permit(CODEX, rawInput=raw, content=diff)))).interrupts

    assert asked.args["input"] == raw
    assert asked.args["files"] == ["/root/.bashrc"]
    assert "+new" in str(asked.diff)


async def test_what_is_too_large_to_be_shown_is_not_asked_and_not_done(rig: Rig) -> None:
    big = await run(rig.agent, rig.task(permit(CODEX, rawInput={"content": "x" * 60_000})))

    assert (big.pause, [e["chosen"] for e in rig.log("permission")]) == (None, ["no"])
    assert "too much to be shown" in next(iter(big.results.values()))


async def test_an_approval_is_for_the_change_that_was_shown_not_for_a_later_one(rig: Rig) -> None:
    task = rig.task("swap a.txt evil")
    path = str(rig.file("a.txt"))

    asked = await run(rig.agent, task)
    held_of(asked).question.call.take({"content": [{"type": "diff", "path": path, "newText": "evil\n"}]})  # pyright: ignore[reportAttributeAccessIssue]
    again = await resume(rig.agent, task, asked, None, "approve")

    assert "+harmless" in str(asked.interrupts[0].diff)
    assert [interrupt.tool_name for interrupt in again.interrupts] == ["robot__write"]
    assert not rig.file("a.txt").exists()


# -- commands


def terminal(argv: list[str], **more: Any) -> str:
    return "terminal " + json.dumps({"argv": argv, **more})


async def test_a_command_shows_its_words_program_directory_and_environment(rig: Rig) -> None:
    other = rig.home / "evil"
    other.mkdir()
    (other / "ls").write_text("#!/bin/sh\necho evil\n")
    (other / "ls").chmod(0o755)

    (asked,) = (await run(rig.agent, rig.task(terminal(["ls", "-l"], env={"PATH": str(other)})))).interrupts

    assert asked.args == {
        "argv": ["ls", "-l"],
        "program": str(other / "ls"),
        "cwd": str(rig.home / "root"),
        "env": {"PATH": str(other)},
    }


@pytest.mark.parametrize(
    ("runs", "asks"),
    [
        ({"argv": ["ls", "-l"]}, False),
        ({"argv": ["/bin/sh", "-c", "ls -l"]}, False),
        ({"argv": ["ls -l"]}, False),
        ({"argv": ["ls", "-l"], "cwd": "."}, False),
        ({"argv": ["ls", "-l"], "env": {"PATH": "evil"}}, True),
        ({"argv": ["ls", "-l"], "env": {"LD_PRELOAD": "x.so"}}, True),
        ({"argv": ["ls", "-l"], "cwd": "evil"}, True),
        ({"argv": ["evil/ls", "-l"]}, True),
        ({"argv": ["evil/sh", "-c", "ls -l"]}, True),
        ({"argv": ["ls", "-l", "x"]}, True),
    ],
)
async def test_an_approved_command_is_matched_by_words_directory_and_environment(
    rig: Rig, runs: dict[str, Any], asks: bool
) -> None:
    rig.task("")
    evil = rig.file("evil")
    evil.mkdir()
    for name in ("ls", "sh"):
        (evil / name).write_text("#!/bin/sh\ntouch ../ran\n")
        (evil / name).chmod(0o755)
    task = rig.task("\n".join([permit(CODEX, rawInput={"command": "ls -l"}), terminal(**runs)]))

    asked = await run(rig.agent, task)
    done = await resume(rig.agent, task, asked, None, "approve")

    assert (done.pause is not None) is asks
    assert not rig.file("ran").exists()


async def test_a_program_that_is_not_there_is_refused_without_a_question(rig: Rig) -> None:
    ended = await run(rig.agent, rig.task(terminal(["no-such-program", "x"])))

    assert ended.pause is None
    assert "there is no program" in ended.text


# -- our own tools, as agents ask about them


@pytest.mark.parametrize("rules", [Policy(), policy(server={"deny": ["robot__execute"]})])
async def test_codex_is_asked_about_our_code_once_under_our_name(rig: Rig, rules: Policy) -> None:
    kernel = FakeKernel()
    first = {"title": "mcp.notebook.run_code", "kind": "execute"}
    given = {
        "first": first,
        "toolCall": {"kind": "execute"},
        "options": CODEX,
        "_meta": {"is_mcp_tool_approval": True},
    }
    task = rig.task(f'permit {json.dumps(given)}\ntool run_code {{"code": "1"}}', policy=rules, **WITH_KERNEL)

    asked = await run(rig.agent, task, kernel)
    done = await resume(rig.agent, task, asked, kernel, "approve")

    assert [e["chosen"] for e in rig.log("permission")] == ["once"]
    assert [interrupt.tool_name for interrupt in asked.interrupts] == ["run_code"]
    assert (done.pause, kernel.ran) == (None, ["1"])


@pytest.mark.parametrize(
    ("title", "meta"),
    [
        ("mcp.notebook.run_code", {}),
        ("mcp.other.run_code", {"is_mcp_tool_approval": True}),
        ("mcp.notebook.no_such_tool", {"is_mcp_tool_approval": True}),
        ("mcp__notebook__run_code", {}),
    ],
)
async def test_a_call_that_only_looks_like_ours_is_asked_about(
    rig: Rig, title: str, meta: dict[str, Any]
) -> None:
    given = {"toolCall": {"kind": "execute", "title": title}, "options": CODEX, "_meta": meta}

    asked = await run(rig.agent, rig.task(f"permit {json.dumps(given)}", **WITH_KERNEL), FakeKernel())

    assert [interrupt.tool_name for interrupt in asked.interrupts] == ["robot__execute"]
