"""The settings of models: those of the configuration and the environment, and those saved in the browser.

The configuration wins over what was saved. Keys go to the standard input of workers only. Nothing here returns one.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

from lobu_jupyter.agents.models.catalog import PROVIDERS, Provider, missing_package, takes
from lobu_jupyter.agents.models.keys import KEY_OF, USUAL_MODEL, default_model, is_allowed, key
from lobu_jupyter.model.errors import Conflict, InvalidField, NotFound

from . import probe
from .keyrings import Keyring
from .saved import MAX_PROVIDERS, Saved, SavedProvider, Unreadable, read, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from logging import Logger
    from pathlib import Path

    from lobu_jupyter.agents.models.catalog import Kind

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class Models:
    """The providers of this server. ``told`` is called with the workers' settings whenever they change."""

    def __init__(self, base: dict[str, Any], path: Path, configured_agent: str, log: Logger) -> None:
        self._base, self._path, self._agent, self._log = base, path, configured_agent, log
        self._keyring = Keyring(str(path), log)
        self._saved = Saved()
        self._keys: dict[str, str] = {}
        self._listed: dict[str, list[str]] = {}  # models of providers that are not saved
        self._problem = ""
        self._changing = asyncio.Lock()
        self.told: Callable[[dict[str, Any]], None] = lambda _: None
        self._read()
        self._take_keys()

    async def load(self) -> None:
        """Fetch the keys that the system's keyring keeps."""
        for name, provider in self._saved.providers.items():
            if provider.key_in == "keyring" and (found := await self._keyring.get(name)):
                self._keys[name] = found

    def worker_settings(self) -> dict[str, Any]:
        """Return the settings for a worker's stdin, the only place where keys go."""
        configured: dict[str, Any] = self._base["providers"]
        ours = {name: self._for_worker(name, one) for name, one in self._saved.providers.items()}
        settings = {
            **self._base,
            "providers": {**ours, **configured},
            "secrets": [*self._base["secrets"], *self._keys.values()],
            "default_model": self._base["default_model"] or self._saved_default(),
        }
        usual = "assistant" if default_model(settings) else "demo"
        return {**settings, "default_agent": self._agent or usual}

    @property
    def secrets(self) -> list[str]:
        return list(self._keys.values())

    # -- reading --------------------------------------------------------------------------------------

    def view(self, *, may_configure: bool) -> dict[str, Any]:
        """Return the providers, those first that are ready, without any key."""
        names = dict.fromkeys([*self._base["providers"], *self._saved.providers, *PROVIDERS])
        entries = [self._entry(name, may_configure) for name in names]
        entries.sort(key=lambda entry: entry["state"] != "ready")
        return {
            "providers": entries,
            "default": default_model(self.worker_settings()),
            "mayConfigure": may_configure,
            "problem": self._problem if may_configure else "",
        }

    def _entry(self, name: str, may_configure: bool) -> dict[str, Any]:
        known, saved = self._known(name), self._saved.providers.get(name)
        source = self._source(name)
        has_key = self._key(name) is not None
        package = missing_package(known.kind)
        needs_key = name in PROVIDERS and known.variable is not None and not self._own_url(name)
        if source is None or (needs_key and not has_key):
            state, hint = "no key" if known.variable else "not set up", f"Add a key for {known.label}."
            hint = hint if known.variable else f"Start {known.label}, then find or add it."
        elif package is not None:
            state, hint = "no package", f"Install it where the Jupyter server runs: pip install '{package}'"
        else:
            state, hint = "ready", ""
        entry: dict[str, Any] = {
            "name": name,
            "label": known.label,
            "kind": known.kind,
            "state": state,
            "hint": hint,
            "source": source,
            "keySet": has_key,
            "models": self._models(name) if state == "ready" else [],
        }
        entry["takes"] = {model: self.takes(model) for model in entry["models"]}
        if may_configure:
            entry["baseUrl"] = self._own_url(name)
            entry["keyIn"] = saved.key_in if saved is not None and source == "saved" else None
        return entry

    def _models(self, name: str) -> list[str]:
        saved = self._saved.providers.get(name)
        listed = (
            saved.models
            if saved is not None and self._source(name) == "saved"
            else self._listed.get(name, [])
        )
        variable = KEY_OF.get(name, "")
        usual = USUAL_MODEL.get(variable)
        default = default_model(self.worker_settings())
        own = default if default and default.partition(":")[0] == name else None
        names = [usual, *(f"{name}:{model}" for model in listed), own]
        return [model for model in dict.fromkeys(names) if model and is_allowed(self._base, model)]

    def takes(self, model: str) -> dict[str, Any]:
        """Return the settings that a model takes, with the most of a number or the choices."""
        provider, _, name = model.partition(":")
        return takes(self._known(provider).kind, name)

    # -- changing -------------------------------------------------------------------------------------

    async def put(
        self,
        name: str,
        *,
        kind: Kind | None,
        base_url: str | None,
        key: str | None,
        models: list[str],
        model: str | None,
    ) -> SavedProvider:
        """Save a provider. Without a key the saved one stays, if the address is the same.

        Raises:
            InvalidField: a value cannot be used. Conflict: the configuration has this provider.
        """
        _check_name(name)
        self._check_free(name)
        known = self._known(name, kind)
        url = probe.check_url(base_url, "baseUrl") if base_url else None
        if url is None and name not in PROVIDERS:
            raise InvalidField("this provider needs its address", field="baseUrl")
        _check_key(key)
        async with self._changing:
            saved = await self._fresh()
            before = saved.providers.get(name)
            if key is None and before is not None and before.key_in and before.base_url != url:
                raise InvalidField("enter the key again for another address", field="key")
            if before is None and len(saved.providers) >= MAX_PROVIDERS:
                raise Conflict(f"There are {MAX_PROVIDERS} providers. Remove one first.")
            if key is None and before is not None:
                place, kept = before.key_in, before.key
            else:
                place, kept = await self._keep(name, key, before)
            entry = SavedProvider(
                kind=known.kind,
                base_url=url,
                key=kept,
                key_in=place,
                models=models or (before.models if before else []),
            )
            saved.providers[name] = entry
            if model is not None:
                saved.default_model = f"{name}:{model}"
                if model not in entry.models:
                    entry.models.append(model)
            await self._store(saved)
            if key is not None:
                self._keys[name] = key
            self._tell()
            return entry

    async def delete(self, name: str) -> None:
        """Remove a saved provider and its key.

        Raises:
            NotFound: none is saved by that name.
        """
        async with self._changing:
            saved = await self._fresh()
            entry = saved.providers.pop(name, None)
            if entry is None:
                raise NotFound(f"no provider {name!r} was set up in the browser")
            if (saved.default_model or "").partition(":")[0] == name:
                saved.default_model = None
            await self._store(saved)
            if entry.key_in == "keyring":
                await self._keyring.forget(name)
            self._keys.pop(name, None)
            self._tell()

    async def test(
        self, name: str, *, kind: Kind | None, base_url: str | None, key: str | None
    ) -> probe.Tested:
        """Ask the provider for its models, with the given address and key, or those that are set.

        A key that is set goes only to the address that it was set for.

        Raises:
            InvalidField: a value cannot be used, or there is no address to ask.
        """
        _check_name(name)
        _check_key(key)
        known, own = self._known(name, kind), self._own_url(name)
        url = probe.check_url(base_url, "baseUrl") if base_url else (own or known.url)
        if not url:
            raise InvalidField("this provider needs its address", field="baseUrl")
        if key is None and url == (own or known.url).rstrip("/"):
            key = self._key(name)
        tested = await probe.ask(known.label, known.kind, url, key)
        if tested.code == "ok" and base_url is None:
            await self._remember(name, tested.models)
        return tested

    async def _remember(self, name: str, models: list[str]) -> None:
        if self._source(name) != "saved":
            self._listed[name] = models
            return
        async with self._changing:
            saved = await self._fresh()
            if name in saved.providers:
                saved.providers[name].models = models
                await self._store(saved)

    # -- parts ----------------------------------------------------------------------------------------

    def _source(self, name: str) -> str | None:
        if name in self._base["providers"]:
            return "configuration"
        if name in self._saved.providers:
            return "saved"
        return "environment" if self._environment_key(name) or self._environment_url(name) else None

    def _known(self, name: str, kind: Kind | None = None) -> Provider:
        """Return a provider's label, protocol and address, as configured, saved, known or given."""
        configured: dict[str, Any] = self._base["providers"].get(name) or {}
        saved = self._saved.providers.get(name)
        known = PROVIDERS.get(name)
        found = (
            configured.get("kind")
            or kind
            or (saved.kind if saved else None)
            or (known.kind if known else "openai")
        )
        if known is not None:
            return known._replace(kind=found)
        label = next((one[0] for local, one in probe.LOCAL.items() if local == name), name)
        return Provider(label, found, "")

    def _own_url(self, name: str) -> str | None:
        configured: dict[str, Any] = self._base["providers"].get(name) or {}
        saved = self._saved.providers.get(name)
        return (
            configured.get("base_url") or (saved.base_url if saved else None) or self._environment_url(name)
        )

    def _key(self, name: str) -> str | None:
        source = self._source(name)
        if source == "configuration":
            return self._base["providers"][name].get("api_key") or self._environment_key(name)
        return self._keys.get(name) if source == "saved" else self._environment_key(name)

    def _environment_key(self, name: str) -> str | None:
        variable = KEY_OF.get(name)
        return key(self._base, variable) if variable else None

    def _environment_url(self, name: str) -> str | None:
        variable = {
            "ollama": "OLLAMA_BASE_URL",
            "openai": "OPENAI_BASE_URL",
            "anthropic": "ANTHROPIC_BASE_URL",
        }
        return key(self._base, variable[name]) if name in variable else None

    def _for_worker(self, name: str, one: SavedProvider) -> dict[str, Any]:
        url = one.base_url or self._environment_url(name)
        if url is None and one.kind in ("openai", "ollama"):
            url = self._known(name).url
        entry: dict[str, Any] = {"kind": one.kind, "base_url": url, "api_key": self._keys.get(name)}
        return {member: value for member, value in entry.items() if value is not None}

    def _saved_default(self) -> str | None:
        """Return the model that was chosen, else the first of a saved provider with models."""
        chosen = self._saved.default_model
        usual = [USUAL_MODEL[KEY_OF[n]] for n in self._saved.providers if KEY_OF.get(n) in USUAL_MODEL]
        first = [f"{name}:{one.models[0]}" for name, one in self._saved.providers.items() if one.models]
        candidates = [*([chosen] if chosen else []), *usual, *first]
        return next((model for model in candidates if is_allowed(self._base, model)), None)

    def _check_free(self, name: str) -> None:
        if name in self._base["providers"]:
            raise Conflict(f"The server's configuration has the provider {name!r}. Change it there.")

    async def _keep(self, name: str, key: str | None, before: SavedProvider | None) -> tuple[Any, str | None]:
        """Put a key where it is kept. Returns the place, and the key if the place is the file."""
        if key is not None and await self._keyring.put(name, key):
            return "keyring", None
        if before is not None and before.key_in == "keyring":
            await self._keyring.forget(name)
        return ("file", key) if key is not None else (None, None)

    def _read(self) -> None:
        try:
            self._saved, self._problem = read(self._path), ""
        except Unreadable as error:
            self._problem = str(error)
            self._log.warning("lobu: no saved model providers: %s", error)

    def _take_keys(self) -> None:
        for name, provider in self._saved.providers.items():
            if provider.key:
                self._keys[name] = provider.key

    async def _fresh(self) -> Saved:
        """Return what is saved now, also by another server of this user.

        Raises:
            Conflict: it cannot be read, and is not overwritten.
        """
        try:
            return await asyncio.to_thread(read, self._path)
        except Unreadable as error:
            raise Conflict(f"{error}. Mend or remove this file first.") from error

    async def _store(self, saved: Saved) -> None:
        try:
            await asyncio.to_thread(write, self._path, saved)
        except OSError as error:
            raise Conflict(f"{self._path} cannot be written: {error.strerror}") from error
        self._saved, self._problem = saved, ""
        self._take_keys()

    def _tell(self) -> None:
        self.told(self.worker_settings())


def _check_name(name: str) -> None:
    if NAME.fullmatch(name) is None:
        raise InvalidField("must be lower-case letters, digits, - and _, at most 64", field="name")


def _check_key(key: str | None) -> None:
    if key is not None and (not key.isascii() or not key.isprintable() or " " in key):
        raise InvalidField("must be a key without spaces or special characters", field="key")
