"""A registry of agents: the built-in ones and those that installed packages add.

A package adds an agent through the entry point group ``lobu_jupyter.agents``. The entry point's name is the agent's
name. The entry point is an :class:`~lobu_jupyter.model.ports.AgentPort`, or a class or function that takes the
settings and returns one. Nothing here imports an LLM library: an agent is loaded by its first run.

Settings, as the server sends them to a worker::

    {"default_agent": str | None, "default_model": str | None,
     "allowed_models": ["openai:*", …]          globs, empty for all
     "mcp_servers": {name: {"command": […], "env"?, "inherit"?, "cwd"?} or {"url", "headers"?}}      agents/tools/mcp.py
     "acp_agents": {name: {"command": […], "env"?, "inherit"?, "cwd"?, "mode"?, …}}      agents/acp/presets.py
     "agent_variables": ["SSH_AUTH_SOCK", …]    inherited by all of both
     "acp_must_ask": bool,
     "replay": {"path", "report"?}    a recording that answers in place of the assistant's models
     "providers": {name: {"kind", "base_url"?, "api_key"?, "images"?: bool, "context_window"?: tokens}},
     "keys": {"OPENAI_API_KEY": "…", …}}        taken before the environment
"""

from __future__ import annotations

import threading
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from lobu_jupyter.agents.acp import presets as acp_presets
from lobu_jupyter.agents.models.keys import Settings, default_model
from lobu_jupyter.agents.tools.specs import BUILTIN, NAMES
from lobu_jupyter.model.outside_call import CALL_AGENT
from lobu_jupyter.model.ports import AgentError, AgentPort, KernelPort, Task, ToolSpec
from lobu_jupyter.model.replay import REBUILD_AGENT

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
    from importlib.metadata import EntryPoint

    from lobu_jupyter.model.events import Event

GROUP = "lobu_jupyter.agents"
ASSISTANT = "A language model that works in your notebook; needs a configured model."
DEMO = "Rules, not a language model: looks at your data, plots and summarises it; needs no key."
REBUILD = "Runs again, once approved, the code that ran on this thread; started by a rebuild."
MCP_CLIENT = "Makes a tool call that an MCP client asked for through this server."
SCRIPT = "Does exactly what the lines of the prompt say; for tests, notebooks and teaching."

_one_at_a_time = threading.Lock()
"""A lock, because two threads that import the same cyclic packages (pydantic-ai's) can meet half-made modules."""


class LazyAgent:
    """An agent whose code is imported, in a thread, by its first run. ``warm``: import earlier, when a worker idles."""

    def __init__(
        self, name: str, description: str, load: Callable[[], AgentPort], *, warm: bool = True
    ) -> None:
        self.name = name
        self.warm = warm
        self.description = description
        self._load = load
        self._agent: AgentPort | None = None

    @property
    def state(self) -> dict[str, str] | None:
        """Return the agent's own state, None if it is not loaded or has none."""
        return getattr(self._agent, "state", None)

    def load(self) -> AgentPort:
        """Import the agent now. Call this in a thread, because it may take seconds.

        Raises:
            AgentError: the agent's package cannot be imported.
        """
        with _one_at_a_time:
            if self._agent is None:
                try:
                    self._agent = self._load()
                except ImportError as error:
                    message = f"The agent {self.name!r} cannot be loaded: {error}"
                    raise AgentError("internal", message) from error
            return self._agent

    async def run(self, task: Task, kernel: KernelPort | None) -> AsyncIterator[Event]:
        import asyncio  # here, because it costs 40 ms, and a process that only announces does not need it

        agent = self._agent or await asyncio.to_thread(self.load)
        events = agent.run(task, kernel)
        async with aclosing(cast("AsyncGenerator[Event]", events)):
            async for event in events:
                yield event


