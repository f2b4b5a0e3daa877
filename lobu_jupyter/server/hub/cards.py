"""The cards of what needs approval: the whole call, what a person should know, and the forms of the decisions."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.card import CardPart, diff_lines, parts_of, risk_words
from lobu_jupyter.model.digest import digest_of
from lobu_jupyter.model.interrupts import QUESTION
from lobu_jupyter.model.plan import PLAN_TOOL, exact_lines
from lobu_jupyter.model.visible import hidden, visible, visible_json

from .code import code_html, count_of, diff_html
from .html import heading, text, when
from .titles import title_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lobu_jupyter.model.interrupts import Interrupt
    from lobu_jupyter.model.runs import Thread

_MAX = "10000"
_LANGUAGES = frozenset({"code", "source"})


def thread_card(thread: Thread, questions: Sequence[Interrupt], hub: str) -> str:
    """Return the questions of a thread, which are decided together."""
    bar = ""
    if len(questions) > 1:
        plain = all(_approves_plainly(question) for question in questions)
        every = '<button type="button" class="lobu-button" data-all>Approve all</button>' if plain else ""
        bar = (
            f'<div class="lobu-batch"><span>{len(questions)} actions need approval</span>{every}'
            '<button type="button" class="lobu-button lobu-primary" data-submit disabled>Submit</button></div>'
        )
    return (
        f'<article class="card" data-thread="{escape(thread.thread_id)}">{heading(thread, hub)}'
        + "".join(_question(question, thread) for question in questions)
        + f"{bar}</article>"
    )


def _question(asked: Interrupt, thread: Thread) -> str:
    title = title_of(asked)
    return (
        f'<div role="group" class="question lobu-card lobu-is-waiting" aria-label="{text(title)}" '
        f'data-interrupt="{escape(asked.id)}" data-digest="{digest_of(asked)}">'
        f'<p class="lobu-card-name lobu-card-title">{text(title)}</p>'
        f'<div class="lobu-card-body">{_arguments(asked)}</div>'
        f'<div class="lobu-decide">{_warnings(asked, title)}{_choices(asked, thread)}{_forms(asked)}'
        '<p class="chosen" hidden><span></span> <button type="button" class="lobu-button" data-back>Change</button></p>'
        '<p class="lobu-problem" role="alert" hidden></p></div></div>'
    )


def _warnings(asked: Interrupt, title: str) -> str:
    out: list[str] = []
    if asked.message and asked.message != title and asked.reason != QUESTION:
        out.append(f"<p>{escape(visible(asked.message))}</p>")
    if asked.kernel_lost:
        out.append(_warning("The kernel restarted. Variables this code needs may be missing."))
    if asked.unshown:
        out.append(_warning(f"Can’t be approved: {asked.unshown}"))
    if asked.agent_mode:
        out.append(f'<p class="lobu-note">{text(f"The agent’s mode: {asked.agent_mode}")}</p>')
    if asked.by_agent:
        out.append(_warning("Registered by agent code. It can do anything that code in this kernel can do."))
    if asked.risks:
        out.append(f'<p class="lobu-risks">{text(f"This code {risk_words(list(asked.risks))}")}</p>')
    if asked.expires_at:
        out.append(f'<p class="lobu-decide-expiry">Expires {when(asked.expires_at, "until")}</p>')
    return "".join(out)


def _warning(words: str) -> str:
    return f'<p class="lobu-warning">{text(words)}</p>'


def _arguments(asked: Interrupt) -> str:
    """Return all arguments, whole, and the diff in addition."""
    args = dict(asked.args)
    if asked.questions:
        args.pop("questions", None)  # they are asked one by one
    parts = parts_of(args)
    short = [part for part in parts if not part.block]
    out: list[str] = []
    if short:
        rows = "".join(f"<div><dt>{text(part.name)}</dt><dd>{text(part.text)}</dd></div>" for part in short)
        out.append(f'<dl class="lobu-args">{rows}</dl>')
    if asked.diff:
        out.append(_block("Changes", len(diff_lines(asked.diff)), diff_html(asked.diff)))
    out += [_part(part) for part in parts if part.block]
    if asked.binds:
        bound = visible_json(asked.binds)
        out.append(_block("The approval is for", count_of(bound), code_html(bound, python=False)))
    return "".join(out)


def _part(part: CardPart) -> str:
    return _block(part.name, count_of(part.text), code_html(part.text, python=part.name in _LANGUAGES))


def _block(name: str, lines: int, shown: str) -> str:
    count = f"<span>{lines} lines</span>" if lines > 1 else ""
    head = f'<p class="lobu-part-head"><span>{text(name)}</span>{count}</p>'
    return f'<div class="lobu-part">{head if count or name != "code" else ""}{shown}</div>'


# -- the decisions --------------------------------------------------------------------------------


def _approves_plainly(asked: Interrupt) -> bool:
    plain = not asked.options or any(
        option.get("plain") and str(option["kind"]).startswith("allow") for option in asked.options
    )
    return "approve" in asked.decisions and not asked.unshown and plain


def _choices(asked: Interrupt, thread: Thread) -> str:
    if "answer" in asked.decisions:
        return ""  # its form is open from the start
    if asked.options:
        row = [_option(option) for option in asked.options if _offered(option, asked)]
        if not any(str(option["kind"]).startswith("reject") for option in asked.options):
            row.append(_button("reject", "Reject"))
    else:
        row = [_button("approve", "Approve", "lobu-primary")] if _approves_plainly(asked) else []
        row += [_button("reject", "Reject")] if "reject" in asked.decisions else []
    menu: list[str] = []
    if "edit" in asked.decisions and not asked.unshown and not asked.options:
        menu.append(_item("edit", "Edit"))
    if "respond" in asked.decisions:
        menu.append(_item("respond", "Reply without running"))
    menu += [_item("approve", words, f' data-grant="{grant}"') for grant, words in _grants(asked, thread)]
    more = (
        '<details class="more"><summary class="lobu-button lobu-more" aria-label="More actions" title="More actions">…'
        f'</summary><div class="lobu-menu">{"".join(menu)}</div></details>'
    )
    return f'<div class="lobu-buttons choices">{"".join(row)}{more if menu else ""}</div>'


def _offered(option: dict[str, Any], asked: Interrupt) -> bool:
    return str(option["kind"]).startswith("reject") or ("approve" in asked.decisions and not asked.unshown)


def _button(kind: str, word: str, look: str = "", more: str = "") -> str:
    look = f"lobu-button {look}".strip()
    return f'<button type="button" class="{look}" data-kind="{kind}"{more}>{text(word)}</button>'


def _item(kind: str, word: str, more: str = "") -> str:
    return f'<button type="button" class="lobu-menu-item" data-kind="{kind}"{more}>{text(word)}</button>'


def _option(option: dict[str, Any]) -> str:
    """Return the button of an outside agent's own answer."""
    kind = str(option["kind"])
    yes, always = kind.startswith("allow"), kind.endswith("always")
    look = "lobu-quiet" if always else "lobu-primary" if yes and option.get("plain") else ""
    word = f"{option['name']} (remembered by the agent)" if always else str(option["name"])
    more = f' data-option="{escape(str(option["id"]))}"'
    return _button("approve" if yes else "reject", word, look, more)


