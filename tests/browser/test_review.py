"""What an agent wants to change is reviewed in the notebook: hunk by hunk, in the cell, all cells of a turn at once."""

from __future__ import annotations

import json

from playwright.sync_api import Locator, expect

from .lab import PAINTED, Lab
from .panel import Panel
from .test_notebook_edits import OpenLab, ids, propose, shows

READY_REVIEW = '.lobu-review:not([aria-busy="true"])'
OLD = "\n".join(["import math", *(f"a{n} = {n}" for n in range(8)), "r = 1", "area = 3 * r"])
NEW = OLD.replace("import math", "from math import pi").replace("3 * r", "pi * r**2")


def reviews(lab: Lab) -> Locator:
    """The reviews in the notebook that take a decision."""
    return lab.page.locator(READY_REVIEW)


def bar(lab: Lab) -> Locator:
    return lab.page.locator(".lobu-review-bar")


def test_a_hunk_is_kept_and_another_undone_and_the_notebook_has_just_that(open_lab: OpenLab):
    lab = open_lab(OLD, "y = 2")
    panel = Panel.open(lab)
    propose(panel, "edit_cell", cell=ids(lab)[0], code=NEW)

    review = reviews(lab)
    expect(review).to_contain_text("Edit cell 1")
    expect(bar(lab)).to_contain_text("1 cell changed")
    expect(review.locator(".cm-deletedText").first).to_be_visible()
    review.get_by_title("Keep this part").last.click()
    shows(lab, OLD, "y = 2")
    expect(review.get_by_title("Keep this part")).to_have_count(1)
    reviews(lab).get_by_title("Undo this part").click()

    panel.stands("Done")
    kept = OLD.replace("3 * r", "pi * r**2")
    shows(lab, kept, "y = 2")
    expect(lab.page.locator(".lobu-review, .lobu-review-bar")).to_have_count(0)
    lab.page.locator(".jp-Notebook .cm-content").first.click()
    lab.page.keyboard.press("Control+z")
    shows(lab, OLD, "y = 2")


def test_the_changes_of_a_turn_are_one_review_and_what_was_deleted_can_be_read_later(open_lab: OpenLab):
    lab = open_lab("x = 1", "y = 2", "z = 3")
    panel = Panel.open(lab)
    first, second, _ = ids(lab)
    calls = {
        "edit_cell": {"cell": first, "code": "x = 5"},
        "delete_cell": {"cell": second},
        "insert_cell": {"code": "# Sums", "type": "markdown", "after": first},
    }
    panel.send(" && ".join(f"tool {name} {json.dumps(args)}" for name, args in calls.items()))

    expect(reviews(lab)).to_have_count(3)
    expect(bar(lab)).to_contain_text("3 cells changed")
    reviews(lab).filter(has_text="Delete cell 2").get_by_role("button", name="Undo").click()
    shows(lab, "x = 1", "y = 2", "z = 3")
    reviews(lab).filter(has_text="Undone").get_by_role("button", name="Change").click()
    expect(reviews(lab).filter(has=lab.page.locator(".cm-content"))).to_have_count(3)
    every = ".lobu-review-bar .lobu-primary, .lobu-review .lobu-primary"
    lab.page.evaluate(f"document.querySelectorAll('{every}').forEach(button => button.click())")
    shows(lab, "x = 1", "y = 2", "z = 3")  # a script of the page decides nothing
    bar(lab).get_by_role("button", name="Keep all").click()

    panel.stands("Done")
    shows(lab, "x = 5", "# Sums", "z = 3")
    panel.root.get_by_role("button", name="Deleted a cell").click()
    expect(panel.root.locator(".lobu-diff-removed", has_text="y = 2")).to_be_visible()


def test_keep_takes_only_what_was_in_sight_to_its_last_line(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    code = "\n".join(f"v{n} = {n}" for n in range(90))
    propose(panel, "insert_cell", code=code, after=ids(lab)[0])

    keep = reviews(lab).get_by_role("button", name="Keep")
    keep.click()
    shows(lab, "x = 1")
    lab.page.locator(".lobu-review .cm-content").hover(position={"x": 20, "y": 20})
    for _ in range(12):
        lab.page.mouse.wheel(0, 300)
        lab.page.evaluate(PAINTED)
    keep.click()

    panel.stands("Done")
    shows(lab, "x = 1", code)


ADDED = """() => {
    const { cells } = jupyterapp.shell.currentWidget.content.model;
    const cell = cells.get(cells.length - 1);
    return [cell.sharedModel.getSource(), cell.outputs.toJSON()[0].text, cell.trusted, cell.getMetadata('lobu')];
}"""


def test_code_that_the_agent_ran_becomes_a_cell_with_its_outputs_which_are_not_trusted(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    panel.send("run print(6 * 7)")
    panel.question.press("a")
    panel.stands("Done")

    panel.root.get_by_role("button", name="Ran code").click()
    panel.button("Add as cell").click()
    expect(panel.root.locator(".lobu-code-said")).to_have_text("Added.")

    source, output, trusted, made = lab.page.evaluate(ADDED)
    assert (source, output, trusted) == ("print(6 * 7)", "42\n", False)
    assert made["threadId"] == panel.threads()[0]["threadId"]
