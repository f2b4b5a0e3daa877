"""HTML as text for a model: what a browser shows of it, as markdown.

What is hidden is left out, merged cells of a table are repeated in each of their places, a table in a table is told in
its cell, and what only a browser can show is named by its kind and address.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bs4 import BeautifulSoup
    from bs4.element import Tag

MOST_HTML = 200_000
"""Characters of HTML that are converted."""
MOST_TAGS = 10_000
"""Tags of HTML that are converted, 0.1 ms each. What comes after them is left out, and the text says so."""
_MOST_DEPTH = 100  # beyond it the parser's and the converter's time grows with the square
_LEFT_OUT = "\n\n[the rest of this HTML is left out]"
_MOST_SPAN, _MOST_REPEATED, _MOST_RULES, _MOST_FRAME_DEPTH = 100, 5000, 40, 2
_NEVER_SHOWN = re.compile(
    r"<(script|template|head|noscript|title|object)\b.*?(</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE
)
_EMBEDDED = re.compile(r"data:([\w.+-]{1,40}/[\w.+-]{1,80})[^,\"'\s<>]{0,80},[^\"'\s<>)]{40,}")
_TAG = re.compile(r"<[^<>]*>")
_BEGIN_OR_END = re.compile(r"<(/?)([a-zA-Z][\w-]*)[^<>]*")
_EMPTY = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
_SIMPLE = re.compile(r"[\w-]*(?:[.#][\w-]+)*\Z")
_BLANK_LINES = re.compile(r"\n\s*\n\s*\n+")
_HIDES = re.compile(r"(?:^|[;\s{])(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse))", re.IGNORECASE)
_RULE = re.compile(r"([^{}@]{1,200})\{([^{}]{0,2000})\}")
_UNTRUSTED = "Make this Notebook Trusted to load map: File -> Trust Notebook"


def text_of_html(html: str, depth: int = 0) -> str:
    """Return HTML as markdown: tables as tables, scripts, styles and hidden parts left out.

    HTML that nests too deep for the converter is returned without its tags.
    """
    from bs4 import BeautifulSoup, Comment
    from markdownify import MarkdownConverter  # 60 ms: only where there is HTML

    whole = _EMBEDDED.sub(r"data:\1,…", _NEVER_SHOWN.sub("", html[: 20 * MOST_HTML]))
    html, deepest = _bounded(whole[:MOST_HTML])
    try:
        if deepest > _MOST_DEPTH:
            raise RecursionError
        soup = BeautifulSoup(html.replace(_UNTRUSTED, ""), "html.parser")
        for comment in soup.find_all(string=lambda text: isinstance(text, Comment)):
            comment.extract()
        _drop_hidden(soup)
        _name_media(soup, depth)
        _show_fields(soup)
        _flatten_tables(soup)
        converter = MarkdownConverter(heading_style="ATX", escape_underscores=False, escape_asterisks=False)
        text = str(converter.convert_soup(soup))
    except RecursionError:
        text = _TAG.sub(" ", html)
    rest = _LEFT_OUT if len(html) < len(whole) else ""
    return _BLANK_LINES.sub("\n\n", text).strip() + rest


def _bounded(html: str) -> tuple[str, int]:
    """Return the part of HTML with the first :data:`MOST_TAGS` tags, and how deep elements nest in it."""
    depth = deepest = 0
    for number, tag in enumerate(_BEGIN_OR_END.finditer(html)):
        if number == MOST_TAGS:
            return html[: tag.start()], deepest
        if tag[2].lower() not in _EMPTY:
            depth = max(0, depth - 1) if tag[1] else depth + 1
            deepest = max(deepest, depth)
    return html, deepest


def _drop_hidden(soup: BeautifulSoup) -> None:
    for style in soup.find_all("style"):
        for selectors, body in _RULE.findall(style.get_text())[:_MOST_RULES]:
            if _HIDES.search(body):
                _drop(_selected(soup, selectors.strip()))
        style.decompose()
    _drop(soup.find_all(_is_hidden))


def _is_hidden(tag: Tag) -> bool:
    return tag.has_attr("hidden") or _HIDES.search(str(tag.get("style") or "")) is not None


def _drop(tags: list[Any]) -> None:
    for tag in tags:
        if not tag.decomposed:
            tag.decompose()


def _selected(soup: BeautifulSoup, selectors: str) -> list[Any]:
    """Return what names, classes and ids select. Of states, such as hover, and of places in the page nothing is known."""
    simple = [one for part in selectors.split(",") if (one := part.strip()) and _SIMPLE.match(one)]
    return soup.select(",".join(simple), limit=1000) if simple else []


def _name_media(soup: BeautifulSoup, depth: int) -> None:
    """Put the kind and address of what only a browser shows, or the text in it, in its place."""
    for tag in soup.find_all(["iframe", "audio", "video", "canvas", "svg", "embed", "img"]):
        if tag.decomposed:
            continue
        source = str(tag.get("src") or "")
        if not source and isinstance(inner := tag.find("source"), _tag_class()):
            source = str(inner.get("src") or "")
        if tag.name == "img":
            if not source and not tag.get("alt"):
                tag.decompose()
            continue
        if tag.name == "iframe" and tag.get("srcdoc") and depth < _MOST_FRAME_DEPTH:
            told = text_of_html(str(tag["srcdoc"]), depth + 1)
        elif tag.name == "svg":
            told = " ".join(part.strip() for part in tag.stripped_strings)
        elif tag.name == "canvas":
            told = "[a drawing]"
        else:
            kind = {"iframe": "a page", "embed": "an object"}.get(tag.name, f"{tag.name}")
            told = f"[{kind}{': ' if source else ''}{source}]"
        tag.replace_with(_block(soup, told))


def _tag_class() -> type[Tag]:
    from bs4.element import Tag

    return Tag


def _block(soup: BeautifulSoup, text: str) -> Any:
    block = soup.new_tag("div")
    block.string = text
    return block


def _show_fields(soup: BeautifulSoup) -> None:
    """Put what a field of a form shows in its place."""
    for tag in soup.find_all(["select", "input", "summary", "button", "label", "option"]):
        if tag.decomposed:
            continue
        if tag.name == "select":
            options = tag.find_all("option")
            chosen = [option for option in options if option.has_attr("selected")] or options[:1]
            tag.replace_with(f" {', '.join(option.get_text(' ', strip=True) for option in chosen)} ")
        elif tag.name == "input":
            tag.replace_with(_field(tag))
        elif tag.name == "summary":
            tag.name = "div"
        else:
            tag.insert_after(" ")


def _field(tag: Tag) -> str:
    kind = str(tag.get("type") or "text").lower()
    if kind in ("hidden", "password"):
        return ""
    if kind in ("checkbox", "radio"):
        return "[x] " if tag.has_attr("checked") else "[ ] "
    return f" {tag.get('value') or tag.get('placeholder') or ''} "


def _flatten_tables(soup: BeautifulSoup) -> None:
    """Write tables in tables as text, the inner ones first, and repeat merged cells in all of their places."""
    for table in reversed(soup.find_all("table")):
        rows = [row for row in table.find_all("tr") if row.find_parent("table") is table]
        if table.find_parent("table") is None:
            _repeat_merged(soup, rows)
            continue
        told = [
            "; ".join(cell.get_text(" ", strip=True) for cell in row.find_all(["td", "th"])) for row in rows
        ]
        table.replace_with(" " + " / ".join(told) + " ")


def _repeat_merged(soup: BeautifulSoup, rows: list[Tag]) -> None:
    room = _MOST_REPEATED
    below: dict[int, tuple[Tag, int]] = {}  # by column: the cell that covers it, and for how many rows
    for row in rows:
        column, covered = 0, below
        below = {}
        for cell in [*row.find_all(["td", "th"], recursive=False), None]:
            while column in covered:
                before, left = covered[column]
                copy = _copy(soup, before)
                if cell is None:
                    row.append(copy)
                else:
                    cell.insert_before(copy)
                if left > 1:
                    below[column] = (before, left - 1)
                column += 1
            if cell is None:
                break
            wide, high = _span(cell, "colspan"), _span(cell, "rowspan")
            room -= wide * high - 1
            if room < 0:
                wide = high = 1
            last = cell
            for n in range(wide):
                if n:
                    last.insert_after(copy := _copy(soup, cell))
                    last = copy
                if high > 1:
                    below[column + n] = (cell, high - 1)
            column += wide
            del cell["colspan"], cell["rowspan"]


def _span(cell: Tag, name: str) -> int:
    value = str(cell.get(name) or "1")
    return min(max(int(value), 1), _MOST_SPAN) if value.isdecimal() and len(value) < 6 else 1


def _copy(soup: BeautifulSoup, cell: Tag) -> Tag:
    copy = soup.new_tag(cell.name)
    copy.string = cell.get_text(" ", strip=True)
    return copy
