"""Kernels without IPython: bash always, xeus-python and IRkernel where they are installed (`make test-languages`)."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from tests.kernels import start_kernel
from tests.worker.conftest import Hand, MakeHand, a_person, cancelled, in_time

KERNELS = os.environ.get("OTHER_KERNELS")  # a folder of kernel specs beside bash
ARGV = [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"]


class Language(NamedTuple):
    """A kernel's spec, and the same things said in its language."""

    spec: str
    name: str
    prints: str
    fails: str
    sleeps: str
    waits: str


LANGUAGES = (
    Language("bash", "bash", "x=42; echo $x", "ls /no-such-place; false", "echo in; sleep 60", "sleep 1"),
    Language(
        "xpython",
        "python",
        "x = 42; print(x)",
        "1 / 0",
        "",
        "import time; time.sleep(1)",
    ),
    Language(
        "ir",
        "R",
        "x <- 42; cat(x)",
        "stop('no')",
        "",
        "Sys.sleep(1)",
    ),
)


@pytest.fixture(scope="module", params=LANGUAGES, ids=[each.spec for each in LANGUAGES])
def language(request: pytest.FixtureRequest) -> Language:
    if request.param.spec != "bash" and KERNELS is None:
        pytest.skip(f"{request.param.spec} is not installed here; `make test-languages` has it")
    return request.param


@pytest.fixture(scope="module")
def manager(language: Language, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KernelManager]:
    folder = tmp_path_factory.mktemp("kernels")
    (folder / "bash").mkdir()
    spec = {"argv": ARGV, "display_name": "Bash", "language": "bash"}
    (folder / "bash" / "kernel.json").write_text(json.dumps(spec))
    specs = KernelSpecManager(kernel_dirs=[str(folder), *([KERNELS] if KERNELS else [])])
    manager = start_kernel(KernelManager(kernel_name=language.spec, kernel_spec_manager=specs))
    yield manager
    manager.shutdown_kernel(now=True)
    manager.context.destroy(linger=0)


@pytest.fixture
async def hand(manager: KernelManager, hand_in: MakeHand) -> Hand:
    hand = await hand_in(manager)
    assert manager.kernel_spec is not None
    hand.executor._kernel.language = manager.kernel_spec.language.lower()  # as the server tells the worker
    return hand


async def test_outputs_errors_and_variables(hand: Hand, language: Language) -> None:
    done = await hand.run(language.prints)
    failed = await hand.run(language.fails)

    assert done.ok
    assert hand.text.startswith("42")
    assert not failed.ok
    assert failed.error is not None
    assert hand.executor._kernel.language.lower() == language.name.lower()


async def test_code_that_is_shown_as_a_cell_has_the_kernels_number(hand: Hand, language: Language) -> None:
    first = await hand.run(language.prints, as_cell=True)
    second = await hand.run(language.prints, as_cell=True)

    assert first.count is not None
    assert second.count is not None
    assert second.count > first.count


async def test_a_cancel_interrupts_the_code_and_the_kernel_goes_on(hand: Hand, language: Language) -> None:
    if not language.sleeps:
        pytest.skip(
            "this kernel heeds only a signal, which a worker does not send: its code runs on, and the chat says so"
        )

    async def attempt() -> float:
        hand.outputs.clear()
        task = hand.start(language.sleeps)
        await hand.says("in")
        return await cancelled(task)

    await in_time(2.0, attempt)
    hand.outputs.clear()
    assert (await hand.run(language.prints)).ok
    assert hand.text.startswith("42")


async def test_it_waits_for_the_persons_cell_and_runs_once(
    hand: Hand, manager: KernelManager, language: Language
) -> None:
    person = await a_person(manager)
    try:
        cell = person.send(language.waits)
        await hand.sees(cell)
        done = await hand.run(language.prints)
    finally:
        person.client.stop_channels()
        person.client.context.destroy(linger=0)

    assert done.ok
    assert hand.notes[0] == "waiting for your cell"
    assert hand.text.count("42") == 1


async def test_cells_of_two_pages_are_no_sign_of_another_process(
    hand: Hand, manager: KernelManager, language: Language
) -> None:
    """IRkernel answers with the session id of the sender, which is that of the process elsewhere."""
    for _ in range(2):
        person = await a_person(manager)
        try:
            await hand.sees(person.send(language.waits))
        finally:
            person.client.stop_channels()
            person.client.context.destroy(linger=0)

    assert (await hand.run(language.prints)).ok


async def test_a_preview_is_refused_and_says_why(hand: Hand) -> None:
    looked = await hand.executor.look("list_variables()")

    assert looked.error is not None
    assert "only IPython" in looked.error["evalue"]
