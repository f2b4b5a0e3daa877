"""Many outputs and tabs, and what a notebook does with outputs out of sight."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.servers import RealServer, wait_for

from .lab import LOAD, Lab, script

OpenLab = Callable[..., Lab]
OUTPUTS = 20
TRACKER = "lab/api/settings/@jupyterlab/notebook-extension:tracker"
ASK_EACH = f"""
for n in range({OUTPUTS}):
    get_ipython().run_cell_magic('lobu', f'--agent script --thread t{{n}}', 'slow 20000 100')
"""
SCROLL = "i => jupyterapp.shell.currentWidget.content.scrollToItem(i, 'start')"
WORDS = "() => [...document.querySelectorAll('.lobu')].map(e => e.querySelector('.lobu-assistant')?.innerText ?? '')"


@pytest.fixture
def windowed(server: RealServer) -> None:
    """Only the cells in the viewport are attached."""
    server.jupyter("PUT", TRACKER, {"raw": '{"windowingMode": "full"}'})


@pytest.mark.scenario("E32")
def test_four_tabs_of_twenty_live_outputs_have_a_connection_each_and_lab_answers(
    open_lab: OpenLab, server: RealServer
):
    first = open_lab(LOAD, ASK_EACH, "'the person' + ' works on'")
    first.run_all()
    expect(first.view).to_have_count(OUTPUTS)
    first.save()
    tabs = [first, *(open_lab(name=first.name) for _ in range(3))]
    for tab in tabs:
        expect(tab.page.locator(".lobu-run-running")).to_have_count(OUTPUTS)
        expect(tab.page.locator(".lobu-assistant")).to_have_count(OUTPUTS)

    before = [tab.page.evaluate(WORDS) for tab in tabs]
    began = time.monotonic()
    answers = [tab.value("6 * 7") for tab in tabs]
    seconds = time.monotonic() - began
    client = server.client()
    pages = client.get("health").json()["pages"]
    for tab, words in zip(tabs, before, strict=True):
        wait_for("every output to grow", partial(grew, tab, words), 60)
    for run in client.get("runs", params={"status": "running"}).json()["runs"]:
        client.post(f"runs/{run['runId']}/cancel").raise_for_status()

    assert answers == ["42"] * 4
    assert seconds < 60, "a guard against a Lab that hangs"
    assert pages == 4
    for tab in tabs:
        assert len(tab.sockets) == 1
        expect(tab.page.locator(".lobu-run-cancelled")).to_have_count(OUTPUTS)
    journaled = sorted(said(client, thread) for thread in thread_ids(client))
    for tab in tabs:
        wait_for("all words", partial(shows, tab, journaled), 60)  # a saved output is drawn anew
        assert tab.errors == []


def grew(tab: Lab, before: list[str]) -> bool:
    now = tab.page.evaluate(WORDS)
    assert all(new.startswith(old[:40]) for old, new in zip(before, now, strict=True))
    return all(len(new) > len(old) for old, new in zip(before, now, strict=True))


def shows(tab: Lab, words: list[str]) -> bool:
    return sorted(" ".join(said.split()) for said in tab.page.evaluate(WORDS)) == words


def thread_ids(client: Any) -> list[str]:
    threads = client.get("threads", params={"limit": 100}).json()["threads"]
    return [t["threadId"] for t in threads if re.fullmatch(r"t\d+", t.get("name") or "")]


def said(client: Any, thread: str) -> str:
    items = client.get(f"threads/{thread}/snapshot").json()["items"]
    return " ".join(
        "".join(i["content"] for i in items if i["kind"] == "message" and i["role"] == "assistant").split()
    )


@pytest.mark.scenario("E33")
def test_an_output_that_was_scrolled_away_is_the_same_when_it_is_back(open_lab: OpenLab, windowed: None):
    lab = open_lab(
        LOAD,
        script("say before", "slow 20000 50", "run x = 1"),
        *(f"for _ in range(30): print({n}, end=' ')" for n in range(30)),
    )
    lab.run_all()
    expect(lab.page.locator(".jp-Cell").last).to_contain_text("29 29")
    lab.page.evaluate(SCROLL, 0)
    expect(lab.view).to_contain_text("before")
    sent: list[Any] = []
    lab.sockets[0].on("framesent", lambda frame: sent.append(frame))

    lab.page.evaluate(SCROLL, 31)
    expect(lab.view).to_be_hidden()
    lab.page.evaluate(SCROLL, 0)
    expect(lab.view).to_be_visible()

    words = lab.view.inner_text()
    assert words.count("before") == 1
    assert len(lab.sockets) == 1
    assert sent == []
    expect(lab.button("Stop")).to_be_enabled()
    assert lab.errors == []


@pytest.mark.scenario("E33")
def test_a_collapsed_output_and_one_in_a_new_view_show_the_same(open_lab: OpenLab):
    lab = open_lab(LOAD, script("say once", "run x = 1"))
    lab.run_all()
    expect(lab.question).to_be_visible()
    lab.question.press("r")
    lab.question.locator("input").fill("half a reason")

    lab.select(1)
    lab.command("notebook:hide-cell-outputs")
    expect(lab.question).to_be_hidden()
    lab.command("notebook:show-cell-outputs")
    expect(lab.question).to_be_visible()
    lab.command("notebook:create-output-view")
    expect(lab.view).to_have_count(2)

    for view in (lab.view.first, lab.view.last):
        expect(view).to_contain_text("once")
        assert view.inner_text().count("once") == 1
        expect(view.locator(".lobu-decide input")).to_have_value("half a reason")
    lab.view.last.get_by_role("button", name="Reject and send", exact=True).click()
    for view in (lab.view.first, lab.view.last):
        expect(view).to_contain_text("Rejected by you")
    assert len(lab.sockets) == 1
