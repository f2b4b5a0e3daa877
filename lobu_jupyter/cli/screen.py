"""A run in a terminal: the agent's text on standard output, its actions on standard error.

Control characters in an agent's text are made visible.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.fold_values import patched
from lobu_jupyter.model.plan import lines_of
from lobu_jupyter.model.terminal import screen_text

from .printing import at_terminal, plain, put_line, short

if TYPE_CHECKING:
    from lobu_jupyter.model.events import Event

    from .markdown import MarkdownScreen

_MOST_OUTPUT = 2000
_SAID = frozenset({
    "lobu.kernel", "lobu.still_running", "lobu.closed", "lobu.session", "lobu.notice", "lobu.undercount", "lobu.cut", "lobu.granted",
    "lobu.retry", "lobu.skills",
})  # fmt: skip


class Screen:
    """A display of events as they come. With ``quiet`` it shows nothing, and only gathers the text.

    The agent's text is drawn as markdown at a terminal, unless ``markdown`` is false.
    """

    def __init__(self, *, quiet: bool = False, markdown: bool = True) -> None:
        self._quiet = quiet
        self._calls: dict[str, list[str]] = {}  # name and parts of the arguments
        self._plans: dict[str, Any] = {}
        self._markdown = _markdown() if markdown and not quiet and at_terminal() else None

    def show(self, event: Event) -> str:
        """Show one event. Returns what it adds to the answer's text."""
        kind = event["type"]
        if kind == "TEXT_MESSAGE_CONTENT" and not event.get("subagentRunId"):
            self._say(event["delta"])
            return event["delta"]
        if kind == "TEXT_MESSAGE_END" and not event.get("subagentRunId"):
            self._end()
            return "\n"
        if kind == "TOOL_CALL_START":
            self._calls[event["toolCallId"]] = [event["toolCallName"]]
        elif kind == "TOOL_CALL_ARGS":
            self._calls.setdefault(event["toolCallId"], [""]).append(event["delta"])
        elif kind == "TOOL_CALL_END":
            name, *args = self._calls.pop(event["toolCallId"], [""])
            self._tell(f"[{name}] {short(''.join(args), 160)}")
        elif kind == "TOOL_CALL_RESULT":
            self._tell(f"  = {short(_text(event['content']), 160)}")
        elif kind.startswith("ACTIVITY_"):
            self._plan(event)
        elif kind == "CUSTOM":
            self._custom(str(event["name"]), event["value"])
        return ""

    def _plan(self, event: Event) -> None:
        """Show a plan's steps when they are new, and then those that tick."""
        before = self._plans.get(event["messageId"])
        content = event.get("content") or patched(before, event.get("patch") or [])
        if content is None:
            return
        known = lines_of(before)
        self._plans[event["messageId"]] = content
        for line in lines_of(content):
            if line not in known:
                self._tell(f"  {line}")

    def _custom(self, name: str, value: Any) -> None:
        if name == "lobu.output" and (value.get("output") or {}).get("output_type") == "stream":
            self._tell(plain(screen_text(_text(value["output"].get("text"))))[:_MOST_OUTPUT].rstrip())
        elif name == "lobu.note" and value.get("text"):
            self._tell(f"  ({value['text']})")
        elif name in _SAID and value.get("message"):
            self._tell(f"({value['message']})")

    def _say(self, text: str) -> None:
        if self._markdown is not None:
            self._markdown.feed(text)
        elif not self._quiet:
            put_line(text, nl=False)

    def _end(self) -> None:
        if self._markdown is not None:
            self._markdown.close()
        else:
            self._say("\n")

    def _tell(self, text: str) -> None:
        if not self._quiet and text:
            put_line(text, err=True, dim=True)


def _markdown() -> MarkdownScreen | None:
    """Return a screen that draws markdown, or None without rich. Its import takes 0.1 s, which a pipe saves."""
    try:
        from .markdown import MarkdownScreen
    except ImportError:
        return None
    return MarkdownScreen()


def _text(content: Any) -> str:
    if isinstance(content, list):
        parts: list[Any] = content
        return "".join(str(part.get("text", "")) if isinstance(part, dict) else str(part) for part in parts)
    return str(content or "")
