"""A cell that waits runs the agent's code itself: outputs, errors, interrupts, and nothing left behind.

Also pins the private calls of asyncio that guest.py steps out of the running loop with.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import nbformat
import pytest
from nbclient import NotebookClient

from lobu_jupyter.worker.kernel.connection import Kernel
from tests.worker.conftest import cancelled, connection_of, in_time
from tests.worker.gateway import a_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from jupyter_client.manager import KernelManager

    from tests.worker.conftest import Gate, Hand, MakeHand, Person

# A cell that waits for jobs; the "server" is a socket that carries them as lines of JSON.
WAITING = """
import json, socket
from lobu_jupyter.notebook.guest.inline import InlineRunner
lobu_line = socket.create_connection(("127.0.0.1", {port}))
lobu_file = lobu_line.makefile("rw")
lobu_over = []
def lobu_say(message):
    lobu_file.write(json.dumps(message) + "\\n")
    lobu_file.flush()
def lobu_poll(seconds):
    lobu_say({{"poll": seconds}})
    line = lobu_file.readline()
    if not line:  # the test is over: the kernel is for the next one
        lobu_over.append(True)
        raise OSError("closed")
    return json.loads(line)
def lobu_report(job, done):
    lobu_say({{"job": job, **done}})
with InlineRunner(get_ipython(), lobu_poll, lobu_report) as runner:
    for lobu_turn in range({turns}):
        while not lobu_over and not runner.turn(1): pass
lobu_waited = "done"
"""

# A look that is slow in a cell that waits, and quick beside it.
SLOW_LOOK = """
import threading, time
from lobu_jupyter.notebook.guest import guest, looks
lobu_quick = looks.list_variables
def lobu_slow():
    if threading.current_thread() is threading.main_thread():
        time.sleep(1.5)
    return lobu_quick()
