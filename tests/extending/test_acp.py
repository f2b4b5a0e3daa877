"""An agent over ACP under our laws: its session, its questions, its death; against a real process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import httpx2
import psutil
import pytest
from acp import RequestError
from acp.schema import HttpMcpServer
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from lobu_jupyter.agents import guardrails
from lobu_jupyter.agents.acp import mcp_server, process
from lobu_jupyter.agents.acp.agent import AcpAgent
from lobu_jupyter.agents.acp.mcp_server import Door
from lobu_jupyter.agents.tools.base import Result
from lobu_jupyter.model.guardrails import ModelText
from lobu_jupyter.model.policy import Grant, Policy
from lobu_jupyter.model.ports import AgentError, Held, Task, ToolSpec
from tests.agents.bench import Ended, FakeKernel, policy, registered, resume, run, said, task_for
from tests.servers import wait_for

WITH_KERNEL: dict[str, Any] = {"kernel": registered(ToolSpec(name="twice", approval=False))}
SCRIPTED = str(Path(__file__).with_name("acp_agent.py"))


class Rig:
    """An agent whose process keeps its sessions and a log under a directory."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.agents: list[AcpAgent] = []
        self.agent = self.anew()

    def anew(self, *flags: str, config: dict[str, Any] | None = None, **options: Any) -> AcpAgent:
        """The agent as another worker has it: it knows nothing of what was before."""
        files = ["--sessions", str(self.home / "sessions.json"), "--log", str(self.home / "log")]
        command = [sys.executable, SCRIPTED, *files, *flags]
        self.agent = AcpAgent("robot", {"command": command, **(config or {})}, **options)
        self.agents.append(self.agent)
        return self.agent

    def task(self, prompt: str, **more: Any) -> Task:
        root = self.home / "root"
        root.mkdir(exist_ok=True)
        return task_for(prompt, **{"agent": "robot", "root": str(root), "kernel": None, **more})

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


def held_of(ended: Ended) -> Held:
    assert ended.pause is not None
    assert ended.pause.held is not None
    return ended.pause.held


def sessions(ended: Ended) -> dict[str, dict[str, Any]]:
    return {value["agent"]: value for value in ended.customs("lobu.session")}


async def test_what_it_says_thinks_and_plans_is_streamed_and_counted(rig: Rig) -> None:
    ended = await run(rig.agent, rig.task("think hm\nplan\nsay one two"))

    assert ended.error is None
    assert ended.text == "one two "
    assert "REASONING_MESSAGE_CONTENT" in ended.types
    (plan,) = [e for e in ended.events if e["type"] == "ACTIVITY_SNAPSHOT"]
    assert plan["activityType"] == "PLAN"
    steps = [{"description": "look", "status": "pending"}, {"description": "write", "status": "pending"}]
    assert plan["content"] == {"steps": steps}
    assert ended.usage == [{"inputTokens": 7, "outputTokens": 3, "totalTokens": 10}]


