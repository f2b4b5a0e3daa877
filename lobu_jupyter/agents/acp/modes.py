"""The mode of an agent's session: it settles which actions the agent asks about and which it decides by itself.

Agents of today start in modes that decide for themselves. Each session is put into the agent's asking mode after
``session/new``, ``load`` and ``resume``, before its first prompt, unless the person chose another one for the
thread. The mode is set by its id, else by the config option of category ``mode``. If the agent changes its mode by
itself, the change is set back.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from acp import RequestError

if TYPE_CHECKING:
    from acp.client.connection import ClientSideConnection

Update = dict[str, Any]

MODE_SECONDS = 15.0
MOST_STRAYED = 3
"""The number of the agent's own mode changes that are set back per prompt. One more ends the run."""
CHANGES = frozenset({"current_mode_update", "config_option_update"})
PLAN = "plan"
"""The id that agents give to the mode in which they only plan."""
_USUAL = ("default", "ask", "read-only", "manual", "approve")  # an unknown agent's asking mode, by its id
BY_ITSELF = "it decides by itself what it does with its own tools, and you are asked only where it asks"


class ModeFailed(Exception):
    """A mode that the agent did not take. The message says why."""


@dataclass(frozen=True)
class Mode:
    """One of the agent's modes, in the agent's words."""

    id: str
    name: str
    description: str = ""

    @property
    def words(self) -> str:
        told = f"{self.name} ({self.id})" if self.name and self.name != self.id else self.id
        return f"{told}: {self.description.rstrip('.')}" if self.description else told


