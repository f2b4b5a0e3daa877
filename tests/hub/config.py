"""The hub's configuration: a dummy login, servers as local processes, and an administrator's token for the tests.

The hub reads it with ``c`` defined. What differs is in ``settings.json`` beside it.
"""

import json
from pathlib import Path
from typing import Any

from tests.ports import take

c: Any = get_config()  # type: ignore[name-defined]  # noqa: F821
given = json.loads(Path(__file__).with_name("settings.json").read_text())

c.JupyterHub.bind_url = f"http://127.0.0.1:{given['port']}"
c.JupyterHub.public_url = f"http://127.0.0.1:{given['port']}/"
c.JupyterHub.hub_ip = "127.0.0.1"
c.JupyterHub.hub_port = given["hub_port"]
c.JupyterHub.db_url = f"sqlite:///{given['home']}/hub.sqlite"
c.JupyterHub.cookie_secret_file = f"{given['home']}/cookie_secret"
c.JupyterHub.internal_certs_location = f"{given['home']}/certs"
c.JupyterHub.internal_ssl = given.get("internal_ssl", False)
c.JupyterHub.cleanup_servers = True
c.JupyterHub.last_activity_interval = 1
c.ConfigurableHTTPProxy.command = given["proxy"]
c.ConfigurableHTTPProxy.api_url = (
    f"http{'s' if c.JupyterHub.internal_ssl else ''}://127.0.0.1:{given['proxy_api_port']}"
)
c.ConfigurableHTTPProxy.pid_file = f"{given['home']}/proxy.pid"

c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allowed_users = set(given["people"])
c.Authenticator.admin_users = {"admin"}

c.JupyterHub.spawner_class = "simple"
c.JupyterHub.allow_named_servers = True
c.SimpleLocalProcessSpawner.home_dir_template = f"{given['home']}/homes/{{username}}"
c.Spawner.cmd = [given["singleuser"]]
c.Spawner.args = ["--allow-root"]  # which is needed by root only
c.Spawner.environment = given["environment"]
c.Spawner.start_timeout = 60


def before_start(spawner: Any) -> None:
    """Give the server a port of the tests, its own variables, and the tests its token to look for."""
    spawner.port = take()
    variables = json.loads(Path(given["home"], "variables.json").read_text())
    spawner.environment = {**c.Spawner.environment, **variables.get(spawner.name, {})}
    tokens = Path(given["home"], "tokens")
    tokens.mkdir(exist_ok=True)
    (tokens / f"{spawner.user.name}-{spawner.name}").write_text(spawner.api_token)


c.Spawner.pre_spawn_hook = before_start
c.JupyterHub.services = [{"name": "tests", "api_token": given["token"]}, *given.get("services", [])]
c.JupyterHub.load_roles = [
    {
        "name": "tests",
        "services": ["tests"],
        "scopes": [
            "admin:users",
            "admin:servers",
            "tokens",
            "list:services",
            "access:servers",
            "access:services",
            "shares",
        ],
    },
    *given.get("roles", []),
]
