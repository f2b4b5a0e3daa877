"""JupyterLab as a person uses it: a notebook in a tab."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import nbformat
from playwright.sync_api import ConsoleMessage, Locator, Page, WebSocket, expect

from tests.servers import RealServer

READY = "() => jupyterapp.shell.currentWidget?.context?.sessionContext?.session?.kernel?.status === 'idle'"
# While JupyterLab changes its theme, it hides everything, and then there are no colours for a moment.
SEEN = """() => [...document.querySelectorAll('.lobu')]
        .some(one => one.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
    && getComputedStyle(document.body).getPropertyValue('--jp-layout-color1') !== ''
    && document.querySelector('#main').getBoundingClientRect().height > 0
    && document.querySelector('#jupyterlab-splash') === null"""
PAINTED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
# What the notebook saves of a run is there a moment after the page shows its end.
SAVED = """() => jupyterapp.shell.currentWidget.content.model.sharedModel.cells
    .flatMap(cell => cell.getOutputs?.() ?? [])
    .map(output => output.data?.['application/vnd.lobu.thread+json'])
    .filter(Boolean)
    .every(one => ['succeeded', 'failed', 'cancelled'].includes(one.snapshot?.runs.at(-1).status))"""
SLOW = 90_000  # ms; nobody promised it: it only ends what hangs
READY_QUESTION = '.lobu-decide:not([aria-busy="true"])'
LOAD = "%load_ext lobu_jupyter"


def script(*lines: str) -> str:
    """A cell that gives the script agent these lines."""
    return "\n".join(["%%lobu --agent script", *lines])


def write_notebook(server: RealServer, cells: Sequence[str]) -> str:
    """A new notebook in the server's folder; its name."""
    name = f"n{uuid.uuid4().hex[:8]}.ipynb"
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = nbformat.v4.new_notebook(metadata=kernel)
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(notebook, server.root / name)
    return name


class Lab:
    """One tab with one notebook. ``sockets``: lobu's WebSockets that the page has opened so far."""

    def __init__(self, page: Page, server: RealServer, name: str) -> None:
        self.page = page
        self.server = server
        self.name = name
        self.errors: list[str] = []
        self.sockets: list[WebSocket] = []
        page.on("pageerror", lambda error: self.errors.append(f"{error}\n{error.stack}"))
        page.on("console", self._on_console)
        page.on("websocket", self._on_socket)

    @classmethod
    def open(
        cls,
        page: Page,
        server: RealServer,
        cells: Sequence[str],
        name: str | None,
        *,
        url: str | None = None,
        path: str = "",
    ) -> Lab:
        """Open the notebook `name`, or a new one, at `path` (JupyterLab's if not given) of the server's `url`."""
        name = name or write_notebook(server, cells)
        lab = cls(page, server, name)
        path = path or f"lab/workspaces/{uuid.uuid4().hex[:8]}/tree/"
        page.goto(f"{url or server.url}{path}{name}?token={server.token}&reset")
        lab.wait_ready()
        return lab

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "lobu" in message.text.lower():
            self.errors.append(message.text)

    def _on_socket(self, socket: WebSocket) -> None:
        if "/lobu/api/socket" in socket.url:
            self.sockets.append(socket)

    def wait_ready(self) -> None:
        self.page.wait_for_selector(".jp-Notebook .jp-Cell")
        self.page.wait_for_function(READY)

    def command(self, name: str) -> None:
        """Begin a command; it is not waited for."""
        self.page.evaluate("name => void jupyterapp.commands.execute(name)", name)

    def run_all(self) -> None:
        self.command("notebook:run-all-cells")

    def select(self, index: int) -> None:
        """Make a cell the active one."""
        self.page.evaluate("i => { jupyterapp.shell.currentWidget.content.activeCellIndex = i; }", index)

    def wear(self, theme: str, *, empty: bool = False) -> None:
        """Change JupyterLab's theme. ``empty``: nothing of an agent is on the page yet."""
        self.page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
        self.page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")
        if not empty:
            self.page.wait_for_function(SEEN)
        self.page.evaluate(PAINTED)

    def save_ended(self) -> nbformat.NotebookNode:
        """Save the notebook once its outputs hold how their runs ended."""
        self.page.wait_for_function(SAVED)
        return self.save()

    def save(self) -> nbformat.NotebookNode:
        """Save the notebook, and read it as a colleague would."""
        self.page.evaluate("() => jupyterapp.shell.currentWidget.context.save()")
        return nbformat.read(self.server.root / self.name, as_version=4)

    def reload(self) -> None:
        self.page.reload()
        self.wait_ready()

    @property
    def view(self) -> Locator:
        return self.page.locator(".lobu")

    @property
    def question(self) -> Locator:
        """The questions that take a decision: one that has just come takes none for half a second."""
        return self.page.locator(READY_QUESTION)

    def button(self, name: str) -> Locator:
        return self.view.get_by_role("button", name=name)

    def stands(self, text: str, timeout: float = SLOW) -> None:
        """Wait until the status line says so."""
        expect(self.view.locator(".lobu-standing").first).to_contain_text(text, timeout=timeout)

    def kernel_id(self) -> str:
        return str(
            self.page.evaluate(
                "() => jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.id"
            )
        )

    def value(self, expression: str) -> Any:
        """What an expression is in the notebook's kernel, as text."""
        return self.page.evaluate(
            """async expression => {
                const kernel = jupyterapp.shell.currentWidget.context.sessionContext.session.kernel;
                const future = kernel.requestExecute(
                    { code: '', user_expressions: { value: expression }, store_history: false });
                const reply = await future.done;
                return reply.content.user_expressions.value.data?.['text/plain'] ?? null;
            }""",
            expression,
        )
