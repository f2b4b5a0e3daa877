"""HTML of the service's pages. Each text of a person, an agent or a model is escaped, and hidden characters show."""

from __future__ import annotations

import hashlib
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lobu_jupyter.model.card import diff_lines, numbered, parts_of, risk_words
from lobu_jupyter.model.digest import digest_of
from lobu_jupyter.model.interrupts import QUESTION
from lobu_jupyter.model.visible import visible, visible_json, visible_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lobu_jupyter.model.interrupts import Interrupt
    from lobu_jupyter.model.runs import Thread

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="same-origin">
<title>{title}</title>
<link rel="stylesheet" href="{base}page/hub.css">
<script src="{base}page/hub.js" defer></script>
</head>
<body data-base="{base}" data-xsrf="{xsrf}">
<header>
<h1>{title}</h1>
<nav>{links}</nav>
</header>
<p id="said" role="status" aria-live="polite"></p>
<main id="main" data-version="{version}">{main}</main>
</body>
</html>
"""
_SCOPED = {"deny": "Read-only", "ask": "Ask first", "allow": "Run automatically"}


def page(base: str, xsrf: str, title: str, links: Iterable[tuple[str, str]], main: str) -> str:
    """Return a whole page."""
    shown = "".join(f'<a href="{escape(href)}">{escape(text)}</a>' for text, href in links)
    return PAGE.format(
        base=escape(base),
        xsrf=escape(xsrf),
        title=escape(title),
        links=shown,
        version=version_of(main),
        main=main,
    )


def version_of(main: str) -> str:
    """Return a name for what a page shows, so that it is drawn again only if that has changed."""
    return hashlib.sha256(main.encode("utf-8", "replace")).hexdigest()[:32]


def text(value: object) -> str:
    """Return a text on one line, escaped."""
    return escape(visible_line(str(value)))


def card(thread: Thread | None, questions: Sequence[Interrupt], hub: str) -> str:
    """Return the card of a thread that needs approval: all of its questions, which are decided together."""
    first = questions[0]
    many = (
        f"<p>{len(questions)} actions need approval. They are decided together.</p>"
        if len(questions) > 1
        else ""
    )
    submit = (
        '<p><button type="button" class="submit" disabled>Submit</button></p>' if len(questions) > 1 else ""
    )
    return (
        f'<article class="card" data-thread="{escape(first.thread_id)}">'
        f"<h2>{_title(thread, first.thread_id)}</h2>{_where(thread, hub)}{many}"
        + "".join(_question(question) for question in questions)
        + f"{submit}</article>"
    )


def _title(thread: Thread | None, thread_id: str) -> str:
    name = (thread.name or thread.title) if thread is not None else ""
    return text(name or thread_id)


def _where(thread: Thread | None, hub: str) -> str:
    if thread is None or not thread.notebook_path:
        return ""
    href = f"{hub}user-redirect/lab/tree/{quote(thread.notebook_path)}"
    return f'<p class="faint"><a href="{escape(href)}">{text(thread.notebook_path)}</a></p>'


def _question(asked: Interrupt) -> str:
    kind = "Needs approval" if asked.reason != QUESTION else "Has a question"
    about = f" · {text(asked.tool_name)}" if asked.tool_name else ""
    expires = (
        f' · expires <time datetime="{escape(asked.expires_at)}">{text(asked.expires_at)}</time>'
        if asked.expires_at
        else ""
    )
    return (
        f'<section class="question" data-interrupt="{escape(asked.id)}" data-digest="{digest_of(asked)}">'
        f'<p class="faint">{kind}{about}{expires}</p>'
        + (f"<h3>{text(asked.message)}</h3>" if asked.message else "")
        + _warnings(asked)
        + _arguments(asked)
        + _choices(asked)
        + "</section>"
    )


def _warnings(asked: Interrupt) -> str:
    warnings: list[str] = []
    if asked.kernel_lost:
        warnings.append("The kernel restarted. Variables this code needs may be missing.")
    if asked.risks:
        risks = risk_words(list(asked.risks))
        warnings.append(f"This code {risks}. (A hint from its syntax: it may do more, or less.)")
    if asked.by_agent:
        warnings.append("Registered by agent code: it may do anything that code in this kernel can do.")
    if asked.agent_mode:
        warnings.append(f"The agent's mode: {asked.agent_mode}")
    if asked.unshown:
        warnings.append(f"This cannot be approved: {asked.unshown}")
    return "".join(f'<p class="warning">{text(warning)}</p>' for warning in warnings)


def _arguments(asked: Interrupt) -> str:
    """Return all arguments, whole, and the diff in addition."""
    args = dict(asked.args)
    if asked.questions:
        args.pop("questions", None)  # they are asked one by one
    out: list[str] = []
    if asked.diff:
        out.append(f'<h4>Changes</h4><pre class="diff">{_diff(asked.diff)}</pre>')
    for part in parts_of(args):
        if part.block:
            out.append(f"<h4>{text(part.name)}</h4><pre>{_lines(numbered(part.text))}</pre>")
        else:
            out.append(f"<p><b>{text(part.name)}</b> <code>{text(part.text)}</code></p>")
    if asked.binds:
        out.append(f"<h4>The approval is for</h4><pre>{escape(visible(visible_json(asked.binds)))}</pre>")
    return "".join(out)


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(escape(line) for line in lines)


def _diff(diff: str) -> str:
    kinds = {"+": "add", "-": "del"}
    return "\n".join(
        f'<span class="{kinds[line[0]]}">{escape(line)}</span>' if line[:1] in kinds else escape(line)
        for line in diff_lines(diff)
    )


def _choices(asked: Interrupt) -> str:
    parts: list[str] = []
    if asked.questions:
        parts.append("".join(_asked(one) for one in asked.questions))
    parts += [_option(option) for option in asked.options]
    plain = not asked.options or any(option.get("plain") for option in asked.options)
    if "approve" in asked.decisions and not asked.unshown and plain:
        parts.append(_button("approve", "Approve"))
    if "answer" in asked.decisions:
        parts.append(_button("answer", "Answer"))
    if "reject" in asked.decisions:
        word = "Skip" if asked.reason == QUESTION else "Reject"
        parts.append(_button("reject", word))
        parts.append(
            '<label class="reason">Reason (optional) <input name="reason" maxlength="10000"></label>'
        )
    if "respond" in asked.decisions:
        parts.append('<label class="reason">Reply <textarea name="response" rows="2"></textarea></label>')
        parts.append(_button("respond", "Reply without running"))
    return f'<div class="choices">{"".join(parts)}</div>'


def _button(kind: str, word: str, more: str = "") -> str:
    return f'<button type="button" data-kind="{kind}"{more}>{text(word)}</button>'


def _option(option: dict[str, Any]) -> str:
    kind = str(option["kind"])
    word = f"{option['name']} (remembered by the agent)" if kind.endswith("always") else str(option["name"])
    more = f' data-option="{escape(str(option["id"]))}"'
    return (
        ""
        if option.get("plain")
        else _button("approve" if kind.startswith("allow") else "reject", word, more)
    )


def _asked(question: dict[str, Any]) -> str:
    name = escape(str(question.get("id")))
    many = bool(question.get("multiple"))
    out = [f"<legend>{text(question.get('question', ''))}</legend>"]
    kind = "checkbox" if many else "radio"
    out += [
        f'<label><input type="{kind}" name="answer {name}" value="{escape(str(option))}"> {text(option)}</label>'
        for option in question.get("options") or []
    ]
    if question.get("freeText", True) or not question.get("options"):
        out.append(f'<label>Other <input type="text" name="text {name}" maxlength="10000"></label>')
    return f'<fieldset data-question="{name}" data-multiple="{"1" if many else ""}">{"".join(out)}</fieldset>'


def thread_rows(threads: Iterable[Thread], hub: str) -> str:
    """Return a list of threads."""
    rows = [
        f'<li>{_title(thread, thread.thread_id)} <span class="faint">{text(thread.status)}</span>{_where(thread, hub)}</li>'
        for thread in threads
    ]
    return f'<ul class="threads">{"".join(rows)}</ul>' if rows else "<p>No matching threads.</p>"


def table(title: str, heads: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> str:
    """Return a titled table, or `empty` without rows."""
    body = ["<tr>" + "".join(f"<td>{text(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    if not body:
        return f"<h2>{escape(title)}</h2><p>{escape(empty)}</p>"
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    return (
        f"<h2>{escape(title)}</h2><table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    )


def mode_words(mode: str | None) -> str:
    """Return a mode in the words of the product."""
    return _SCOPED.get(mode or "", "Default")
