"""The page of permissions: what is approved, the rules of a notebook, and the limits above them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from .lab import SLOW, Lab
from .panel import Panel

OpenLab = Callable[..., Lab]


def part(panel: Panel, name: str) -> Locator:
    return panel.root.get_by_role("region", name=name)


@pytest.mark.parametrize("width", [300, 520])
def test_an_approval_is_listed_and_revoked_by_a_real_click_only(open_lab: OpenLab, width: int):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    panel.root.evaluate(f"root => root.style.width = '{width}px'")
    panel.send("run x = 2")
    panel.button("More actions").click()
    panel.page.get_by_role("menuitem", name="Always allow simple code in this chat").click()
    panel.stands("Done")

    lab.command("lobu:permissions")
    row = part(panel, "Approvals").get_by_role("listitem")
    expect(row).to_contain_text("simple code in this chat", timeout=SLOW)
    expect(row).to_contain_text("run x = 2")
    revoke = row.get_by_role("button")
    revoke.evaluate("button => button.click()")  # as a script in the page would
    expect(row).to_have_count(1)
    assert panel.root.evaluate("root => root.scrollWidth <= root.clientWidth")
    revoke.click()

    expect(row).to_have_count(0)
    panel.button("Back").click()
    panel.send("run x = 3")
    expect(panel.question).to_be_visible(timeout=SLOW)
    assert lab.value("x") == "2"
    assert lab.errors == []


def test_a_rule_of_the_notebook_is_added_and_removed(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    panel.button("All threads").click()
    panel.button("Permissions").click()
    rules = part(panel, f"Rules of {lab.name}")
    rules.get_by_label("What the rule does").focus()
    panel.page.keyboard.press("End")
    rules.get_by_label("Tools, as in write_*").fill("run_*")
    panel.page.keyboard.press("Enter")

    rule = rules.get_by_role("listitem")
    expect(rule).to_contain_text("Never run: run_*", timeout=SLOW)
    panel.button("Back").click()
    panel.send("run x = 3")
    panel.stands("Done")
    expect(panel.root.locator(".lobu-card")).to_contain_text("notebook policy denies run_*")

    lab.command("lobu:permissions")
    panel.button("Remove: Never run: run_*").click()
    expect(rule).to_have_count(0)
    panel.button("Back").click()
    panel.send("run x = 4")
    expect(panel.question).to_be_visible(timeout=SLOW)
    assert lab.errors == []


def test_the_limits_and_the_servers_are_shown_and_cannot_be_changed(open_lab: OpenLab):
    panel = Panel.open(open_lab("x = 1"))
    panel.lab.command("lobu:permissions")

    limits = part(panel, "Set by the administrator")
    expect(limits).to_contain_text("At most: Run automatically", timeout=SLOW)
    expect(limits.get_by_role("button")).to_have_count(0)
    expect(part(panel, "MCP servers")).to_contain_text("No MCP servers are set up on this server.")