async def test_a_guardrail_sees_what_it_is_prompted_with(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    class Guards:
        async def judge(self, text: str, about: ModelText) -> str:
            if "card" in text:
                raise guardrails.GuardrailRefused("no cards")
            return text.replace("ada@example.org", "[mail]")

    monkeypatch.setattr(guardrails, "_active", Guards())

    ended = await run(rig.agent, rig.task("say ada@example.org"))
    refused = await run(rig.agent, rig.task("say card"))

    assert ended.text == "[mail] "
    assert [entry["text"] for entry in rig.log("prompt")] == ["say [mail]"]
    assert refused.error is not None
    assert (refused.error.code, "no cards" in refused.error.message) == ("guardrail", True)


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
    assert next(iter(done.results.values())).startswith(
        "The agent reports no result" if written else "It failed, or was refused."
    )
    assert done.text == "done "
    assert len(rig.log("initialize")) == 1


async def test_a_grant_of_ours_is_a_yes_for_once_to_the_agent(rig: Rig) -> None:
    task = rig.task(f"ask {rig.home}/root/a.txt hello")

    asked = await run(rig.agent, task)
    await resume(rig.agent, task, asked, None, {"kind": "approve", "grant": "thread"})

    assert [entry["chosen"] for entry in rig.log("permission")] == ["yes"]


@pytest.mark.parametrize(
    ("line", "tool"),
    [
        ("ask {root}/a.txt hello", "robot__edit"),
        ("write {root}/b.txt hello", "robot__write"),
        ("run echo hello", "robot__execute"),
    ],
)
async def test_what_passes_by_a_grant_of_ours_says_so_before_it_is_done(
    rig: Rig, line: str, tool: str
) -> None:
    grant = Grant(grant_id="g", tool=tool, scope="thread", covers="all", by="me")
    prompt = line.format(root=f"{rig.home}/root")

    ended = await run(rig.agent, rig.task(prompt, policy=Policy(grants=(grant,))))
    free = await run(rig.agent, rig.task(prompt, policy=policy(server={"allow": [tool]})))

    assert (ended.pause, ended.error) == (None, None)
    (value,) = ended.customs("lobu.granted")
    assert (value["grantId"], value["tool"]) == ("g", tool)
    assert value["toolCallId"] in {e["toolCallId"] for e in ended.events if e["type"] == "TOOL_CALL_START"}
    assert free.customs("lobu.granted") == []


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


@pytest.mark.scenario("H2")
async def test_equal_messages_are_all_kept(rig: Rig) -> None:
    ended = await run(rig.agent, rig.task("say so so so\nsay so so so"))

    assert ended.text == "so " * 6


@pytest.mark.scenario("H19")
async def test_more_than_can_be_kept_fails_the_run_in_one_error(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "MOST_WAITING", 50)
    flood = said(rig.agent, rig.task("flood 500"))
    with pytest.raises(AgentError, match="more at once than can be kept"):
        await read_late(rig, flood)

    ended = await run(rig.agent, rig.task("say on"))

    assert ended.text == "on "


async def read_late(rig: Rig, events: AsyncIterator[Any]) -> None:
    """Read a run, but only once more than can be kept is waiting."""
    late = False

    def flooded() -> bool:
        session = rig.agent._sessions.get("thread_1")
        return session is not None and session.process.inbox.qsize() > 50

    async with aclosing(cast("Any", events)):
        async for event in events:
            if event["type"] == "TEXT_MESSAGE_CONTENT" and not late:
                await asyncio.to_thread(wait_for, "the flood", flooded)
                late = True


@pytest.mark.scenario("H13")
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


async def test_an_agent_that_waits_is_never_idle(rig: Rig) -> None:
    rig.anew(idle_seconds=0.01)
    task = rig.task(f"ask {rig.home}/root/a.txt hello\nsay done")

    asked = await run(rig.agent, task)
    held = held_of(asked)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(held.ended(), 0.5)
    done = await resume(rig.agent, task, asked, None, "approve")

    assert done.text == "done "
    assert await held.ended() is None


async def test_a_question_ends_with_its_process_and_says_how(rig: Rig) -> None:
    asked = await run(rig.agent, rig.task(f"ask {rig.home}/root/a.txt hello"))
    (entry,) = rig.log("initialize")

    os.kill(entry["pid"], signal.SIGKILL)

    assert "exit code 137" in str(await asyncio.wait_for(held_of(asked).ended(), 60))
    assert asked.interrupts[0].in_memory


async def test_a_question_that_is_let_go_stops_its_prompt_and_frees_its_process(rig: Rig) -> None:
    rig.anew(idle_seconds=0.01)
    asked = await run(rig.agent, rig.task(f"ask {rig.home}/root/a.txt hello"))

    held_of(asked).let_go()

    pid = rig.log("initialize")[0]["pid"]
    await asyncio.to_thread(wait_for, "its end", lambda: not psutil.pid_exists(pid))
    assert [entry["chosen"] for entry in rig.log("permission")] == ["cancelled"]
    assert await held_of(asked).ended() is None


async def test_the_reason_of_a_rejection_reaches_the_agent(rig: Rig) -> None:
    task = rig.task(f"ask {rig.home}/root/a.txt hello\nsay as you like")

    asked = await run(rig.agent, task)
    decision = {"kind": "reject", "reason": "\nsay into b.txt, please"}
    done = await resume(rig.agent, task, asked, None, decision)

    assert done.text == "as you like into b.txt, please "
    assert "I rejected 'Edit" in rig.log("prompt")[-1]["text"]


async def test_a_form_is_a_question_to_the_person(rig: Rig) -> None:
    task = rig.task("elicit\nsay done")

    asked = await run(rig.agent, task)
    answers = {"color": "blue", "count": "3"}
    done = await resume(rig.agent, task, asked, None, {"kind": "answer", "answers": answers})

    (interrupt,) = asked.interrupts
    assert (interrupt.tool_name, interrupt.decisions) == ("ask_user", ("answer", "reject"))
    assert [question["options"] for question in interrupt.questions] == [["red", "blue"], []]
    assert rig.log("elicited")[0]["answer"] == {"action": "accept", "content": {"color": "blue", "count": 3}}
    assert done.text == "done "


async def test_a_form_that_nobody_fills_in_is_declined(rig: Rig) -> None:
    task = rig.task("elicit")

    asked = await run(rig.agent, task)
    await resume(rig.agent, task, asked, None, "reject")
    alone = await run(rig.agent, rig.task("elicit", policy=policy(answerable=False)))

    assert alone.pause is None
    assert [entry["answer"]["action"] for entry in rig.log("elicited")] == ["decline", "decline"]


async def test_a_command_asks_once_and_shows_its_bounded_output_on_the_card(rig: Rig) -> None:
    task = rig.task("ask-run echo $FROM_AGENT; seq 1 1000; exit 3\nsay done")

    asked = await run(rig.agent, task)
    done = await resume(rig.agent, task, asked, None, "approve")

    (ended,) = rig.log("terminal")
    assert (ended["code"], ended["truncated"], len(ended["output"])) == (3, True, 1000)
    assert next(iter(done.results.values())).endswith("999\n1000")
    assert done.text == "done "


async def test_a_command_without_a_permission_asks_by_itself_and_may_be_refused(rig: Rig) -> None:
    task = rig.task("run touch ran.txt")

    asked = await run(rig.agent, task)
    done = await resume(rig.agent, task, asked, None, {"kind": "reject", "reason": "not now"})
    denied = await run(rig.agent, rig.task("run touch ran.txt", policy=policy(server={"deny": ["*execute"]})))

    assert (asked.interrupts[0].tool_name, "touch ran.txt" in asked.interrupts[0].message) == (
        "robot__execute",
        True,
    )
    assert "not now" in done.text
    assert "not run" in denied.text
    assert not rig.file("ran.txt").exists()


@pytest.mark.parametrize(
    ("prompt", "left"),
    [
        ("swap a.txt evil", "robot__write"),
        ("ask a.txt good\nwrite a.txt evil", "robot__write"),
        ("ask-run ls\nargv touch ls", "robot__execute"),
        ("ask-run ls\nrun ls", "robot__execute"),
    ],
)
async def test_an_approval_is_for_what_was_shown_and_good_once(rig: Rig, prompt: str, left: str) -> None:
    task = rig.task(prompt)

    asked = await run(rig.agent, task)
    again = await resume(rig.agent, task, asked, None, "approve")

    assert len(rig.log("permission")) == 1
    assert [interrupt.tool_name for interrupt in again.interrupts] == [left]
    assert not rig.file("ls").exists()


@pytest.mark.parametrize("flags", [(), ("--stdio",)], ids=["http", "stdio"])
async def test_it_runs_code_in_the_live_kernel_under_the_policy(rig: Rig, flags: tuple[str, ...]) -> None:
    rig.anew(*flags)
    kernel = FakeKernel(x=20)
    task = rig.task('tools\ntool list_variables\ntool run_code {"code": "print(x + 1)"}', **WITH_KERNEL)

    asked = await run(rig.agent, task, kernel)
    done = await resume(rig.agent, task, asked, kernel, {"kind": "edit", "edited_args": {"code": "x + 2"}})

    assert asked.text.startswith("run_code list_variables describe_variable twice")
    assert (asked.interrupts[0].tool_name, asked.interrupts[0].args) == (
        "run_code",
        {"code": "print(x + 1)"},
    )
    assert kernel.ran == ["x + 2"]
    assert "22" in done.text
    assert done.customs("lobu.output")[0]["output"]["data"]["text/plain"] == "22"


async def test_code_that_is_refused_or_denied_does_not_run_and_the_agent_is_told(rig: Rig) -> None:
    kernel = FakeKernel()
    large = json.dumps({"code": "#" * 50_000})
    prompt = f'tool run_code {{"code": "1"}}\ntool run_code {{"cod": 1}}\ntool run_code {large}'
    task = rig.task(prompt, **WITH_KERNEL)

    asked = await run(rig.agent, task, kernel)
    done = await resume(rig.agent, task, asked, kernel, {"kind": "reject", "reason": "not this"})
    denied = await run(
        rig.agent,
        rig.task('tool run_code {"code": "1"}', policy=policy(server={"deny": ["run_code"]}), **WITH_KERNEL),
        kernel,
    )

    assert kernel.ran == []
    assert "error: The person refused this call; it was not run. The reason: not this" in done.text
    assert "do not fit" in done.text
    assert "too much to be shown for approval" in done.text
    assert "error: run_code was not run" in denied.text


async def test_code_that_may_run_runs_at_once_and_a_function_of_the_person_is_a_tool(rig: Rig) -> None:
    kernel = FakeKernel()
    allowed = policy(server={"mode": "allow"})
    task = rig.task('tool run_code {"code": "1 + 1"}\ntool twice {"n": 2}', policy=allowed, **WITH_KERNEL)

    ended = await run(rig.agent, task, kernel)

    assert (ended.pause, kernel.ran, kernel.called) == (None, ["1 + 1"], [("twice", {"n": 2})])
    assert [e["metadata"] for e in ended.events if "metadata" in e][:1] == [{"lobu": {"ok": True}}]


async def test_a_tool_of_the_client_waits_for_the_clients_result(rig: Rig) -> None:
    show = ToolSpec(name="show", approval=False)
    taken = ToolSpec(name="run_code", approval=False)
    task = rig.task('tools\ntool show {"page": 2}', client_tools=(show, taken), **WITH_KERNEL)
    denied = rig.task("tool show {}", client_tools=(show,), policy=policy(server={"deny": ["show"]}))

    asked = await run(rig.agent, task, FakeKernel())
    done = await resume(rig.agent, task, asked, FakeKernel(), {"kind": "respond", "response": "shown"})
    refused = await run(rig.agent, denied)

    (interrupt,) = asked.interrupts
    assert asked.text.startswith("run_code list_variables describe_variable twice show")
    assert (interrupt.reason, interrupt.decisions) == ("client_tool", ("respond", "reject"))
    assert "shown" in done.text
    assert "error: show was not run" in refused.text


async def test_a_call_of_the_notebooks_tools_is_asked_about_once(rig: Rig) -> None:
    kernel = FakeKernel()
    task = rig.task('ask-tool run_code {"code": "1"}', **WITH_KERNEL)

    asked = await run(rig.agent, task, kernel)
    done = await resume(rig.agent, task, asked, kernel, "approve")

    assert [entry["chosen"] for entry in rig.log("permission")] == ["yes"]
    assert [interrupt.tool_name for interrupt in asked.interrupts] == ["run_code"]
    assert (done.pause, kernel.ran) == (None, ["1"])


async def test_the_door_to_the_notebook_opens_only_with_its_token_and_during_a_run() -> None:
    async def ask(what: str, **params: Any) -> Any:
        raise RequestError.invalid_request({"details": "no prompt is under way"})

    door = Door(ask, {})
    server = await door.open(over_http=True)
    assert isinstance(server, HttpMcpServer)
    try:
        async with httpx2.AsyncClient() as stranger:
            refused = [
                (await stranger.post(server.url, headers=headers, json={})).status_code
                for headers in ({}, {"Authorization": "Bearer wrong"})
            ]
        token = {header.name: header.value for header in server.headers}
        async with (
            httpx2.AsyncClient(headers=token) as http,
            Client(streamable_http_client(server.url, http_client=http)) as client,
        ):
            told = await client.call_tool("run_code", {"code": "1"})
    finally:
        await door.close()

    assert refused == [401, 401]
    assert server.url.startswith("http://127.0.0.1:")
    assert (told.is_error, told.content[0].text) == (True, "no prompt is under way")  # pyright: ignore[reportAttributeAccessIssue]


async def test_a_call_that_waits_is_kept_alive_by_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_server, "PROGRESS_SECONDS", 0.01)
    told: list[str | None] = []
    enough = asyncio.Event()

    async def ask(what: str, **params: Any) -> Any:
        await enough.wait()
        return Result("decided")

    async def progressed(progress: float, total: float | None, message: str | None) -> None:
        told.append(message)
        if progress >= 3:
            enough.set()

    door = Door(ask, {})
    server = await door.open(over_http=True)
    assert isinstance(server, HttpMcpServer)
    try:
        token = {header.name: header.value for header in server.headers}
        async with (
            httpx2.AsyncClient(headers=token) as http,
            Client(streamable_http_client(server.url, http_client=http)) as client,
        ):
            answer = await client.call_tool("run_code", {"code": "1"}, progress_callback=progressed)
    finally:
        await door.close()

    assert answer.content[0].text == "decided"  # pyright: ignore[reportAttributeAccessIssue]
    assert told[:3] == ["Waiting for the person or the kernel."] * 3


