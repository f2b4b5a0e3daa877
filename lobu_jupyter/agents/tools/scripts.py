"""Detection of HTML or JavaScript that may act in the page: a hint, like all of risks.py.

It finds active HTML in any text of the code (also if the text is joined from pieces, or written with escapes),
IPython's ways to show HTML and JavaScript, its magics for them, objects that bring their own HTML, and widgets that
bring their own JavaScript. An argument of HTML() that is no plain text of the code cannot be checked, so it counts.
"""

from __future__ import annotations

import ast
import html
import re

_ACTIVE = re.compile(
    r"<\s*+/?\s*+(script|iframe|object|embed|applet|frameset)\b"  # elements that act or load
    r"|\bon(error|load|click|mouse\w*|focus\w*|blur|input|change|key\w*|pointer\w*|toggle|animation\w*)\s*+=\s*+[\"'\\]"
    r"|srcdoc\s*+="
    r"|(java|vb)script:"
    r"|data:\s*+(text/html|image/svg|application/xhtml)",
    re.IGNORECASE,
)
_LOADING_TAG = re.compile(r"<\s*+(base|meta|link)\b", re.IGNORECASE)
_HANDLER = re.compile(r"[\s/\"']on[a-z]{3,}+\s*+=", re.IGNORECASE)
_INVISIBLE = re.compile(r"[\x00-\x20\u00ad\u200b-\u200f\u2028-\u202e\u2060\ufeff]+")
_MAGIC_NAMES = frozenset(["javascript", "js", "html", "HTML", "svg", "SVG"])
_MAGIC = re.compile(r"^[^\S\n]*+(?:%%|\?)?%%?(javascript|js|html|svg)\b", re.IGNORECASE | re.MULTILINE)
_MIMES = frozenset(["text/html", "application/javascript", "text/javascript", "image/svg+xml"])
_SHOWS = frozenset(["HTML", "IFrame", "SVG"])
_ALWAYS = frozenset(
    [
        "Javascript",
        "display_javascript",
        "display_html",
        "publish_display_data",
        "Comm",
        "create_comm",
        "_esm",
    ]
)
_WIDGETS = frozenset(["anywidget", "ipyreact", "comm"])  # a widget's code runs in the page once it is made
_REPRS = frozenset(
    ["_repr_html_", "_repr_javascript_", "_repr_svg_", "_repr_mimebundle_", "_ipython_display_"]
)


def shows_scripts(code: str) -> bool:
    """Return True if the text of `code` may act in the page, or shows HTML by a magic."""
    return is_active(code) or _MAGIC.search(code) is not None


def acts_in_page(tree: ast.Module) -> bool:
    """Return True if a program may act in the page, by its texts or by what it calls.

    Raises:
        RecursionError: the program is nested too deep.
    """
    looker = _TextFinder()
    looker.visit(tree)
    return looker.found or is_active("".join(looker.texts)) or any(map(is_active, looker.texts))


def is_active(text: str) -> bool:
    """Return True if a text holds HTML that may act, also with its characters written as entities."""
    plain = html.unescape(text)
    return _acts(plain) or _acts(_INVISIBLE.sub("", plain))


def _acts(text: str) -> bool:
    return _ACTIVE.search(text) is not None or any(map(_tag_acts, text.split(">")))


def _tag_acts(text: str) -> bool:
    """Return True if a tag that `text` opens loads something, or has an event handler."""
    tag = text.find("<")
    if tag < 0:
        return False
    loading = _LOADING_TAG.search(text, tag)
    return (loading is not None and text.find("=", loading.end()) >= 0) or _HANDLER.search(
        text, tag
    ) is not None


class _TextFinder(ast.NodeVisitor):
    """A visitor that collects all texts of a program, and finds the calls that show them."""

    def __init__(self) -> None:
        self.found = False
        self.texts: list[str] = []
        self._names: dict[str, str] = {}  # local name -> imported name

    def visit_Import(self, node: ast.Import) -> None:
        self.found |= any(alias.name.split(".")[0] in _WIDGETS for alias in node.names)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.found |= (node.module or "").split(".")[0] in _WIDGETS
        for alias in node.names:
            self._names[alias.asname or alias.name] = alias.name

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.found |= node.name in _REPRS
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str | bytes):
            text = node.value if isinstance(node.value, str) else node.value.decode("utf-8", "replace")
            self.texts.append(text)
            self.found |= text in _MIMES

    def visit_Name(self, node: ast.Name) -> None:
        self.found |= self._names.get(node.id, node.id) in _ALWAYS

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.found |= node.attr in _ALWAYS or node.attr in _REPRS
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = _last(node.func)
        name = self._names.get(name, name)
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        if name in _SHOWS:
            self.found |= not all(isinstance(one, ast.Constant) for one in given)
        elif name in ("run_cell_magic", "run_line_magic", "magic"):
            self.found |= bool(given) and _text(given[0]).split(" ")[0] in _MAGIC_NAMES
        elif name in ("display", "display_markdown"):
            self.found |= any(keyword.arg == "raw" for keyword in node.keywords)
        self.generic_visit(node)


def _last(node: ast.expr) -> str:
    """Return the last part of a dotted name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
