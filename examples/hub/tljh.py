"""The Littlest JupyterHub: put this file into /opt/tljh/config/jupyterhub_config.d/ and reload the hub.

It needs an environment and a system user of the service's own:

    python3 -m venv /opt/lobu && /opt/lobu/bin/pip install 'lobu_jupyter[hub]'
    useradd --system --create-home --home-dir /var/lib/lobu --shell /usr/sbin/nologin lobu
    /opt/tljh/user/bin/pip install lobu_jupyter
    tljh-config reload
"""

PYTHON = "/opt/lobu/bin/python"
HOME = "/var/lib/lobu"
USER = "lobu"
PORT = 8890
STORE = "/var/lib/lobu/lobu.sqlite"  # a local disk; or postgresql://…

service = {
    "name": "lobu",
    "url": f"http://127.0.0.1:{PORT}",
    "command": [PYTHON, "-m", "lobu_jupyter.server.hub", f"--LobuApp.store={STORE}"],
    "cwd": HOME,
    "environment": {"HOME": HOME, "JUPYTER_PREFER_ENV_PATH": "0"},
    "oauth_no_confirm": True,
}
if USER:
    service["user"] = USER

c.JupyterHub.services = [*c.JupyterHub.services, service]  # noqa: F821
c.JupyterHub.load_roles = [  # noqa: F821
    *c.JupyterHub.load_roles,  # noqa: F821
    {"name": "lobu", "services": ["lobu"], "scopes": ["servers", "read:users:name"]},
    {"name": "user", "scopes": ["self", "access:services!service=lobu"]},
]
c.Spawner.environment = {  # noqa: F821
    **c.Spawner.environment,  # noqa: F821
    "LOBU_GATEWAY_URL": f"http://127.0.0.1:{PORT}/services/lobu/",
}