async def test_an_agent_that_needs_a_login_says_how_and_is_ready_after_it(rig: Rig) -> None:
    rig.anew("--login", str(rig.home / "login"))

    refused = await run(rig.agent, rig.task("say hi"))
    before = rig.agent.state
    (rig.home / "login").touch()
    done = await run(rig.agent, rig.task("say hi"))

    assert refused.error is not None
    assert "Run robot login" in refused.error.message
    assert (before["state"], "Run robot login" in before["hint"]) == ("needs login", True)
    assert (done.text, rig.agent.state) == ("hi ", {"state": "ready"})


async def test_nothing_that_it_started_outlives_it(rig: Rig) -> None:
    await run(rig.agent, rig.task("leave"))
    (left,) = rig.log("left")
    assert psutil.pid_exists(left["left"])

    await rig.agent.close()

    await asyncio.to_thread(wait_for, "the end of what it left", lambda: not psutil.pid_exists(left["left"]))


async def test_a_refusal_is_an_error_of_the_provider(rig: Rig) -> None:
    ended = await run(rig.agent, rig.task("refuse"))

    assert ended.error is not None
    assert ended.error.code == "provider_error"


@pytest.mark.parametrize(("word", "reason"), [("cut", "length"), ("tire", "max_turn_requests")])
async def test_an_answer_that_the_agent_cut_says_so(rig: Rig, word: str, reason: str) -> None:
    ended = await run(rig.agent, rig.task(f"say half\n{word}"))

    assert ended.error is None
    assert "half" in ended.text
    assert [value["reason"] for value in ended.customs("lobu.cut")] == [reason]


