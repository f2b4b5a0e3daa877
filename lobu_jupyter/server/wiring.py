"""The construction of an extension app's service from its configuration."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import msgspec
from tornado.web import HTTPError

from lobu_jupyter.agents.registry import announced_agents, registry
from lobu_jupyter.client.address import unix_url
from lobu_jupyter.gateway import Settings
from lobu_jupyter.model.budget import Budgets
from lobu_jupyter.model.clock import SystemClock
from lobu_jupyter.model.mcp_listing import listings_of
from lobu_jupyter.model.policy import Rules
from lobu_jupyter.model.redaction import Redactor
from lobu_jupyter.server.kernels.forwarding import noting
from lobu_jupyter.server.kernels.kernels import Kernels, Tell
from lobu_jupyter.server.kernels.remote import RemoteMonitor
from lobu_jupyter.server.kernels.untracked import leave_previews_untracked

from . import guardrails, secrets
from .activity import Activity
from .callers import Callers, has_one_owner
from .embedded import EmbeddingKernel, kernel_id_of
from .inheritance import Inheritance
from .metrics import Watching
from .models.rights import Rights
from .models.settings import Models
from .notebooks import Notebooks
from .own_certificate import own_certificate
from .owners import Owners
from .recorded import RecordedDecisions
from .rooms import Rooms
from .service import Service, ServiceSettings
from .store_address import store_of
from .tenancy import owner_of_server, place_of, pool_of
from .tracing import traces_of
from .undo import Undo
from .webhooks import webhooks_of
from .worker_pool import OWN_WORKER, Pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_server.auth import User

    from lobu_jupyter.model.runs import Mode
    from lobu_jupyter.model.webhooks import Hook
    from lobu_jupyter.server.kernels.attendance import Cells
    from lobu_jupyter.server.kernels.monitor import KernelProcess

    from .app import LobuApp

CONTENTS_SERVICE = "https://events.jupyter.org/jupyter_server/contents_service/v1"


def build(app: LobuApp) -> Service:
    """Return the service, not yet open."""
    service: Service
    base = _worker_settings(app)
    hooks, in_hooks = webhooks_of(app.webhooks, app.log, hide=app.keep_keys_from_kernels)
    base["secrets"] += in_hooks
    models = Models(base, Path(app.models_path).expanduser(), app.default_agent, app.log)
    worker_settings = models.worker_settings()
    shared = () if app.keep_keys_from_kernels else worker_settings["keys"]
    inheritance = Inheritance(worker_settings["secrets"], [*app.kernel_variables, *shared])
    store, store_secrets = store_of(app)
    inheritance.learn(store_secrets)
    inheritance.guard(app.server.kernel_manager, app.log)
    inheritance.veil(app.log)
    leave_previews_untracked(app.server.kernel_manager)
    kernels = _kernels(
        app, lambda kernel_id, what, detail: service.tell_kernel_event(kernel_id, what, detail)
    )
    service = Service(_service_settings(app, store, worker_settings, models, hooks), kernels, app.log)
    service.settings.gateway.redactor.add(*store_secrets)
    service.models = models
    service.recorded = RecordedDecisions(app.replay, app.log) if app.replay else None
    service.rights = Rights(
        lambda: has_one_owner(app.server.identity_provider, app.single_owner), app.model_admins
    )
    service.observer = Watching(app.server.event_logger)
    kernels.redactor = service.settings.gateway.redactor
    service.pool = _pool(app, service, models, inheritance)
    service.callers = _callers(app, service, owner_of_server(app, store))
    kernels.boots = service.callers.boots
    service.owners = _owners(app, kernels)
    note_pages(app, service)
    _add_notebooks(app, service)
    service.activity = _activity(app, service)
    service.mcp_servers = listings_of(app.mcp_servers, list(app.mcp_allowed_commands) or None)
    models.told = lambda settings: _models_changed(app, service, inheritance, settings)
    if app.embedded_connection_file:
        process = EmbeddingKernel(app.embedded_connection_file, app.embedded_parent)
        kernels.serve(kernel_id_of(app.embedded_connection_file), cast("KernelProcess", process))
    return service


def _kernels(app: LobuApp, tell: Tell) -> Kernels:
    kernels = Kernels(
        app.server.kernel_manager,
        tell=tell,
        decisions=app.kernel_decisions,
        notebook_path=lambda kernel_id: _notebook_path(app.server, kernel_id),
        kernel_of=lambda path: _kernel_of(app.server, path),
        log=app.log,
    )
    kernels.watch_remote = partial(_watch_remote, app, kernels)
    return kernels


def _add_notebooks(app: LobuApp, service: Service) -> None:
    rooms = Rooms(lambda: app.server.extension_manager.extension_apps)
    service.notebooks = Notebooks(app.server.contents_manager, app.log, rooms=rooms)
    hidden = service.settings.gateway.allow_hidden
    service.undo = Undo(service.notebooks, app.root_dir, hidden=hidden)


def _activity(app: LobuApp, service: Service) -> Activity:
    return Activity(
        running=service.running,
        held=service.held,
        kernels=service.kernels,
        pool=service.pool,
        idle_seconds=app.worker_idle_seconds,
        last_activity_times=app.server.web_app.settings["last_activity_times"],
    )


def _callers(app: LobuApp, service: Service, owner: str) -> Callers:
    return Callers(
        single_owner=app.single_owner,
        owner=owner,
        place=service.settings.gateway.place,
        provider=app.server.identity_provider,
        kernels=service.kernels,
        gateway=lambda: service.gateway,
        has_ticket=service.pool.has_ticket,
        clock=SystemClock(),
    )


def _owners(app: LobuApp, kernels: Kernels) -> Owners:
    return Owners(
        app.server.web_app,
        one_owner=lambda: has_one_owner(app.server.identity_provider, app.single_owner),
        starter=kernels.starter,
        log=app.log,
    )


def _pool(app: LobuApp, service: Service, models: Models, inheritance: Inheritance) -> Pool:
    return Pool(
        size=app.workers,
        start_seconds=app.worker_start_seconds,
        greeting=lambda: {
            "url": _local_api(app.server),
            "verify": False,
            "certificate": own_certificate(app.server),
            "settings": models.worker_settings(),
        },
        environment=inheritance.for_worker,
        command=app.worker_command,
        gateway_workers=lambda: service.gateway.workers,
        log=app.log,
    )


def _models_changed(
    app: LobuApp, service: Service, inheritance: Inheritance, settings: dict[str, Any]
) -> None:
    inheritance.learn(settings["secrets"])
    service.models_changed(settings, _offered(app, settings))


def _offered(app: LobuApp, worker_settings: dict[str, Any]) -> list[dict[str, Any]]:
    own = app.worker_command == OWN_WORKER
    return announced_agents(worker_settings, registry(worker_settings)) if own else []


def note_pages(app: LobuApp, service: Service) -> None:
    """Record the messages of pages in kernels' cells, whichever class makes the connections."""
    name = "kernel_websocket_connection_class"
    base = app.settings.get(name) or app.server.kernel_websocket_connection_class

    def person_of(user: User) -> str:
        return service.callers.person_name(app.server.identity_provider, user)

    app.settings[name] = noting(base, service.kernels.cells_of, person_of)


