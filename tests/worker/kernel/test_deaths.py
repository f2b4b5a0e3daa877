"""Kernels that die, and kernels that only look dead."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from lobu_jupyter.model.ports import KernelGone
from lobu_jupyter.worker.kernel import executor
from lobu_jupyter.worker.kernel.channels import Channels, Message
from lobu_jupyter.worker.kernel.connection import Kernel
from tests.worker.conftest import a_person, cancelled, in_time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from jupyter_client.manager import KernelManager

    from tests.worker.conftest import MakeHand, Person


@pytest.fixture
async def owner(own_kernel: KernelManager) -> AsyncIterator[Person]:
    someone = await a_person(own_kernel)
    yield someone
    someone.client.stop_channels()
    someone.client.context.destroy(linger=0)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a shutdown takes to come after its interrupt."""
    monkeypatch.setattr(executor, "_LEAVING_SECONDS", 30.0)


@pytest.mark.scenario("W17")
async def test_a_killed_kernel_is_noticed_within_two_seconds_in_mid_run(
    own_kernel: KernelManager, owner: Person, hand_in: MakeHand
) -> None:
    loop = asyncio.get_running_loop()

    async def attempt() -> float:
        hand = await hand_in(own_kernel)
        task = hand.start("print('in', flush=True)\nimport time\ntime.sleep(60)")
        await hand.says("in")

        began = loop.time()
        os.kill(own_kernel.provisioner.process.pid, signal.SIGKILL)
        with pytest.raises(KernelGone):
            await task
        took = loop.time() - began

        own_kernel.restart_kernel(now=True)
        return took

    await in_time(2, attempt)


@pytest.mark.scenario("W17")
async def test_code_that_ends_its_own_kernel_is_told_so(
    own_kernel: KernelManager, owner: Person, hand_in: MakeHand
) -> None:
    hand = await hand_in(own_kernel)

    async with asyncio.timeout(30):
        with pytest.raises(KernelGone):
            await hand.run("import os\nos._exit(1)")


@pytest.mark.scenario("W17")
async def test_code_that_waits_behind_a_cell_does_not_wait_for_a_dead_kernel(
    own_kernel: KernelManager, owner: Person, hand_in: MakeHand
) -> None:
    hand = await hand_in(own_kernel)
    await owner.started(owner.send("import time\ntime.sleep(60)"))
    task = hand.start("1")
    await hand.waits()

    os.kill(own_kernel.provisioner.process.pid, signal.SIGKILL)

    async with asyncio.timeout(30):
        with pytest.raises(KernelGone):
            await task


@pytest.mark.scenario("W17")
async def test_the_interrupt_before_a_shutdown_is_no_error_of_the_code(
    own_kernel: KernelManager, owner: Person, hand_in: MakeHand, patient: None
) -> None:
    hand = await hand_in(own_kernel)
    caught = (
        "try:\n  print('in', flush=True)\n  import time\n  time.sleep(60)\nfinally: print('out', flush=True)"
    )
    task = hand.start(caught)
    await hand.says("in")

    own_kernel.interrupt_kernel()
    await hand.says("out")
    own_kernel.request_shutdown()

    async with asyncio.timeout(30):
        with pytest.raises(KernelGone):
            await task


