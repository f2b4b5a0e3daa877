"""The system's keyring, where there is a real one. It may ask the person, so it is called in threads only."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from logging import Logger
    from typing import TypeVar

    from keyring.backend import KeyringBackend

    T = TypeVar("T")

SERVICE = "lobu_jupyter"
SECONDS = 10.0


class Keyring:
    """Keys by provider, under names of this server's own. ``place`` tells two servers' settings apart."""

    def __init__(self, place: str, log: Logger) -> None:
        self._place, self._log = place, log

    async def get(self, provider: str) -> str | None:
        """Return the provider's key, or None if there is none, or no keyring that answers."""
        return await self._ask(lambda backend: backend.get_password(SERVICE, self._name(provider)))

    async def put(self, provider: str, key: str) -> bool:
        """Keep the provider's key. Returns False if there is no keyring that does."""

        def keep(backend: KeyringBackend) -> bool:
            backend.set_password(SERVICE, self._name(provider), key)
            return backend.get_password(SERVICE, self._name(provider)) == key

        return bool(await self._ask(keep))

    async def forget(self, provider: str) -> None:
        """Delete the provider's key."""
        await self._ask(lambda backend: backend.delete_password(SERVICE, self._name(provider)))

    def _name(self, provider: str) -> str:
        return f"{provider} of {self._place}"

    async def _ask(self, act: Callable[[KeyringBackend], T]) -> T | None:
        def ask() -> T | None:
            backend = _backend()
            return None if backend is None else act(backend)

        try:
            async with asyncio.timeout(SECONDS):
                return await asyncio.to_thread(ask)
        except Exception as error:  # noqa: BLE001 - a backend may raise anything. The file serves instead
            self._log.warning("lobu: the system's keyring does not answer (%s)", type(error).__name__)
            return None


def _backend() -> KeyringBackend | None:
    """Return the system's keyring, or None if the only one writes a file of its own, or none works."""
    try:
        import keyring
        from keyring.core import recommended
    except ImportError:
        return None
    backend = keyring.get_keyring()
    return backend if recommended(backend) else None
