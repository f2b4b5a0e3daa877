"""Which server is this kernel's: the one that knows its key, its parent's first."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from socket import gethostname
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lobu_jupyter.client.servers import verification
from lobu_jupyter.client.sign import KernelAuth
from lobu_jupyter.model.errors import StoreUnavailable
from lobu_jupyter.notebook import discover
from lobu_jupyter.notebook.discover import Found, ThisKernel
from lobu_jupyter.notebook.errors import NoGateway
from tests.client.scripted import reply, serving

KERNEL = ThisKernel("kernel-1", b"secret", Path("kernel-kernel-1.json"))
MINE = reply(200, {"status": "ok", "pages": 0})
OTHERS = reply(403, {"error": {"code": "forbidden", "message": "unknown kernel"}})
WITHOUT_LOBU = reply(404, {"message": "Not Found"})
BROKEN = reply(503, {"status": "unavailable", "error": {"code": "store_unavailable", "message": "locked"}})
PARENT = os.getppid()  # any process that is alive


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("LOBU_URL", "LOBU_TOKEN", "LOBU_EMBEDDED", "LOBU_VERIFY", "JPY_PARENT_PID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def _write(runtime: Path, pid: int, url: str) -> None:
    (runtime / f"jpserver-{pid}.json").write_text(json.dumps({"pid": pid, "url": url}))


async def _find() -> Found | None:
    return await asyncio.to_thread(discover.find, KERNEL, KernelAuth(KERNEL.kernel_id, KERNEL.key))


async def test_the_server_that_knows_the_kernel_is_ours(runtime: Path) -> None:
    async with serving(lambda n, r: [OTHERS]) as other, serving(lambda n, r: [MINE]) as mine:
        _write(runtime, os.getpid(), other.url)
        _write(runtime, PARENT, mine.url)

        found = await _find()

    assert found is not None
    assert (found.url, found.token, found.embedded) == (mine.url, None, False)
    assert mine.seen[0].headers["x-lobu-kernel"] == "kernel-1"
    assert "authorization" not in mine.seen[0].headers


async def test_the_kernels_parent_is_asked_first(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_PARENT_PID", str(PARENT))
    async with serving(lambda n, r: [OTHERS]) as other, serving(lambda n, r: [MINE]) as mine:
        _write(runtime, os.getpid(), other.url)
        _write(runtime, PARENT, mine.url)

        await _find()

    assert (len(mine.seen), len(other.seen)) == (1, 0)


async def test_servers_that_are_gone_or_half_written_are_passed_over(runtime: Path) -> None:
    async with serving(lambda n, r: [MINE]) as gone:
        pass
    _write(runtime, os.getpid(), gone.url)
    _write(runtime, 2**22 + 1, "http://127.0.0.1:1/")  # no such process
    (runtime / "jpserver-7.json").write_text('{"pid": 7, "u')

    assert await _find() is None


async def test_a_parent_without_lobu_says_how_to_enable_it(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JPY_PARENT_PID", str(PARENT))
    async with serving(lambda n, r: [WITHOUT_LOBU]) as server:
        _write(runtime, PARENT, server.url)

        with pytest.raises(NoGateway, match="jupyter server extension enable lobu_jupyter"):
            await _find()


async def test_another_server_without_lobu_is_none_of_our_business(runtime: Path) -> None:
    async with serving(lambda n, r: [WITHOUT_LOBU]) as server:
        _write(runtime, PARENT, server.url)

        assert await _find() is None


async def test_a_parent_whose_store_is_broken_is_told_and_not_replaced(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JPY_PARENT_PID", str(PARENT))
    async with serving(lambda n, r: [BROKEN]) as server:
        _write(runtime, PARENT, server.url)

        with pytest.raises(StoreUnavailable, match="locked"):
            await _find()


async def test_a_url_in_the_environment_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOBU_URL", "https://hub.example/user/ada/")
    monkeypatch.setenv("LOBU_TOKEN", "t0ken")

    found = discover.find(None, None)

    assert found == Found("https://hub.example/user/ada/", "LOBU_URL", "t0ken", verify=True)


@pytest.mark.parametrize(
    ("given", "local", "verify"), [(None, True, False), ("0", False, False), ("/ca.pem", True, "/ca.pem")]
)
def test_certificates_are_checked_except_of_our_own_machine(
    monkeypatch: pytest.MonkeyPatch, given: str | None, local: bool, verify: Any
) -> None:
    if given is not None:
        monkeypatch.setenv("LOBU_VERIFY", given)

    assert verification(local=local) == verify


def test_a_kernel_behind_a_gateway_starts_no_second_gateway_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KERNEL_GATEWAY", "1")
    auth = KernelAuth("kernel-1", b"secret")

    with pytest.raises(NoGateway, match="behind a Jupyter gateway"):
        discover.find(KERNEL, auth)

    monkeypatch.setenv("LOBU_EMBEDDED", "1")
    assert discover.find(KERNEL, auth) is None


def test_a_server_out_of_reach_is_named_with_both_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discover, "_DOOR_PATIENCE", 0.0)
    door = SimpleNamespace(url="http://127.0.0.1:9/", kernel_id="k", key="0" * 64)
    monkeypatch.setitem(sys.modules, discover.DOOR, cast("Any", door))
    kernel = discover.this_kernel()
    assert kernel is not None

    with pytest.raises(NoGateway, match=r"127.0.0.1:9.*public_url") as refused:
        discover.find(kernel, KernelAuth(kernel.kernel_id, kernel.key))

    assert gethostname() in str(refused.value)
