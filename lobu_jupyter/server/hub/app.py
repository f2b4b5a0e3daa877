"""The service of a hub: the gateway with the store, for all people's servers, and a page for each person.

The hub starts it and says who visits it. It is a Jupyter server without kernels, files and terminals.
"""

from __future__ import annotations

import hmac
import os
import secrets
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, ClassVar
from urllib.parse import urlsplit

from jupyter_server.serverapp import ServerApp
from traitlets import default

from lobu_jupyter.server.app import LobuApp
from lobu_jupyter.server.face.socket import ROUTES as FACE

from .pages import ROUTES as PAGES
from .servers import HubServers
from .users import HubUsers

RETURN_SECONDS = 20.0  # after a start, for people's servers to come back before silent ones count as gone
NOT_INSTALLED = "lobu: jupyter lobu-hub needs jupyterhub: pip install 'lobu_jupyter[hub,postgres]'"


class HubServerApp(ServerApp):
    """The web server of the service, with what the hub tells it."""

    name = "lobu-hub"
    default_services = ("auth", "security")
    allow_unauthenticated_access = True  # pyright: ignore[reportAssignmentType] - routes say themselves whom they take

    @default("base_url")
    def _hub_base_url(self) -> str:
        return os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "/services/lobu/")

    @default("ip")
    def _hub_ip(self) -> str:
        return urlsplit(os.environ.get("JUPYTERHUB_SERVICE_URL", "")).hostname or "127.0.0.1"

    @default("port")
    def _hub_port(self) -> int:
        return urlsplit(os.environ.get("JUPYTERHUB_SERVICE_URL", "")).port or 8890

    @default("identity_provider_class")
    def _hub_identity(self) -> type:
        from jupyterhub.singleuser.extension import JupyterHubIdentityProvider

        return JupyterHubIdentityProvider

    @default("cookie_secret")
    def _hub_cookie_secret(self) -> bytes:
        token = os.environ.get("JUPYTERHUB_API_TOKEN", "") or secrets.token_hex(32)
        return hmac.digest(token.encode(), b"cookies of lobu-hub", "sha256")  # one for all replicas

    @default("certfile")
    def _hub_certfile(self) -> str:
        return os.environ.get("JUPYTERHUB_SSL_CERTFILE", "")

    @default("keyfile")
    def _hub_keyfile(self) -> str:
        return os.environ.get("JUPYTERHUB_SSL_KEYFILE", "")

    @default("client_ca")
    def _hub_client_ca(self) -> str:
        return os.environ.get("JUPYTERHUB_SSL_CLIENT_CA", "")


class LobuHubApp(LobuApp):
    """The gateway of all people of a hub, as its service."""

    name = "lobu_hub"
    app_name = "lobu-hub"
    description = __doc__ or ""
    serverapp_class = HubServerApp
    #: The hub's proxy has another name than this server.
    serverapp_config: ClassVar = {  # pyright: ignore[reportIncompatibleVariableOverride] - Jupyter reads it of the class
        "open_browser": False,
        "allow_remote_access": True,
    }
    default_url = "/"

    @classmethod
    def get_extension_package(cls) -> str:
        return __name__

    @classmethod
    def make_serverapp(cls, **kwargs: Any) -> ServerApp:
        if find_spec("jupyterhub") is None:
            raise SystemExit(NOT_INSTALLED)
        return super().make_serverapp(**kwargs)

    def initialize_settings(self) -> None:
        super().initialize_settings()
        # Tornado checks before it is known whose request it is, so that tokens would need what only cookies need.
        # Jupyter's own check comes after that.
        self.settings["xsrf_cookies"] = False
        service = self.service
        service.settings = replace(
            service.settings,
            hub=True,
            gateway=replace(
                service.settings.gateway,
                pool="",
                place="",
                root=None,
                agents=None,
                offered=(),
                retain_all=True,
                sweep_after=RETURN_SECONDS,
            ),
        )
        auth = self.server.identity_provider.hub_auth
        service.hub_users = HubUsers(auth)
        service.hub_servers = HubServers(auth, lambda owner: service.gateway.seat.has_server(owner), self.log)
        service.hub_address = f"{auth.hub_host}{auth.hub_prefix}"

    def initialize_handlers(self) -> None:
        super().initialize_handlers()
        self.handlers[:0] = [*FACE, *PAGES]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:  # pyright: ignore[reportUnusedFunction] - Jupyter calls it
    return [{"module": __name__, "app": LobuHubApp}]


main = launch = LobuHubApp.launch_instance