looks.list_variables = lobu_slow
get_ipython().kernel.comm_manager.targets.pop(guest.LOOK_TARGET, None)
guest.install(get_ipython())
"""


class Exchange:
    """Hands jobs to a cell that polls; what server/kernels/inline_jobs.py does over HTTP."""

    def __init__(self) -> None:
        self.port = 0
        self._reports: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self._polls: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
        self._writers: list[asyncio.StreamWriter] = []
        self.polled = asyncio.Event()  # a cell waits for a job

    async def close(self) -> None:
        for writer in self._writers:
            writer.close()
            await writer.wait_closed()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        while line := await reader.readline():
            message = json.loads(line)
            if "poll" in message:
                self._polls.put_nowait(writer)
                self.polled.set()
            else:
                self._reports.put_nowait(message)

    async def report(self) -> dict[str, object]:
        """The next report of how a job ended."""
        return await asyncio.wait_for(self._reports.get(), 60)

    async def offer(self, job_id: str, code: str) -> bool:
        if self._polls.empty():
            return False
        writer = self._polls.get_nowait()
        writer.write(json.dumps({"jobId": job_id, "code": code}).encode() + b"\n")
        await writer.drain()
        return True


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    exchange = Exchange()
    server = await asyncio.start_server(exchange.serve, "127.0.0.1", 0)
    exchange.port = server.sockets[0].getsockname()[1]
    yield exchange
    server.close()
    await exchange.close()


@pytest.fixture
async def inline(shared_kernel: KernelManager, hand_in: MakeHand, exchange: Exchange) -> Hand:
    return await hand_in(shared_kernel, offer=exchange.offer)


async def test_code_in_a_waiting_cell_leaves_the_number_to_that_cell(
    inline: Hand, person: Person, exchange: Exchange
) -> None:
    before = (await person.run("0"))["execution_count"]
    cell = person.send(WAITING.format(port=exchange.port, turns=1))
    await person.started(cell)

    done = await inline.run("1", as_cell=True)

    assert done.count is None
    assert (await person.finished(cell))["execution_count"] == before + 1


async def test_a_waiting_cell_runs_the_code_and_its_outputs_are_the_codes(
    inline: Hand, person: Person, exchange: Exchange
) -> None:
    cell = person.send(WAITING.format(port=exchange.port, turns=1))
    await person.started(cell)

    done = await inline.run(
        "import subprocess, sys, threading\nfrom IPython.display import HTML, display\n%matplotlib inline\n"
        "import matplotlib.pyplot as plt\nprint('text')\ndisplay(HTML('<i>html</i>'))\nplt.plot([1, 2])\n"
        "plt.show()\nlobu_inline = 7\n'value'"
    )

    assert done.ok, done.error
    assert [o["output_type"] for o in inline.outputs] == [
        "stream",
        "display_data",
        "display_data",
        "execute_result",
    ]
    assert inline.outputs[-1]["data"]["text/plain"] == "'value'"
    assert (await person.finished(cell))["status"] == "ok"
    assert await person.value("lobu_inline, lobu_waited") == "(7, 'done')"
    assert (await exchange.report())["ok"] is True


async def test_code_that_awaits_or_fails_comes_back_whole(
    inline: Hand, person: Person, exchange: Exchange
) -> None:
    cell = person.send(WAITING.format(port=exchange.port, turns=2))
    await person.started(cell)

    awaited = await inline.run("import asyncio\nawait asyncio.sleep(0.01)\nprint('awaited')")
    failed = await inline.run("import os\nos.system('echo from a subprocess')\n1/0")

    assert awaited.ok
    assert inline.text == "awaited\nfrom a subprocess\n"
    assert failed.error is not None
    assert failed.error["ename"] == "ZeroDivisionError"
    assert inline.outputs[-1]["output_type"] == "error"
    assert (await person.finished(cell))["status"] == "ok"


async def test_the_persons_cell_goes_on_as_it_was(inline: Hand, person: Person, exchange: Exchange) -> None:
    await person.run("'mine'")
    before = await person.value("(_, sorted(Out))")
    code = WAITING.format(port=exchange.port, turns=1)
    after = "\nimport asyncio\nprint('mine again', asyncio.get_running_loop().is_running())"
    cell = person.send(code + after + "\nawait asyncio.sleep(0)", store_history=False)
    await person.started(cell)

    refused = await inline.run("'theirs'\ninput()")
    reply = await person.finished(cell)
    await person._status(cell, "idle")

    assert refused.error is not None
    assert "ask_user" in refused.error["evalue"]
    assert reply["status"] == "ok"
    assert await person.value("(_, sorted(Out))") == before
    said = [m["content"]["text"] for m in person.outputs if m["msg_type"] == "stream"]
    assert "".join(said) == "mine again True\n"


async def test_code_that_came_behind_the_waiting_cell_is_withdrawn_and_offered(
    inline: Hand, person: Person, exchange: Exchange
) -> None:
    await inline.run("1")
    cell = person.send(WAITING.format(port=exchange.port, turns=1))
    await person.started(cell)
    kernel = inline.executor._kernel
    kernel._known, kernel._running = True, None  # as if the cell's busy were still on its way to us

    done = await inline.run("print('once')")

    assert done.ok
    assert inline.text == "once\n"
    assert (await person.finished(cell))["status"] == "ok"
    assert (await inline.run("1")).ok


@pytest.mark.scenario("S8")
@pytest.mark.parametrize(
    "code",
    ["import time\ntime.sleep(60)", "while True: pass", "import asyncio\nawait asyncio.sleep(60)"],
)
async def test_a_cancel_interrupts_the_code_and_not_the_cell_that_lends_itself(
    inline: Hand, person: Person, exchange: Exchange, code: str
) -> None:
    async def attempt() -> float:
        cell = person.send(WAITING.format(port=exchange.port, turns=1))
        await person.started(cell)
        inline.outputs.clear()
        task = inline.start("print('in', flush=True)\n" + code)
        await inline.says("in")

        took = await cancelled(task)

        assert (await person.finished(cell))["status"] == "ok"
        assert (await exchange.report())["ok"] is False
        return took

    await in_time(2, attempt)


async def test_an_end_that_comes_late_does_not_let_the_cell_that_lends_itself_be_interrupted(
    inline: Hand, person: Person, exchange: Exchange, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = person.send(WAITING.format(port=exchange.port, turns=1) + gate.cell())
    await person.started(cell)
    task = inline.start("print('in', flush=True)\nimport time\ntime.sleep(60)")
    await inline.says("in")
    monkeypatch.setattr(Kernel, "_on_iopub", lambda *_: None)  # it stays unheard that the code has ended

    await cancelled(task)
    assert (await exchange.report())["ok"] is False
    gate.open()

    assert (await person.finished(cell))["status"] == "ok"


async def test_a_look_that_was_answered_aside_does_not_interrupt_the_waiting_cell(
    inline: Hand, person: Person, exchange: Exchange
) -> None:
    await person.run(SLOW_LOOK)
    cell = person.send(WAITING.format(port=exchange.port, turns=1))
    await person.started(cell)
    await asyncio.wait_for(exchange.polled.wait(), 60)
    await inline.sees(cell)  # else the look is sent, and answered aside before it is offered to the cell

    seen = await inline.executor.look("lobu_jupyter.notebook.guest.looks.list_variables()")

    assert seen.ok
    assert (await person.finished(cell))["status"] == "ok"
    assert (await exchange.report())["ok"] is True  # it looked to its end, though nobody waited any more
    await person.run("looks.list_variables = lobu_quick")


async def test_a_job_that_comes_after_the_cell_left_runs_on_the_kernel_instead(
    inline: Hand, person: Person, exchange: Exchange, gate: Gate
) -> None:
    code = WAITING.format(port=exchange.port, turns=1).replace(
        "while not lobu_over and not runner.turn(1): pass", "runner.turn(0.5)"
    )
    await person.run(code)  # its thread still polls
    await asyncio.wait_for(exchange.polled.wait(), 60)
    cell = person.send(gate.cell())
    await person.started(cell)
    await inline.sees(cell)

    task = inline.start("print('ran once')")
    report = await exchange.report()
    gate.open()
    done = await task

    assert done.ok
    assert inline.text == "ran once\n"
    assert report["ok"] is False


async def test_under_nbclient_a_cell_that_waits_does_not_deadlock(
    exchange: Exchange, hand_in: MakeHand
) -> None:
    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_code_cell(WAITING.format(port=exchange.port, turns=1))]
    client = NotebookClient(book, timeout=60, kernel_name="python3")

    async with client.async_setup_kernel():
        executing = asyncio.create_task(client.async_execute_cell(book.cells[0], 0))
        hand = await hand_in(client.km, offer=exchange.offer)
        done = await hand.run("print('inside nbclient')\n1/0")
        await executing

    assert done.error is not None
    assert hand.text == "inside nbclient\n"
    assert book.cells[0].outputs == []


async def test_the_offer_travels_to_the_server(
    shared_kernel: KernelManager, person: Person, gate: Gate
) -> None:
    from lobu_jupyter.model.ports import KernelInfo
    from lobu_jupyter.worker.gateway_link import Link
    from lobu_jupyter.worker.kernel.connections import KernelConnections

    async with a_gateway() as gateway:
        link = Link(gateway.url, "ticket")
        info = KernelInfo(kernel_id="k1", incarnation=1, connection=connection_of(shared_kernel))
        gateway.on_offer = lambda job: bool(gate.open())  # refused; the cell ends now
        await person.started(person.send(gate.cell()))

        async with KernelConnections(link).executor(info, "run_1") as executor:
            assert executor is not None
            done = await executor.run_code("1", _nothing, _nothing)

        assert done.ok
        assert gateway.offered
        assert gateway.offered[0]["wait"] == 0
        await link.close()


async def _nothing(_: object) -> None: ...