@pytest.mark.scenario("W17")
async def test_a_shutdown_is_heard_though_this_machine_stood_still_when_it_came(
    own_kernel: KernelManager, owner: Person, hand_in: MakeHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    stays = Kernel.stays

    def stand_still(seconds: float) -> None:
        own_kernel.shutdown_kernel()
        time.sleep(seconds)

    async def stood_still(kernel: Kernel, seconds: float) -> None:
        asyncio.get_running_loop().call_soon(stand_still, seconds)
        await stays(kernel, seconds)

    monkeypatch.setattr(Kernel, "stays", stood_still)
    hand = await hand_in(own_kernel)
    task = hand.start("print('in', flush=True)\nimport time\ntime.sleep(60)")
    await hand.says("in")

    own_kernel.interrupt_kernel()

    with pytest.raises(KernelGone):
        await task


async def test_an_interrupt_alone_is_the_codes_error(
    own_kernel: KernelManager, owner: Person, hand_in: MakeHand
) -> None:
    hand = await hand_in(own_kernel)
    task = hand.start("print('in', flush=True)\nimport time\ntime.sleep(60)")
    await hand.says("in")

    own_kernel.interrupt_kernel()
    done = await task

    assert done.error is not None
    assert done.error["ename"] == "KeyboardInterrupt"


@pytest.mark.scenario("W17")
async def test_a_restarted_kernel_is_another_one(
    own_kernel: KernelManager, owner: Person, hand_in: MakeHand, patient: None
) -> None:
    hand = await hand_in(own_kernel)
    task = hand.start("print('in', flush=True)\nimport time\ntime.sleep(60)")
    await hand.says("in")

    await asyncio.to_thread(own_kernel.restart_kernel, now=False)

    async with asyncio.timeout(30):
        with pytest.raises(KernelGone):
            await task
        with pytest.raises(KernelGone):
            await hand.run("1")


@pytest.mark.scenario("W19")
@pytest.mark.parametrize(
    "code",
    [
        "import time\nend = time.monotonic() + 5\nwhile time.monotonic() < end: pass",
        "import ctypes\nctypes.PyDLL(None).sleep(5)",  # holds the GIL
    ],
    ids=["a busy loop", "a C call that holds the GIL"],
)
async def test_a_busy_kernel_is_not_dead(
    own_kernel: KernelManager, owner: Person, hand_in: MakeHand, code: str
) -> None:
    # Flushed: the thread that tells that the cell began needs the GIL, too.
    cell = owner.send(f"lobu_cell = 'began'\nprint(lobu_cell, flush=True)\n{code}\nlobu_cell = 'whole'")
    await owner.started(cell)
    hand = await hand_in(own_kernel)  # it connects to a kernel that answers nothing but its heartbeat

    done = await hand.run("print(lobu_cell)")

    assert done.ok
    assert hand.text == "whole\n"
    assert hand.notes == ["waiting for your cell", ""]


async def test_code_that_holds_the_gil_itself_comes_back(
    own_kernel: KernelManager, owner: Person, hand_in: MakeHand
) -> None:
    hand = await hand_in(own_kernel)

    done = await hand.run("import ctypes\nctypes.PyDLL(None).sleep(4)\nprint('back')")

    assert done.ok
    assert hand.text == "back\n"


async def test_a_flood_of_output_takes_bounded_memory_and_can_be_cancelled(
    own_kernel: KernelManager, owner: Person, hand_in: MakeHand
) -> None:
    hand = await hand_in(own_kernel, output_bytes=100_000)

    async def attempt() -> float:
        hand.outputs.clear()
        task = hand.start("print('in', flush=True)\nwhile True: print('x' * 1000)")
        await hand.says("in", 300_000)

        took = await cancelled(task)

        assert len(hand.text) < 400_000
        assert (await hand.run("1 + 1")).ok
        return took

    await in_time(2.5, attempt)


async def test_what_was_not_kept_of_a_flood_is_counted(
    own_kernel: KernelManager, owner: Person, hand_in: MakeHand
) -> None:
    hand = await hand_in(own_kernel, output_bytes=100_000)

    done = await hand.run("for _ in range(100): print('x' * 20_000)\n1/0")

    assert done.error is not None
    assert "more characters of output were not kept" in hand.outputs[-1]["text"]
    assert len(hand.text) < 400_000


async def test_a_question_that_was_lost_while_connecting_is_asked_again(
    own_kernel: KernelManager, hand_in: MakeHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, lost = Channels.send_message, list[str]()

    def send(self: Channels, channel: str, message: Message) -> None:
        if (channel, message["header"]["msg_type"]) == ("shell", "kernel_info_request") and not lost:
            lost.append("it went down with the process that it was sent to")
        else:
            real(self, channel, message)

    monkeypatch.setattr(Channels, "send_message", send)
    hand = await hand_in(own_kernel)

    done = await asyncio.wait_for(hand.run("1 + 1"), 60)

    assert done.ok
    assert lost
