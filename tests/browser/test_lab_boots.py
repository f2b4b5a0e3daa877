"""JupyterLab with the built bundle: it boots, and a person asks, watches and decides in a cell."""

from __future__ import annotations

import gzip
import os
import signal
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.servers import REPOSITORY, RealServer

from .lab import LOAD, Lab, script

OpenLab = Callable[..., Lab]
MIME = "application/vnd.lobu.thread+json"


def test_lab_boots_with_the_bundle_and_activates_the_plugin(open_lab: OpenLab):
    lab = open_lab("1 + 1")

    assert lab.page.evaluate("jupyterapp.isPluginActivated('lobu-jupyter:output')")
    assert lab.errors == []


def test_the_bundle_is_small():
    package = REPOSITORY / "lobu_jupyter"
    served = [path for path in (package / "notebook" / "static").iterdir() if path.suffix in (".js", ".css")]
    widget = sum(small(path.read_bytes()) for path in served)
    chunks = [path.read_bytes() for path in (package / "labextension" / "static").glob("*.js")]

    def with_any(*marks: bytes) -> list[bytes]:
        """The chunks of code with one of the marks; the style sheet, which is a chunk too, has them all."""
        return [c for c in chunks if any(mark in c for mark in marks) and b".lobu-decide:focus" not in c]

    panel = with_any(b"lobu:new-thread", b"lobu-tour")  # when it is shown; not what it shares with the core
    review = with_any(b"Keep all", b"cm-changedLine")  # with the first proposed change of a cell
    opened = with_any(
        b"lobu-permissions-", b"What should this cell do"
    )  # a page of the panel, a box in a cell
    assert (len(panel), len(review), len(opened)) == (2, 2, 2)
    later = [*panel, *review, *opened]
    core = sum(small(chunk) for chunk in chunks if chunk not in later)
    assert core < 110_000  # with JupyterLab's start
    assert widget < 90_000  # with the first chat widget of a page
    assert core + widget + sum(map(small, later)) < 300_000


def small(data: bytes) -> int:
    """Bytes on the wire."""
    return len(gzip.compress(data))


def test_a_person_asks_watches_and_approves_with_a_key(open_lab: OpenLab):
    lab = open_lab(LOAD, script("say **Bold** words", "run x = 6 * 7", "  print('ran', x)"))

    lab.run_all()
    expect(lab.view.locator("strong", has_text="Bold")).to_be_visible()
    lab.question.press("a")

    lab.stands("Done")
    assert lab.value("x") == "42"
    expect(lab.view).to_contain_text("Approved by you")
    saved = lab.save_ended().cells[1].outputs[0].data
    assert "ran 42" in saved["text/plain"]
    assert "ran 42" in saved["text/html"]
    assert saved[MIME]["snapshot"]["runs"][-1]["status"] == "succeeded"


@pytest.mark.scenario("A7")
def test_what_runs_is_the_code_as_it_was_edited(open_lab: OpenLab):
    lab = open_lab(LOAD, script("run x = 1"))

    lab.run_all()
    lab.question.press("e")
    editor = lab.question.locator(".cm-content")
    editor.press("Control+A")
    editor.press_sequentially("x = 'edited'")
    lab.button("Approve as edited").click()

    lab.stands("Done")
    assert lab.value("x") == "'edited'"


def test_a_rejection_and_its_reason_reach_the_agent(open_lab: OpenLab):
    lab = open_lab(LOAD, script("run x = 1"))

    lab.run_all()
    lab.question.press("r")
    lab.question.locator("input").fill("not on my data")
    lab.question.locator("input").press("Enter")

    lab.stands("Done")
    expect(lab.view.locator(".lobu-assistant").last).to_contain_text("not on my data")
    assert lab.value("x") is None


def test_a_question_is_answered_with_an_option(open_lab: OpenLab):
    lab = open_lab(LOAD, script("ask Which colour? | red | blue"))

    lab.run_all()
    lab.question.get_by_label("blue").check()
    lab.button("Answer").first.click()

    lab.stands("Done")
    expect(lab.view.locator(".lobu-assistant").last).to_contain_text("blue")


@pytest.mark.scenario("E9")
def test_a_reload_while_the_agent_waits_shows_the_question_once(open_lab: OpenLab):
    lab = open_lab(LOAD, script("run x = 1"))
    lab.run_all()
    expect(lab.question).to_be_visible()
    lab.save()

    lab.reload()

    expect(lab.question).to_have_count(1)
    lab.question.press("a")
    lab.stands("Done")


@pytest.mark.scenario("A32")
def test_a_decision_in_one_tab_takes_the_controls_from_the_other(open_lab: OpenLab):
    one = open_lab(LOAD, script("run x = 1"))
    one.run_all()
    expect(one.question).to_be_visible()
    one.save()
    two = open_lab(name=one.name)
    expect(two.question).to_be_visible()

    two.question.press("a")

    for lab in (one, two):
        expect(lab.question).to_have_count(0)
        expect(lab.view).to_contain_text("Approved by you")
        lab.stands("Done")


@pytest.mark.scenario("W17")
def test_a_killed_kernel_is_said_in_the_output_and_a_retry_is_offered(open_lab: OpenLab):
    lab = open_lab(LOAD, script("slow 200 100"))
    lab.run_all()
    lab.stands("Working")

    os.kill(lab.server.kernel_pid(lab.kernel_id()), signal.SIGKILL)

    expect(lab.view.locator(".lobu-error")).to_contain_text("kernel_died")
    expect(lab.button("Retry")).to_be_visible()


@pytest.mark.scenario("E27")
@pytest.mark.scenario("E19")
def test_a_server_that_is_killed_and_comes_back_needs_no_touch_of_the_page(
    context: BrowserContext, mortal: RealServer
):
    lab = Lab.open(context.new_page(), mortal, (LOAD, script("say before", "run x = 1")), None)
    lab.run_all()
    expect(lab.question).to_be_visible()

    mortal.kill()
    expect(lab.view.locator(".lobu-connection")).to_contain_text("Reconnecting in")
    mortal.start()

    expect(lab.view.locator(".lobu-connection")).to_have_count(0)
    expect(lab.view).to_contain_text("before")
    expect(lab.question).to_have_count(1)


def test_a_colleague_without_the_thread_reads_the_saved_copy(
    open_lab: OpenLab, context: BrowserContext, mortal: RealServer
):
    lab = open_lab(LOAD, script("say for the colleague"))
    lab.run_all()
    lab.stands("Done")
    lab.save_ended()

    (mortal.root / lab.name).write_bytes((lab.server.root / lab.name).read_bytes())
    theirs = Lab.open(context.new_page(), mortal, (), lab.name)

    expect(theirs.view).to_contain_text("for the colleague")
    theirs.stands("Saved output")
    assert theirs.errors == []


def test_the_chat_widget_talks_on_the_notebooks_thread(open_lab: OpenLab):
    lab = open_lab("import lobu_jupyter as lobu\nchat = lobu.ChatWidget()\nchat")
    lab.run_all()
    box = lab.view.get_by_label("Message to the agent")
    box.fill("say hello from the widget")

    box.press("Enter")

    expect(lab.view.locator(".lobu-user")).to_contain_text("say hello")
    lab.stands("Done")
    assert lab.errors == []
