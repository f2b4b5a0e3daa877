"""A mapper from the updates of an ACP agent's session to AG-UI events of one run.

Messages and thoughts stream. A call is a card named ``agent__kind``: its arguments hold title, places and
input, its result holds text, diffs and output. A plan is an activity. Updates about the agent itself (its modes,
commands, options) are events of their own, `lobu.agent`.
"""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lobu_jupyter.agents.tools.answers import bounded
from lobu_jupyter.agents.tools.texts import normal
from lobu_jupyter.model.events import custom, tool_result
from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.plan import PLAN, content_of, steps_of

from .commands import command_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from lobu_jupyter.model.events import Event

    from .commands import Command

_ABOUT_ITSELF = frozenset(
    {
        "available_commands_update",
        "current_mode_update",
        "config_option_update",
        "session_info_update",
        "usage_update",
        "user_message_chunk",
    }
)
Update = dict[str, Any]
_WARNING = re.compile(r"(Config w|W)arning: .*\n\n", re.DOTALL)  # as codex-acp says one, in one piece


def _no_terminal(name: str) -> str:
    return ""


NOTHING_SAID = "The agent reports no result of this call."


class AcpMapper:
    """A mapper of the updates of one run. ``plan``: names its plan, also after a pause. After a pause it starts with the calls still open.

    ``terminal``: returns the output of a terminal by its id.
    """

    def __init__(
        self,
        agent: str,
        plan: str,
        calls: dict[str, AcpCall] | None = None,
        terminal: Callable[[str], str] = _no_terminal,
    ) -> None:
        self.calls = calls if calls is not None else {}
        self._terminal = terminal
        self._agent, self._plan_of = agent, plan
        self._open: tuple[str, str] | None = None  # kind and id of the open message or thought
        self._answers = False  # True once a word of the answer has come

    def feed(self, update: Update) -> list[Event]:
        """Return the events of one update in ACP's form (camelCase JSON)."""
        kind = update.get("sessionUpdate")
        if kind == "agent_message_chunk" and (notice := self._notice_in(update)):
            return [*self.close(), self.notice(notice)]
        if kind == "agent_message_chunk":
            self._answers = True
            return self._stream("message", _text(update.get("content") or {}))
        if kind == "agent_thought_chunk":
            return self._stream("thought", _text(update.get("content") or {}))
        if kind in ("tool_call", "tool_call_update"):
            return self.call(update)
        if kind == "plan":
            return [*self.close(), self._plan(update)]
        return [] if kind in _ABOUT_ITSELF else [{"type": "RAW", "event": update, "source": self._agent}]

    def _notice_in(self, update: Update) -> str:
        """Return a remark of the agent's program about itself, empty if the text is part of the answer."""
        text = _text(update.get("content") or {})
        said = ((update.get("_meta") or {}).get("claudeCode") or {}).get("kind") == "informational"
        warns = not self._answers and _WARNING.fullmatch(text) is not None
        return text.strip() if said or warns else ""

    def notice(self, message: str) -> Event:
        """Return an event with a sentence of or about the agent, beside its answer."""
        return custom("lobu.notice", {"agent": self._agent, "message": message})

    def say(self, text: str) -> list[Event]:
        """Return the events of a whole message."""
        return [*self._stream("message", text), *self.close()]

    def call(self, update: Update) -> list[Event]:
        """Return the events of a call that begins, changes or ends."""
        key = str(update["toolCallId"])
        out: list[Event] = []
        if key not in self.calls:
            call = AcpCall(new_id("call"), f"{self._agent}__{update.get('kind') or 'other'}")
            call.take(update)
            out = self.begin(call, key)
        else:
            call = self.calls[key]
            call.take(update)
        if call.status in ("completed", "failed") and not call.answered:
            out += self.answer(call, call.result(self._terminal))
        return out

    def begin(self, call: AcpCall, key: str | None = None) -> list[Event]:
        """Return the events of a call's card. ``key``: the agent's own id of the call."""
        self.calls[key or call.id] = call
        return [
            *self.close(),
            {"type": "TOOL_CALL_START", "toolCallId": call.id, "toolCallName": call.name},
            {"type": "TOOL_CALL_ARGS", "toolCallId": call.id, "delta": bounded(json.dumps(call.args()))},
            {"type": "TOOL_CALL_END", "toolCallId": call.id},
        ]

    def answer(self, call: AcpCall, text: str, *, ok: bool | None = None) -> list[Event]:
        """Return the result of a call, once. ``ok``: True if code ran without an error."""
        call.answered = True
        result = tool_result(call.id, bounded(text), new_id("msg"))
        return [result if ok is None else {**result, "metadata": {"lobu": {"ok": ok}}}]

    def beside(self, call: AcpCall) -> tuple[str, ...]:
        """Return the ids of the agent's other open calls, which wait with this one."""
        return tuple(other.id for other in self.calls.values() if not other.answered and other is not call)

    def close(self) -> list[Event]:
        """End the message or thought that is open."""
        if self._open is None:
            return []
        (kind, name), self._open = self._open, None
        if kind == "message":
            return [{"type": "TEXT_MESSAGE_END", "messageId": name}]
        return [
            {"type": "REASONING_MESSAGE_END", "messageId": name},
            {"type": "REASONING_END", "messageId": name},
        ]

    def finish(self, why: str) -> list[Event]:
        """End everything open, and give each call without a result one that says why."""
        left = [call for call in self.calls.values() if not call.answered]
        return [*self.close(), *(event for call in left for event in self.answer(call, why))]

    def _stream(self, kind: str, text: str) -> list[Event]:
        out: list[Event] = []
        if self._open is None or self._open[0] != kind:
            out = self.close()
            name = new_id("msg")
            self._open = (kind, name)
            out += _BEGIN[kind](name)
        content = "TEXT_MESSAGE_CONTENT" if kind == "message" else "REASONING_MESSAGE_CONTENT"
        if text:
            out.append({"type": content, "messageId": self._open[1], "delta": text})
        return out

    def _plan(self, update: Update) -> Event:
        return {
            "type": "ACTIVITY_SNAPSHOT",
            "messageId": f"plan_{self._plan_of}",
            "activityType": PLAN,
            "content": content_of(steps_of(update)),
        }