def _grants(asked: Interrupt, thread: Thread) -> list[tuple[str, str]]:
    """Return the standing approvals that the question may get, in words."""
    if not _approves_plainly(asked) or asked.no_grant or asked.tool_name is None:
        return []
    tool = asked.tool_name
    code = tool == "run_code"
    found = [
        ("call", "Always allow this exact call in this chat"),
        ("thread", "Always allow simple code in this chat")
        if code
        else ("thread_all", f"Always allow {tool} in this chat, whatever it does"),
    ]
    if thread.notebook_path:
        found.append(
            ("notebook", "Always allow simple code in this notebook")
            if code
            else ("notebook_all", f"Always allow {tool} in this notebook, whatever it does")
        )
    return found


# -- their forms ----------------------------------------------------------------------------------


def _forms(asked: Interrupt) -> str:
    out: list[str] = []
    if "answer" in asked.decisions:
        skip = _button("reject", "Skip") if "reject" in asked.decisions else ""
        fields = "".join(_asked(asked.id, question) for question in asked.questions)
        out.append(_form("answer", fields, "Answer", second=skip, shown=True))
    if "reject" in asked.decisions:
        word = "Skip" if asked.reason == QUESTION else "Reject and send"
        field = f'<input class="lobu-input" name="reason" maxlength="{_MAX}">'
        out.append(_form("reject", _labelled("Reason (optional)", field), word))
    if "edit" in asked.decisions and not asked.unshown:
        out.append(_form("edit", _edit(asked), "Approve as edited"))
    if "respond" in asked.decisions:
        field = f'<textarea class="lobu-input" name="response" rows="2" maxlength="{_MAX}"></textarea>'
        out.append(_form("respond", _labelled("Reply without running", field), "Reply without running"))
    return "".join(out)


