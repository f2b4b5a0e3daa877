"""Agents of others, as a person meets them in the page."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.extending.test_acp import SCRIPTED
from tests.servers import RealServer

from .conftest import lab_server
from .lab import LOAD, Lab


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    home = tmp_path_factory.mktemp("outside")
    files = ["--sessions", str(home / "sessions.json"), "--log", str(home / "agent.log")]
    agents = {"ours": {"command": [sys.executable, SCRIPTED, *files]}, "gone": {"command": ["no-such"]}}
    with lab_server(home, f"--LobuApp.acp_agents={agents!r}") as server:
        yield server


def test_what_an_agent_of_others_asks_is_decided_after_a_reload(context: BrowserContext, outside: RealServer):
    prompt = "%%lobu --agent ours\nsay A note:\nask notes.md Best month: November"
    lab = Lab.open(context.new_page(), outside, (LOAD, prompt), None)
    lab.run_all()
    expect(lab.question).to_be_visible()
    lab.save()

    lab.reload()
    expect(lab.question).to_have_count(1)
    expect(lab.question).to_contain_text("The agent waits in memory")
    lab.question.press("a")

    lab.stands("Done")
    assert (outside.root / "notes.md").read_text().strip() == "Best month: November"


def test_the_composer_lists_the_agents_and_asks_the_chosen_one(context: BrowserContext, outside: RealServer):
    lab = Lab.open(
        context.new_page(), outside, ("import lobu_jupyter as lobu\nlobu.ChatWidget(new=True)",), None
    )
    lab.run_all()
    picker = lab.view.get_by_label("Agent", exact=True)
    expect(picker).to_contain_text("gone (not installed)")

    picker.select_option("ours")
    box = lab.view.locator(".lobu-composer textarea")
    box.fill("say from the other side")
    box.press("Enter")

    lab.stands("Done")
    expect(lab.view.locator(".lobu-assistant")).to_contain_text("from the other side")