@dataclass(frozen=True)
class Change:
    """A file's text or part before (None: it is new) and after."""

    path: str
    old: str | None
    new: str

    def leads_to(self, content: str, now: str) -> bool:
        """Return True if the change turns a file with the text `now` into `content`, line endings aside."""
        content, old, new = normal(content), normal(self.old or ""), normal(self.new)
        return content == new or (bool(old) and content == normal(now).replace(old, new, 1))


class AcpCall:
    """A call of the agent, as far as known. ``id``: our own, new on the thread."""

    def __init__(self, name_id: str, name: str) -> None:
        self.id, self.name = name_id, name
        self.title, self.status = "", "pending"
        self.titles = set[str]()  # all titles so far
        self.answered = False
        self._input: Any = None
        self._output: Any = None
        self._locations: list[Any] = []
        self._content: list[dict[str, Any]] = []

    def take(self, update: Update) -> None:
        """Apply an update. A member that the update omits keeps its value."""
        self.title = update.get("title") or self.title
        self.titles.add(self.title)
        self.status = update.get("status") or self.status
        self._input = update.get("rawInput") if update.get("rawInput") is not None else self._input
        self._output = update.get("rawOutput") if update.get("rawOutput") is not None else self._output
        self._locations = update.get("locations") or self._locations
        self._content = update.get("content") or self._content

    def args(self) -> dict[str, Any]:
        """Return the call's whole input, its files and its words, without its diff."""
        files = [change.path for change in self.changes()]
        words = "\n".join(
            _text(part.get("content") or {}) for part in self._content if part.get("type") == "content"
        )
        found = {
            "title": self.title,
            "input": self._input,
            "locations": self._locations,
            "files": files,
            "content": words,
        }
        return {member: value for member, value in found.items() if value}

    def diff(self) -> str | None:
        """Return all diffs as one text, None if there are none."""
        return "".join(_diff(part) for part in self._content if part.get("type") == "diff") or None

    def changes(self) -> list[Change]:
        """Return the file changes that the call announces."""
        parts = [part for part in self._content if part.get("type") == "diff"]
        return [Change(str(part["path"]), part.get("oldText"), part.get("newText") or "") for part in parts]

    def commands(self) -> list[Command]:
        """Return the command that the call announces."""
        found = command_in(self._input)
        return [found] if found is not None else []

    def result(self, terminal: Callable[[str], str]) -> str:
        """Return the text of the finished card. ``terminal``: returns the output of a terminal by its id."""
        parts = [text for part in self._content if (text := _shown(part, terminal))]
        if not parts and self._output is not None:
            parts = [self._output if isinstance(self._output, str) else json.dumps(self._output)]
        if self.status == "failed":
            parts.insert(0, "It failed, or was refused.")
        return "\n".join([*(parts or [NOTHING_SAID]), self.diff() or ""]).strip()


class OwnCall(AcpCall):
    """A call through our own tools, with its arguments in our form."""

    def __init__(self, name: str, args: dict[str, Any]) -> None:
        super().__init__(new_id("call"), name)
        self._args = {member: value for member, value in args.items() if value is not None}

    def args(self) -> dict[str, Any]:
        return self._args


def _shown(part: dict[str, Any], terminal: Callable[[str], str]) -> str:
    if part.get("type") == "terminal":
        return terminal(str(part.get("terminalId")))
    return _text(part.get("content") or {}) if part.get("type") == "content" else ""


def _begin_message(name: str) -> list[Event]:
    return [{"type": "TEXT_MESSAGE_START", "messageId": name, "role": "assistant"}]


def _begin_thought(name: str) -> list[Event]:
    return [
        {"type": "REASONING_START", "messageId": name},
        {"type": "REASONING_MESSAGE_START", "messageId": name, "role": "reasoning"},
    ]


_BEGIN = {"message": _begin_message, "thought": _begin_thought}


def _text(block: dict[str, Any]) -> str:
    if block.get("type") == "text":
        return str(block.get("text") or "")
    return f"[{block.get('type') or 'nothing'}]"


def _diff(part: dict[str, Any]) -> str:
    path, old, new = str(part["path"]), part.get("oldText"), part.get("newText") or ""
    lines = difflib.unified_diff(
        (old or "").splitlines(),
        new.splitlines(),
        f"a/{path.lstrip('/')}" if old is not None else "/dev/null",
        f"b/{path.lstrip('/')}",
        lineterm="",
    )
    return "".join(line + "\n" for line in lines)