async def test_an_agent_that_is_not_installed_says_how() -> None:
    agent = AcpAgent("robot", {"command": ["no-such-robot"], "hint": "npm install robot"})

    ended = await run(agent, task_for("hello"))

    assert ended.error is not None
    assert "npm install robot" in ended.error.message


async def test_closing_leaves_no_process(rig: Rig) -> None:
    await run(rig.agent, rig.task("say one"))
    pid = rig.log("initialize")[0]["pid"]

    await rig.agent.close()

    await asyncio.to_thread(wait_for, "its end", lambda: not psutil.pid_exists(pid))


# -- what it says about itself ------------------------------------------------------------------------


async def test_its_options_and_commands_are_told_once_and_when_they_change(rig: Rig) -> None:
    rig.anew("--options", "--greets")
    commands = [{"name": "plan", "description": "Make a plan", "input": {"hint": "what"}}]
    update = json.dumps({"sessionUpdate": "available_commands_update", "availableCommands": commands})

    first = await run(rig.agent, rig.task("say hi"))
    second = await run(rig.agent, rig.task(f"about {update}\nsay hi"))

    told = first.customs("lobu.agent")[0]
    assert [(one["category"], one["current"]) for one in told["options"]] == [
        ("model", "small"),
        ("thought_level", "low"),
        ("other", "ask"),
    ]
    assert [value["value"] for value in told["options"][0]["values"]] == ["small", "large"]
    assert first.customs("lobu.agent")[-1]["commands"] == [{"name": "review", "description": "Review it"}]
    (changed,) = second.customs("lobu.agent")
    assert changed["commands"] == [{"name": "plan", "description": "Make a plan", "hint": "what"}]


