"""The transcript as a list of plain blocks, from which text/plain and text/html are written.

Nothing here depends on time or on random ids, so that the same run always gives the same text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.card import card_lines
from lobu_jupyter.model.mime_text import joined, text_of_data
from lobu_jupyter.model.plan import lines_of
from lobu_jupyter.model.terminal import screen_text
from lobu_jupyter.model.visible import visible, visible_json, visible_line
from lobu_jupyter.notebook.decisions import lobu, question_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from lobu_jupyter.model.fold import Item, State

MOST_TEXT = 20_000
"""Characters of one text that a block keeps."""
SHORT = 80
"""Characters of arguments that stand beside a call's name."""
LONG_JSON = 240
"""Characters of a JSON result that are shown."""
MOST_IMAGE = 160_000
"""Characters of base64 of an image that a block keeps."""

_PROSE = frozenset({"prompt", "said", "thought"})  # some scripts need characters that others hide behind
_UNSHOWN = frozenset({"lobu.agent", "lobu.agent_title", "lobu.retry"})  # not for the transcript
_CALL_STATUS = {"streaming": "…", "running": "running", "waiting": "needs approval", "done": "done"}
_DECIDED = {
    "approve": "approved",
    "edit": "approved, edited",
    "reject": "rejected",
    "respond": "answered instead of run",
    "answer": "answered",
}


@dataclass
class Block:
    """A piece of the transcript. ``kind`` is prompt, said, thought, call, question, error or notice."""

    kind: str
    head: str = ""
    text: str = ""
    parts: list[BlockPart] = field(default_factory=list["BlockPart"])


@dataclass
class BlockPart:
    """A part of a block. ``kind`` is code, out or image (whose ``text`` is a data URI)."""

    kind: str
    text: str


def blocks_of(state: State) -> list[Block]:
    """Return the blocks of `state`, in order, with open questions last."""
    waiting: list[dict[str, Any]] = state["interrupts"]
    asked = {interrupt.get("toolCallId") for interrupt in waiting}
    blocks = [block for item in state["items"] if (block := _block(item, asked)) is not None]
    several = len(waiting) > 1
    blocks += [_question(one, n if several else None) for n, one in enumerate(waiting)]
    return [_visible(block) for block in blocks]


def _visible(block: Block) -> Block:
    """Return the block with hidden characters as escapes in all that is no prose: names, notes, ways to answer."""
    text = block.text if block.kind in _PROSE else visible(block.text)
    return replace(block, head=visible(block.head), text=text)


def clean(text: str, most: int = MOST_TEXT) -> str:
    """Return `text` as a screen shows it, cut in the middle if it is long."""
    return _short(screen_text(text), most)


