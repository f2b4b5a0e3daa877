"""Outside agents ask: each session is put into the asking mode, stays in it, and says where it decides by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.agents.acp import modes, presets
from lobu_jupyter.agents.acp.modes import BY_ITSELF
from lobu_jupyter.gateway import inbox
from lobu_jupyter.model import fold
from lobu_jupyter.model.ports import Task
from tests.agents.bench import Ended, policy, resume, run
from tests.extending.test_acp import Rig, held_of, sessions

ASKING = {"mode": "default"}
AUTO = "--modes=auto,default,plan"


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    for agent in rig.agents:
        await agent.close()


def prompted(rig: Rig) -> list[str]:
    """The modes that the agent was in at each of its prompts."""
    return [entry["mode"] for entry in rig.log("prompt")]


def notices(ended: Ended) -> list[str]:
    return [value["message"] for value in ended.customs("lobu.notice")]


@pytest.mark.parametrize("by", ["id", "option"])
async def test_a_new_session_asks_before_its_first_prompt(rig: Rig, by: str) -> None:
    rig.anew(AUTO, "--by", by, config=ASKING)

    asked = await run(rig.agent, rig.task("act a.txt hello"))

    told = sessions(asked)["robot"]
    assert prompted(rig) == ["default"]
    assert [interrupt.tool_name for interrupt in asked.interrupts] == ["robot__edit"]
    assert not rig.file("a.txt").exists()
    assert (told["mode"], told["asks"]) == ("default", True)
    assert "Default (default)" in told["message"]
    assert BY_ITSELF not in told["message"]


async def test_a_session_that_is_loaded_by_another_process_asks_again(rig: Rig) -> None:
    rig.anew(AUTO, config=ASKING)
    first = await run(rig.agent, rig.task("say one"))
    rig.anew(AUTO, config=ASKING)

    again = await run(rig.agent, rig.task("say two", sessions=sessions(first)))

    assert len(rig.log("load")) == 1
    assert prompted(rig) == ["default", "default"]
    assert sessions(again) == {}


async def test_a_fresh_session_after_a_lost_one_asks_too(rig: Rig) -> None:
    rig.anew(AUTO, config=ASKING)
    await run(rig.agent, rig.task("forget"))

    ended = await run(rig.agent, rig.task("say five"))

    assert ended.text == "five "
    assert prompted(rig)[-1] == "default"
    assert len(rig.log("set_mode")) == 2


async def test_an_unknown_agents_asking_mode_is_found_by_its_id_and_said_to_be_a_guess(rig: Rig) -> None:
    rig.anew(AUTO)

    told = sessions(await run(rig.agent, rig.task("say one")))["robot"]

    assert (prompted(rig), told["asks"]) == (["default"], False)
    assert "chosen by its name" in told["message"]


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ((), "offers no mode in which it asks"),
        (("--modes=auto,wild",), "it offers no such mode"),
        ((AUTO, "--mode-fails", "error"), "was not put into its mode default"),
        ((AUTO, "--by", "option", "--mode-fails", "error"), "was not put into its mode default"),
        ((AUTO, "--mode-fails", "hang"), "did not answer within"),
    ],
)
@pytest.mark.parametrize("must_ask", [False, True])
async def test_where_it_cannot_ask_the_person_is_told_or_the_server_refuses_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], why: str, must_ask: bool
) -> None:
    monkeypatch.setattr(modes, "MODE_SECONDS", 0.3)
    named = ASKING if flags else {}
    rig.anew(*flags, config={**named, "must_ask": must_ask})

    ended = await run(rig.agent, rig.task("say one"))

    if must_ask:
        assert ended.error is not None
        assert (ended.error.code, "acp_must_ask" in ended.error.message) == ("guardrail", True)
        assert rig.log("prompt") == []
        assert why in ended.error.message
    else:
        told = sessions(ended)["robot"]
        assert (ended.text, told["asks"]) == ("one ", False)
        assert why in told["message"]
        assert BY_ITSELF in told["message"]


@pytest.mark.parametrize("word", ["mode", "option"])
async def test_a_mode_that_the_agent_takes_by_itself_is_set_back_and_said(rig: Rig, word: str) -> None:
    rig.anew(AUTO, "--by", "id" if word == "mode" else "option", config=ASKING)

    ended = await run(rig.agent, rig.task(f"{word} auto\nuntil default\nact a.txt hello"))

    assert [interrupt.tool_name for interrupt in ended.interrupts] == ["robot__edit"]
    assert notices(ended) == ["robot changed its mode to auto by itself; it was set back to default."]


async def test_an_agent_that_does_not_go_back_ends_its_run_in_one_error(rig: Rig) -> None:
    rig.anew(AUTO, "--stubborn", config=ASKING)

    ended = await run(rig.agent, rig.task("mode auto\nslow\nsay never"))

    assert ended.error is not None
    assert "changed its mode to auto by itself, and was not set back to default" in ended.error.message
    assert "never" not in ended.text
    assert len(rig.log("cancel")) >= 1


async def test_an_agent_that_changes_its_mode_again_and_again_ends_its_run(rig: Rig) -> None:
    rig.anew(AUTO, config=ASKING)
    changes = "mode auto\nuntil default\n" * modes.MOST_STRAYED

    ended = await run(rig.agent, rig.task(f"{changes}mode auto\nslow"))

    assert ended.error is not None
    assert "again and again" in ended.error.message


async def test_a_change_of_mode_while_a_question_is_open_ends_the_question(rig: Rig) -> None:
    rig.anew(AUTO, "--stubborn", config=ASKING)
    asked = await run(rig.agent, rig.task("later auto\nact a.txt hello"))
    rig.home.joinpath("now").touch()

    how = await asyncio.wait_for(held_of(asked).ended(), 60)

    assert "was not set back to default" in str(how)
    assert not rig.file("a.txt").exists()


async def test_after_such_an_error_the_next_run_asks_again(rig: Rig) -> None:
    rig.anew(AUTO, "--stubborn", config=ASKING)
    await run(rig.agent, rig.task("mode auto\nslow"))

    asked = await run(rig.agent, rig.task("act a.txt hello"))

    assert len(rig.log("initialize")) == 2
    assert [interrupt.tool_name for interrupt in asked.interrupts] == ["robot__edit"]


# -- a mode that the person chooses


def going_on(rig: Rig, prompt: str, *ended: Ended, **more: Any) -> Task:
    """A task of the thread, with what its runs told of the session."""
    known = {name: value for one in ended for name, value in sessions(one).items()}
    return rig.task(prompt, sessions=known, **more)


async def test_a_mode_is_chosen_by_a_question_that_says_what_it_gives_away(rig: Rig) -> None:
    rig.anew(AUTO, config=ASKING)
    task = rig.task("/mode auto")

    asked = await run(rig.agent, task)
    chosen = await resume(rig.agent, task, asked, None, "approve")
    acted = await run(rig.agent, going_on(rig, "act a.txt hello", chosen))
    rig.anew(AUTO, config=ASKING)
    elsewhere = await run(rig.agent, going_on(rig, "act b.txt hello", chosen))

    (interrupt,) = asked.interrupts
    assert (interrupt.tool_name, interrupt.no_grant, interrupt.in_memory) == ("robot__mode", True, False)
    assert interrupt.args["mode"] == "auto"
    assert BY_ITSELF in interrupt.message
    assert (sessions(chosen)["robot"]["chosen"], sessions(chosen)["robot"]["asks"]) == ("auto", False)
    assert (acted.error, elsewhere.error, prompted(rig)) == (None, None, ["auto", "auto"])
    assert [rig.file(name).exists() for name in ("a.txt", "b.txt")] == [True, True]


async def test_a_refused_mode_changes_nothing_and_the_asking_one_needs_no_question(rig: Rig) -> None:
    rig.anew(AUTO, config=ASKING)
    task = rig.task("/mode auto")

    asked = await run(rig.agent, task)
    refused = await resume(rig.agent, task, asked, None, "reject")
    back = await run(rig.agent, going_on(rig, "/mode default", asked))
    await run(rig.agent, going_on(rig, "say on", back))

    assert next(iter(refused.results.values())) == "It stays in its mode default."
    assert (back.pause, prompted(rig)) == (None, ["default"])


@pytest.mark.parametrize(("decision", "known"), [("approve", "auto"), ("reject", None), (None, None)])
def test_a_chosen_mode_counts_only_where_the_gateway_journaled_an_approval(
    decision: str | None, known: str | None
) -> None:
    state = fold.empty()
    call = {"kind": "tool", "name": "robot__mode", "args": '{"mode": "auto"}'}
    decided = {"decision": {"decision": {"kind": decision}}} if decision else {}
    told = {"agent": "robot", "sessionId": "s", "chosen": "auto"}
    state["items"] = [{**call, **decided}, {"kind": "notice", "name": "lobu.session", "value": told}]

    assert inbox._sessions(state)["robot"].get("chosen") == known


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ({"max_mode": "ask"}, "max_mode is ask"),
        ({"server": {"deny": ["*__mode"]}}, "denies *__mode"),
        ({"run": {"mode": "ask"}}, "this run's mode is ask"),
        ({"answerable": False}, "nobody can be asked here"),
    ],
)
async def test_the_servers_policy_bounds_what_may_be_chosen(
    rig: Rig, rules: dict[str, Any], why: str
) -> None:
    rig.anew(AUTO, config=ASKING)

    refused = await run(rig.agent, rig.task("/mode auto", policy=policy(**rules)))
    chosen = {"robot": {**sessions(refused)["robot"], "chosen": "auto"}}
    await run(rig.agent, rig.task("say on", sessions=chosen, policy=policy(**rules)))

    assert refused.pause is None
    assert why in refused.text
    assert prompted(rig) == (["auto"] if "answerable" in rules else ["default"])


async def test_a_list_of_its_modes_prompts_nobody(rig: Rig) -> None:
    rig.anew(AUTO, config=ASKING)

    ended = await run(rig.agent, rig.task("/mode"))

    assert "Auto (auto): Works auto" in ended.text
    assert rig.log("prompt") == []


# -- what is no word of the answer


async def test_notices_are_no_words_of_the_answer(rig: Rig) -> None:
    warning = '"Warning: the model is not known.\\n\\n"'

    ended = await run(
        rig.agent, rig.task(f"chunk {warning}\ninform **Warning:** a hook\nsay so\nchunk {warning}")
    )

    assert notices(ended) == ["Warning: the model is not known.", "**Warning:** a hook"]
    assert ended.text == "so Warning: the model is not known.\n\n"


async def test_what_it_says_between_its_session_and_the_first_prompt_is_kept(rig: Rig) -> None:
    rig.anew("--greets")

    ended = await run(rig.agent, rig.task("say one"))

    assert notices(ended) == ["Warning: the model is not known."]
    assert "REASONING_MESSAGE_CONTENT" in ended.types
    assert ended.text == "one "


# -- the known ones


def test_the_known_agents_name_their_asking_modes_and_living_packages() -> None:
    known = presets.configured(
        {"acp_agents": {"codex": {"env": {"OPENAI_API_KEY": "k"}}}, "acp_must_ask": True}
    )

    assert {name: config.get("mode") for name, config in known.items()} == {
        "claude-code": "default",
        "codex": "read-only",
        "opencode": None,
        "gemini-cli": "default",
        "goose": "approve",
    }
    assert known["codex"]["env"] == {"INITIAL_AGENT_MODE": "read-only", "OPENAI_API_KEY": "k"}
    assert "@agentclientprotocol/codex-acp" in known["codex"]["hint"]
    assert "node 22" in known["claude-code"]["hint"]
    assert all(config["must_ask"] for config in known.values())