@pytest.mark.parametrize(
    ("command", "option", "value"), [("/model", "model", "large"), ("/effort", "effort", "high")]
)
async def test_a_message_chooses_its_model_and_effort(
    rig: Rig, command: str, option: str, value: str
) -> None:
    rig.anew("--options")

    listed = await run(rig.agent, rig.task(command))
    wrong = await run(rig.agent, rig.task(f"{command} never ask"))
    chosen = await run(rig.agent, rig.task(f"{command} {value}"))

    assert f"`{value}`" in listed.text
    assert "There is no `never ask` to choose." in wrong.text
    assert chosen.text.endswith(f": {value}.")
    assert [(one["option"], one["mode"]) for one in rig.log("set_option")] == [(option, value)]
    assert rig.log("prompt") == []
    assert value in [one["current"] for one in chosen.customs("lobu.agent")[-1]["options"]]


async def test_model_and_effort_are_kept_when_another_worker_continues(rig: Rig) -> None:
    rig.anew("--options")
    await run(rig.agent, rig.task("/effort high"))
    chosen = await run(rig.agent, rig.task("/model large"))
    known = sessions(chosen)
    assert known["robot"]["settings"] == {"/effort": "high", "/model": "large"}

    rig.anew("--options")
    again = await run(rig.agent, rig.task("say hi", sessions=known))
    third = await run(rig.anew("--options"), rig.task("say hi", sessions=sessions(again) or known))

    for ended in (again, third):
        now = {one["id"]: one["current"] for one in ended.customs("lobu.agent")[-1]["options"]}
        assert (now["model"], now["effort"]) == ("large", "high")