def _service_settings(
    app: LobuApp,
    store: str | Path,
    worker_settings: dict[str, Any],
    models: Models,
    hooks: tuple[Hook, ...],
) -> ServiceSettings:
    own = app.worker_command == OWN_WORKER
    offered = _offered(app, worker_settings)
    gateway = Settings(
        pool=pool_of(app, store),
        place=place_of(app, store),
        retain_all=app.retain_all,
        default_agent=worker_settings["default_agent"],
        agents=frozenset(agent["name"] for agent in offered) if own else None,
        offered=tuple(offered),
        default_model=worker_settings["default_model"],
        model_agent=app.default_agent or "assistant",
        allowed_models=tuple(app.allowed_models) or None,
        model_takes=models.takes,
        rules=_rules(app),
        agent_rules=msgspec.convert(app.agent_rules, dict[str, Rules]),
        max_mode=cast("Mode", app.max_mode),
        budgets=msgspec.convert(app.budgets, Budgets),
        unknown_price=cast("Any", app.unknown_price),
        root=app.root_dir,
        allow_hidden=bool(getattr(app.server.contents_manager, "allow_hidden", False)),
        limits={"outputBytes": app.output_bytes},
        max_runs=app.max_runs,
        max_runs_per_user=app.max_runs_per_user,
        lease_seconds=app.lease_seconds,
        start_seconds=app.start_seconds,
        interrupt_seconds=app.interrupt_hours * 3600 or None,
        grant_seconds=app.grant_hours * 3600 or None,
        keep_seconds=app.keep_days * 24 * 3600 or None,
        keep_bytes=app.keep_bytes or None,
        guardrail=guardrails.installed(app.log),
        guardrail_seconds=app.guardrail_seconds,
        redactor=Redactor(worker_settings["secrets"]),
        heartbeat_seconds=app.heartbeat_seconds,
    )
    return ServiceSettings(
        store=store,
        gateway_url=app.gateway_url,
        gateway=_outward(app, gateway, hooks),
        body_bytes=app.body_bytes,
        workers=app.workers,
        worker_start_seconds=app.worker_start_seconds,
        worker_idle_seconds=app.worker_idle_seconds,
    )


def _outward(app: LobuApp, settings: Settings, hooks: tuple[Hook, ...]) -> Settings:
    """Return the settings with those of what leaves this server: webhooks, their links, and traces."""
    address = f"{app.public_url.rstrip('/')}/" if app.public_url else ""
    return replace(settings, webhooks=hooks, public_url=address, traces=bool(app.traces))


def _rules(app: LobuApp) -> Rules:
    """Return the server's layer of the policy."""
    return Rules(
        allow=tuple(app.allow),
        ask=tuple(app.ask),
        deny=tuple(app.deny),
        no_grant=tuple(app.no_grant),
        mode=cast("Mode | None", app.mode),
    )


