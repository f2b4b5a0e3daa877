"""An agent changes the notebook that a person has open, or has not: seen, undone, and never over their typing."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

import nbformat
from playwright.sync_api import expect

from tests.servers import RealServer, wait_for

from .lab import Lab
from .panel import Panel

OpenLab = Callable[..., Lab]
UNDO = "notebook:undo-cell-action"


def ids(lab: Lab) -> list[str]:
    """The cells' ids, as in the file."""
    return [cell.id for cell in nbformat.read(lab.server.root / lab.name, as_version=4).cells]


def in_file(lab: Lab) -> list[str]:
    return [cell.source for cell in nbformat.read(lab.server.root / lab.name, as_version=4).cells]


def propose(panel: Panel, tool: str, **args: Any) -> None:
    """Have the agent ask for a change, and wait for its question."""
    panel.send(f"tool {tool} {json.dumps(args)}")
    expect(panel.question).to_be_visible()


def shows(lab: Lab, *sources: str) -> None:
    """Wait until the open notebook has these cells."""
    lab.page.wait_for_function(
        "sources => JSON.stringify(jupyterapp.shell.currentWidget.content.model.sharedModel.cells"
        ".map(cell => cell.getSource())) === JSON.stringify(sources)",
        arg=list(sources),
    )


def test_an_edit_is_shown_as_a_diff_made_in_the_open_notebook_and_undone_there(open_lab: OpenLab):
    lab = open_lab("x = 1", "y = 2")
    panel = Panel.open(lab)

    propose(panel, "edit_cell", cell=ids(lab)[0], code="x = 5")
    expect(panel.root.locator(".lobu-diff")).to_contain_text("x = 5")
    shows(lab, "x = 1", "y = 2")
    panel.question.press("a")
    panel.stands("Done")
    shows(lab, "x = 5", "y = 2")

    lab.page.locator(".jp-Notebook .cm-content").first.click()
    lab.page.keyboard.press("Control+z")
    shows(lab, "x = 1", "y = 2")


def test_cells_come_go_and_move_and_the_notebooks_undo_takes_it_back(open_lab: OpenLab):
    lab = open_lab("x = 1", "y = 2")
    panel = Panel.open(lab)
    first, second = ids(lab)

    propose(panel, "insert_cell", code="# Sums", type="markdown", after="")
    panel.question.press("a")
    panel.stands("Done")
    shows(lab, "# Sums", "x = 1", "y = 2")
    propose(panel, "move_cell", cell=first)
    panel.question.press("a")
    panel.stands("Done")
    shows(lab, "# Sums", "y = 2", "x = 1")
    propose(panel, "delete_cell", cell=second)
    panel.question.press("a")
    panel.stands("Done")
    shows(lab, "# Sums", "x = 1")

    lab.command(UNDO)
    shows(lab, "# Sums", "y = 2", "x = 1")
    lab.command(UNDO)
    shows(lab, "# Sums", "x = 1", "y = 2")
    lab.command(UNDO)
    shows(lab, "x = 1", "y = 2")


