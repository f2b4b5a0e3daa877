"""Two people's pages on one notebook that they share live: an output stays one output."""

from __future__ import annotations

from collections.abc import Iterator

import nbformat
import pytest
from playwright.sync_api import BrowserContext, expect

from lobu_jupyter.model.notebooks import TRANSCRIPT_MIME
from tests.browser.conftest import lab_server
from tests.browser.lab import LOAD, Lab, script
from tests.servers import RealServer, wait_for

OUTPUTS = (
    "() => jupyterapp.shell.currentWidget.content.model.sharedModel.cells.map(c => c.getOutputs?.() ?? [])"
)
PEOPLE = "() => jupyterapp.shell.currentWidget.content.model.sharedModel.awareness.getStates().size"
SHARED = (
    "--ServerApp.jpserver_extensions=jupyter_server_ydoc=True",
    "--ServerApp.jpserver_extensions=jupyter_server_fileid=True",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with lab_server(tmp_path_factory.mktemp("rooms"), "--LobuApp.default_agent=script", *SHARED) as server:
        yield server


@pytest.mark.parametrize("decides", ["the page that asked", "the other page"])
def test_an_output_that_two_pages_show_is_there_once(
    decides: str, context: BrowserContext, server: RealServer
) -> None:
    asking = Lab.open(context.new_page(), server, [LOAD, script("run print(40 + 2)")], None)
    other = Lab.open(context.new_page(), server, [], asking.name)
    for page in (asking, other):
        page.page.wait_for_function(f"({PEOPLE})() >= 2")

    asking.run_all()
    for page in (asking, other):
        expect(page.question).to_be_visible()
    (asking if decides == "the page that asked" else other).button("Approve").first.click()
    for page in (asking, other):
        page.stands("Done")
    asking.page.wait_for_timeout(4500)  # as long as the elected page waits, and more

    for page in (asking, other):
        assert [len(outputs) for outputs in page.page.evaluate(OUTPUTS)] == [0, 1]
    file = server.root / asking.name

    def saved() -> list[nbformat.NotebookNode] | None:
        outputs = nbformat.read(file, as_version=4).cells[1].outputs
        runs = [o.data[TRANSCRIPT_MIME].get("snapshot", {}).get("runs", []) for o in outputs]
        return outputs if runs and all(r and r[-1]["status"] == "succeeded" for r in runs) else None

    assert len(wait_for("the saved file", saved, 30)) == 1