def _worker_settings(app: LobuApp) -> dict[str, Any]:
    """Return the workers' settings of the configuration and the environment."""
    outside = [*app.mcp_servers.values(), *app.acp_agents.values(), app.web_search]
    variables = secrets.variables(app.providers) | secrets.outside_variables(outside)
    if refused := secrets.refused_variables(outside, app.agent_variables):
        app.log.warning("lobu: no agent is given %s: who holds it decides", ", ".join(sorted(refused)))
    found = secrets.take(variables, hide=app.keep_keys_from_kernels)
    if found and app.keep_keys_from_kernels:
        app.log.info(
            "lobu: kernels do not inherit %s (LobuApp.keep_keys_from_kernels)", ", ".join(sorted(found))
        )
    providers = secrets.resolved(app.providers, found)
    mcp_servers, credentials = secrets.outside_resolved(app.mcp_servers, found)
    acp_agents, more = secrets.outside_resolved(app.acp_agents, found)
    web, in_search = secrets.outside_resolved({"search": app.web_search}, found)
    traces, in_traces = traces_of(app.traces, app.trace_content, app.log, hide=app.keep_keys_from_kernels)
    return {
        "default_model": app.default_model or None,
        "allowed_models": list(app.allowed_models),
        "providers": providers,
        "keys": found,
        "secrets": [
            *guardrails.secrets_of(app.server, found, providers),
            *credentials,
            *more,
            *in_search,
            *in_traces,
        ],
        "mcp_servers": mcp_servers,
        "more_tools": list(app.more_tools),
        "web_search": web["search"] or None,
        "mcp_commands": list(app.mcp_allowed_commands) or None,
        "acp_agents": acp_agents,
        "acp_must_ask": app.acp_must_ask,
        "agent_variables": list(app.agent_variables),
        "traces": traces,
        "guardrails": {"names": list(app.model_guardrails), "seconds": app.guardrail_seconds},
        "replay": {"path": app.replay, "report": app.replay_report or None} if app.replay else None,
        "root_dir": app.root_dir,
        "limits": {"outputBytes": app.output_bytes},
    }


def _local_api(server: Any) -> str:
    """Return the URL of the routes for processes on this machine."""
    if server.sock:
        return unix_url(server.sock, f"{server.base_url}lobu/api/")
    host = server.ip if server.ip not in ("", "*", "0.0.0.0", "::") else "127.0.0.1"
    host = f"[{host}]" if ":" in host else host
    scheme = "https" if server.certfile else "http"
    return f"{scheme}://{host}:{server.port}{server.base_url}lobu/api/"


async def _notebook_path(server: Any, kernel_id: str) -> str | None:
    """Return the path of the notebook that has a session with this kernel."""
    try:
        session = await server.session_manager.get_session(kernel_id=kernel_id)
    except HTTPError:
        return None  # a kernel without a session
    if session.get("type") != "notebook":
        return None
    return str(session["path"]).removeprefix("RTC:") or None


async def _kernel_of(server: Any, notebook_path: str) -> str | None:
    """Return the kernel of the session that the notebook has now."""
    for path in (notebook_path, f"RTC:{notebook_path}"):
        try:
            session = await server.session_manager.get_session(path=path)
        except HTTPError:
            continue  # it has none
        if session.get("type") == "notebook" and session.get("kernel"):
            return str(session["kernel"]["id"])
    return None


def _watch_remote(
    app: LobuApp,
    kernels: Kernels,
    kernel_id: str,
    process: Any,
    cells: Cells,
    on_down: Callable[[RemoteMonitor], None],
) -> RemoteMonitor:
    """Return the watch of a kernel behind a gateway, by the connection class that Jupyter is configured with."""
    connection_class = app.settings["kernel_websocket_connection_class"]
    return RemoteMonitor(
        kernel_id,
        process,
        cells,
        on_down,
        app.log,
        connect_to=lambda listener: connection_class(
            parent=process, websocket_handler=listener, config=app.server.config
        ),
        url=lambda: _url_for_kernels(app, str(process.kernel_url)),
        on_key=kernels.redactor.add,
        on_away=partial(kernels.tell_away, kernel_id),
    )


def _url_for_kernels(app: LobuApp, gateway_url: str) -> str:
    """Return this server's address for kernels behind a gateway: as configured, else the hub's, else a guess."""
    of_hub = os.environ.get("JUPYTERHUB_PUBLIC_URL", "")
    if given := app.public_url or (of_hub if of_hub.startswith(("http://", "https://")) else ""):
        return given.rstrip("/") + "/"
    server = app.server
    if server.sock:
        return unix_url(server.sock, server.base_url)
    anywhere = server.ip in ("", "*", "0.0.0.0", "::")
    near = urlsplit(gateway_url).hostname in ("localhost", "127.0.0.1", "::1")
    host = ("127.0.0.1" if near else gethostname()) if anywhere else server.ip
    scheme = "https" if server.certfile else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{server.port}{server.base_url}"
