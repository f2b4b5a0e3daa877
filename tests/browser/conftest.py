"""A real JupyterLab with the built bundle, real kernels and agents, and a real browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, expect, sync_playwright

from tests.servers import REPOSITORY, RealServer, wait_for

from .lab import SLOW, Lab

CHROMIUM = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SETTINGS = (  # that tests change
    "@jupyterlab/apputils-extension:themes",
    "@jupyterlab/notebook-extension:tracker",
    "lobu-jupyter:panel",
)
HANGS = pytest.mark.timeout(600)  # s, fixtures included
_CLASSES = {"jupyterlab": "LabApp", "notebook": "JupyterNotebookApp"}
_UNWANTED = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(HANGS)


def launch(playwright: Playwright) -> Browser:
    """Chromium, as installed; closed as a context manager."""
    return playwright.chromium.launch(executable_path=shutil.which("chromium"), args=[*CHROMIUM])


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if shutil.which("chromium") is None:
        pytest.fail("no chromium: `make browser` installs it")
    with sync_playwright() as playwright, launch(playwright) as browser:
        yield browser


def lab_server(
    home: Path, *options: str, app: str = "jupyterlab", kind: type[RealServer] = RealServer
) -> RealServer:
    """JupyterLab, or another `app` on it, with the bundle of this tree, whatever is installed."""
    server = kind(
        home,
        command=("-m", app),
        options=[f"--{_CLASSES[app]}.expose_app_in_browser=True", *options],
    )
    extensions = home / "data" / "labextensions"
    extensions.mkdir(parents=True)
    # A copy: a build while the tests run would leave pages without it for a moment.
    shutil.copytree(REPOSITORY / "lobu_jupyter" / "labextension", extensions / "lobu-jupyter")
    (home / "config" / "labconfig").mkdir()
    (home / "config" / "labconfig" / "page_config.json").write_text(json.dumps(_UNWANTED))
    return server


@pytest.fixture(scope="session")
def lab_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    options = ("--LobuApp.max_runs_per_user=32", "--LobuApp.default_agent=script")
    with lab_server(tmp_path_factory.mktemp("lab"), *options) as server:
        yield server


@pytest.fixture
def server(lab_of_the_session: RealServer) -> Iterator[RealServer]:
    """One server for all tests; each leaves it without threads and kernels, and with settings as they came."""
    yield lab_of_the_session
    leave_empty(lab_of_the_session)


@pytest.fixture(scope="session")
def second_lab_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with lab_server(tmp_path_factory.mktemp("second"), "--LobuApp.default_agent=script") as server:
        yield server


@pytest.fixture
def mortal(second_lab_of_the_session: RealServer) -> Iterator[RealServer]:
    """Another server, of another store, that a test may kill and start again."""
    yield second_lab_of_the_session
    if not answers(second_lab_of_the_session):
        second_lab_of_the_session.restart()  # the test failed before it did
    leave_empty(second_lab_of_the_session)


@pytest.fixture(scope="session")
def notebook7_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with lab_server(tmp_path_factory.mktemp("notebook7"), app="notebook") as server:
        yield server


@pytest.fixture
def notebook7(notebook7_of_the_session: RealServer) -> Iterator[RealServer]:
    yield notebook7_of_the_session
    leave_empty(notebook7_of_the_session)


def answers(server: RealServer) -> bool:
    try:
        return httpx.get(server.api + "health", headers=server.auth, timeout=30).is_success
    except httpx.TransportError:
        return False


def leave_empty(server: RealServer) -> None:
    with server.client() as person:
        for archived in (False, True):
            listed = person.get("threads", params={"limit": 500, "archived": archived}).raise_for_status()
            for thread in listed.json()["threads"]:
                person.delete(f"threads/{thread['threadId']}").raise_for_status()
    wait_for("no kernels", lambda: no_kernels(server))
    for plugin in SETTINGS:
        server.jupyter("PUT", f"lab/api/settings/{plugin}", {"raw": "{}"})


def no_kernels(server: RealServer) -> bool:
    """Shut down the kernels that run; were there none?"""
    try:
        kernels = server.jupyter("GET", "api/kernels")
    except httpx.HTTPStatusError:  # jupyter_server fails to list one that a page is just starting
        return False
    for kernel in kernels:
        with suppress(httpx.HTTPStatusError):  # of a kernel that was killed; asked again
            server.shut_down_kernel(kernel["id"])
    return not kernels


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(SLOW)
    expect.set_options(timeout=SLOW)
    yield context
    context.close()


@pytest.fixture
def open_lab(context: BrowserContext, server: RealServer) -> Callable[..., Lab]:
    """Open a new notebook with these cells in a tab of the person's browser; or, with a name, one that is there."""

    def open_(*cells: str, name: str | None = None) -> Lab:
        return Lab.open(context.new_page(), server, cells, name)

    return open_
