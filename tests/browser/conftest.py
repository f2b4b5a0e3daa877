"""A real JupyterLab with the built bundle, and a real browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.servers import REPOSITORY, RealServer

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


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("no chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=[*CHROMIUM])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """JupyterLab on the bundle of this tree, whatever is installed."""
    server = lab_server(tmp_path_factory.mktemp("lab"))
    with server:
        yield server


def lab_server(home: Path) -> RealServer:
    server = RealServer(
        home,
        command=("-m", "jupyterlab"),
        options=["--LabApp.expose_app_in_browser=True", "--LabApp.news_url=", "--LabApp.check_for_updates_class="],
    )
    extensions = home / "data" / "labextensions"
    extensions.mkdir(parents=True)
    (extensions / "lobu-jupyter").symlink_to(REPOSITORY / "lobu_jupyter" / "labextension")
    return server


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(30_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def pictures() -> Path:
    """Where screenshots go; set LOBU_PICTURES to keep them."""
    folder = Path(os.environ.get("LOBU_PICTURES", "/tmp/lobu-pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
