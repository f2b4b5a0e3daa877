"""A hub as its services see it: a small HTTP server that speaks the wire of JupyterHub's API and OAuth."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

SERVICE_SCOPE = "access:services!service=lobu"


class Hub:
    """The hub's users by token. ``calls``: what was asked of it, but for whose token it is."""

    def __init__(self) -> None:
        self.tokens: dict[str, dict[str, Any]] = {}
        self.servers: dict[str, dict[str, Any]] = {}  # user -> servers
        self.calls: list[tuple[str, str, str]] = []
        self.login = ""  # who logs in by a browser
        self.allowed_scopes: set[str] = set()  # of the service, besides its own
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.port = self._http.server_address[1]
        self.api = f"http://127.0.0.1:{self.port}/hub/api"
        self.service_token = "service-token-of-lobu-000000000000"
        self.tokens[self.service_token] = {"name": "lobu", "kind": "service", "admin": False, "scopes": []}

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def user(self, name: str, *, admin: bool = False) -> dict[str, Any]:
        return {"name": name, "kind": "user", "admin": admin, "groups": [], "session_id": None}

    def person_token(
        self, name: str, *, admin: bool = False, scopes: tuple[str, ...] = (SERVICE_SCOPE,)
    ) -> str:
        token = f"person-token-of-{name}"
        more = [f"read:users:name!user={name}", f"access:servers!user={name}"]
        self.tokens[token] = {**self.user(name, admin=admin), "scopes": [*scopes, *more]}
        return token

    def server_token(self, name: str, server: str = "") -> str:
        token = f"server-token-of-{name}-{server}-0000000000"
        scopes = [f"access:servers!server={name}/{server}", f"users:activity!user={name}"]
        self.tokens[token] = {**self.user(name), "scopes": scopes}
        return token

    def environment(self, port: int, name: str = "lobu") -> dict[str, str]:
        """What the hub gives to a service at this port."""
        prefix = f"/services/{name}/"
        return {
            "JUPYTERHUB_SERVICE_NAME": name,
            "JUPYTERHUB_API_TOKEN": self.service_token,
            "JUPYTERHUB_CLIENT_ID": f"service-{name}",
            "JUPYTERHUB_API_URL": self.api,
            "JUPYTERHUB_BASE_URL": "/",
            "JUPYTERHUB_HOST": f"http://127.0.0.1:{self.port}",
            "JUPYTERHUB_OAUTH_CALLBACK_URL": f"http://127.0.0.1:{port}{prefix}oauth_callback",
            "JUPYTERHUB_SERVICE_PREFIX": prefix,
            "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}",
            "JUPYTERHUB_OAUTH_SCOPES": json.dumps([SERVICE_SCOPE]),
            "JUPYTERHUB_OAUTH_ACCESS_SCOPES": json.dumps([SERVICE_SCOPE]),
            "JUPYTERHUB_PUBLIC_HUB_URL": f"http://127.0.0.1:{self.port}/hub/",
        }


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path)
            if path.path == "/hub/api/user":
                self._user()
            elif path.path == "/hub/api/oauth2/authorize":
                query = parse_qs(path.query)
                back = urlencode({"code": hub.login, "state": query["state"][0]})
                self.send_response(302)
                self.send_header("Location", f"{query['redirect_uri'][0]}?{back}")
                self.end_headers()
            elif path.path.startswith("/hub/api/users/"):
                self._servers(path.path.split("/")[4])
            else:
                self._json(404, {"status": 404, "message": "Not Found"})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if urlsplit(self.path).path == "/hub/api/oauth2/token":
                name = parse_qs(body.decode())["code"][0]
                self._json(200, {"access_token": f"person-token-of-{name}", "token_type": "Bearer"})
                return
            hub.calls.append(("POST", self.path, body.decode()))
            model = hub.tokens.get(self._token(), {})
            if model.get("kind") == "service" and "servers" in hub.allowed_scopes:
                self._json(202, {})
            else:
                self._json(403, {"status": 403, "message": "Action is not authorized with current scopes"})

        def _user(self) -> None:
            model = hub.tokens.get(self._token())
            if model is None:
                self._json(403, {"status": 403, "message": "Missing or invalid credentials."})
            else:
                self._json(200, model)

        def _servers(self, name: str) -> None:
            if "servers" not in hub.allowed_scopes:
                self._json(404, {"status": 404, "message": "No access to resources or resources not found"})
            else:
                self._json(200, {**hub.user(name), "servers": hub.servers.get(name, {})})

        def _token(self) -> str:
            return self.headers.get("Authorization", "").partition(" ")[2]

        def _json(self, status: int, value: Any) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
