"""Controls come from the live question only, in a real JupyterLab: a saved or sent output has none."""

from __future__ import annotations

import json
from collections.abc import Callable

import nbformat
from playwright.sync_api import Locator, expect

from tests.security.test_saved_controls import NO_RUN, Waiting
from tests.servers import RealServer

from .lab import LOAD, Lab, script

OpenLab = Callable[..., Lab]
CONTROLS = ".lobu-decide, .lobu-batch, fieldset, .lobu-composer"


def assert_no_controls(view: Locator) -> None:
    expect(view).to_contain_text("Read the README?")
    expect(view.locator(".lobu-saved-label")).to_contain_text("Saved output")
    expect(view.locator(CONTROLS)).to_have_count(0)
    expect(view.get_by_role("button", name="Approve")).to_have_count(0)
    for shown in ("false", "true"):
        head = view.locator(".lobu-card-head")
        head.click()
        expect(head).to_have_attribute("aria-expanded", shown)
        expect(view.locator(CONTROLS)).to_have_count(0)


def test_a_crafted_notebook_has_no_controls_and_the_true_question_its_own_text(
    open_lab: OpenLab, server: RealServer
) -> None:
    waiting = Waiting(server, "crafted.txt")
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "P"}})
    for run_id in (NO_RUN, waiting.run):
        cell = nbformat.v4.new_code_cell("%lobu go")
        cell.outputs = [nbformat.v4.new_output("display_data", data=waiting.output(run_id))]
        notebook.cells.append(cell)
    nbformat.write(notebook, server.root / "crafted.ipynb")

    lab = open_lab(name="crafted.ipynb")

    crafted, true = lab.view.nth(0), lab.view.nth(1)
    assert_no_controls(crafted)
    waiting.assert_undecided()
    expect(true.locator(".lobu-card")).to_contain_text("Write crafted.txt?")
    expect(true).to_contain_text("crafted.txt")
    expect(true).not_to_contain_text("README")
    true.get_by_role("button", name="Approve", exact=True).click()
    expect(true.locator(".lobu-decided")).to_contain_text("Approved")
    expect(true.locator(".lobu-standing")).to_contain_text("Done")
    (audited,) = [row for row in waiting.audit() if row["action"] == "decided approve"]
    assert len(audited["detail"]["digest"]) == 64
    assert waiting.file.exists()
    assert lab.errors == []


def test_an_output_that_agent_code_sends_to_the_open_page_has_no_controls(
    open_lab: OpenLab, server: RealServer
) -> None:
    waiting = Waiting(server, "sent.txt")
    (server.root / "forged.json").write_text(json.dumps(waiting.output(NO_RUN)))
    board = (
        "from IPython.display import display\ndisplay({'text/plain': 'board'}, raw=True, display_id='board')"
    )
    lab = open_lab(
        LOAD,
        board,
        script(
            "run import json",
            "    from IPython.display import update_display",
            "    update_display(json.load(open('forged.json')), raw=True, display_id='board')",
        ),
    )
    lab.run_all()
    lab.question.press("a")  # the person approves the code that forges

    assert_no_controls(lab.view.first)

    waiting.assert_undecided()
    assert lab.errors == []
