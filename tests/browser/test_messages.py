"""What is typed is a message, also when a question comes while it is typed."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from .lab import Lab
from .panel import Panel

OpenLab = Callable[..., Lab]


def test_text_that_is_typed_when_the_question_comes_stays_a_message(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    queued = panel.root.locator(".lobu-queued")
    panel.send("slow 20 100\nrun y = 2")
    panel.composer.press_sequentially("say no, ")
    expect(panel.question).to_be_visible()

    panel.composer.press_sequentially("by week")
    expect(panel.composer).to_have_value("say no, by week")
    panel.composer.press("Enter")

    expect(queued).to_contain_text("say no, by week")
    expect(panel.question).to_be_visible()
    panel.composer.press("Control+Backspace")
    panel.question.locator("input").fill("not now")
    panel.question.get_by_role("button", name="Reject and send").click()
    expect(panel.root.locator(".lobu-assistant").last).to_contain_text("no, by week")
    expect(queued).to_have_count(0)
    assert lab.value("y") is None


def test_a_queued_message_is_removed_while_the_question_stays_open(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    panel.send("run y = 2")
    expect(panel.question).to_be_visible()
    panel.send("say later")

    panel.button("Remove: say later").click()

    expect(panel.root.locator(".lobu-queued")).to_have_count(0)
    expect(panel.question).to_be_visible()
