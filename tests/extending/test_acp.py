"""An agent over ACP under our laws: its session, its questions, its death; against a real process."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from lobu_jupyter.agents.acp import AcpAgent
from lobu_jupyter.model.ports import Task
from tests.agents.bench import Ended, policy, resume, run, said, task_for
from tests.servers import wait_for

SCRIPTED = str(Path(__file__).with_name("acp_agent.py"))


class Rig:
    """An agent whose process keeps its sessions and a log under a directory."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.agents: list[AcpAgent] = []
        self.agent = self.anew()

    def anew(self, **options: Any) -> AcpAgent:
        """The agent as another worker has it: it knows nothing of what was before."""
        files = ["--sessions", str(self.home / "sessions.json"), "--log", str(self.home / "log")]
        self.agent = AcpAgent("robot", {"command": [sys.executable, SCRIPTED, *files]}, **options)
        self.agents.append(self.agent)
        return self.agent

    def task(self, prompt: str, **more: Any) -> Task:
        root = self.home / "root"
        root.mkdir(exist_ok=True)
        return task_for(prompt, agent="robot", root=str(root), kernel=None, **more)

    def log(self, what: str) -> list[dict[str, Any]]:
        lines = (self.home / "log").read_text().splitlines()
        return [entry for line in lines if (entry := json.loads(line))["what"] == what]

    def file(self, name: str) -> Path:
        return self.home / "root" / name


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    for agent in rig.agents:
        await agent.close()


def sessions(ended: Ended) -> dict[str, dict[str, Any]]:
    return {value["agent"]: value for value in ended.customs("lobu.session")}


async def test_what_it_says_thinks_and_plans_is_streamed_and_counted(rig: Rig) -> None:
    ended = await run(rig.agent, rig.task("think hm\nplan\nsay one two"))

    assert ended.error is None
    assert ended.text == "one two "
    assert "REASONING_MESSAGE_CONTENT" in ended.types
    (plan,) = [e for e in ended.events if e["type"] == "ACTIVITY_SNAPSHOT"]
    assert [entry["content"] for entry in plan["content"]["entries"]] == ["look", "write"]
    assert ended.usage == [{"inputTokens": 7, "outputTokens": 3, "totalTokens": 10}]


@pytest.mark.parametrize(
    ("decision", "chosen", "written"), [("approve", "yes", True), ("reject", "no", False)]
)
async def test_its_permission_is_a_question_that_waits_in_its_process(
    rig: Rig, decision: str, chosen: str, written: bool
) -> None:
    task = rig.task(f"ask {rig.home}/root/a.txt hello\nsay done")

    asked = await run(rig.agent, task)
    done = await resume(rig.agent, task, asked, None, decision)

    (interrupt,) = asked.interrupts
    assert (interrupt.tool_name, interrupt.decisions) == ("robot__edit", ("approve", "reject"))
    assert "+hello" in str(interrupt.diff)
    assert "waits in memory" in interrupt.message
    assert [entry["chosen"] for entry in rig.log("permission")] == [chosen]
    assert rig.file("a.txt").exists() is written
    assert done.text == "done "
    assert len(rig.log("initialize")) == 1


async def test_a_grant_chooses_the_agents_own_always(rig: Rig) -> None:
    task = rig.task(f"ask {rig.home}/root/a.txt hello")

    asked = await run(rig.agent, task)
    await resume(rig.agent, task, asked, None, {"kind": "approve", "grant": "thread"})

    assert [entry["chosen"] for entry in rig.log("permission")] == ["always"]


@pytest.mark.parametrize(
    ("rules", "chosen"), [({"allow": ["robot__*"]}, "yes"), ({"deny": ["robot__edit"]}, "no")]
)
async def test_the_policy_answers_where_it_can(rig: Rig, rules: dict[str, Any], chosen: str) -> None:
    task = rig.task(f"ask {rig.home}/root/a.txt hello", policy=policy(server=rules))

    ended = await run(rig.agent, task)

    assert (ended.pause, ended.error) == (None, None)
    assert [entry["chosen"] for entry in rig.log("permission")] == [chosen]


async def test_a_write_that_nobody_approved_is_asked_about_with_its_diff(rig: Rig) -> None:
    task = rig.task(f"write {rig.home}/root/b.txt hello\nsay done")

    asked = await run(rig.agent, task)
    rig.file("b.txt").write_text("somebody else's")
    done = await resume(rig.agent, task, asked, None, "approve")

    assert asked.interrupts[0].tool_name == "robot__write"
    assert "+hello" in str(asked.interrupts[0].diff)
    assert "has changed since" in next(iter(done.results.values()))
    assert rig.file("b.txt").read_text() == "somebody else's"


async def test_files_outside_of_the_root_are_out_of_its_reach(rig: Rig) -> None:
    (rig.home / "secret").write_text("hush")

    wrote = await run(rig.agent, rig.task(f"write {rig.home}/out.txt x"))
    read = await run(rig.agent, rig.task(f"read {rig.home}/secret"))

    assert "not below the server's root" in wrote.text
    assert not (rig.home / "out.txt").exists()
    assert "hush" not in read.text


