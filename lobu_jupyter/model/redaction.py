"""Redaction: the server's own secrets are taken out of what is journaled or sent to a model.

It guards against accident (a cell that prints its environment, a config file that is read), not
against code that hides what it prints: an encoded secret is not recognised.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

REDACTED = "[redacted]"
MIN_CHARS = 8  # what is shorter is no secret worth the name, and would blot out ordinary words

T = TypeVar("T")


class Redactor:
    """Knows the secrets; may learn more while it is in use."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._pairs: list[tuple[str, bytes]] = []
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Learn secrets; what is too short or known is passed over."""
        known = {secret for secret, _ in self._pairs}
        fresh = {secret for secret in secrets if len(secret) >= MIN_CHARS} - known
        pairs = [*self._pairs, *((secret, json.dumps(secret)[1:-1].encode()) for secret in fresh)]
        self._pairs = sorted(pairs, key=lambda pair: -len(pair[0]))  # a secret within another comes later

    def forget(self, secret: str) -> None:
        """What it was for is gone."""
        self._pairs = [pair for pair in self._pairs if pair[0] != secret]

    def text(self, text: str) -> str:
        """`text` without secrets."""
        for secret, _ in self._pairs:
            if secret in text:
                text = text.replace(secret, REDACTED)
        return text

    def raw(self, body: bytes) -> bytes:
        """JSON or other UTF-8 bytes without secrets; the same object if there are none."""
        for _, secret in self._pairs:
            if secret in body:
                body = body.replace(secret, REDACTED.encode())
        return body

    def tree(self, value: T) -> T:
        """JSON data, however deep, without secrets in its texts and names."""
        return cast("T", self._tree(value)) if self._pairs else value

    def _tree(self, value: object) -> object:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(k)): self._tree(v) for k, v in cast("dict[str, object]", value).items()}
        if isinstance(value, list | tuple):
            return [self._tree(part) for part in cast("list[object]", value)]
        return value
