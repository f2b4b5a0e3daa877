"""Many outputs and tabs, and what a notebook does with outputs out of sight."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.servers import RealServer, wait_for

from .lab import LOAD, SLOW, Lab, script

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
def windowed(server: RealServer) -> Iterator[None]:
    """Only the cells in the viewport are attached."""
    server.jupyter("PUT", TRACKER, {"raw": '{"windowingMode": "full"}'})
    yield
    server.jupyter("PUT", TRACKER, {"raw": "{}"})


@pytest.mark.scenario("E32")
def test_four_tabs_of_twenty_live_outputs_have_a_connection_each_and_lab_answers(
    open_lab: OpenLab, server: RealServer
):
    first = open_lab(LOAD, ASK_EACH, "'the person' + ' works on'")
    first.run_all()
    expect(first.view).to_have_count(OUTPUTS, timeout=SLOW)
    first.save()
    tabs = [first, *(open_lab(name=first.name) for _ in range(3))]
    for tab in tabs:
        expect(tab.page.locator(".lobu-run-running")).to_have_count(OUTPUTS, timeout=SLOW)
        expect(tab.page.locator(".lobu-assistant")).to_have_count(OUTPUTS, timeout=SLOW)

    before = [tab.page.evaluate(WORDS) for tab in tabs]
    began = time.monotonic()
    answers = [tab.value("6 * 7") for tab in tabs]
    seconds = time.monotonic() - began
    client = server.client()
    pages = client.get("health").json()["pages"]
    grown = [tab.page.evaluate(WORDS) for tab in tabs]
    for run in client.get("runs", params={"status": "running"}).json()["runs"]:
        client.post(f"runs/{run['runId']}/cancel").raise_for_status()

    assert answers == ["42"] * 4
    assert seconds < 8
    assert pages == 4
    for tab, old, new in zip(tabs, before, grown, strict=True):
        assert len(tab.sockets) == 1
        assert all(b.startswith(a[:40]) and len(b) > len(a) for a, b in zip(old, new, strict=True))
        expect(tab.page.locator(".lobu-run-cancelled")).to_have_count(OUTPUTS, timeout=SLOW)
    journaled = sorted(said(client, thread) for thread in thread_ids(client))
    for tab in tabs:
        wait_for("all words", partial(shows, tab, journaled), 30)  # a saved output is drawn anew
        assert tab.errors == []


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
    expect(lab.page.locator(".jp-Cell").last).to_contain_text("29 29", timeout=SLOW)
    lab.page.evaluate(SCROLL, 0)
    expect(lab.view).to_contain_text("before", timeout=SLOW)
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
    expect(lab.question).to_be_visible(timeout=SLOW)
    lab.question.press("r")
    lab.question.locator("input").fill("half a reason")

    lab.page.evaluate("() => { jupyterapp.shell.currentWidget.content.activeCellIndex = 1; }")
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
    lab.view.last.get_by_role("button", name="Reject", exact=True).click()
    for view in (lab.view.first, lab.view.last):
        expect(view).to_contain_text("Rejected by you")
    assert len(lab.sockets) == 1
