"""The kernel that a decision runs in, when the thread's own is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from lobu_jupyter.model.errors import KernelMissing
from lobu_jupyter.model.runs import ThreadStatus
from tests.gateway.rig import ME, Kernels, Rig, approve, call, open_rig, paused, reject


async def waiting(rig: Rig) -> str:
    """A thread of a notebook that asks about code in its kernel k1, which then ends with its server."""
    thread_id = await rig.thread(notebook_path="a.ipynb", kernel_id="k1")
    started = await rig.running(thread_id)
    asked = call("c", args='{"code": "print(sales.head(), pd)"}')
    await rig.worker.emit(started.run_id, *asked, paused("c"), checkpoint="{}")
    rig.kernels.ids.clear()
    return thread_id


async def kernel_of_run(rig: Rig, run_id: str) -> str | None:
    return (await rig.run(run_id)).kernel_id


async def test_an_approval_binds_the_thread_to_the_kernel_that_its_notebook_has_now(rig: Rig) -> None:
    thread_id = await waiting(rig)
    rig.kernels.ids.add("k2")
    rig.kernels.notebooks["a.ipynb"] = "k2"

    started, _ = await rig.gateway.policy.resume(ME, thread_id, [approve("c")])

    assert await kernel_of_run(rig, started.run_id) == "k2"
    assert (await rig.gateway.threads.get(ME, thread_id)).kernel_id == "k2"
    assert (await rig.gateway.policy.resume(ME, thread_id, [approve("c")]))[1] is False
    (moved,) = [row for row in await rig.gateway.policy.audit(ME) if row["action"] == "moved"]
    assert moved["detail"] == {"kernelId": {"from": "k1", "to": "k2"}}


async def test_an_approval_without_a_kernel_to_run_in_is_not_spent(rig: Rig) -> None:
    thread_id = await waiting(rig)
    before = await rig.journal(thread_id)

    with pytest.raises(KernelMissing) as refused:
        await rig.gateway.policy.resume(ME, thread_id, [approve("c")])

    assert refused.value.to_wire()["kernelId"] == "k1"
    assert (await rig.gateway.threads.get(ME, thread_id)).status == ThreadStatus.WAITING
    assert await rig.journal(thread_id) == before
    rig.kernels.ids.add("k2")
    rig.kernels.notebooks["a.ipynb"] = "k2"
    assert (await rig.gateway.policy.resume(ME, thread_id, [approve("c")]))[1]


async def test_a_rejection_needs_no_kernel(rig: Rig) -> None:
    thread_id = await waiting(rig)

    assert (await rig.gateway.policy.resume(ME, thread_id, [reject("c")]))[1]


async def test_a_kernel_of_another_server_that_lives_is_not_gone(store: Path) -> None:
    async with open_rig(store) as one, open_rig(store, clock=one.clock, kernels=Kernels()) as other:
        thread_id = await waiting(one)

        assert (await other.gateway.kernels.of_thread(ME, thread_id))["state"] == "same"

        started, _ = await other.gateway.policy.resume(ME, thread_id, [approve("c")])
        assert await kernel_of_run(other, started.run_id) == "k1"


async def test_the_card_learns_which_kernel_it_would_be_and_what_is_missing_there(rig: Rig) -> None:
    thread_id = await waiting(rig)
    rig.kernels.ids.add("k1")
    assert (await rig.gateway.kernels.of_thread(ME, thread_id))["state"] == "same"

    rig.kernels.ids.clear()
    none = await rig.gateway.kernels.of_thread(ME, thread_id)
    assert none == {"kernelId": None, "boundTo": "k1", "state": "none"}

    rig.kernels.ids.add("k2")
    rig.kernels.notebooks["a.ipynb"] = "k2"
    new = await rig.gateway.kernels.of_thread(ME, thread_id)
    assert new == {"kernelId": "k2", "boundTo": "k1", "state": "new"}

    rig.kernels.names["k2"] = {"pd"}
    assert (await rig.gateway.kernels.of_thread(ME, thread_id))["missing"] == ["sales"]


async def test_a_restarted_kernel_is_new_too(rig: Rig) -> None:
    thread_id = await waiting(rig)
    rig.kernels.ids.add("k1")
    rig.kernels.names["k1"] = {"pd", "sales"}
    await rig.gateway.kernels.event("k1", "restarted")

    found = await rig.gateway.kernels.of_thread(ME, thread_id)

    assert found == {"kernelId": "k1", "boundTo": "k1", "state": "new", "missing": []}
