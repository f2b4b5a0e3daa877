"""Cards in the panel: decided by keys from anywhere, only as far as they were shown, and quiet once they are done."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from .lab import Lab
from .panel import Panel

OpenLab = Callable[..., Lab]
LONG = "run x = 1\n" + "\n".join(f"    y_{n} = {n}" for n in range(60))
STEPS = "\n".join(f"run step_{n} = {n}" for n in range(30))
RESUMED = "() => performance.getEntriesByType('resource').filter(e => e.name.endsWith('/resume')).length"
SMALL = """() => [...document.querySelectorAll('.lobu-panel button')]
    .filter(one => one.offsetParent && !one.closest('.lobu-markdown'))
    .map(one => [one.textContent || one.ariaLabel, one.getBoundingClientRect()])
    .filter(([, box]) => box.width < 24 || box.height < 24).map(([name]) => name)"""


def test_ctrl_enter_approves_from_the_box_and_ctrl_backspace_rejects(open_lab: OpenLab):
    lab = open_lab("x = 0")
    panel = Panel.open(lab)
    panel.send("run x = 1\nrun x = 2")
    expect(panel.question).to_be_visible()

    panel.composer.press("Control+Enter")
    expect(panel.root.locator(".lobu-card-name").first).to_have_text("Ran code")
    expect(panel.question).to_be_visible()
    panel.composer.press("Control+Backspace")
    expect(panel.question.get_by_label("Reason (optional)")).to_be_focused()
    panel.page.keyboard.type("not again")
    panel.page.keyboard.press("Enter")

    panel.stands("Done")
    rejected = panel.root.locator(".lobu-is-rejected")
    expect(rejected.locator(".lobu-card-standing")).to_have_text("Rejected")
    expect(rejected).to_contain_text("not again")
    expect(panel.composer).to_be_focused()
    assert lab.value("x") == "1"


def test_ctrl_enter_with_words_in_the_box_sends_them_and_approves_nothing(open_lab: OpenLab):
    lab = open_lab("x = 0")
    panel = Panel.open(lab)
    panel.send("run x = 1")
    expect(panel.question).to_be_visible()

    panel.composer.fill("say later")
    panel.composer.press("Control+Backspace")
    expect(panel.composer).to_have_value("say ")
    panel.composer.fill("say later")
    panel.composer.press("Control+Enter")

    expect(panel.root.locator(".lobu-queued")).to_contain_text("say later")
    expect(panel.question).to_be_visible()
    assert panel.page.evaluate(RESUMED) == 0


def test_ctrl_enter_shows_a_long_card_whole_before_it_approves(open_lab: OpenLab):
    lab = open_lab("x = 0")
    panel = Panel.open(lab)
    panel.send(LONG)
    expect(panel.root.locator(".lobu-folded")).to_have_count(1)
    expect(panel.question).to_be_visible()

    panel.composer.press("Control+Enter")
    expect(panel.root.locator(".lobu-folded")).to_have_count(0)
    expect(panel.question).to_be_focused()
    panel.page.wait_for_timeout(700)
    assert panel.page.evaluate(RESUMED) == 0

    for _ in range(12):  # each shows the next part; the one after the last part approves
        panel.page.keyboard.press("Control+Enter")
        panel.page.wait_for_timeout(700)
        if panel.page.evaluate(RESUMED):
            break
    panel.stands("Done")
    assert lab.value("y_59") == "59"


def test_a_key_that_is_held_down_approves_one_card(open_lab: OpenLab):
    lab = open_lab("x = 0")
    panel = Panel.open(lab)
    panel.send("run x = 1\nrun x = 2")
    expect(panel.question).to_be_visible()
    panel.question.focus()

    panel.page.keyboard.down("a")
    expect(panel.root.locator(".lobu-card")).to_have_count(2)
    expect(panel.question).to_be_visible()
    for _ in range(3):
        panel.question.focus()
        panel.page.keyboard.down("a")  # the browser says that it is a repetition

    panel.page.keyboard.up("a")
    expect(panel.question).to_be_visible()
    assert lab.value("x") == "1"


def test_approve_all_is_one_click(open_lab: OpenLab):
    lab = open_lab("x = 0")
    panel = Panel.open(lab)
    panel.send("run a = 1 && run b = 2")
    expect(panel.question).to_have_count(2)
    expect(panel.root.locator(".lobu-batch")).to_contain_text("2 actions need approval")
    assert panel.page.evaluate(SMALL) == []

    panel.button("Approve all").click()

    panel.stands("Done")
    assert (lab.value("a"), lab.value("b")) == ("1", "2")


def test_thirty_steps_are_one_line(open_lab: OpenLab):
    lab = open_lab("x = 0")
    panel = Panel.open(lab)
    panel.root.get_by_label("Mode", exact=True).select_option("Run automatically")
    panel.send(STEPS)
    panel.stands("Done")
    expect(panel.root.locator(".lobu-steps")).to_contain_text("Ran 30 steps")
    expect(panel.root.locator(".lobu-card")).to_have_count(1)
