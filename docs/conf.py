"""The documentation site: ``make docs`` builds it, Read the Docs builds the same.

Pages are Markdown (MyST). The REST reference is written from the server's OpenAPI document at each build. A link to
a page, a heading or a file of the repository that does not exist fails the build (``-W``).
"""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from rest_reference import write_reference  # noqa: E402

project = "lobu_jupyter"
author = "The lobu_jupyter developers"
copyright = author
version = release = version_of("lobu_jupyter")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "images"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_class_signature = "separated"

html_theme = "pydata_sphinx_theme"
html_title = "lobu_jupyter"
html_theme_options = {
    "show_nav_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
}
html_show_sourcelink = False


def setup(app: Any) -> None:
    """Write the REST reference before the pages are read."""
    app.connect("builder-inited", lambda _app: write_reference(HERE / "reference" / "rest.md"))
