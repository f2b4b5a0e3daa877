"""A receiver of lobu's webhooks that tells a person what waits: here a line of text, where yours may send a chat message or a mail.

    HOOK_SECRET=whsec_… python receiver.py 8099

It needs nothing but Python. It checks each signature, refuses old messages, and knows what it has seen already.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = os.environ.get("HOOK_SECRET", "")
KEY = base64.b64decode(SECRET.removeprefix("whsec_")) if SECRET.startswith("whsec_") else SECRET.encode()
OLD_SECONDS = 300
MOST_BYTES = 64 * 1024
seen: set[str] = set()


def is_genuine(headers: Any, body: bytes) -> bool:
    """Return whether the message is ours: signed with our secret, and not an old one that somebody sends again."""
    name, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not at.isdigit() or abs(time.time() - int(at)) > OLD_SECONDS:
        return False
    mac = hmac.new(KEY, b".".join([name.encode(), at.encode(), body]), hashlib.sha256).digest()
    wanted = "v1," + base64.b64encode(mac).decode()
    return any(hmac.compare_digest(given, wanted) for given in headers.get("webhook-signature", "").split())


def line_of(event: dict[str, Any]) -> str:
    """Return what a person should read."""
    data = event["data"]
    about, link = data.get("title") or data["threadId"], data.get("link", "")
    if event["type"] == "question.opened":
        return f"{data['owner']}: {about} needs your approval. {link}"
    if event["type"] == "run.ended":
        return f"{data['owner']}: {about} {data['outcome']} {data.get('errorCode', '')}"
    return f"{data['owner']}: {about}: {event['type']}"


class Handler(BaseHTTPRequestHandler):
    """Takes one event: 204 at once, because a slow answer is tried again."""

    def do_POST(self) -> None:
        """Check and tell one event."""
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), MOST_BYTES))
        genuine = is_genuine(self.headers, body)
        self.send_response(204 if genuine else 401)
        self.end_headers()
        name = self.headers.get("webhook-id", "")
        if genuine and name not in seen:  # an event may come twice
            seen.add(name)
            print(line_of(json.loads(body)), flush=True)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the log to what is told."""


if __name__ == "__main__":
    if len(KEY) < 24:
        sys.exit("HOOK_SECRET must be the webhook's secret")
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    print(f"listening on {server.server_address[1]}", flush=True)
    server.serve_forever()
