"""The quickstart as a new person goes through it: they click, and the cells after that are fine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import nbformat
import pytest
from playwright.sync_api import BrowserContext, expect

from tests.servers import REPOSITORY, RealServer

from .conftest import lab_server
from .lab import Lab

QUICKSTART = REPOSITORY / "notebooks" / "01-quickstart.ipynb"
RUN = "i => { const nb = jupyterapp.shell.currentWidget.content; nb.activeCellIndex = i; void jupyterapp.commands.execute('notebook:run-cell'); }"
RAN = "i => jupyterapp.shell.currentWidget.content.widgets[i].model.executionState !== 'running' && jupyterapp.shell.currentWidget.content.widgets[i].model.executionCount !== null"


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """A JupyterLab as it is installed: the demo answers."""
    with lab_server(tmp_path_factory.mktemp("fresh")) as server:
        yield server


def test_a_new_person_clicks_approve_and_every_cell_after_it_is_fine(
    context: BrowserContext, fresh: RealServer
):
    shutil.copy(QUICKSTART, fresh.root / "01.ipynb")
    cells = nbformat.read(QUICKSTART, as_version=4).cells
    assert [cell.outputs for cell in cells if cell.cell_type == "code" and cell.outputs] == []
    at = {cell.source: index for index, cell in enumerate(cells)}
    lab = Lab.open(context.new_page(), fresh, (), "01.ipynb")

    def run(index: int) -> None:
        lab.page.evaluate(RUN, index)
        lab.page.wait_for_function(RAN, arg=index)

    asks = at["%lobu plot sales by month"]
    for index in range(asks + 1):
        if cells[index].cell_type == "code":
            run(index)
    outputs = lab.page.locator(".jp-Notebook > .jp-WindowedPanel-outer .jp-Cell, .jp-Notebook .jp-Cell")
    expect(lab.question).to_be_visible()
    lab.question.get_by_role("button", name="Approve", exact=True).click()
    lab.stands("Done")

    for index in range(asks + 1, at["result.head(3)"] + 1):
        if cells[index].cell_type == "code":
            run(index)
    expect(outputs.filter(has_text="result.head(3)").locator("table, pre").last).to_be_visible()
    expect(outputs.filter(has_text="Nothing to approve").first).to_be_visible()
    errors = "jupyterapp.shell.currentWidget.content.widgets.flatMap(c => c.model.outputs?.toJSON() ?? []).filter(o => o.output_type === 'error')"
    assert lab.page.evaluate(errors) == []
    assert lab.value("len(result)") == "12"
