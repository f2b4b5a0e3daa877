"""A MIME bundle as text for a model: its content, never the name of an object.

One rule for the outputs of kernels, the cells of notebooks and the results of MCP tools: a chart as its title, axes
and series, then the richest text there is (markdown, LaTeX, JSON, a plain form that says something, HTML as
markdown). A bundle without any text is named by its types.
"""

from __future__ import annotations

import json
import re
from typing import Any

from .charts import described_chart
from .html_text import text_of_html
from .terminal import screen_text

Data = dict[str, Any]

PIXELS = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""Types of the pictures that a model can be shown."""
_TRIED = ("text/plain", "text/html")
_OBJECT = re.compile(r"\s*<[^<>\n]*(?:object|\bat 0x[0-9a-fA-F]+)[^<>\n]*>", re.DOTALL)
_MENTIONS = re.compile(r"<[\w.]+(?: object)? at 0x[0-9a-fA-F]+>")
_COLOURED_CODE = "\\begin{Verbatim}[commandchars"
_VENDOR = re.compile(r"application/vnd\.(?!jupyter|bokeh|holoviews|lobu)[\w.+-]+\+json")


def text_of_data(data: Data) -> str:
    """Return the content of a MIME bundle as text, empty if it holds an image or nothing readable.

    Args:
        data: values by MIME type, as in an nbformat output: texts, lists of lines, or JSON.
    """
    chart = described_chart(data)
    if chart:
        return chart
    for mime in ("text/markdown", "text/latex"):
        if (text := joined(data.get(mime)).strip()) and not text.startswith(_COLOURED_CODE):
            return text
    for mime in data:
        if _is_json(mime) and data[mime] is not None:
            return compact_json(data[mime])
    plain = screen_text(joined(data.get("text/plain"))).strip("\n")
    html = joined(data.get("text/html")).strip()
    says = plain.strip() and not names_an_object(plain)
    if says and not (html and _MENTIONS.search(plain)):
        return plain
    if html and (found := text_of_html(html)):
        return found
    if says:
        return plain
    others = (joined(data[mime]).strip() for mime in data if mime.startswith("text/") and mime not in _TRIED)
    if text := next(filter(None, others), ""):
        return text
    if (code := joined(data.get("application/javascript")).strip()) and not html:
        return code
    vendors = (data[mime] for mime in data if _VENDOR.match(mime) and data[mime] not in (None, "", {}, []))
    if (value := next(vendors, None)) is not None and not _has_picture(data):
        return compact_json(value)
    return plain if plain.strip() and not _has_picture(data) else ""


def names_an_object(text: str) -> bool:
    """Return whether a plain form only names its object: ``<Figure object at 0x…>``."""
    return _OBJECT.match(text) is not None


def compact_json(value: Any) -> str:
    """Return JSON on one line, or a text as it is."""
    if isinstance(value, str):
        return value.strip()
    return json.dumps(value, ensure_ascii=False, default=str)


def joined(value: Any) -> str:
    """Return a text that nbformat may hold as a list of lines."""
    if isinstance(value, list):
        return "".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType]
    return "" if value is None else str(value)


def _is_json(mime: str) -> bool:
    """Return whether a type is JSON that carries content. A vendor's own type is for its renderer."""
    return mime == "application/json" or (mime.endswith("+json") and not mime.startswith("application/vnd."))


def _has_picture(data: Data) -> bool:
    return any(mime.startswith(("image/", "application/pdf")) for mime in data)
