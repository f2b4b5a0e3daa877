"""The part of this server's environment that kernels and workers get, and that ``/proc`` shows.

A kernel keeps the person's variables, because their work needs them. It loses the credentials of the server,
of its hub and gateway, and the model keys. They stay in this process for late readers, such as JupyterHub.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.environment import is_credential, without_credentials
from lobu_jupyter.model.redaction import MIN_CHARS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from logging import Logger

_ENV_START, _ENV_END = 47, 48  # fields 50 and 51 of proc_pid_stat(5), counted behind the command's name


class Inheritance:
    """A filter of environment variables.

    ``secrets`` are the values that the server knows as its own, and the model keys.
    ``kept`` are the variables that kernels keep nevertheless.
    """

    def __init__(self, secrets: Collection[str], kept: Collection[str] = ()) -> None:
        self._secrets = frozenset(secret for secret in secrets if len(secret) >= MIN_CHARS)
        self._kept = frozenset(kept)

    def learn(self, secrets: Collection[str]) -> None:
        """Withhold these values too, from now on."""
        self._secrets |= {secret for secret in secrets if len(secret) >= MIN_CHARS}

    def for_kernel(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the variables that a kernel gets of an environment."""
        kept = {name: value for name, value in environment.items() if name in self._kept}
        return {**without_credentials(environment, self._secrets), **kept}

    def for_worker(self) -> dict[str, str]:
        """Return the variables that a worker process gets of ours. Keys go over its stdin."""
        ours = without_credentials(os.environ, self._secrets)
        return {
            "MALLOC_ARENA_MAX": "1",
            **ours,
            "PYTHONUNBUFFERED": "1",
        }  # glibc: 9 MB less for the same work

    def guard(self, manager: Any, log: Logger) -> None:
        """Restrict the environment of kernels that `manager` starts or restarts to :meth:`for_kernel`."""
        prepare: Callable[[str | None, dict[str, Any]], Any] | None
        prepare = getattr(manager, "pre_start_kernel", None)
        if prepare is None:
            log.warning("lobu: %s starts kernels in its own way, with this server's environment", manager)
            return

        def pre_start_kernel(kernel_name: str | None, kwargs: dict[str, Any]) -> Any:
            kwargs["env"] = self.for_kernel(kwargs.get("env") or os.environ)
            return prepare(kernel_name, kwargs)

        manager.pre_start_kernel = pre_start_kernel

    def veil(self, log: Logger) -> None:
        """Overwrite the credentials in the memory that the system shows as this process's environment.

        Linux shows it in ``/proc`` as it was at the start, to all processes of this user, despite removals.
        """
        if sys.platform != "linux":
            return
        if names := _shown(self._is_secret):
            _overwrite(self._is_secret)
        if left := _shown(self._is_secret):
            log.warning("lobu: /proc still shows %s to processes of this user", ", ".join(sorted(left)))
        elif names:
            log.debug("lobu: /proc shows no %s any more", ", ".join(sorted(names)))

    def _is_secret(self, name: str, value: str) -> bool:
        return bool(value) and (is_credential(name) or value in self._secrets)


def _shown(is_secret: Callable[[str, str], bool]) -> list[str]:
    """Return the names of the secrets that ``/proc`` shows of this process."""
    try:
        block = Path("/proc/self/environ").read_bytes()
    except OSError:
        return []  # neither we nor others can read it
    return [name for name, value, _ in _entries(block) if is_secret(name, value)]


def _overwrite(is_secret: Callable[[str, str], bool]) -> None:
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[_ENV_START]), int(fields[_ENV_END])
    if not 0 < start < end:
        return
    for name, value, at in _entries(ctypes.string_at(start, end - start)):
        if is_secret(name, value):
            if name in os.environ:
                os.environ[name] = os.environ[name]  # a copy elsewhere, for readers in this process
            ctypes.memset(start + at, 0, len(os.fsencode(value)))


def _entries(block: bytes) -> list[tuple[str, str, int]]:
    """Return each variable's name, value and the value's offset in the system's environment block."""
    found: list[tuple[str, str, int]] = []
    at = 0
    for entry in block.split(b"\0"):
        name, equals, value = entry.partition(b"=")
        if equals:
            found.append((os.fsdecode(name), os.fsdecode(value), at + len(name) + 1))
        at += len(entry) + 1
    return found