@pytest.mark.parametrize("settings", [{"/model": "gone"}, {"/mode": "yolo", "/x": "large"}, 5, {"/model": 5}])
async def test_a_kept_setting_that_is_no_choice_any_more_is_not_set(rig: Rig, settings: Any) -> None:
    rig.anew("--options")

    ended = await run(rig.agent, rig.task("say hi", sessions={"robot": {"settings": settings}}))

    assert (ended.error, rig.log("set_option")) == (None, [])


async def test_its_context_and_cost_go_with_the_runs_usage(rig: Rig) -> None:
    update = {
        "sessionUpdate": "usage_update",
        "used": 18,
        "size": 1000,
        "cost": {"amount": 0.5, "currency": "USD"},
    }

    ended = await run(rig.agent, rig.task(f"about {json.dumps(update)}\nsay hi"))

    (usage,) = ended.usage
    assert usage["metadata"] == {
        "contextWindow": 1000,
        "contextUsed": 18,
        "cost": {"amount": 0.5, "currency": "USD"},
    }


async def test_its_title_is_told_once_in_one_bounded_line(rig: Rig) -> None:
    update = json.dumps({"sessionUpdate": "session_info_update", "title": "A title\n" + "x" * 5000})

    ended = await run(rig.agent, rig.task(f"about {update}\nabout {update}\nsay hi"))

    (told,) = ended.customs("lobu.agent_title")
    assert told["title"].startswith("A title xxx")
    assert len(told["title"]) == 60


async def test_what_it_says_about_itself_is_bounded(rig: Rig) -> None:
    commands = [{"name": f"c{n}", "description": "d" * 5000} for n in range(500)]
    update = json.dumps({"sessionUpdate": "available_commands_update", "availableCommands": commands})

    ended = await run(rig.agent, rig.task(f"about {update}\nsay hi"))

    (told,) = ended.customs("lobu.agent")
    assert len(told["commands"]) == 100
    assert {len(one["description"]) for one in told["commands"]} == {200}
