"""A run's questions to the person at the terminal. The answer is AG-UI's ResumeEntry."""

from __future__ import annotations

import json
from typing import Any

import click

from lobu_jupyter.model.covering import CODE_TOOLS
from lobu_jupyter.model.digest import digest_of_wire
from lobu_jupyter.model.visible import hidden, visible_json

from .printing import put_card, put_line

Payload = dict[str, Any]

_WORDS = {
    "a": "approve",
    "r": "reject",
    "e": "edit",
    "c": "grant",
    "t": "grant",
    "p": "respond",
    "s": "skip",
}
_MEANING = {
    "a": "[a]pprove",
    "r": "[r]eject",
    "e": "[e]dit",
    "c": "always this exact [c]all",
    "t": "always in [t]his chat",
    "p": "re[p]ly without running",
    "s": "[s]kip",
}


class LeftOpen(Exception):
    """The end of a question that the person skipped."""


def entry_of(interrupt: dict[str, Any], *, may_skip: bool = False) -> dict[str, Any]:
    """Ask about one interrupt (AG-UI's, as journaled), and return its ResumeEntry.

    Raises:
        click.Abort: the person leaves it open.
        LeftOpen: the person skips it, with ``may_skip``.
    """
    ours: dict[str, Any] = (interrupt.get("metadata") or {}).get("lobu") or {}
    questions: list[dict[str, Any]] = ours.get("questions") or []
    if questions:
        payload: Payload = {"answers": {str(one["id"]): _answer(one, may_skip) for one in questions}}
    else:
        put_card(interrupt)
        payload = _option_of(ours, may_skip) if ours.get("options") else _approval(ours, may_skip)
    digest = digest_of_wire(interrupt)
    return {"interruptId": interrupt["id"], "status": "resolved", "payload": payload, "digest": digest}


def _approval(ours: dict[str, Any], may_skip: bool) -> Payload:
    words = _offered(ours, may_skip)
    word = _choose(words, [_MEANING[w] for w in words])
    if word == "r":
        return _rejection()
    if word == "c":
        return {"approved": True, "grant": "call"}
    if word == "t":
        return {"approved": True, "grant": "thread" if ours.get("toolName") in CODE_TOOLS else "thread_all"}
    if word == "p":
        return {"response": click.prompt("result", err=True)}
    return (
        {"approved": True}
        if word == "a"
        else {"approved": True, "editedArgs": _edited(ours.get("args") or {})}
    )


def _choose(words: list[str], meanings: list[str]) -> str:
    """Ask for one of `words`.

    Raises:
        LeftOpen: the person skips.
    """
    choice = click.Choice(words, case_sensitive=False)
    word = str(click.prompt(", ".join(meanings), type=choice, show_choices=False, err=True))
    if word == "s":
        raise LeftOpen
    return word


def _rejection(**more: Any) -> Payload:
    reason = click.prompt("Reason (optional)", default="", show_default=False, err=True)
    return {"approved": False, **more, **({"reason": reason} if reason else {})}


def _option_of(ours: dict[str, Any], may_skip: bool) -> Payload:
    """Ask for one of an outside agent's own answers."""
    may = "a" in _offered(ours, may_skip)
    options = [o for o in ours["options"] if may or str(o["kind"]).startswith("reject")]
    for number, option in enumerate(options, 1):
        kept = " (remembered by the agent)" if str(option["kind"]).endswith("always") else ""
        put_line(f"  {number}. {option['name']}{kept}", err=True)
    others = ["r", "s"] if may_skip else ["r"]
    words = [str(number) for number in range(1, len(options) + 1)]
    word = _choose([*words, *others], ["number", *(_MEANING[w] for w in others)])
    if word == "r":
        return _rejection()
    chosen = options[int(word) - 1]
    if str(chosen["kind"]).startswith("allow"):
        return {"approved": True, "option": chosen["id"]}
    return _rejection(option=chosen["id"])


def _offered(ours: dict[str, Any], may_skip: bool) -> list[str]:
    kinds: set[str] = set(ours.get("decisions") or ("approve", "edit", "reject"))
    if ours.get("unshown"):
        kinds -= {"approve", "edit"}
    if "approve" in kinds and not ours.get("noGrant"):
        kinds.add("grant")
    if may_skip:
        kinds.add("skip")
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
        put_line(f"Your edit removes hidden characters: {', '.join(gone)}", err=True)


def _answer(question: dict[str, Any], may_skip: bool) -> Any:
    options: list[str] = question.get("options") or []
    put_line(str(question["question"]), err=True, bold=True)
    for number, option in enumerate(options, 1):
        put_line(f"  {number}. {option}", err=True)
    several = bool(question.get("multiple"))
    asked = "numbers or text, with commas" if several else "answer"
    if may_skip:
        text = click.prompt(f"{asked} (empty skips)", default="", show_default=False, err=True)
        if not text:
            raise LeftOpen
    else:
        text = click.prompt(asked, err=True)
    chosen = [_option(part.strip(), options) for part in (text.split(",") if several else [text])]
    return chosen if several else chosen[0]


def _option(text: str, options: list[str]) -> str:
    if text.isdigit() and 1 <= int(text) <= len(options):
        return options[int(text) - 1]
    return text
