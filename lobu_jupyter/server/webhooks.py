"""The sender of webhooks: one task for each receiver, so that a slow or dead one holds up nothing else.

It delivers what stands in the outbox, under the receiver's lease, at least once and under one id. Redirects are not
followed. An answer other than 2xx is tried again later, with growing delays, and 410 turns the webhook off.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from tornado.httpclient import HTTPRequest
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from lobu_jupyter.model.errors import LobuError
from lobu_jupyter.model.webhooks import Hook, Webhook, key_of, problem_of_url, signature

from . import metrics, secrets

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping, Sequence
    from logging import Logger

    from lobu_jupyter.gateway import Gateway
    from lobu_jupyter.gateway.outbox import Delivery

DELAYS = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0)  # the last one again and again, until the event is too old
MOST_DELAY = 3600.0
JITTER = 0.2
REQUEST_SECONDS = 10.0
MOST_ANSWER = 10 * 1024 * 1024  # bytes, which are read and forgotten
POLL_SECONDS = 5.0  # for events that other servers wrote
GONE = 410
_ENV, _FILE = "env:", "file:"


class Sender:
    """The deliveries of one server."""

    def __init__(self, gateway: Gateway, log: Logger) -> None:
        self._gateway, self._log = gateway, log
        self._bells = {hook.name: asyncio.Event() for hook in gateway.settings.webhooks}
        self._client = SimpleAsyncHTTPClient(
            force_instance=True, max_clients=len(self._bells) or 1, max_body_size=MOST_ANSWER
        )
        gateway.on_webhook_event(self.wake)

    def wake(self) -> None:
        """Look into the outbox now."""
        for bell in self._bells.values():
            bell.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        try:
            await self._gateway.webhooks.trim()
            async with asyncio.TaskGroup() as group:
                for hook in self._gateway.settings.webhooks:
                    group.create_task(self._serve(hook), name=f"webhook {hook.name}")
        finally:
            self._client.close()

    async def _serve(self, hook: Hook) -> None:
        bell = self._bells[hook.name]
        while True:
            bell.clear()
            try:
                wait = await self._pass(hook)
            except LobuError as error:  # the store is away; what stands in it is told later
                self._log.debug("lobu: the webhook %s waits: %s", hook.name, error.message)
                wait = POLL_SECONDS
            except Exception:  # noqa: BLE001 -- one receiver must not end the deliveries to others
                self._log.exception("lobu: the webhook %s could not be served", hook.name)
                wait = POLL_SECONDS
            try:
                async with asyncio.timeout(wait):
                    await bell.wait()
            except TimeoutError:
                continue

    async def _pass(self, hook: Hook) -> float:
        """Deliver what is due. Return after how many seconds to look again."""
        outbox = self._gateway.webhooks
        deliveries, _ = await outbox.due(hook)
        if not deliveries:
            return POLL_SECONDS
        try:
            for delivery in deliveries:
                if not await outbox.lease(hook):  # another server has it, or its receiver is gone
                    return POLL_SECONDS
                await self._deliver(hook, delivery)
        finally:
            await outbox.let_go(hook)
        await outbox.trim()
        _, seconds = await outbox.due(hook)
        return POLL_SECONDS if seconds is None else min(seconds, POLL_SECONDS)

    async def _deliver(self, hook: Hook, delivery: Delivery) -> None:
        outbox = self._gateway.webhooks
        status, why, after = await self._post(hook, delivery)
        if status is not None and 200 <= status < 300:
            await outbox.delivered(hook, delivery)
            metrics.WEBHOOKS.labels("delivered").inc()
        elif status == GONE:
            await outbox.turn_off(hook, "HTTP 410: its receiver is gone")
            metrics.WEBHOOKS.labels("gone").inc()
            self._log.warning(
                "lobu: the webhook %s is off: %s says that it is gone (HTTP 410). Change its url, or remove it.",
                hook.name,
                hook.host,
            )
        else:
            await outbox.failed(hook, delivery, why, _delay(delivery.attempts, after))
            metrics.WEBHOOKS.labels("failed").inc()

    async def _post(self, hook: Hook, delivery: Delivery) -> tuple[int | None, str, str]:
        """Send one event. Return the answer's status, None without one, why it failed, and its Retry-After."""
        now = int(time.time())
        request = HTTPRequest(
            hook.url,
            method="POST",
            body=delivery.body,
            headers={
                "Content-Type": "application/json",
                "User-Agent": "lobu_jupyter",
                "webhook-id": delivery.event_id,
                "webhook-timestamp": str(now),
                "webhook-signature": signature(hook.key, delivery.event_id, now, delivery.body),
            },
            follow_redirects=False,
            decompress_response=False,
            connect_timeout=REQUEST_SECONDS / 2,
            request_timeout=REQUEST_SECONDS,
            streaming_callback=_forget,
        )
        try:
            answer = await self._client.fetch(request, raise_error=False)
        except Exception as error:  # noqa: BLE001 -- a connection may fail in any way, and its address is not told
            return None, type(error).__name__, ""
        if answer.code == 599:
            return None, type(answer.error).__name__, ""
        return answer.code, f"HTTP {answer.code}", answer.headers.get("Retry-After", "")