def test_what_the_person_typed_meanwhile_stays_and_they_see_a_fresh_diff(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    propose(panel, "edit_cell", cell=ids(lab)[0], code="x = 5")

    lab.page.locator(".lobu-review").get_by_role("button", name="Show cell").click()
    lab.page.locator(".jp-Notebook .cm-content").first.click()
    lab.page.keyboard.press("End")
    lab.page.keyboard.type("00  # mine")
    expect(lab.page.locator(".lobu-review")).to_contain_text("This cell changed after the agent asked.")
    panel.button("Approve").click()

    expect(panel.question).to_contain_text("changed after you were asked")
    expect(panel.root.locator(".lobu-diff")).to_contain_text("x = 100  # mine")
    shows(lab, "x = 100  # mine")

    panel.question.press("a")
    panel.stands("Done")
    shows(lab, "x = 5")
    lab.page.locator(".jp-Notebook .cm-content").first.click()
    lab.page.keyboard.press("Control+z")
    shows(lab, "x = 100  # mine")


def test_a_cell_runs_in_the_notebook_with_its_outputs_below_it(open_lab: OpenLab):
    lab = open_lab("print('from the cell')")
    panel = Panel.open(lab)

    propose(panel, "run_cell", cell=ids(lab)[0])
    expect(panel.root.locator(".lobu-card pre").first).to_contain_text("print('from the cell')")
    panel.question.press("a")
    panel.stands("Done")

    expect(lab.page.locator(".jp-Notebook .jp-OutputArea-output")).to_contain_text("from the cell")
    assert lab.save().cells[0].outputs[0].text == "from the cell\n"


def test_with_no_page_open_the_file_is_edited_and_the_next_page_shows_it(open_lab: OpenLab):
    lab = open_lab("x = 1", "y = 2")
    panel = Panel.open(lab)
    propose(panel, "edit_cell", cell=ids(lab)[1], code="y = 7")
    lab.page.close()

    with lab.server.client() as person:
        wait_for("the page to be gone", lambda: person.get("health").json()["pages"] == 0, 45)
        (waiting,) = person.get("interrupts").json()["interrupts"]
        entry = {"interruptId": waiting["id"], "status": "resolved", "payload": {"approved": True}}
        started = person.post(f"threads/{waiting['threadId']}/resume", json={"resume": [entry]}).json()
        person.get(
            f"threads/{waiting['threadId']}/events", params={"runId": started["runId"]}, timeout=60
        ).raise_for_status()

    assert in_file(lab) == ["x = 1", "y = 7"]
    shows(open_lab(name=lab.name), "x = 1", "y = 7")


def test_where_page_and_file_were_both_changed_nothing_is_done_and_the_reason_told(
    open_lab: OpenLab, server: RealServer
):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    (cell,) = ids(lab)
    lab.save()
    lab.page.locator(".jp-Notebook .cm-content").first.click()
    lab.page.keyboard.press("End")
    lab.page.keyboard.type("  # unsaved")
    theirs = nbformat.read(server.root / lab.name, as_version=4)
    theirs.cells[0].source = "x = 2"
    nbformat.write(theirs, server.root / lab.name)
    later = time.time() + 60  # no doubt that it is newer
    os.utime(server.root / lab.name, (later, later))

    propose(panel, "edit_cell", cell=cell, code="x = 5")
    panel.question.press("a")
    panel.stands("Done")

    expect(panel.root.locator(".lobu-card").last).to_contain_text("changed by someone else")
    shows(lab, "x = 1  # unsaved")
    assert in_file(lab) == ["x = 2"]


def test_a_turn_is_taken_back_in_one_act_and_made_again(open_lab: OpenLab):
    lab = open_lab("x = 1", "y = 2")
    panel = Panel.open(lab)
    first, _ = ids(lab)
    for tool, args in (("edit_cell", {"cell": first, "code": "x = 5"}), ("insert_cell", {"code": "z = 3"})):
        propose(panel, tool, **args)
        panel.question.press("a")
        panel.stands("Done")
    notes = lab.server.root / "new-notes.txt"
    assert not notes.exists(), "another test of this server wrote it: restoring would bring that text back"
    propose(panel, "write_file", path=notes.name, content="made\n")
    panel.question.press("a")
    panel.stands("Done")
    shows(lab, "x = 5", "y = 2", "z = 3")
    assert notes.exists()

    panel.root.locator(".lobu-user").first.hover()
    panel.button("Restore to here").first.click()
    preview = panel.root.get_by_role("group", name="Restore to here")
    expect(preview).to_contain_text("Cell 1 of")
    expect(preview).to_contain_text("Variables, outputs")
    expect(preview.locator(".lobu-diff").filter(has_text="x = 5")).to_contain_text("x = 1")
    panel.button("Restore all 3").click()
    expect(panel.root.locator(".lobu-undone")).to_contain_text("3 changes were restored")
    shows(lab, "x = 1", "y = 2")
    assert not notes.exists()

    lab.command(UNDO)  # all cells of it are one step of the notebook's own undo
    shows(lab, "x = 5", "y = 2", "z = 3")
    lab.command("notebook:redo-cell-action")
    shows(lab, "x = 1", "y = 2")
    panel.button("Undo restore").click()
    panel.button("Restore all 3").click()
    expect(panel.root.locator(".lobu-undone").last).to_contain_text("3 changes were made again")
    shows(lab, "x = 5", "y = 2", "z = 3")
    assert notes.exists()
