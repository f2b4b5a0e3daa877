"""What a person has approved once and for all is seen in the panel, and taken back there."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from .lab import Lab
from .panel import Panel

OpenLab = Callable[..., Lab]
SMALLEST = 24  # px, of what is clicked
SIDES = "buttons => buttons.map(one => one.getBoundingClientRect()).flatMap(box => [box.width, box.height])"


def test_an_approval_for_the_chat_is_a_chip_and_after_undo_the_next_call_asks(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    panel.send("run g = 1")
    panel.button("More actions").click()
    panel.page.get_by_role("menuitem", name="Always allow simple code in this chat").click()

    chip = panel.root.locator(".lobu-approvals-chip")
    expect(chip).to_contain_text("1 approval active")
    expect(panel.root.locator(".lobu-decided")).to_contain_text(
        "simple code in this chat runs without asking"
    )
    panel.stands("Done")
    panel.send("run g = 2\nsay **Unasked**")
    expect(panel.root.locator("strong", has_text="Unasked")).to_be_visible()
    panel.stands("Done")
    assert lab.value("g") == "2"
    panel.reload()
    expect(chip).to_contain_text("1 approval active")
    assert min(chip.get_by_role("button").evaluate_all(SIDES)) >= SMALLEST

    panel.button("1 approval active").press("Enter")
    expect(panel.root.locator(".lobu-approvals-list li")).to_contain_text("simple code in this chat")
    panel.button("1 approval active").press("Escape")
    expect(panel.root.locator(".lobu-approvals-list")).to_have_count(0)
    panel.button("Undo: simple code in this chat").press("Enter")
    expect(chip).to_have_count(0)
    panel.send("run g = 3")

    expect(panel.question).to_be_visible()
    assert lab.value("g") == "2"
    assert lab.errors == []