def _forget(chunk: bytes) -> None:
    """Discard a part of an answer: only its status counts."""


def _delay(attempts: int, after: str) -> float:
    """Return the seconds until the next attempt: what the receiver asks for, else more with each."""
    usual = DELAYS[min(attempts, len(DELAYS) - 1)]
    asked = float(after) if after.isascii() and after.isdigit() and len(after) < 7 else 0.0
    return min(max(usual, asked), MOST_DELAY) * random.uniform(1 - JITTER, 1 + JITTER)


# -- configuration


def problem_of(configured: Mapping[str, Any]) -> str | None:
    """Return why LobuApp.webhooks cannot be this, None if it can."""
    for name, one in configured.items():
        try:
            webhook = msgspec.convert(one, Webhook)
        except msgspec.ValidationError as error:
            return f"is wrong for {name!r}: {error}"
        if (why := problem_of_url(webhook.url)) is not None:
            return f"is wrong for {name!r}: url {why}"
    return None


def webhooks_of(
    configured: Mapping[str, Any],
    log: Logger,
    *,
    hide: bool,
    environment: MutableMapping[str, str] = os.environ,
) -> tuple[tuple[Hook, ...], list[str]]:
    """Return the webhooks that can be used, and the secrets in them. Kernels lose the variables that hold these."""
    given = {name: msgspec.convert(one, Webhook) for name, one in configured.items()}
    named = [one.secret.removeprefix(_ENV) for one in given.values() if one.secret.startswith(_ENV)]
    found = secrets.take(named, hide=hide, environment=environment)
    hooks: list[Hook] = []
    known: list[str] = []
    for name, one in given.items():
        secret = _secret(one.secret, found)
        key = key_of(secret)
        known += [secret, one.url, *_paths(one.url)]
        if key is None:
            log.error("lobu: the webhook %s is not used: its secret must have 24 bytes or more", name)
            continue
        hooks.append(Hook(name=name, url=one.url, key=key, events=one.events, content=one.content))
    return tuple(hooks), [secret for secret in known if secret]


def _secret(given: str, environment: Mapping[str, str]) -> str:
    if given.startswith(_ENV):
        return environment.get(given.removeprefix(_ENV), "")
    if not given.startswith(_FILE):
        return given
    try:
        return Path(given.removeprefix(_FILE)).expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeError):
        return ""


def _paths(url: str) -> Sequence[str]:
    """Return what an address has behind its host, which is often a secret, if it is long enough to be one."""
    rest = url.partition("://")[2].partition("/")[2]
    return [rest] if len(rest) >= 16 else []
