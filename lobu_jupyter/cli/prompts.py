"""A run's questions to the person at the terminal. The answer is AG-UI's ResumeEntry."""

from __future__ import annotations

import json
from typing import Any

import click

from lobu_jupyter.model.covering import CODE_TOOLS
from lobu_jupyter.model.digest import digest_of_wire
from lobu_jupyter.model.visible import hidden, visible_json

from .printing import plain, put_card

Payload = dict[str, Any]

_WORDS = {"y": "approve", "n": "reject", "e": "edit", "c": "grant", "t": "grant", "r": "respond"}
_MEANING = {
    "y": "[y]es",
    "n": "[n]o",
    "e": "[e]dit",
    "c": "always this exact [c]all",
    "t": "always in [t]his chat",
    "r": "[r]eply without running",
}


def entry_of(interrupt: dict[str, Any]) -> dict[str, Any]:
    """Ask about one interrupt (AG-UI's, as journaled), and return its ResumeEntry.

    Raises:
        click.Abort: the person leaves it open.
    """
    ours: dict[str, Any] = (interrupt.get("metadata") or {}).get("lobu") or {}
    questions: list[dict[str, Any]] = ours.get("questions") or []
    payload = _answers(questions) if questions else _approval(interrupt, ours)
    digest = digest_of_wire(interrupt)
    return {"interruptId": interrupt["id"], "status": "resolved", "payload": payload, "digest": digest}


def _approval(interrupt: dict[str, Any], ours: dict[str, Any]) -> Payload:
    args: dict[str, Any] = ours.get("args") or {}
    put_card(interrupt)
    if ours.get("options"):
        return _option_of(ours)
    word = click.prompt(
        ", ".join(_MEANING[w] for w in _offered(ours)),
        type=click.Choice(_offered(ours), case_sensitive=False),
        show_choices=False,
        err=True,
    )
    if word == "n":
        reason = click.prompt("Reason (optional)", default="", show_default=False, err=True)
        return {"approved": False, "reason": reason} if reason else {"approved": False}
    if word == "c":
        return {"approved": True, "grant": "call"}
    if word == "t":
        return {"approved": True, "grant": "thread" if ours.get("toolName") in CODE_TOOLS else "thread_all"}
    if word == "r":
        return {"response": click.prompt("result", err=True)}
    return {"approved": True} if word == "y" else {"approved": True, "editedArgs": _edited(args)}


def _option_of(ours: dict[str, Any]) -> Payload:
    """Ask for one of an outside agent's own answers."""
    may = "y" in _offered(ours)
    options = [o for o in ours["options"] if may or str(o["kind"]).startswith("reject")]
    for number, option in enumerate(options, 1):
        kept = " (remembered by the agent)" if str(option["kind"]).endswith("always") else ""
        click.echo(f"  {number}. {plain(str(option['name']))}{kept}", err=True)
    words = [str(number) for number in range(1, len(options) + 1)]
    word = click.prompt("number, or [n]o", type=click.Choice([*words, "n"]), show_choices=False, err=True)
    chosen = None if word == "n" else options[int(word) - 1]
    if chosen is not None and str(chosen["kind"]).startswith("allow"):
        return {"approved": True, "option": chosen["id"]}
    reason = click.prompt("Reason (optional)", default="", show_default=False, err=True)
    payload: Payload = {"approved": False, **({"option": chosen["id"]} if chosen is not None else {})}
    return {**payload, "reason": reason} if reason else payload


def _offered(ours: dict[str, Any]) -> list[str]:
    kinds: set[str] = set(ours.get("decisions") or ("approve", "edit", "reject"))
    if ours.get("unshown"):
        kinds -= {"approve", "edit"}
    if "approve" in kinds and not ours.get("noGrant"):
        kinds.add("grant")
    return [word for word, kind in _WORDS.items() if kind in kinds]


def _edited(args: dict[str, Any]) -> dict[str, Any]:
    """Let the person edit the arguments in their editor. Code alone is edited as code."""
    is_code = set(args) == {"code"}
    text = before = args["code"] if is_code else visible_json(args)
    while True:
        text = click.edit(text, extension=".py" if is_code else ".json", require_save=False) or ""
        if is_code:
            _tell_of_hidden(before, text)
            return {"code": text}
        try:
            return json.loads(text)
        except ValueError as error:
            click.confirm(f"That is no JSON ({error}); edit again?", default=True, abort=True, err=True)


def _tell_of_hidden(before: str, after: str) -> None:
    """Print the hidden characters that an edit has removed."""
    now = hidden(after)
    gone = [escape for escape, count in hidden(before).items() if now.get(escape, 0) < count]
    if gone:
        click.echo(f"Your edit removes hidden characters: {', '.join(gone)}", err=True)


def _answers(questions: list[dict[str, Any]]) -> Payload:
    return {"answers": {str(question["id"]): _answer(question) for question in questions}}


def _answer(question: dict[str, Any]) -> Any:
    options: list[str] = question.get("options") or []
    click.secho(plain(str(question["question"])), bold=True, err=True)
    for number, option in enumerate(options, 1):
        click.echo(f"  {number}. {plain(option)}", err=True)
    several = bool(question.get("multiple"))
    text = click.prompt("numbers or text, with commas" if several else "answer", err=True)
    chosen = [_option(part.strip(), options) for part in (text.split(",") if several else [text])]
    return chosen if several else chosen[0]


def _option(text: str, options: list[str]) -> str:
    if text.isdigit() and 1 <= int(text) <= len(options):
        return options[int(text) - 1]
    return text
