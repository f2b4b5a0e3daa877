"""Outputs that cannot act: the cell outputs that an outside worker reports, cleaned for the notebook.

HTML is not filtered but written anew: allowed tags with allowed attributes, everything else as text or not at
all. No tag is allowed whose content HTML parsers read by other rules (script, style, svg, math, template,
textarea). So the result means the same to every parser, and trusting the notebook later runs nothing.
"""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser
from typing import Any

MAX_HTML = 256 * 1024  # characters. Longer HTML is left out, and the output's other forms stay
MAX_DEPTH = 64  # of elements. Deeper ones are left out, and their text stays
TEXTS = ("text/plain", "text/markdown", "text/latex")
IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_BLOCKS = "p div span br hr h1 h2 h3 h4 h5 h6 ul ol li dl dt dd blockquote figure figcaption details summary"
_INLINE = "a abbr b cite code del em i ins kbd mark pre q s samp small strong sub sup u var img"
_TABLES = "table caption colgroup col thead tbody tfoot tr th td"
_TAGS = frozenset(f"{_BLOCKS} {_INLINE} {_TABLES}".split())
_VOID = frozenset(["br", "hr", "img", "col"])
_WITH_TEXT_LEFT_OUT = frozenset(
    [
        "script",
        "style",
        "template",
        "textarea",
        "title",
        "noscript",
        "iframe",
        "noembed",
        "noframes",
        "xmp",
        "plaintext",
        "svg",
        "math",
        "object",
    ]
)
_ATTRIBUTES = frozenset(
    ["align", "alt", "border", "colspan", "rowspan", "scope", "span", "start", "title", "width", "height"]
)
_LINK = re.compile(r"https?://", re.IGNORECASE)
_PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]*\Z")
_TEX_THAT_ACTS = re.compile(r"\\(href|url|html|require|class|cssId|style)", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*\Z")


def inert_outputs(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the outputs in nbformat's form, with nothing that a page would run. Others are left out."""
    return [made for output in outputs if (made := _inert(output)) is not None]


def inert_html(html: str) -> str:
    """Return the HTML with allowed elements only."""
    writer = _Writer()
    writer.feed(html)
    writer.close()
    return writer.written()


def _inert(output: dict[str, Any]) -> dict[str, Any] | None:
    kind = output.get("output_type")
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        return {"output_type": "stream", "name": name, "text": _text(output.get("text"))}
    if kind == "error":
        lines: list[Any] = output["traceback"] if isinstance(output.get("traceback"), list) else []
        told = {"ename": _text(output.get("ename")), "evalue": _text(output.get("evalue"))}
        return {"output_type": "error", **told, "traceback": [_text(line) for line in lines]}
    if kind not in ("display_data", "execute_result"):
        return None
    given = output.get("data")
    data = _data(given) if isinstance(given, dict) else {}
    if not data:
        return None
    made: dict[str, Any] = {"output_type": kind, "data": data, "metadata": {}}
    return {**made, "execution_count": None} if kind == "execute_result" else made


def _data(given: dict[str, Any]) -> dict[str, Any]:
    texts = {mime: _text(given[mime]) for mime in TEXTS if mime in given}
    data: dict[str, Any] = {
        mime: text for mime, text in texts.items() if mime == "text/plain" or not _TEX_THAT_ACTS.search(text)
    }
    for mime in IMAGES:
        if mime in given and _BASE64.match(picture := _text(given[mime])):
            data[mime] = picture
    if "application/json" in given:
        data["application/json"] = given["application/json"]
    html = _text(given.get("text/html"))
    if html and len(html) <= MAX_HTML and (inert := inert_html(html)).strip():
        data["text/html"] = inert
    return data


def _text(value: Any) -> str:
    """Return a multi-line string of nbformat as one text."""
    if isinstance(value, list):
        parts: list[Any] = value
        return "".join(part for part in parts if isinstance(part, str))
    return value if isinstance(value, str) else ""


class _Writer(HTMLParser):
    """A parser that writes the allowed part of its input."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._open: list[str] = []
        self._hidden: list[str] = []  # elements whose text is left out too

    def written(self) -> str:
        return "".join(self._parts) + "".join(f"</{tag}>" for tag in reversed(self._open))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._hidden or tag in _WITH_TEXT_LEFT_OUT:
            self._hidden += [tag] if tag in _WITH_TEXT_LEFT_OUT else []
        elif tag in _VOID or (tag in _TAGS and len(self._open) < MAX_DEPTH):
            kept = _kept(tag, attrs)
            if tag == "img" and "src" not in kept:
                return  # a picture without its source is only a gap
            self._open += [] if tag in _VOID else [tag]
            written = "".join(f' {name}="{escape(value)}"' for name, value in kept.items())
            self._parts.append(f"<{tag}{written}>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)  # HTML knows no self-closing elements

    def handle_endtag(self, tag: str) -> None:
        if self._hidden:
            if tag in self._hidden:
                del self._hidden[len(self._hidden) - 1 - self._hidden[::-1].index(tag) :]
        elif tag in self._open:
            while (closed := self._open.pop()) != tag:
                self._parts.append(f"</{closed}>")
            self._parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._parts.append(escape(data, quote=False))


def _kept(tag: str, attrs: list[tuple[str, str | None]]) -> dict[str, str]:
    kept: dict[str, str] = {}
    for name, given in attrs:
        value = given or ""
        link = tag == "a" and name == "href" and _LINK.match(value)
        picture = tag == "img" and name == "src" and _PICTURE.match(value)
        if link or picture or name in _ATTRIBUTES or (tag, name, value) == ("table", "class", "dataframe"):
            kept.setdefault(name, value)
    if "href" in kept:
        kept["rel"] = "noopener noreferrer"
    return kept
