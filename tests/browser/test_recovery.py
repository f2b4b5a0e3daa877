"""After a death a person sees what is there still, and goes on with one click."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.servers import RealServer

from .lab import LOAD, Lab, script

OpenLab = Callable[..., Lab]


@pytest.mark.scenario("E19")
def test_an_answer_that_a_dead_server_cut_is_marked_and_continued_below_what_is_there(
    context: BrowserContext, mortal: RealServer
):
    lab = Lab.open(context.new_page(), mortal, (LOAD, script("say the beginning", "slow 600 100")), None)
    dialog = lab.page.get_by_role(
        "button", name="Close", exact=True
    )  # of JupyterLab's own dialog: the server is away
    lab.page.add_locator_handler(dialog, lambda button: button.click())
    lab.run_all()
    expect(lab.view).to_contain_text("the beginning")

    mortal.kill()
    expect(lab.view.locator(".lobu-connection")).to_contain_text("Reconnecting in")
    mortal.start()
    lab.stands("Interrupted")
    expect(lab.view).to_contain_text("The Jupyter server restarted")
    lab.button("Continue").click()

    expect(lab.view).to_contain_text("Continue where you stopped.")
    lab.stands("Done")
    expect(lab.view.get_by_text("the beginning")).to_have_count(1)
    lab.save()
    lab.reload()
    expect(lab.view).to_contain_text("Continue where you stopped.")
    expect(lab.view.get_by_text("the beginning")).to_have_count(1)


@pytest.mark.scenario("W17")
def test_after_a_kernel_restart_one_approval_brings_the_agents_variables_back(open_lab: OpenLab):
    lab = open_lab(LOAD, script("run rebuilt = 41"), script("slow 600 100"))
    lab.select(2)
    lab.command("notebook:run-all-above")
    lab.question.press("a")
    lab.stands("Done")
    lab.select(2)
    lab.command("notebook:run-all-below")
    expect(lab.view.nth(1).locator(".lobu-run-running")).to_have_count(1)

    lab.server.restart_kernel(lab.kernel_id())
    rebuild = lab.view.nth(1).get_by_role("button", name="Rebuild")
    rebuild.click()
    expect(lab.question).to_contain_text("Run all of this code again")
    expect(lab.view.nth(1).locator(".lobu-card")).to_contain_text("rebuilt = 41")
    lab.question.press("a")

    expect(lab.view.nth(1).locator(".lobu-standing")).to_contain_text("Done")
    assert lab.value("rebuilt") == "41"


@pytest.mark.scenario("E21")
def test_a_reload_in_mid_stream_shows_every_word_once(open_lab: OpenLab):
    lab = open_lab(LOAD, script("slow 60 100"))
    lab.run_all()
    expect(lab.view.locator(".lobu-assistant")).to_be_visible()
    lab.save()

    lab.reload()

    lab.stands("Done")
    words = re.findall(r"word\d+", lab.view.inner_text())
    assert words == [f"word{n}" for n in range(1, 61)]


def test_a_batch_is_decided_in_one_place_and_sent_once(open_lab: OpenLab):
    lab = open_lab(LOAD, script("run a = 1 && run b = 2"))
    sent: list[str] = []
    lab.page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    lab.run_all()
    expect(lab.question).to_have_count(2)

    lab.question.first.press("a")
    expect(lab.view.get_by_text("Will be approved")).to_be_visible()
    expect(lab.question).to_have_count(2)  # the second card has moved, and takes no key for a moment
    lab.question.last.press("r")
    lab.button("Submit").click()

    lab.stands("Done")
    assert (lab.value("a"), lab.value("b")) == ("1", None)
    assert len([url for url in sent if url.endswith("/resume")]) == 1
