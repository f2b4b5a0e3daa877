"""`%lobu policy`: the rules that hold for this notebook, and changes of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from IPython.core.error import UsageError

from lobu_jupyter.model.covering import words_of
from lobu_jupyter.model.policy import Grant

from . import session
from .grants import revoke
from .output.tables import Table

if TYPE_CHECKING:
    from .session import Session


def policy(rest: str) -> Table:
    """Return the rules and grants that hold here, after a change where `rest` asks for one."""
    link = session.reaching()
    thread = link.thread()
    words = rest.split()
    if words:
        _change_policy(link, thread.notebook_path, words)
    view = link.client.policy.get(thread_id=thread.thread_id)
    rows = [
        (str(layer["name"]), kind, ", ".join(names) if isinstance(names, list) else str(names))
        for layer in view.get("layers", [])
        for kind, names in layer["rules"].items()
        if names
    ]
    rows += [
        (
            f"grant of {grant.by}",
            "allow",
            f"{words_of(grant)} ({grant.grant_id})",
        )
        for grant in msgspec.convert(view.get("grants", []), list[Grant])
    ]
    return Table(("from", "rule", "tools"), rows, empty="No rules: each tool's own default holds.")


def _change_policy(link: Session, notebook_path: str | None, words: list[str]) -> None:
    match words:
        case ["revoke", grant_id]:
            revoke(link, grant_id)
        case ["allow" | "ask" | "deny" as kind, pattern]:
            rules = _notebook_rules(link, notebook_path)
            rules[kind] = sorted({*rules.get(kind, []), pattern})
            _put(link, notebook_path, rules)
        case ["mode", "ask" | "allow" | "deny" as mode]:
            _put(link, notebook_path, {**_notebook_rules(link, notebook_path), "mode": mode})
        case _:
            raise UsageError("%lobu policy [allow | ask | deny PATTERN | mode ask|allow|deny | revoke GRANT]")


def _notebook_rules(link: Session, notebook_path: str | None) -> dict[str, Any]:
    view = link.client.policy.get(notebook_path=notebook_path)
    layers = [layer["rules"] for layer in view.get("layers", []) if layer["name"] == "notebook"]
    return {k: v for k, v in layers[0].items() if v} if layers else {}


def _put(link: Session, notebook_path: str | None, rules: dict[str, Any]) -> None:
    if notebook_path is None:
        raise UsageError("Rules belong to a notebook, and the server does not know of one for this kernel.")
    link.client.policy.put(notebook_path=notebook_path, rules=rules)