def _short(text: str, most: int) -> str:
    """Return `text`, cut in the middle if it is long."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n[… {len(text) - most} characters are not shown …]\n{text[-half:]}"


def _block(item: Item, asked: Collection[str | None]) -> Block | None:
    kind = item["kind"]
    if kind == "message":
        return _message(item)
    if kind == "reasoning":
        return Block("thought", text=clean(item["content"].strip())) if item["content"].strip() else None
    if kind == "tool":
        return _call(item, item.get("id") in asked)
    if kind == "error":
        return Block("error", head=item["code"], text=clean(item["message"]))
    if kind == "cancelled":
        return Block("notice", text="Cancelled.")
    if kind == "notice":
        return None if item["name"] in _UNSHOWN else _notice(item)
    if kind == "activity" and (steps := lines_of(item["content"])):
        return Block("notice", head="Plan", text="\n".join(steps))
    if kind in ("custom", "raw", "activity", "subagent"):
        shown = {k: v for k, v in item.items() if k not in ("kind", "runId", "id")}
        return Block("notice", head=kind, text=clean(_json(shown), 2000))
    return None


def _message(item: Item) -> Block | None:
    content = item["content"]
    text = content if isinstance(content, str) else _parts_text(content)
    if not text.strip():
        return None
    return Block("prompt" if item["role"] == "user" else "said", text=clean(text.strip()))


def _parts_text(content: list[dict[str, Any]]) -> str:
    return "\n".join(
        part["text"] if part.get("type") == "text" else f"[{part.get('type')}]" for part in content
    )


def _notice(item: Item) -> Block:
    value = item["value"]
    if item["name"] == "lobu.instructions":
        return Block("notice", text=f"Following the instructions in {value.get('path')}.")
    return Block("notice", text=clean(str(value.get("message") or f"{item['name']}: {_json(value)}"), 2000))


def _call(item: Item, asked: bool) -> Block:
    """Return a call. If `asked`, the arguments are left out: its question shows them whole."""
    name = visible_line(item["name"])
    decision: dict[str, Any] = (item.get("decision") or {}).get("decision") or {}
    status = _CALL_STATUS.get(item["status"], item["status"])
    if item.get("note"):
        status = item["note"]
    elif decision:
        status = f"{_DECIDED.get(decision.get('kind', ''), 'decided')}, {status}"
    args = "" if asked else _short(visible(_arguments(item, decision)), MOST_TEXT)
    if args.startswith("{") and len(args) <= SHORT:
        head, parts = f"{name} {args} ({status})", list[BlockPart]()
    else:
        head, parts = f"{name} ({status})", [BlockPart("code", args)]
    outputs = [part for output in item["outputs"] for part in _output(output)]
    if not outputs and item.get("result") not in (None, ""):
        outputs = [BlockPart("out", clean(_result(item["result"])))]
    return Block("call", head=head, parts=[p for p in parts + outputs if p.text.strip()])


def _arguments(item: Item, decision: dict[str, Any]) -> str:
    args = decision.get("editedArgs") or _loads(item["args"])
    if not isinstance(args, dict):
        return item["args"]
    if isinstance(args.get("code"), str):
        rest = {name: value for name, value in args.items() if name != "code"}
        return "\n".join([visible_json(rest, None)] * bool(rest) + [args["code"]])
    return "" if args == {} else _short_json(args)


def _result(result: Any) -> str:
    """Return a result, shortened if it is long JSON, which is meant for the agent."""
    text = result if isinstance(result, str) else _json(result)
    if text.startswith(("{", "[")) and len(text) > LONG_JSON and isinstance(_loads(text), dict | list):
        return f"{text[:LONG_JSON]} … ({len(text)} characters)"
    return text


def _output(output: dict[str, Any]) -> list[BlockPart]:
    kind = output.get("output_type")
    if kind == "stream":
        return [BlockPart("out", clean(joined(output.get("text"))))]
    if kind == "error":
        traceback = (
            "\n".join(output.get("traceback") or []) or f"{output.get('ename')}: {output.get('evalue')}"
        )
        return [BlockPart("out", clean(traceback))]
    data: dict[str, Any] = output.get("data") or {}
    for mime in ("image/png", "image/jpeg", "image/gif"):
        if mime in data:
            return [_image(mime, joined(data[mime]).replace("\n", ""), joined(data.get("text/plain")))]
    return [BlockPart("out", clean(text_of_data(data) or f"[{', '.join(data)}]"))]


def _image(mime: str, data: str, text: str) -> BlockPart:
    if len(data) > MOST_IMAGE or not re.fullmatch(r"[A-Za-z0-9+/=]*", data):
        return BlockPart(
            "out", f"[{mime}, {len(data) * 3 // 4000} kB, is shown in the thread only] {text}".rstrip()
        )
    return BlockPart("image", f"data:{mime};base64,{data}")


def _question(interrupt: dict[str, Any], number: int | None) -> Block:
    ours = lobu(interrupt)
    card = "" if ours.get("questions") else "\n".join(card_lines(interrupt))
    parts = [BlockPart("code", card)] if card else []
    questions: list[dict[str, Any]] = ours.get("questions") or []
    parts += [
        BlockPart("out", text) for question in questions if (text := _asked(question, len(questions) > 1))
    ]
    lost = (
        " The kernel restarted. Variables this code needs may be missing."
        if interrupt.get("kernelLost")
        else ""
    )
    asked = visible(question_of(interrupt))
    head = asked if number is None else f"({number}) {asked}"
    return Block("question", head=head + lost, text=_how_to_answer(interrupt, number), parts=parts)


def _asked(question: dict[str, Any], is_one_of_several: bool) -> str:
    """Return a question's options, with the question itself if the heading has several."""
    lines = [visible(str(question.get("question")))] if is_one_of_several else []
    lines += [f"  - {visible(str(option))}" for option in question.get("options") or []]
    return "\n".join(lines + ["  (several may be chosen)"] * bool(question.get("multiple")))


def _how_to_answer(interrupt: dict[str, Any], number: int | None) -> str:
    """Return the Python and the magics that answer a question. ``number`` is its place among several."""
    ours = lobu(interrupt)
    questions: list[dict[str, Any]] = ours.get("questions") or []
    first = next((str(a) for a in (ours.get("args") or {})), "argument")
    only, also, named = ("", "", "") if number is None else (f"{number}", f", {number}", f", which={number}")
    first = visible_line(first)
    ways = {
        "approve": f"run.approve({only})",
        "edit": f"run.edit({first}=…{named})",
        "reject": f'run.reject("why"{also})',
        "respond": f'run.respond("result"{also})',
        "answer": f"run.answer({', '.join(_example(q) for q in questions) or '…'}{named})",
    }
    offered = ours.get("decisions") or (["answer", "reject"] if questions else ["approve", "edit", "reject"])
    magics = [f"%lobu {kind} {only}".rstrip() for kind in ("approve", "reject") if kind in offered]
    return " · ".join([ways[kind] for kind in offered if kind in ways] + magics)


def _example(question: dict[str, Any]) -> str:
    options = question.get("options") or ["…"]
    return _json([options[0]] if question.get("multiple") else options[0])


def _loads(text: str) -> Any:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return None  # still streaming


def _short_json(value: dict[str, Any]) -> str:
    """Return JSON, on one line if it is short."""
    line = json.dumps(value, ensure_ascii=False, default=str)
    return line if len(line) <= SHORT else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1 if isinstance(value, dict) else None, default=str)
