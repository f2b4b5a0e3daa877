"""A JupyterHub on loopback: a real hub, its proxy from npm, and the servers of ada and bob as processes.

It is for tests and for ``make hub``. The servers are those of SimpleLocalProcessSpawner: they run as the user of
the hub, with a home of their own each.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
import psutil

from tests.ports import take
from tests.servers import OTHERS, REPOSITORY, wait_for

BIN = REPOSITORY / os.environ.get("LOBU_TEST_HUB", ".venv-hub") / "bin"
PROXY = (
    REPOSITORY
    / "tests"
    / "hub"
    / "node_modules"
    / "configurable-http-proxy"
    / "bin"
    / "configurable-http-proxy"
)
TEMPLATE = Path(__file__).with_name("config.py")
START_SECONDS = 120.0  # of a busy machine
PEOPLE = ("ada", "bob")
SERVER_CONFIG = """
from tests.ports import install

install()
c = get_config()
c.ServerApp.jpserver_extensions = {{"lobu_jupyter": True, **dict.fromkeys({others}, False)}}
"""
_NOT_INHERITED = ("JPY_", "JUPYTER", "LOBU", "IPYTHON", "PYTEST", "CONFIGPROXY", "OPENAI", "ANTHROPIC")


class Hub:
    """A hub and its proxy.

    ``environment`` is added to the servers' processes, ``server_config`` to their ``jupyter_server_config.py`` and
    ``config`` to the hub's own file. ``by_server`` has more variables for servers of a name. ``settings`` reach ``config.py``. Servers are ``alone``, without the other
    extensions that are installed.
    """

    def __init__(
        self,
        home: Path,
        *,
        environment: Mapping[str, str] | None = None,
        server_config: str = "",
        config: str = "",
        hub_environment: Mapping[str, str] | None = None,
        alone: bool = True,
        by_server: Mapping[str, Mapping[str, str]] | None = None,
        **settings: Any,
    ) -> None:
        self.home = home
        self.token = secrets.token_hex(24)
        self.port = take()
        self._more = config
        self._hub_environment = dict(hub_environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: list[httpx.Client] = []
        self._tokens: dict[str, str] = {}
        self._variables = {name: dict(given) for name, given in (by_server or {}).items()}
        jupyter = home / "jupyter"
        jupyter.mkdir(parents=True, exist_ok=True)
        (home / "homes").mkdir(exist_ok=True)
        (jupyter / "jupyter_server_config.py").write_text(
            SERVER_CONFIG.format(others=OTHERS if alone else ()) + server_config
        )
        self.settings: dict[str, Any] = {
            "port": self.port,
            "hub_port": take(),
            "proxy_api_port": take(),
            "proxy": ["node", str(PROXY)],
            "singleuser": str(BIN / "jupyterhub-singleuser"),
            "home": str(home),
            "token": self.token,
            "people": [*PEOPLE, "admin"],
            "environment": {
                "PYTHONPATH": str(REPOSITORY),
                "JUPYTER_CONFIG_DIR": str(jupyter),
                "PYTHONUNBUFFERED": "1",
                **({"JUPYTERHUB_SINGLEUSER_APP": "jupyter_server.serverapp.ServerApp"} if alone else {}),
                **(environment or {}),
            },
            **settings,
        }

    # -- life -----------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start the hub and wait until it answers."""
        self._write_variables()
        (self.home / "settings.json").write_text(json.dumps(self.settings))
        (self.home / "jupyterhub_config.py").write_text(TEMPLATE.read_text() + "\n" + self._more)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_NOT_INHERITED)}
        path = os.pathsep.join([str(BIN), kept.get("PATH", os.defpath)])
        with (self.home / "hub.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(BIN / "jupyterhub"), "-f", str(self.home / "jupyterhub_config.py")],
                cwd=self.home,
                env={**kept, "PATH": path, "PYTHONPATH": str(REPOSITORY), **self._hub_environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_for("the hub", self._answers, START_SECONDS)
        return self

    def stop(self) -> None:
        """End the hub, its proxy, its services and all servers, each by its process id."""
        for client in self._clients:
            client.close()
        self._clients.clear()
        process, self._process = self._process, None
        if process is None:
            return
        left = _descendants(process.pid)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)
        for child in left:
            if child.is_running():
                child.kill()
        psutil.wait_procs(left, timeout=5)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- facts ----------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """The hub's process."""
        assert self._process is not None, "the hub was not started"
        return self._process.pid

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def log(self) -> str:
        """Return all that the hub, its services and its servers wrote."""
        return (self.home / "hub.log").read_text(errors="replace")

    def home_of(self, user: str) -> Path:
        """Return the person's home."""
        return self.home / "homes" / user

    def set_variables(self, name: str, given: Mapping[str, str]) -> None:
        """Have all servers of this name started with these variables beside the usual."""
        self._variables[name] = dict(given)
        self._write_variables()

    def _write_variables(self) -> None:
        (self.home / "variables.json").write_text(json.dumps(self._variables))

    def processes(self) -> list[psutil.Process]:
        """Return all processes of the hub."""
        return _descendants(self.pid)

    # -- the hub's own REST API -----------------------------------------------------------------

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Call the hub as its administrator; raises unless it answers 2xx."""
        auth = {"Authorization": f"token {self.token}"}
        reply = httpx.request(method, f"{self.url}hub/api/{path}", json=body, headers=auth, timeout=60)
        assert reply.is_success, f"{method} {path}: {reply.status_code} {reply.text}"
        return reply.json() if reply.content else None

    def token_of(self, user: str, *scopes: str) -> str:
        """Return a token of a person, which may do what they may, or only what `scopes` say."""
        key = " ".join([user, *scopes])
        if key not in self._tokens:
            body = {"scopes": list(scopes)} if scopes else {}
            self._tokens[key] = self.api("POST", f"users/{user}/tokens", body)["token"]
        return self._tokens[key]

    def server(self, user: str, name: str = "") -> HubServer:
        """Return a person's server, which is started if it does not run."""
        server = HubServer(self, user, name)
        return server if server.is_up() else server.start()

    def client(self, **options: Any) -> httpx.Client:
        """Return a client that is closed with the hub."""
        client = httpx.Client(**{"timeout": 30.0, **options})
        self._clients.append(client)
        return client

    def log_in(self, user: str) -> httpx.Client:
        """Return a browser's session: cookies alone, no token."""
        browser = self.client(base_url=self.url, follow_redirects=True)
        browser.get("hub/login")
        form = {"username": user, "password": "", "_xsrf": browser.cookies.get("_xsrf", path="/hub/")}
        reply = browser.post("hub/login", params={"next": "/hub/home"}, data=form)
        assert reply.is_success, f"{user} cannot log in: {reply.status_code} {reply.text[:500]}"
        return browser

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()[-4000:]
        try:
            return httpx.get(f"{self.url}hub/api/", timeout=2).is_success
        except httpx.TransportError:
            return False


@dataclass
class HubServer:
    """A person's single-user server, as seen through the proxy. It has the face that tests know of a RealServer."""

    hub: Hub
    user: str
    name: str = ""

    def start(self) -> Self:
        """Start it, and wait until lobu answers: 503 counts too, because a store may be refused."""
        self.hub.api("POST", self._path)
        return self.wait()

    def wait(self) -> Self:
        """Wait until it is up, whoever started it."""
        wait_for(f"{self.user}'s server", self.is_up, START_SECONDS)
        wait_for("lobu's health", lambda: self.health() in (200, 503), START_SECONDS)
        return self

    def stop(self) -> None:
        """Have the hub stop it if it runs, and wait until it is gone."""
        if self.model is None:
            return
        self.hub.api("DELETE", self._path)
        wait_for(f"the end of {self.user}'s server", lambda: self.model is None, START_SECONDS)

    # -- facts ----------------------------------------------------------------------------------

    @property
    def model(self) -> dict[str, Any] | None:
        """The hub's model of it, or None while it does not run."""
        return self.hub.api("GET", f"users/{self.user}").get("servers", {}).get(self.name)

    @property
    def prefix(self) -> str:
        return f"/user/{self.user}/{self.name + '/' if self.name else ''}"

    @property
    def url(self) -> str:
        return self.hub.url.rstrip("/") + self.prefix

    @property
    def token(self) -> str:
        return self.hub.token_of(self.user)

    @property
    def auth(self) -> dict[str, str]:
        return self.auth_of(self.user)

    def auth_of(self, user: str) -> dict[str, str]:
        """Return the header by which a person comes to this server, who may be a visitor."""
        return {"Authorization": f"token {self.hub.token_of(user)}"}

    @property
    def process(self) -> psutil.Process:
        """The server's process."""
        return psutil.Process(self.pid)

    @property
    def pid(self) -> int:
        model = self.model
        assert model is not None, f"{self.user}'s server does not run"
        return int(model["state"]["pid"])

    def is_up(self) -> bool:
        """Return whether the hub says that it is ready."""
        model = self.model
        return bool(model and model.get("ready"))

    def health(self) -> int | None:
        """Return the status of lobu's health, or None while nothing answers."""
        try:
            return httpx.get(f"{self.url}lobu/api/health", headers=self.auth, timeout=5.0).status_code
        except httpx.TransportError:
            return None

    # -- clients --------------------------------------------------------------------------------

    def client(self, user: str | None = None, **options: Any) -> httpx.Client:
        """Return a client of lobu's routes as the server's person, or as a visitor."""
        auth = self.auth_of(user or self.user)
        return self.hub.client(base_url=f"{self.url}lobu/api/", headers=auth, **options)

    def jupyter(self, method: str, path: str, body: Any = None, user: str | None = None) -> Any:
        """Call Jupyter's own REST API; raises unless it answers 2xx."""
        auth = self.auth_of(user or self.user)
        reply = httpx.request(method, self.url + path, json=body, headers=auth, timeout=60.0)
        assert reply.is_success, f"{method} {path}: {reply.status_code} {reply.text}"
        return reply.json() if reply.content else None

    def start_kernel(self, path: str | None = None, user: str | None = None) -> str:
        """Start a kernel, with a session for the notebook at `path` if it is given. Returns its id."""
        if path is None:
            return self.jupyter("POST", "api/kernels", {"name": "python3"}, user)["id"]
        session = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
        return self.jupyter("POST", "api/sessions", session, user)["kernel"]["id"]

    def as_user(self, user: str) -> Visit:
        """Return this server as a visitor meets it."""
        return Visit(self, user)

    @property
    def _path(self) -> str:
        return f"users/{self.user}/servers/{self.name}" if self.name else f"users/{self.user}/server"


@dataclass
class Visit:
    """Another person's server, with the visitor's own login."""

    server: HubServer
    user: str

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def auth(self) -> dict[str, str]:
        return self.server.auth_of(self.user)

    def client(self) -> httpx.Client:
        return self.server.client(self.user)


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
