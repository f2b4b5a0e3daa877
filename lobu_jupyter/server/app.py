"""The extension's configuration and its life inside a Jupyter server.

``pip install`` enables it (``jupyter_server_config.d/lobu_jupyter.json``). ``jupyter lobu`` runs a server
with it alone. Nothing here may stop Jupyter: ``health`` reports a store that cannot be opened.
"""

from __future__ import annotations

import gc
import os
import re
import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from jupyter_core.paths import jupyter_data_dir
from jupyter_server.extension.application import ExtensionApp
from traitlets import Bool, Dict, Enum, Float, Integer, List, TraitError, Unicode, default, validate

from lobu_jupyter.model.logs import keep_addresses_out_of_logs
from lobu_jupyter.server.kernels.kernels import KERNEL_ACTIONS

from . import webhooks
from .embedded import end_with_parent
from .own_certificate import trust_own_certificate
from .routes import handlers
from .sigint import stop_on_interrupt
from .tracing import problem_of
from .wiring import CONTENTS_SERVICE, build
from .worker_pool import OWN_WORKER

if TYPE_CHECKING:
    from collections.abc import Callable

    from .service import Service

MODES = ["ask", "allow", "deny"]
MAX_NAME = 200
IMPORTED = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


class LobuApp(ExtensionApp):
    """Agents in notebooks whose runs survive reload, restart and doubt."""

    name = "lobu"
    extension_url = "/lobu/api/health"
    load_other_extensions = False
    app_name = "lobu"
    description = __doc__ or ""

    store = Unicode(
        help="The store with all threads: a path, or postgresql://user@host:5432/database for several servers "
        "(needs lobu_jupyter[postgres]). Default: LOBU_STORE if that is such an address, else store_path."
    ).tag(config=True)
    store_password_file = Unicode(
        help="The file with the password for such an address. Else it is taken from the address or PGPASSWORD. "
        "Kernels and agents get none of these."
    ).tag(config=True)
    store_path = Unicode(
        help="The SQLite file with all threads. Default: lobu/lobu.sqlite in Jupyter's data directory. "
        "A local disk is needed; on a network file system it is refused."
    ).tag(config=True)
    gateway_url = Unicode(
        help="The address of a hub's lobu service, as in http://hub:8081/services/lobu/. This server then keeps no store: "
        "its threads, rules and limits are the service's (docs/hub.md). Default: LOBU_GATEWAY_URL."
    ).tag(config=True)
    pool = Unicode(
        help="The name that all servers share which may execute each other's runs: with the same people, keys and files. "
        "Default on PostgreSQL: the hub's user, else this system user of this host. A file's servers are one pool."
    ).tag(config=True)
    place = Unicode(
        help="The name of the tree of files that this server's paths belong to. Two servers with one name share a "
        "notebook's chat. Default: the pool, or the hub's user, and the root directory."
    ).tag(config=True)
    retain_all = Bool(
        False,
        help="Whether keep_days and keep_bytes concern the threads of all pools of the store, not of this one only.",
    ).tag(config=True)
    single_owner = Bool(
        None,
        allow_none=True,
        help="Whether everyone who can log in is one person. Default: yes with Jupyter's own token or "
        "password login, no with an identity provider that knows users.",
    ).tag(config=True)
    kernel_decisions = Bool(
        True,
        help="Whether a kernel may act for its person (start, cancel, decide) while the person's own cell runs.",
    ).tag(config=True)

    public_url = Unicode(
        help="The address of this server for kernels behind a Jupyter gateway, as in https://hub.example.org/user/ada/. "
        "Default: the hub's JUPYTERHUB_PUBLIC_URL, else this machine's name and this server's port."
    ).tag(config=True)

    allow = List(Unicode(), help="Tools (globs) that run without asking.").tag(config=True)
    ask = List(Unicode(), help="Tools (globs) that always ask.").tag(config=True)
    deny = List(Unicode(), help="Tools (globs) that never run.").tag(config=True)
    no_grant = List(Unicode(), help="Tools (globs) that ask each time: no grant answers them.").tag(
        config=True
    )
    mode = Enum(MODES, None, allow_none=True, help="What holds for tools that no rule names.").tag(
        config=True
    )
    max_mode = Enum(MODES, "allow", help="The most that a notebook or a run may set as its mode.").tag(
        config=True
    )
    agent_rules = Dict(
        help='Rules of single agents: {"demo": {"deny": ["run_*"]}}; members allow, ask, deny, noGrant, mode.'
    ).tag(config=True)

    budgets = Dict(
        help='Limits of what agents may use, per run, thread and (UTC) day of each person: {"run": {"tokens": 200000}, '
        '"thread": {"seconds": 3600}, "day": {"dollars": 5}}. A run that reaches one ends. People may set lower ones of their '
        "own (docs/budgets.md)."
    ).tag(config=True)
    unknown_price = Enum(
        ["allow", "deny"],
        "allow",
        help="While a limit in dollars holds: whether models may be used whose price is not known. They count as nothing.",
    ).tag(config=True)

    default_agent = Unicode(
        help="The agent of a run that names none. Default: assistant where a model can be had, else demo."
    ).tag(config=True)
    default_model = Unicode(help="The model of a run that names none, as in openai:gpt-….").tag(config=True)
    allowed_models = List(Unicode(), help="Models (globs) that may be used; empty: all.").tag(config=True)
    providers = Dict(
        help='Model providers by name: {"local": {"base_url": "http://…/v1", "api_key_env": "LOCAL_KEY"}}; '
        "api_key instead of api_key_env holds the key itself."
    ).tag(config=True)
    models_path = Unicode(
        help="The file with the model providers that were set up in the browser, readable for this server's user "
        "only. Default: lobu/models.json in Jupyter's data directory. Keys are in the system's keyring if there is one."
    ).tag(config=True)
    model_admins = List(
        Unicode(),
        help="Names of the only people who may set up model providers in the browser. Default: the person of a "
        "server with one owner; on others, whom Jupyter's authorizer lets configure lobu, and nobody if it allows "
        "everything to everybody.",
    ).tag(config=True)
    mcp_servers = Dict(
        help='MCP servers whose tools agents have, by name: {"files": {"command": ["mcp-files", "/data"], "env": {}}} '
        'or {"web": {"url": "https://…/mcp", "headers": {"Authorization": "env:WEB_TOKEN"}}}. A value "env:NAME" of '
        "env or headers is taken from this server's environment. Tools are named web__tool, and ask by default."
    ).tag(config=True)
    more_tools = List(
        Unicode(),
        help='Tools that are off until they are named here: ["fetch_url"] (pages of the public web, docs/agents.md).',
    ).tag(config=True)
    web_search = Dict(
        help='The provider of the tool web_search, which is off without one: {"url": "https://…?q={query}", "headers": '
        '{"X-Token": "env:SEARCH_KEY"}}, or {"function": "module:name"}, which is called with the query in a worker.'
    ).tag(config=True)
    mcp_allowed_commands = List(
        Unicode(),
        help="The commands that MCP servers may be started with, by their first words, as in "
        '["uvx mcp-server-git", "/opt/mcp/files"]. A server with another command is not started, and the transcript '
        "says so. Set it in the system's configuration where people add servers in their own. Empty: any.",
    ).tag(config=True)
    acp_agents = Dict(
        help='Agents that speak the Agent Client Protocol, by name: {"mine": {"command": ["my-agent", "--acp"], '
        '"env": {"KEY": "env:MY_KEY"}, "inherit": ["SSH_AUTH_SOCK"], "cwd": "/absolute", "mode": "ask"}}; also changes '
        "the known ones. inherit: variables of this server's environment that it gets. mode: the id of its mode in which it asks before it acts (docs/agents.md)."
    ).tag(config=True)
    acp_must_ask = Bool(
        False,
        help="Whether an agent of others is refused that is not put into an asking mode which the configuration "
        "names (docs/agents.md). False: the transcript says what it decides by itself.",
    ).tag(config=True)
    keep_keys_from_kernels = Bool(
        True,
        help="Take the variables that hold model keys out of this server's environment at the start, so that "
        "kernels do not inherit them. False: notebooks of this server see them, and agents' code too.",
    ).tag(config=True)

    kernel_variables = List(
        Unicode(),
        help="Credentials that kernels keep in their environment though agents' code can read them there, as in "
        '["JUPYTERHUB_API_TOKEN"]. Default: none.',
    ).tag(config=True)
    agent_variables = List(
        Unicode(),
        help="Environment variables that outside agents, their commands and MCP servers get beside the usual "
        '(docs/operations.md), as in ["SSH_AUTH_SOCK"]; for one of them: its member inherit.',
    ).tag(config=True)

    workers = Integer(1, min=1, help="Worker processes at most; each runs many runs at once.").tag(
        config=True
    )
    worker_command = List(
        Unicode(),
        help="The command of a worker process. Default: LOBU_WORKER_COMMAND, or the agent host of this "
        "package in the server's own Python.",
    ).tag(config=True)
    worker_start_seconds = Float(60.0, help="How long a worker process may take to start.").tag(config=True)
    worker_idle_seconds = Float(900.0, help="After how long without a run workers are stopped.").tag(
        config=True
    )

    max_runs = Integer(64, min=1, help="Runs at once in the pool, over all people.").tag(config=True)
    max_runs_per_user = Integer(16, min=1, help="Runs at once of one person.").tag(config=True)
    output_bytes = Integer(
        10 * 1024 * 1024,
        min=1024,
        help="Output of one tool call that is kept, in bytes; the rest is cut visibly.",
    ).tag(config=True)
    body_bytes = Integer(8 * 1024 * 1024, min=1024, help="Size of a request, in bytes.").tag(config=True)
    interrupt_hours = Float(
        168.0, min=0, help="How long an agent's question stays open, in hours; 0: for ever."
    ).tag(config=True)
    grant_hours = Float(
        0.0,
        min=0,
        help="How long a grant holds that a person gave with an approval, in hours; 0: until revoked.",
    ).tag(config=True)
    keep_days = Float(
        0.0, min=0, help="Threads that nobody touched for so many days are deleted; 0: kept for ever."
    ).tag(config=True)
    keep_bytes = Integer(
        0, min=0, help="A store that grew past so many bytes loses its oldest threads; 0: it may grow."
    ).tag(config=True)
    model_guardrails = List(
        Unicode(),
        help="Functions that see each text between agents and their models, and may change or refuse it, as in "
        '["my_package.guards:no_personal_data"] (docs/guardrails.md). Imported by the workers.',
    ).tag(config=True)
    guardrail_seconds = Float(10.0, min=0.1, help="A guardrail that takes longer refuses.").tag(config=True)
    lease_seconds = Float(30.0, min=15, help="Silence of a worker after which its runs count as lost.").tag(
        config=True
    )
    start_seconds = Float(60.0, min=1, help="How long a run may wait for a worker to fetch it.").tag(
        config=True
    )
    heartbeat_seconds = Float(15.0, min=0.1, help="Silence after which a stream carries a heartbeat.").tag(
        config=True
    )

    webhooks = Dict(
        help='Addresses that are told when runs end and questions open or close, by name: {"chat": {"url": "https://…", "secret": '
        '"env:HOOK_SECRET"}}; also events, content; secret may be "file:/path" (docs/webhooks.md).'
    ).tag(config=True)

    traces = Unicode(
        help="Where traces go: the address of an OpenTelemetry collector (OTLP over HTTP), as in http://127.0.0.1:4318, or "
        '"env" for the standard OTEL_* variables. Needs lobu_jupyter[traces]. Default: nowhere (docs/traces.md).'
    ).tag(config=True)
    trace_content = Bool(
        False,
        help="Whether traces hold what people, agents and tools say, and the code that runs. False: names, times and numbers.",
    ).tag(config=True)

    replay = Unicode(
        help="A recording (docs/testing.md) that answers in place of every model of the assistant, and decides as recorded. "
        "For tests: no key is read and no provider is asked."
    ).tag(config=True)
    replay_report = Unicode(help="The file to which the replay tells what was asked, a line each.").tag(
        config=True
    )

    root_dir = Unicode(
        help="The directory that agents' file tools may reach. Default: the server's root."
    ).tag(config=True)
    embedded_connection_file = Unicode(
        help="The connection file of the kernel that started this server and that it serves."
    ).tag(config=True)
    embedded_parent = Integer(
        0, help="The process that started this server for itself: the server ends with it; 0: none."
    ).tag(config=True)

    freeze_modules = Bool(
        True,
        help="After the start, exempt everything that this server has loaded from garbage collection (gc.freeze): a full "
        "collection of it stalls all streams for about 20 ms. False: leave the collector as it is.",
    ).tag(config=True)

    service: Service
    _restore_interrupt: Callable[[], None] = staticmethod(lambda: None)

    @validate("pool", "place")
    def _is_a_name(self, proposal: Any) -> str:
        name: str = proposal["value"]
        if len(name) > MAX_NAME or not name.isprintable():
            raise TraitError(
                f"LobuApp.{proposal['trait'].name} must have at most {MAX_NAME} printable characters"
            )
        return name

    @validate("model_guardrails")
    def _are_functions(self, proposal: Any) -> list[str]:
        for name in proposal["value"]:
            if not IMPORTED.fullmatch(name):
                raise TraitError(
                    f"LobuApp.model_guardrails must have names as package.module:function, not {name!r}"
                )
        return proposal["value"]

    @validate("webhooks")
    def _are_webhooks(self, proposal: Any) -> dict[str, Any]:
        if (problem := webhooks.problem_of(proposal["value"])) is not None:
            raise TraitError(f"LobuApp.webhooks {problem}")
        return proposal["value"]

    @validate("traces")
    def _is_an_address(self, proposal: Any) -> str:
        if (problem := problem_of(proposal["value"])) is not None:
            raise TraitError(f"LobuApp.traces {problem}")
        return proposal["value"]

    @default("gateway_url")
    def _default_gateway_url(self) -> str:
        return os.environ.get("LOBU_GATEWAY_URL", "")

    @default("store_path")
    def _default_store_path(self) -> str:
        return str(Path(jupyter_data_dir()) / "lobu" / "lobu.sqlite")

    @default("models_path")
    def _default_models_path(self) -> str:
        return str(Path(jupyter_data_dir()) / "lobu" / "models.json")

    @default("worker_command")
    def _default_worker_command(self) -> list[str]:
        command = shlex.split(os.environ.get("LOBU_WORKER_COMMAND", ""))
        return command or OWN_WORKER

    @default("root_dir")
    def _default_root_dir(self) -> str:
        return os.path.abspath(self.server.root_dir)

    @property
    def server(self) -> Any:
        """The ServerApp."""
        return cast("Any", self.serverapp)

    def initialize_settings(self) -> None:
        keep_addresses_out_of_logs()
        self.service = build(self)
        self.settings["lobu_service"] = self.service

    def initialize_handlers(self) -> None:
        self.handlers.extend(handlers())

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        self._restore_interrupt = stop_on_interrupt(partial(serverapp.stop, from_signal=True))
        trust_own_certificate(serverapp, self.log)
        if self.embedded_parent:
            stop = partial(serverapp.io_loop.add_callback_from_signal, serverapp.stop)
            end_with_parent(self.embedded_parent, stop)
        serverapp.event_logger.add_listener(schema_id=KERNEL_ACTIONS, listener=self.service.kernels.on_action)
        serverapp.event_logger.add_listener(schema_id=CONTENTS_SERVICE, listener=self.service.on_contents)
        await self.service.open()
        if self.freeze_modules:
            gc.freeze()  # each full collection of the loaded modules would stall the loop for 20 ms

    async def stop_extension(self) -> None:
        events = self.server.event_logger
        events.remove_listener(schema_id=KERNEL_ACTIONS, listener=self.service.kernels.on_action)
        events.remove_listener(schema_id=CONTENTS_SERVICE, listener=self.service.on_contents)
        await self.service.close()
        self._restore_interrupt()

    def current_activity(self) -> dict[str, int] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the number of running runs, so that a server is not culled while one runs."""
        runs = self.service.activity.runs
        return {"runs": runs} if runs else None


main = launch = LobuApp.launch_instance
