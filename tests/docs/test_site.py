"""The documentation site builds, and every link in the repository's pages leads somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def build(folder: Path, source: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-b",
        "html",
        str(source),
        str(folder),
    ]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)


def test_the_site_builds_without_a_warning(tmp_path):
    done = build(tmp_path, ROOT / "docs")

    assert (done.returncode, done.stderr) == (0, "")
    assert "POST /threads" in (tmp_path / "reference" / "rest.html").read_text()
    assert "lobu_jupyter.ask" in (tmp_path / "reference" / "python.html").read_text()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_every_link_of_a_top_level_page_leads_somewhere(page):
    text = (ROOT / page).read_text()
    missing = [
        link
        for link in LINK.findall(text)
        if "://" not in link and not link.startswith("#") and not (ROOT / link.partition("#")[0]).exists()
    ]

    assert missing == []


def test_every_page_of_the_docs_is_in_the_site():
    index = (ROOT / "docs" / "index.md").read_text()
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")} - {"index"}

    assert {page for page in pages if f"\n{page}\n" not in index} == set()
