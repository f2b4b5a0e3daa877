"""The pictures of the hub's pages, on a small stand-in of a hub: ``make screenshots ONLY=hub``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.conftest import launch
from tests.browser.test_hub_page import ask
from tests.server.hub.hub import Hub
from tests.server.hub.replica import Replica

CODE = """\
import subprocess, os
subprocess.run(["pip", "install", "seaborn"])  # for the plot
for month in sales["month"]:
    print(month)
os.remove("old.csv")"""
DIFF = """\
--- a/report.py
+++ b/report.py
@@ -1,2 +1,3 @@
 import pandas as pd
-total = 1
+total = sales.sum()
+print(total)
"""


def take(images: Path) -> None:
    """Make the pictures anew."""
    with (
        tempfile.TemporaryDirectory() as home,
        Hub() as hub,
        sync_playwright() as playwright,
        launch(playwright) as browser,
    ):
        replica = Replica(hub, Path(home), Path(home) / "lobu.sqlite")
        try:
            _prepare(hub, replica.start())
            for scheme in ("light", "dark"):
                _shoot(browser, replica, images, scheme)
        finally:
            replica.stop()


def _prepare(hub: Hub, replica: Replica) -> None:
    hub.person_token("ada", admin=True)
    hub.login = "ada"
    hub.allowed_scopes.add("servers")
    hub.tokens[hub.service_token]["scopes"] = ["servers"]
    hub.servers["ada"] = {
        "": {"ready": True, "pending": None, "url": "/user/ada/"},
        "gpu": {"ready": False, "pending": None},
    }
    risks = {"lobu": {"risks": ["deletes", "shell", "installs"]}}
    ask(hub, replica, "tidy up", "c", args={"code": CODE}, path="sales.ipynb", metadata=risks)
    edits = {"lobu": {"diff": DIFF}}
    ask(hub, replica, "fix the report", "c", tool="edit_file", args={"path": "report.py"}, metadata=edits)


def _shoot(browser: Browser, replica: Replica, images: Path, scheme: str) -> None:
    with browser.new_context(viewport={"width": 800, "height": 400}) as context:
        page = context.new_page()
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        for name, path, part in (
            ("approvals", "", "Pending approvals"),
            ("overview", "admin", "Policy for all"),
        ):
            page.goto(replica.url + path)
            expect(page.get_by_role("region", name=part)).to_be_visible()
            page.screenshot(path=images / f"hub-{name}-{scheme}.png", full_page=True)
