"""Providers are set up over REST: by whom, with what effect on runs, and without a key coming back."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import pytest
from jupyter_server.auth import Authorizer, User
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from traitlets.config import Config

from tests.providers import Provider, says
from tests.server.test_callers import Kernel, NamedUsers
from tests.server.wire import Wire

KEY = "sk-of-a-person-0123456789"
OTHER = "sk-another-key-9876543210"


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [n for n in os.environ if n.endswith(("_API_KEY", "_BASE_URL"))]:
        monkeypatch.delenv(name)
    before = keyring.get_keyring()
    keyring.set_keyring(NoKeyring())
    yield
    keyring.set_keyring(before)


@pytest.fixture
def lobu_config(tmp_path: Path) -> dict[str, Any]:
    return {"models_path": str(tmp_path / "models.json")}


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        provider.key = KEY
        yield provider


async def entry(wire: Wire, name: str) -> dict[str, Any]:
    found = await wire.ok("GET", "models")
    return next(one for one in found["providers"] if one["name"] == name)


async def put(wire: Wire, provider: Provider, name: str = "local", **more: Any) -> Any:
    body = {"baseUrl": f"{provider.url}/v1", "key": KEY, "models": ["test-model"], **more}
    return await wire.ok("PUT", f"models/providers/{name}", body)


async def answer(wire: Wire, prompt: str = "hello") -> dict[str, Any]:
    """The terminal event of a run on a new thread."""
    thread = (await wire.ok("POST", "threads", {}))["threadId"]
    run = (await wire.ok("POST", f"threads/{thread}/runs", {"prompt": prompt}))["runId"]
    return (await wire.events(thread, follow="true", runId=run))[-1][1]


async def test_without_a_key_the_demo_answers_and_each_provider_says_what_it_lacks(wire: Wire) -> None:
    found = await wire.ok("GET", "models")

    assert (found["default"], found["mayConfigure"]) == (None, True)
    states = {one["name"]: (one["state"], one["hint"]) for one in found["providers"]}
    assert states["anthropic"] == ("no key", "Add a key for Anthropic.")
    assert states["ollama"] == ("not set up", "Start Ollama, then find or add it.")
    assert all(one["models"] == [] for one in found["providers"])


async def test_a_provider_that_is_set_up_answers_the_next_run_of_a_worker_that_is_there_already(
    wire: Wire, provider: Provider
) -> None:
    provider.script = [says("From the model.")]
    before = await answer(wire)  # the demo's, whose worker stays
    assert "usage" not in before

    await put(wire, provider)
    after = await answer(wire)

    assert after["outcome"]["type"] == "success", after
    assert [usage["model"] for usage in after["usage"]] == ["test-model"]
    assert provider.requests[-1].headers["Authorization"] == f"Bearer {KEY}"
    assert wire.service.pool.count == 1
    agents = {one["name"]: one for one in (await wire.ok("GET", "agents"))["agents"]}
    assert agents["assistant"]["model"] == "local:test-model"
    assert agents["assistant"]["default"] is True

    await put(wire, provider, key=OTHER)
    await answer(wire)

    assert provider.requests[-1].headers["Authorization"] == f"Bearer {OTHER}"

    await wire.ok("DELETE", "models/providers/local")

    assert "usage" not in await answer(wire)
    assert (await wire.ok("GET", "models"))["default"] is None


async def test_no_reply_log_audit_or_journal_has_the_key(
    wire: Wire, provider: Provider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    provider.script = [says(f"Your key is {KEY}.")]

    said = [
        await put(wire, provider),
        await wire.ok("POST", "models/providers/local/test", {}),
        await wire.ok("GET", "models"),
        await answer(wire),
        await wire.ok("GET", "audit"),
    ]

    assert KEY not in json.dumps(said) + caplog.text
    assert KEY.encode() not in (tmp_path / "lobu.sqlite").read_bytes()
    assert not any(KEY in value for value in os.environ.values())
    audit = [row for row in said[-1]["audit"] if row["action"] == "model provider"]
    assert [row["detail"] for row in audit] == [{"provider": "local", "key": "set", "keyIn": "file"}]
    assert audit[0]["by"] == "owner"
    path = tmp_path / "models.json"
    assert KEY in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="the system shows no environments")
async def test_a_kernel_that_starts_later_gets_no_variable_with_the_key(
    wire: Wire, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARMLESS", "harmless")
    monkeypatch.setenv("MY_OWN_NAME_FOR_IT", KEY)
    await put(wire, provider)

    kernel = await Kernel.start(wire)

    process = wire.app.kernel_manager.get_kernel(kernel.kernel_id).provisioner.process
    environment = Path(f"/proc/{process.pid}/environ").read_bytes()
    assert b"HARMLESS" in environment
    assert KEY.encode() not in environment


class Vault(KeyringBackend):
    """A keyring that works, in memory."""

    priority = 5  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[(service, username)] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[(service, username)]


class Locked(Vault):
    def set_password(self, service: str, username: str, password: str) -> None:
        raise RuntimeError("the person closed the dialog")


async def test_a_real_keyring_keeps_the_key_and_the_file_does_not(
    wire: Wire, provider: Provider, tmp_path: Path
) -> None:
    vault = Vault()
    keyring.set_keyring(vault)

    await put(wire, provider)

    assert list(vault.kept.values()) == [KEY]
    assert KEY not in (tmp_path / "models.json").read_text()
    assert (await entry(wire, "local"))["keyIn"] == "keyring"
    again = type(wire.service.models)(wire.service.models._base, tmp_path / "models.json", "", wire.app.log)
    await again.load()
    assert again.worker_settings()["providers"]["local"]["api_key"] == KEY

    await wire.ok("DELETE", "models/providers/local")

    assert vault.kept == {}


async def test_a_keyring_that_fails_leaves_the_key_to_the_file(
    wire: Wire, provider: Provider, tmp_path: Path
) -> None:
    keyring.set_keyring(Locked())

    await put(wire, provider)

    assert (await entry(wire, "local"))["keyIn"] == "file"
    assert KEY in (tmp_path / "models.json").read_text()


async def test_a_test_uses_what_was_given_and_sends_a_kept_key_nowhere_else(
    wire: Wire, provider: Provider
) -> None:
    given = {"baseUrl": f"{provider.url}/v1", "key": KEY}
    assert (await wire.ok("POST", "models/providers/local/test", given))["models"] == [
        "another-model",
        "test-model",
    ]
    assert (await wire.ok("GET", "models"))["default"] is None  # nothing was saved
    await put(wire, provider)

    with Provider() as elsewhere:
        away = {"baseUrl": f"{elsewhere.url}/v1"}
        assert (await wire.ok("POST", "models/providers/local/test", away))["ok"] is True
        assert "Authorization" not in elsewhere.listed[0].headers
        status, refused = await wire.ask("PUT", "models/providers/local", away)

    assert (status, refused["error"]["field"]) == (422, "key")
    tested = await wire.ok("POST", "models/providers/local/test", {})
    assert tested["ok"] is True
    assert (await entry(wire, "local"))["models"] == ["local:another-model", "local:test-model"]


async def test_a_key_stays_when_only_the_model_changes(wire: Wire, provider: Provider) -> None:
    await put(wire, provider)

    body = {"baseUrl": f"{provider.url}/v1", "model": "another-model"}
    found = await wire.ok("PUT", "models/providers/local", body)

    assert found["default"] == "local:another-model"
    assert (await wire.ok("POST", "models/providers/local/test", {}))["ok"] is True


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("local", {"baseUrl": "ftp://x"}, "baseUrl"),
        ("local", {"baseUrl": "http://169.254.169.254/"}, "baseUrl"),
        ("local", {"baseUrl": 5}, "baseUrl"),
        ("local", {}, "baseUrl"),
        ("local", {"baseUrl": "http://h/v1", "key": ""}, "key"),
        ("local", {"baseUrl": "http://h/v1", "key": "two words"}, "key"),
        ("local", {"baseUrl": "http://h/v1", "key": "line\r\nX-Other: 1"}, "key"),
        ("local", {"baseUrl": "http://h/v1", "key": "x" * 1025}, "key"),
        ("local", {"baseUrl": "http://h/v1", "kind": "odd"}, "kind"),
        ("local", {"baseUrl": "http://h/v1", "model": "a b"}, "model"),
        ("local", {"baseUrl": "http://h/v1", "models": ["x"] * 501}, "models"),
        ("local", {"baseUrl": "http://h/v1", "other": 1}, "other"),
        ("Local", {"baseUrl": "http://h/v1"}, "name"),
        ("a:b", {"baseUrl": "http://h/v1"}, "name"),
        ("..", {"baseUrl": "http://h/v1"}, None),
        ("x" * 65, {"baseUrl": "http://h/v1"}, "name"),
    ],
)
async def test_bad_input_is_refused_by_name(wire: Wire, name: str, body: Any, field: str | None) -> None:
    status, reply = await wire.ask("PUT", f"models/providers/{name}", body)

    assert status in (422, 404)
    assert field is None or field in str(reply["error"]), reply
    assert not Path(wire.service.models._path).exists()


async def test_what_is_not_saved_cannot_be_removed(wire: Wire) -> None:
    status, _ = await wire.ask("DELETE", "models/providers/local")

    assert status == 404


async def test_a_file_that_cannot_be_read_stops_nothing_and_is_not_overwritten(
    wire: Wire, provider: Provider, tmp_path: Path
) -> None:
    (tmp_path / "models.json").write_text("mine")

    body = {"baseUrl": f"{provider.url}/v1", "key": KEY}
    status, reply = await wire.ask("PUT", "models/providers/local", body)

    assert (status, "Mend or remove" in reply["error"]["message"]) == (409, True)
    assert (tmp_path / "models.json").read_text() == "mine"


async def test_two_changes_at_once_are_both_kept(wire: Wire, provider: Provider) -> None:
    await asyncio.gather(*(put(wire, provider, name) for name in ("one", "two", "three")))

    names = {one["name"] for one in (await wire.ok("GET", "models"))["providers"] if one["source"] == "saved"}
    assert names == {"one", "two", "three"}


class TestConfigured:
    """What the configuration has, it keeps."""

    @pytest.fixture
    def lobu_config(self, lobu_config: dict[str, Any]) -> dict[str, Any]:
        providers = {"gpu": {"base_url": "http://127.0.0.1:9/v1", "api_key": OTHER}}
        return {**lobu_config, "providers": providers, "allowed_models": ["gpu:*", "local:test-*"]}

    async def test_a_configured_provider_is_listed_and_not_changed(
        self, wire: Wire, provider: Provider
    ) -> None:
        body = {"baseUrl": f"{provider.url}/v1", "key": KEY}
        status, _ = await wire.ask("PUT", "models/providers/gpu", body)

        assert status == 409
        found = await entry(wire, "gpu")
        assert (found["source"], found["keySet"], found["state"]) == ("configuration", True, "ready")
        assert OTHER not in json.dumps(found)

    async def test_only_allowed_models_are_offered(self, wire: Wire, provider: Provider) -> None:
        found = await put(wire, provider, models=["test-model", "secret-model"], model="secret-model")

        local = next(one for one in found["providers"] if one["name"] == "local")
        assert local["models"] == ["local:test-model"]
        assert found["default"] == "local:test-model"


async def test_a_kernel_and_a_worker_set_nothing_up(wire: Wire, provider: Provider) -> None:
    kernel = await Kernel.start(wire)
    body = json.dumps({"baseUrl": f"{provider.url}/v1", "key": KEY})
    made = await wire.ok("POST", "workers", {"kind": "x", "agents": [{"name": "demo"}]})
    worker = {"Authorization": f"Lobu-Worker {made['token']}"}

    for verb, path in (
        ("PUT", "models/providers/local"),
        ("DELETE", "models/providers/local"),
        ("POST", "models/providers/local/test"),
        ("POST", "models/discover"),
    ):
        text = None if verb == "DELETE" else body
        signed = kernel.sign(verb, path, text or "")
        assert (await wire.raw(verb, path, text, headers=signed)).code == 403, (verb, path)
        assert (await wire.raw(verb, path, text, headers=worker)).code == 403, (verb, path)
    seen = await wire.raw("GET", "models", headers=kernel.sign("GET", "models", ""))
    assert json.loads(seen.body)["mayConfigure"] is False
    assert provider.listed == []


class Judge(Authorizer):
    """Lets Ada configure, and everybody do the rest."""

    def is_authorized(self, handler: Any, user: User, action: str, resource: str) -> bool:
        return action != "configure" or user.username == "ada"


class TestRealUsers:
    """Where people are told apart, not everybody sets up what all of them use."""

    @pytest.fixture(params=["judge", "admins", "nothing"])
    def rule(self, request: pytest.FixtureRequest) -> str:
        return request.param

    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any], rule: str) -> Config:
        config = Config(jp_server_config)
        config.ServerApp.identity_provider_class = NamedUsers
        if rule == "judge":
            config.ServerApp.authorizer_class = Judge
        if rule == "admins":
            config.LobuApp.model_admins = ["ada"]
        return config

    async def test_only_an_administrator_sets_models_up(
        self, wire: Wire, provider: Provider, rule: str
    ) -> None:
        body = {"baseUrl": f"{provider.url}/v1", "key": KEY}
        status: dict[str, int] = {}
        for name in ("ada", "bob"):
            who = {"headers": {"X-User": name}}
            may = (await wire.ok("GET", "models", **who))["mayConfigure"]
            status[name], _ = await wire.ask("PUT", "models/providers/local", body, **who)
            assert may == (status[name] == 200)
            local = [o for o in (await wire.ok("GET", "models", **who))["providers"] if o["name"] == "local"]
            assert all(("baseUrl" in one) == may for one in local)

        assert status == {"ada": 403 if rule == "nothing" else 200, "bob": 403}
