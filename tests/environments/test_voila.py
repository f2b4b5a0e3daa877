"""A chat widget in a page that Voila serves: nothing there knows the thread but the kernel, behind the widget's comm."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import nbformat
import pytest
from playwright.sync_api import sync_playwright

from tests.browser.conftest import launch
from tests.browser.lab import READY_QUESTION
from tests.ports import take
from tests.servers import wait_for

from .test_matrix import uv, wheel  # noqa: F401 - a fixture

CODE = "import lobu_jupyter as lobu\nlobu.ChatWidget()"
SECONDS = 120
FOLDERS = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime", "JUPYTER_DATA_DIR": "data"}


@pytest.fixture
def voila(wheel: Path, tmp_path: Path) -> Iterator[str]:  # noqa: F811
    """The address of a notebook that Voila shows, from an environment of its own."""
    venv, port = tmp_path / "venv", take()
    uv("venv", "--python", sys.executable, str(venv))
    uv("pip", "install", "--python", str(venv / "bin" / "python"), "voila", str(wheel))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [nbformat.v4.new_code_cell(CODE)]
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), tmp_path / "chat.ipynb"
    )
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "jupyter_server_config.py").write_text("c.LobuApp.default_agent = 'script'\n")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "JPY", "LOBU", "PYTHON"))}
    own = {name: str(tmp_path / folder) for name, folder in FOLDERS.items()}
    command = [venv / "bin" / "voila", "chat.ipynb", "--no-browser", f"--port={port}"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=tmp_path, env={**kept, **own}, stdout=log, stderr=subprocess.STDOUT
        )
    url = f"http://127.0.0.1:{port}/"
    try:
        wait_for("Voila", lambda: answers(url + "voila/static/"), SECONDS)
        yield url
    finally:
        process.terminate()
        process.wait(60)


def answers(url: str) -> bool:
    try:
        return bool(httpx.get(url, timeout=5).status_code)
    except httpx.TransportError:
        return False


def test_a_person_asks_and_approves_in_voila(voila: str) -> None:
    if shutil.which("chromium") is None:
        pytest.fail("no chromium: `make browser` installs it")
    with sync_playwright() as playwright, launch(playwright) as browser:
        page = browser.new_page()
        page.set_default_timeout(SECONDS * 1000)
        page.goto(voila)
        box = page.locator(".lobu-composer textarea")
        box.fill("run print(40 + 2)")
        box.press("Enter")
        page.locator(READY_QUESTION).wait_for()
        page.get_by_role("button", name="Approve", exact=True).click()
        page.locator(".lobu-standing", has_text="Done").wait_for()

        assert "42" in page.locator("body").inner_text()