def _form(kind: str, fields: str, word: str, *, second: str = "", shown: bool = False) -> str:
    second = second or '<button type="button" class="lobu-button" data-back>Cancel</button>'
    return (
        f'<form class="lobu-decide-controls" data-form="{kind}"{"" if shown else " hidden"}>{fields}'
        f'<div class="lobu-buttons"><button type="submit" class="lobu-button lobu-primary" data-send>{text(word)}</button>'
        f"{second}</div></form>"
    )


def _labelled(label: str, field: str) -> str:
    return f'<label class="lobu-field">{text(label)} {field}</label>'


def _edit(asked: Interrupt) -> str:
    args = dict(asked.args)
    steps = exact_lines(args.get("steps")) if asked.tool_name == PLAN_TOOL and len(args) == 1 else None
    if steps is not None:
        plan = "\n".join(line[4:] for line in steps)
        return _labelled("One step per line", _area("steps", plan))
    out: list[str] = []
    code = args.get("code")
    if isinstance(code, str):
        del args["code"]
        out.append(_labelled("Code to run", _area("code", code)))
        if found := hidden(code):
            named = ", ".join(f"{name} ({n} times)" if n > 1 else name for name, n in found.items())
            out.append(_warning(f"Contains hidden characters: {named}."))
    if args or not isinstance(code, str):
        out.append(_labelled("Arguments, as JSON", _area("rest", visible_json(args))))
    return "".join(out)


def _area(name: str, value: str) -> str:
    rows = min(20, max(3, count_of(value) + 1))
    return (
        f'<textarea class="lobu-input lobu-input-code" name="{name}" rows="{rows}" spellcheck="false" '
        f'autocomplete="off">\n{escape(value)}</textarea>'
    )


def _asked(interrupt_id: str, question: dict[str, Any]) -> str:
    """Return the fields of one question of ``ask_user``."""
    name, many = escape(str(question.get("id"))), bool(question.get("multiple"))
    asked, options = text(question.get("question", "")), list[str](question.get("options") or [])
    group, kind = f"{escape(interrupt_id)} {name}", "checkbox" if many else "radio"
    rows = [
        f'<label class="lobu-option"><input type="{kind}" name="{group}" value="{escape(str(option))}"> {text(option)}</label>'
        for option in options
    ]
    if question.get("freeText", True) or not options:
        label = "Another answer" if options else asked
        rows.append(
            f'<input class="lobu-input" type="text" aria-label="{label}" placeholder="{label if options else ""}" '
            f'maxlength="{_MAX}">'
        )
    return (
        f'<fieldset class="lobu-question" data-question="{name}" data-multiple="{"1" if many else ""}">'
        f"<legend>{asked}</legend>{''.join(rows)}</fieldset>"
    )
