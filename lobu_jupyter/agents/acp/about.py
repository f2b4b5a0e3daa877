"""The facts of an agent's session about itself: its options, its commands, its context and its title.

The composer shows them, from the journal's ``lobu.agent``. The texts are the agent's own, and bounded. Of the options a
message may set the model and the effort (``/model ID``, ``/effort ID``). The mode has its own rules (:mod:`.modes`), and
an option of another kind could be one by which the agent asks less, so it is shown only.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from acp import RequestError

from lobu_jupyter.model.text import one_line

if TYPE_CHECKING:
    from acp.client.connection import ClientSideConnection

Update = dict[str, Any]

UPDATES = frozenset(
    {"available_commands_update", "config_option_update", "session_info_update", "usage_update"}
)
SETTABLE = {"/model": "model", "/effort": "thought_level"}
MOST_OPTIONS, MOST_VALUES, MOST_COMMANDS, MOST_WORDS = 16, 64, 100, 200
MOST_TITLE = 60
SECONDS = 15.0


class About:
    """The facts of one session, as far as it has told them."""

    def __init__(self) -> None:
        self.options: list[dict[str, Any]] = []
        self.commands: list[dict[str, Any]] = []
        self.usage: dict[str, Any] = {}
        self.title = ""
        self.settings: dict[str, str] = {}  # what the person set in this thread, by command
        self._told: dict[str, Any] = {}
        self._titled = ""

    def begin(self, answer: Any) -> None:
        """Take the response to a new or continued session."""
        wire = answer.model_dump(mode="json", by_alias=True, exclude_none=True) if answer is not None else {}
        self.options = _options(wire.get("configOptions"))

    def take(self, update: Update) -> None:
        """Apply one of UPDATES."""
        kind = update.get("sessionUpdate")
        if kind == "config_option_update":
            self.options = _options(update.get("configOptions"))
        elif kind == "available_commands_update":
            self.commands = _commands(update.get("availableCommands"))
        elif kind == "usage_update":
            self.usage = _usage(update)
        elif kind == "session_info_update" and isinstance(update.get("title"), str):
            self.title = _line(update["title"], MOST_TITLE)

    def news(self, agent: str) -> dict[str, Any] | None:
        """Return the value of a ``lobu.agent`` event if options or commands changed since the last one."""
        told = {"agent": agent, "options": self.options, "commands": self.commands}
        if told == self._told or not (self.options or self.commands or self._told):
            return None
        self._told = told
        return told

    def new_title(self) -> str | None:
        """Return the session's title if it is another one than last time."""
        if not self.title or self.title == self._titled:
            return None
        self._titled = self.title
        return self.title

    def listed(self, command: str) -> str:
        """Return the values that a command may choose from, as text."""
        option = self._option(SETTABLE[command])
        if option is None:
            return f"This agent offers no choice for {command}."
        lines = [
            f"- `{value['value']}`{_said(value)}{' ← now' if value['value'] == option.get('current') else ''}"
            for value in option["values"]
        ]
        return "\n".join([f"{option['name']}, chosen with `{command} ID`:", "", *lines])

    async def choose(
        self, connection: ClientSideConnection, session_id: str, command: str, value: str
    ) -> str:
        """Set the model or the effort. Return a sentence about what came of it."""
        option = self._option(SETTABLE[command])
        if option is None or not any(one["value"] == value for one in option["values"]):
            return f"There is no `{value}` to choose.\n\n{self.listed(command)}"
        try:
            async with asyncio.timeout(SECONDS):
                answer = await connection.set_config_option(
                    config_id=option["id"], session_id=session_id, value=value
                )
        except (RequestError, TimeoutError) as error:
            return f"The agent did not take {value}: {str(error) or 'no answer came in time'}."
        self.begin(answer)
        now = self._current(command)
        if now != value:
            return f"The agent stayed with {now}."
        self.settings[command] = value
        return f"{option['name']}: {now}."

    async def restore(self, connection: ClientSideConnection, session_id: str, settings: Any) -> None:
        """Set again what the person set before the process ended, as far as the agent still offers it."""
        kept: dict[Any, Any] = settings if isinstance(settings, dict) else {}
        for command in SETTABLE:
            value = kept.get(command)
            if isinstance(value, str) and value == self._current(command):
                self.settings[command] = value
            elif isinstance(value, str):
                await self.choose(connection, session_id, command, value)

    def _current(self, command: str) -> str | None:
        return (self._option(SETTABLE[command]) or {}).get("current")

    def _option(self, category: str) -> dict[str, Any] | None:
        return next((one for one in self.options if one["category"] == category), None)


def wish_of(prompt: str) -> tuple[str, str] | None:
    """Return the command and the value of a message that sets the model or the effort, None if it is another one."""
    word, _, rest = prompt.strip().partition(" ")
    return (word, rest.strip()) if word in SETTABLE and "\n" not in rest.strip() else None


def _options(given: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for option in _dicts(given)[:MOST_OPTIONS]:
        if option.get("type", "select") != "select":
            continue
        category = option.get("category")
        values = [
            {"value": str(one["value"]), **_words(one)}
            for one in _flat(option.get("options"))
            if "value" in one
        ]
        found.append(
            {
                "id": str(option.get("id")),
                "category": category if isinstance(category, str) else "other",
                "current": str(option.get("currentValue") or ""),
                "values": values[:MOST_VALUES],
                **_words(option),
            }
        )
    return found


def _flat(options: Any) -> list[dict[str, Any]]:
    """Return the values of a select, whose options may be groups."""
    flat: list[dict[str, Any]] = []
    for option in _dicts(options):
        flat += _dicts(option["options"]) if "options" in option else [option]
    return flat


def _commands(given: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for one in _dicts(given)[:MOST_COMMANDS]:
        hint = (one.get("input") or {}).get("hint")
        more = {"hint": _line(hint, MOST_WORDS)} if isinstance(hint, str) else {}
        found.append({**_words(one), **more})
    return found


def _usage(update: Update) -> dict[str, Any]:
    told: dict[str, Any] = {}
    size, used, cost = update.get("size"), update.get("used"), update.get("cost")
    if isinstance(size, int) and isinstance(used, int) and used >= 0 and 0 < size < 10**12:
        told |= {"contextWindow": size, "contextUsed": min(used, size)}
    if isinstance(cost, dict) and isinstance(cost.get("amount"), int | float):  # pyright: ignore[reportUnknownMemberType]
        told["cost"] = {"amount": cost["amount"], "currency": _line(str(cost.get("currency")), 8)}  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    return told


def _words(one: dict[str, Any]) -> dict[str, str]:
    """Return an option's or a command's own words, bounded."""
    return {
        member: _line(one[member], MOST_WORDS)
        for member in ("name", "description")
        if isinstance(one.get(member), str)
    } | ({} if isinstance(one.get("name"), str) else {"name": _line(str(one.get("id", "")), MOST_WORDS)})


def _said(value: dict[str, Any]) -> str:
    told = ": ".join(value[member] for member in ("name", "description") if value.get(member))
    return f" {told}" if told else ""


def _dicts(given: Any) -> list[dict[str, Any]]:
    items: list[Any] = given if isinstance(given, list) else []
    return [item for item in items if isinstance(item, dict)]


def _line(text: str, most: int) -> str:
    return one_line(text.replace("\0", ""), most)
