"""HTML of the service's pages. Each text of a person, an agent or a model is escaped, and hidden characters show."""

from __future__ import annotations

import hashlib
import json
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from lobu_jupyter.model.covering import words_of
from lobu_jupyter.model.visible import visible_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lobu_jupyter.model.policy import Grant
    from lobu_jupyter.model.runs import Thread

    from .servers import PersonServer

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="same-origin">
<title>{title}</title>
<link rel="stylesheet" href="{base}page/widget.css">
<link rel="stylesheet" href="{base}page/hub.css">
<script src="{base}page/hub.js" defer></script>
</head>
<body data-base="{base}" data-xsrf="{xsrf}">
<div class="lobu page">
<header>
<h1>{title}</h1>
<nav aria-label="Pages">{links}</nav>
</header>
<p id="said" role="status" aria-live="polite"></p>
<main id="main" tabindex="-1" data-version="{version}">{main}</main>
</div>
</body>
</html>
"""
_SCOPED = {"deny": "Read-only", "ask": "Ask first", "allow": "Run automatically"}
_STANDING = {"waiting": "Needs approval", "running": "Running"}


def page(base: str, xsrf: str, title: str, links: Iterable[tuple[str, str]], main: str) -> str:
    """Return a whole page."""
    shown = "".join(
        f'<a href="{escape(href)}"{" aria-current=page" if word == title else ""}>{escape(word)}</a>'
        for word, href in links
    )
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


def when(iso: str, how: str) -> str:
    """Return a time, which the page's script writes in words: ``until``, ``since`` or ``at``."""
    return f'<time datetime="{escape(iso)}" data-{how}>{text(iso)}</time>'


def title_of_thread(thread: Thread | None) -> str:
    """Return a thread's name, escaped."""
    name = (thread.name or thread.title) if thread is not None else ""
    return text(name) if name else "Untitled thread"


def heading(thread: Thread, hub: str) -> str:
    """Return the line above a thread's cards."""
    return f'<div class="head"><h2>{title_of_thread(thread)}</h2>{notebook_link(thread.notebook_path, hub)}</div>'


def notebook_link(path: str | None, hub: str) -> str:
    """Return a link that opens a notebook at the person's server, or nothing without one."""
    if not path:
        return ""
    href = f"{hub}user-redirect/lab/tree/{quote(path)}"
    return f'<a class="path" href="{escape(href)}">{text(path)}</a>'


# -- sections -------------------------------------------------------------------------------------


def section(title: str, body: str, name: str = "") -> str:
    """Return a titled part of a page. ``name`` is for addresses."""
    anchor = f' id="{name}"' if name else ""
    return (
        f'<section{anchor} class="part" aria-label="{escape(title)}"><h2>{escape(title)}</h2>{body}</section>'
    )


def server_rows(servers: Sequence[PersonServer], host: str) -> str:
    """Return a person's servers: how each stands, and what can be done about it."""
    rows: list[str] = []
    for server in servers:
        name = server.name or "Default server"
        if server.state == "running":
            act = f'<a class="lobu-button" href="{escape(host + server.url)}" aria-label="Open {text(name)}">Open</a>'
        elif server.state == "stopped":
            body = f'{{"server": {json.dumps(server.name)}}}'
            act = (
                f'<button type="button" class="lobu-button" data-act="page/start" data-body="{escape(body)}" '
                f'data-first="Your server is starting." aria-label="Start {text(name)}">Start</button>'
            )
        else:
            act = ""
        rows.append(
            f'<li class="server"><span><i class="mark is-{server.state}"></i>{text(name)} '
            f"<small>{_SERVER[server.state]}</small></span>{act}</li>"
        )
    return f'<ul class="rows">{"".join(rows)}</ul>'


_SERVER = {"running": "Running", "starting": "Starting…", "stopping": "Stopping…", "stopped": "Not running"}


def grant_rows(grants: Iterable[tuple[Grant, str]]) -> str:
    """Return what runs without asking, and where each approval holds."""
    rows: list[str] = []
    for grant, where in grants:
        words = text(words_of(grant))
        until = f", until {when(grant.expires_at, 'at')}" if grant.expires_at else ""
        rows.append(
            f"<li><span>{words}<small>{where} · since {when(grant.created_at, 'at')}{until}</small></span>"
            f'<button type="button" class="lobu-button" data-method="DELETE" '
            f'data-act="lobu/api/policy/grants/{quote(grant.grant_id, safe="")}" data-said="No longer approved: {words}" '
            f'aria-label="Revoke: {words}">Revoke</button></li>'
        )
    return f'<ul class="rows">{"".join(rows)}</ul>'


def search_form(words: str) -> str:
    """Return the field that finds past chats."""
    return (
        '<form method="get" action="#past" class="search" role="search"><input class="lobu-input" type="search" name="q" maxlength="500" '
        f'aria-label="Find past chats" placeholder="Find past chats" value="{escape(words)}"> '
        '<button class="lobu-button">Search</button></form>'
    )


def thread_rows(threads: Iterable[Thread], hub: str, standing: Mapping[str, str]) -> str:
    """Return a list of threads. ``standing`` has words for some of them."""
    rows = [
        f"<li><span>{title_of_thread(thread)}"
        f"<small>{_details(thread, standing)}</small></span>{notebook_link(thread.notebook_path, hub)}</li>"
        for thread in threads
    ]
    return (
        f'<ul class="rows threads">{"".join(rows)}</ul>'
        if rows
        else '<p class="empty">No matching threads.</p>'
    )


def _details(thread: Thread, standing: Mapping[str, str]) -> str:
    words = standing.get(thread.thread_id) or _STANDING.get(thread.status, "")
    return " · ".join(filter(None, [words, when(thread.updated_at, "at")]))


def table(title: str, heads: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> str:
    """Return a titled table, or `empty` without rows."""
    body = ["<tr>" + "".join(f"<td>{text(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    if not body:
        return section(title, f'<p class="empty">{escape(empty)}</p>')
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    return section(
        title,
        f'<div class="lobu-table" tabindex="0" role="group" aria-label="{escape(title)}"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>",
    )


def mode_words(mode: str | None) -> str:
    """Return a mode in the words of the product."""
    return _SCOPED.get(mode or "", "Default")