async def test_a_file_of_the_root_is_read(rig: Rig) -> None:
    task = rig.task(f"read {rig.home}/root/c.txt")
    rig.file("c.txt").write_text("one\ntwo\n")

    ended = await run(rig.agent, task)

    assert ended.text == "one\ntwo\n"


@pytest.mark.scenario("H14")
async def test_its_session_is_journaled_when_first_seen_and_used_again_in_the_same_directory(
    rig: Rig,
) -> None:
    first = await run(rig.agent, rig.task("say one"))
    again = await run(rig.agent, rig.task("say two"))
    rig.anew()
    elsewhere = rig.task("say three", sessions=sessions(first), limits={})
    later = await run(rig.agent, elsewhere)

    told = sessions(first)["robot"]
    assert first.types[0] == "CUSTOM"
    assert told["cwd"] == str(rig.home / "root")
    assert (sessions(again), sessions(later)) == ({}, {})
    assert [(e["session"], e["cwd"]) for e in rig.log("load")] == [(told["sessionId"], told["cwd"])]
    assert {entry["session"] for entry in rig.log("prompt")} == {told["sessionId"]}
    assert later.text == "three "


@pytest.mark.scenario("H15")
async def test_a_session_that_is_gone_gets_one_fresh_try_with_what_was_said_and_one_answer(rig: Rig) -> None:
    first = await run(rig.agent, rig.task("forget"))
    rig.anew()
    told = ({"role": "user", "content": "say blue"}, {"role": "assistant", "content": "blue it is"})
    task = rig.task(
        "", messages=(*told, {"id": "m", "role": "user", "content": "say four"}), sessions=sessions(first)
    )

    ended = await run(rig.agent, task)

    assert len(rig.log("load")) == 1
    assert "blue it is" in rig.log("prompt")[-1]["text"]
    assert ended.text.count("four") == 1
    assert sessions(ended)["robot"]["sessionId"] != sessions(first)["robot"]["sessionId"]


@pytest.mark.scenario("H15")
async def test_a_session_that_is_lost_while_the_process_lives_gets_one_fresh_try(rig: Rig) -> None:
    await run(rig.agent, rig.task("forget"))

    ended = await run(rig.agent, rig.task("say five"))

    assert ended.error is None
    assert ended.text == "five "
    assert len(rig.log("new")) == 2


async def test_a_crash_is_one_error_and_the_next_prompt_goes_on_in_the_session(rig: Rig) -> None:
    crashed = await run(rig.agent, rig.task("say one\ncrash"))
    after = await run(rig.agent, rig.task("say two", sessions=sessions(crashed)))

    assert crashed.error is not None
    assert (crashed.error.code, "exit code 7" in crashed.error.message) == ("worker_died", True)
    assert after.text == "two "
    assert len(rig.log("load")) == 1


async def test_an_answer_to_an_agent_that_is_gone_is_one_error_that_says_so(rig: Rig) -> None:
    task = rig.task(f"ask {rig.home}/root/a.txt hello")
    asked = await run(rig.agent, task)
    rig.anew()

    done = await resume(rig.agent, task, asked, None, "approve")

    assert done.error is not None
    assert done.error.code == "worker_died"
    assert "Ask again" in done.error.message
    assert not rig.file("a.txt").exists()


async def test_cancelled_it_stops_its_prompt_and_serves_the_next_one(rig: Rig) -> None:
    async with aclosing(cast("Any", said(rig.agent, rig.task("slow")))) as events:
        async for event in events:
            if event["type"] == "TEXT_MESSAGE_CONTENT":
                break

    ended = await run(rig.agent, rig.task("say on"))

    assert len(rig.log("cancel")) == 1
    assert ended.text == "on "
    assert len(rig.log("initialize")) == 1


async def test_a_prompt_while_it_waits_withdraws_the_question(rig: Rig) -> None:
    asked = await run(rig.agent, rig.task(f"ask {rig.home}/root/a.txt hello"))

    ended = await run(rig.agent, rig.task("say never mind"))

    assert asked.pause is not None
    assert [entry["chosen"] for entry in rig.log("permission")] == ["cancelled"]
    assert ended.text == "never mind "


async def test_an_idle_process_is_ended(rig: Rig) -> None:
    rig.anew(idle_seconds=0.05)
    await run(rig.agent, rig.task("say one"))
    pid = rig.log("initialize")[0]["pid"]

    await asyncio.to_thread(wait_for, "its end", lambda: not psutil.pid_exists(pid))

    assert (await run(rig.agent, rig.task("say two"))).text == "two "


async def test_a_refusal_is_an_error_of_the_provider(rig: Rig) -> None:
    ended = await run(rig.agent, rig.task("refuse"))

    assert ended.error is not None
    assert ended.error.code == "provider_error"


async def test_an_agent_that_is_not_installed_says_how() -> None:
    agent = AcpAgent("robot", {"command": ["no-such-robot"], "hint": "npm install robot"})

    ended = await run(agent, task_for("hello"))

    assert ended.error is not None
    assert "npm install robot" in ended.error.message


async def test_closing_leaves_no_process(rig: Rig) -> None:
    await run(rig.agent, rig.task("say one"))
    pid = rig.log("initialize")[0]["pid"]

    await rig.agent.close()

    wait_for("its end", lambda: not psutil.pid_exists(pid), 5)