def registry(settings: Settings) -> dict[str, AgentPort]:
    """Return the agents by name. An installed agent may not take a built-in's name."""

    def assistant() -> AgentPort:
        from lobu_jupyter.agents.builtin.assistant import assistant

        return assistant(settings, agents)

    def demo() -> AgentPort:
        from lobu_jupyter.agents.builtin.demo.agent import demo

        return demo()

    def script() -> AgentPort:
        from lobu_jupyter.agents.builtin.script import script
        from lobu_jupyter.agents.tools.sources import sources_of

        return script(agents, sources_of(settings))

    def rebuild() -> AgentPort:
        from lobu_jupyter.agents.builtin.rebuild import RebuildAgent

        return RebuildAgent()

    def outside() -> AgentPort:
        from lobu_jupyter.agents.builtin.outside import OutsideAgent

        return OutsideAgent()

    agents: dict[str, AgentPort] = {
        point.name: _installed(point, settings) for point in entry_points(group=GROUP)
    }
    for name, config in acp_presets.configured(settings).items():
        description = acp_presets.description_of(name, config)
        agents[name] = LazyAgent(name, description, partial(_external, name, config), warm=False)
    agents["assistant"] = LazyAgent("assistant", ASSISTANT, assistant)
    agents["demo"] = LazyAgent("demo", DEMO, demo)
    agents[REBUILD_AGENT] = LazyAgent(REBUILD_AGENT, REBUILD, rebuild)
    agents[CALL_AGENT] = LazyAgent(CALL_AGENT, MCP_CLIENT, outside)
    agents["script"] = LazyAgent("script", SCRIPT, script)
    return agents


def default_agent(settings: Settings) -> str:
    """Return the agent of a run that names none: the configured one, ``assistant`` if a model is found, or ``demo``."""
    configured = settings.get("default_agent")
    if configured:
        return str(configured)
    if settings.get("replay"):
        return "assistant"
    return "assistant" if default_model(settings) else "demo"


def announced_agents(settings: Settings, agents: Mapping[str, AgentPort]) -> list[dict[str, Any]]:
    """Return the worker's agents as it announces them to the gateway, with the state that they know.

    Each is ``{"name", "description", "state": "ready", "not installed" or "needs login", "hint"?: how to install it
    or log in, "default"?: true, "model"?: its default model, "hidden"?: true: in no list}``.
    """
    chosen, model = default_agent(settings), default_model(settings)
    external = acp_presets.configured(settings)
    announced: list[dict[str, Any]] = []
    for name, agent in agents.items():
        state: dict[str, str] | None = getattr(agent, "state", None)
        if state is None:
            state = acp_presets.state_of(external[name]) if name in external else {"state": "ready"}
        entry: dict[str, Any] = {"name": name, "description": agent.description, **state}
        if name in (REBUILD_AGENT, CALL_AGENT):
            entry["hidden"] = True  # only a rebuild, or an MCP client's call, starts it
        if name == chosen:
            entry["default"] = True
        if name == "assistant" and model:
            entry["model"] = model
        announced.append(entry)
    return announced


def announced_tools() -> tuple[ToolSpec, ...]:
    """Return the tools that all agents of a worker have."""
    return (*BUILTIN, *_announced_tools())


def _external(name: str, config: dict[str, Any]) -> AgentPort:
    from lobu_jupyter.agents.acp.agent import AcpAgent

    return AcpAgent(name, config)


def _announced_tools() -> tuple[ToolSpec, ...]:
    """Return the tools of installed packages, by name. Their code is imported by the first run that has them."""
    return tuple(
        ToolSpec(name=point.name, description=f"From {_origin(point)}.")
        for point in entry_points(group="lobu_jupyter.tools")
        if point.name not in NAMES
    )


def _origin(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value


def entry_points(group: str) -> Iterable[EntryPoint]:
    """Return the entry points of installed packages."""
    from importlib import metadata

    return metadata.entry_points(group=group)


def _installed(point: EntryPoint, settings: Settings) -> AgentPort:
    def load() -> AgentPort:
        found = point.load()
        is_agent = hasattr(found, "run") and not isinstance(found, type)
        return cast("AgentPort", found if is_agent else found(settings))

    return LazyAgent(point.name, f"From {_origin(point)}.", load)
