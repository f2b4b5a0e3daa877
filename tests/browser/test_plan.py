"""A plan in a real JupyterLab: it ticks in the panel's head and in the output, and is approved before anything acts."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from .lab import LOAD, READY_QUESTION, SLOW, Lab, script
from .panel import Panel

OpenLab = Callable[..., Lab]
STEPS = ("Look at the sales table", "Fill the gaps in the amounts of each month", "Plot the sales by month")


def plan(*states: str, steps: tuple[str, ...] = STEPS) -> str:
    told = [
        {"description": step, "status": states[n] if n < len(states) else "pending"}
        for n, step in enumerate(steps)
    ]
    return f"tool plan {json.dumps({'steps': told})}"


def plan_first(panel: Panel) -> None:
    panel.root.get_by_label("Mode", exact=True).select_option("Plan first")


@pytest.mark.parametrize("width", [300, 520])
def test_the_plan_is_one_line_in_the_head_that_ticks_and_opens(open_lab: OpenLab, width: int):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    panel.root.evaluate(f"root => root.style.width = '{width}px'")
    panel.send(
        f"{plan('completed', 'in_progress')}\nrun y = 2\n{plan('completed', 'completed', 'in_progress')}"
    )

    line = panel.root.locator(".lobu-plan-line")
    expect(line).to_contain_text("1 of 3 done", timeout=SLOW)
    expect(line).to_contain_text(STEPS[1])
    assert line.bounding_box()["height"] <= 32  # type: ignore[index]
    expect(panel.root.locator(".lobu-plan-head li")).to_have_count(0)
    line.press("Enter")
    expect(panel.root.locator(".lobu-plan-head li")).to_have_text(list(STEPS))
    panel.question.press("a")
    panel.stands("Done")
    expect(line).to_contain_text("2 of 3 done")
    expect(panel.root.locator(".lobu-plan-head .lobu-plan-in_progress")).to_have_text(STEPS[2])
    assert panel.root.evaluate("root => root.scrollWidth <= root.clientWidth")
    panel.reload()
    expect(line).to_contain_text("2 of 3 done")

    panel.send("say **Another**")
    expect(panel.root.locator("strong", has_text="Another")).to_be_visible(timeout=SLOW)
    expect(line).to_have_count(0)
    assert lab.errors == []


def test_plan_first_runs_nothing_until_the_edited_plan_is_approved(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    plan_first(panel)
    panel.send(f"run x = 2\n{plan()}\nrun x = 3")

    expect(panel.question).to_be_visible(timeout=SLOW)
    card = panel.root.locator(".lobu-card", has=panel.page.locator(READY_QUESTION))
    expect(card).to_contain_text("Plan first: approve this plan?")
    for step in STEPS:
        expect(card).to_contain_text(f"[ ] {step}")
    refused = panel.root.locator(".lobu-card", has_text="Ran code")
    expect(refused).to_contain_text("Plan first is on, and no plan is approved yet")
    assert lab.value("x") is None

    panel.button("More actions").click()
    menu = panel.root.get_by_role("menuitem")
    expect(menu).to_have_text(["Edit"])
    menu.click()
    editor = panel.root.get_by_label("One step per line")
    expect(editor).to_be_visible()
    editor.focus()
    panel.page.keyboard.press("Control+a")
    panel.page.keyboard.type("Only count to three")
    panel.button("Approve as edited").click()

    expect(panel.root.locator(".lobu-plan-line")).to_contain_text("0 of 1 done", timeout=SLOW)
    expect(panel.root.locator(".lobu-card", has=panel.page.locator(READY_QUESTION))).to_contain_text(
        "Run this code?"
    )
    panel.question.press("a")
    panel.stands("Done")
    assert lab.value("x") == "3"
    with lab.server.client() as client:
        actions = [entry["action"] for entry in client.get("audit").json()["audit"]]
    assert {"plan first", "plan approved"} <= set(actions)
    assert lab.errors == []


def test_a_rejected_plan_leaves_everything_as_it_is(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    plan_first(panel)
    panel.send(f"{plan()}\nrun x = 3")
    expect(panel.question).to_be_visible(timeout=SLOW)

    panel.question.press("r")
    panel.page.keyboard.press("Enter")
    panel.stands("Done")

    expect(panel.root.locator(".lobu-plan-line")).to_have_count(0)
    assert lab.value("x") is None


def test_the_output_of_a_cell_shows_the_plan_also_without_a_kernel(open_lab: OpenLab):
    lab = open_lab(LOAD, script(plan("completed", "in_progress"), "say done"))
    lab.run_all()

    lab.stands("Done")
    expect(lab.view.locator(".lobu-plan li")).to_have_text(list(STEPS))
    saved = lab.save_ended()
    (output,) = saved.cells[1].outputs
    assert "[>] Fill the gaps" in output.data["text/plain"]
    lab.reload()
    expect(lab.view.locator(".lobu-plan li")).to_have_text(list(STEPS))
    assert lab.errors == []