class Modes:
    """The modes of one session.

    Args:
        named: the asking mode in the configuration, if it names one.
        asks: True if the configuration says that the agent asks by its own settings, without a mode.
    """

    def __init__(self, named: str | None, *, asks: bool = False) -> None:
        self.chosen: str | None = None  # by the person for this thread
        self.planning = False  # True under Plan first, until a person has approved a plan
        self.current = ""
        self.kept = ""  # the mode that the agent's own changes are set back to
        self.offered: dict[str, Mode] = {}
        self._named, self._asks_itself = named, asks
        self._by_id: set[str] = set()
        self._by_option: dict[str, str] = {}  # mode -> the config option that sets it
        self.failed = ""  # why the agent did not take its mode

    @property
    def asking(self) -> str | None:
        """Return the agent's asking mode, None if neither the configuration nor the agent names one."""
        if self._named:
            return self._named
        return next((mode for mode in _USUAL if mode in self.offered), None)

    @property
    def plans(self) -> bool:
        """Return True if the session is in the agent's own plan mode because of *Plan first*."""
        return self.planning and not self.failed and self.current == PLAN

    def approved(self) -> None:
        """Let the agent leave its plan mode for its asking mode, because a person approved its plan."""
        if self.planning:
            self.planning = False
            self.kept = self.asking or self.kept

    @property
    def _wanted(self) -> str | None:
        return PLAN if self.planning and PLAN in self.offered else self.chosen or self.asking

    @property
    def certain(self) -> bool:
        """Return True if the configuration says that the session asks. A guess does not count."""
        if self.plans:
            return bool(self._named) or self._asks_itself
        if self.failed or self.chosen not in (None, self.asking):
            return False
        return self._asks_itself or (bool(self._named) and self.current == self._named)

    @property
    def strayed(self) -> bool:
        """Return True if the agent left the mode that it was put into."""
        return bool(self.kept) and self.current != self.kept

    def begin(self, answer: Any) -> None:
        """Read the modes that the response to ``session/new``, ``load`` or ``resume`` offers."""
        wire = answer.model_dump(mode="json", by_alias=True, exclude_none=True) if answer is not None else {}
        modes: dict[str, Any] = wire.get("modes") or {}
        self.kept = self.failed = ""
        self.offered.clear()
        self._by_id.clear()
        self._by_option.clear()
        for mode in modes.get("availableModes") or []:
            self._offer(mode["id"], mode)
            self._by_id.add(mode["id"])
        self.current = modes.get("currentModeId") or ""  # a replayed update named an outdated mode
        self._take_options(wire.get("configOptions") or [])

    def take(self, update: Update) -> None:
        """Apply an update of the agent's current mode."""
        if update.get("sessionUpdate") == "current_mode_update":
            self.current = str(update.get("currentModeId") or self.current)
        elif update.get("sessionUpdate") == "config_option_update":
            self._take_options(update.get("configOptions") or [])

    async def enter(self, connection: ClientSideConnection, session_id: str) -> None:
        """Put the session into its mode. A failure is kept for :meth:`told`."""
        mode = self._wanted
        self.failed = ""
        if mode is not None:
            try:
                await self.put(connection, session_id, mode)
            except ModeFailed as failed:
                self.failed = str(failed)
        self.kept = self.current

    async def put(self, connection: ClientSideConnection, session_id: str, mode: str) -> None:
        """Set a mode, unless it is the current one.

        Raises:
            ModeFailed: the agent does not offer it, refuses it, or does not answer.
        """
        if self.current == mode:
            return
        try:
            async with asyncio.timeout(MODE_SECONDS):
                await self._set(connection, session_id, mode)
        except TimeoutError as error:
            raise ModeFailed(f"it did not answer within {MODE_SECONDS:g} s") from error

    async def _set(self, connection: ClientSideConnection, session_id: str, mode: str) -> None:
        option = self._by_option.get(mode)
        why = "it offers no such mode"
        if mode in self._by_id or option is None:  # not offered: an agent may know it all the same
            try:
                await connection.set_session_mode(session_id=session_id, mode_id=mode)
                self.current = mode
                return
            except RequestError as error:
                why = str(error) if mode in self._by_id else why
        if option is None:
            raise ModeFailed(why)
        try:
            answer = await connection.set_config_option(config_id=option, session_id=session_id, value=mode)
        except RequestError as error:
            raise ModeFailed(str(error)) from error
        self.current = mode
        wire = answer.model_dump(mode="json", by_alias=True, exclude_none=True)
        self._take_options(wire.get("configOptions") or [])
        if self.current != mode:
            raise ModeFailed(f"it stayed in {self.current}")

    def told(self, agent: str) -> str:
        """Return a sentence for the person: the mode, and what the agent decides by itself in it."""
        now = self.offered.get(self.current)
        words = now.words if now is not None else self.current
        if self.failed:
            return f"{agent} was not put into its mode {self._wanted}, because {self.failed}: {BY_ITSELF}."
        if self.plans:
            return f"Plan first is on: it is in its mode {words}, and plans."
        if self.chosen is not None and self.chosen != self.asking:
            return f"You chose its mode {words}: {BY_ITSELF}."
        if self.asking is not None and self.current == self.asking:
            guess = (
                ""
                if self._named
                else " This mode was chosen by its name, because the configuration names none."
            )
            return f"It is in its mode {words}.{guess}"
        if self._asks_itself:
            return "It offers no asking mode, and is configured to ask by its own settings."
        return f"It offers no mode in which it asks first: {BY_ITSELF}."

    def _offer(self, name: str, mode: dict[str, Any]) -> None:
        self.offered[name] = Mode(name, str(mode.get("name") or ""), str(mode.get("description") or ""))

    def _take_options(self, options: list[dict[str, Any]]) -> None:
        for option in options:
            if option.get("category") != "mode" or option.get("type", "select") != "select":
                continue
            for value in _values(option.get("options") or []):
                self._by_option[value["value"]] = option["id"]
                self._offer(value["value"], value)
            if option.get("currentValue") in self._by_option:
                self.current = option["currentValue"]


def _values(options: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the values of a select, whose options may be groups."""
    flat: list[dict[str, Any]] = []
    for option in options:
        flat += _values(option["options"]) if "options" in option else [option]
    return flat
