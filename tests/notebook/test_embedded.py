"""A kernel without a Jupyter server, as under nbval and papermill: the gateway is its own."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from tests.servers import best_of, wait_for

from .cells import BareKernel, bare_kernel


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareKernel]:
    with bare_kernel(tmp_path_factory.mktemp("bare")) as kernel:
        yield kernel


def test_a_prompt_is_answered_as_the_output_of_its_cell(kernel: BareKernel) -> None:
    cell = kernel.run("%lobu --agent script --wait say hello there")

    assert cell.error == ""
    assert cell.text.startswith("> say hello there\nhello there")
    (thread,) = cell.threads
    assert thread["snapshot"]["runs"][-1]["status"] == "succeeded"


def test_the_doctor_tells_how_the_gateway_was_found(kernel: BareKernel) -> None:
    text = kernel.run("%lobu doctor").text

    assert "(embedded, process" in text
    assert "script" in text


@pytest.mark.scenario("P6")
def test_where_nobody_can_answer_an_ask_is_refused_and_the_run_goes_on(kernel: BareKernel) -> None:
    cell = kernel.run("%%lobu --agent script --wait\nrun spoilt = True\nsay and on it goes")
    spoilt = kernel.run("print('spoilt' in globals())")

    assert cell.error == ""
    assert "nobody can be asked here" in cell.text
    assert "and on it goes" in cell.text
    assert spoilt.text == "False\n"


@pytest.mark.scenario("P6")
def test_without_wait_an_ask_stays_open_for_a_later_cell(kernel: BareKernel) -> None:
    asked = kernel.run("run = lobu.ask('run answer = 6 * 7\\n  print(answer)', agent='script')\nrun.wait()")
    decided = kernel.run("run.approve().wait()")

    assert "Answer with run.approve()" in asked.text
    assert "  | 42" in decided.text
    assert kernel.run("print(answer)").text == "42\n"


def test_a_waiting_cell_runs_the_agents_code_and_keeps_the_persons_history(kernel: BareKernel) -> None:
    kernel.run("1234")

    cell = kernel.run("%lobu --agent script --wait --mode allow run print('from the agent')")
    last = kernel.run("print(_)")

    assert "from the agent" in cell.text
    assert "from the agent" not in last.text


def test_a_figure_comes_back_as_an_image(kernel: BareKernel) -> None:
    code = "%%lobu --agent script --wait --mode allow\nrun import matplotlib.pyplot as plt\n  plt.plot([1, 2])\n  plt.show()"

    cell = kernel.run(code)

    html = next(o["data"]["text/html"] for o in cell.outputs if "data" in o)
    assert "data:image/png;base64," in html


def test_a_run_that_fails_fails_its_cell_and_shows_what_came(kernel: BareKernel) -> None:
    cell = kernel.run("%%lobu --agent script --wait\nsay so far\nfail 429 slow down")

    assert cell.error.startswith("RunFailed")
    assert "so far" in cell.text
    assert "✗ provider_error" in cell.text


def test_a_timeout_cancels_the_run_and_fails_the_cell(kernel: BareKernel) -> None:
    cell = kernel.run("%lobu --agent script --timeout 0.5 slow 1000 50")
    status = kernel.run("print(lobu.thread().runs[-1].status)")

    assert cell.error.startswith("RunTimeout")
    assert status.text == "cancelled\n"


@pytest.mark.parametrize(
    ("prompt", "seen"),
    [
        ("slow 1000 50", "some news"),
        ("run import time\\n  print('asl' 'eep', flush=True)\\n  time.sleep(60)\\nslow 1000 50", "asleep"),
    ],
    ids=["while the agent talks", "while its code runs"],
)
def test_stopping_the_waiting_cell_cancels_the_run(kernel: BareKernel, prompt: str, seen: str) -> None:
    request = kernel.send(
        f"""run = lobu.ask("{prompt}", agent="script", mode="allow")
with run.told(lambda: print("some news", flush=True)):
    run.wait()"""
    )
    kernel.until_printed(seen)
    kernel.manager.interrupt_kernel()

    cell = kernel.collect(request)

    assert cell.error.startswith("KeyboardInterrupt")
    assert kernel.run("print(run.status)").text == "cancelled\n"
    assert kernel.run("%lobu --agent script --wait say still here").text.startswith("> say still here")


def test_stopping_the_waiting_cell_stops_it_though_the_run_was_quicker_to_succeed(kernel: BareKernel) -> None:
    request = kernel.send(
        """from lobu_jupyter.notebook import waiting
report = waiting._Lent._report
def late(self, *job):
    report(self, *job)
    while not self._run.ended:
        pass
waiting._Lent._report = late
run = lobu.ask("run print('asl' 'eep', flush=True)\\n  while True: pass", agent="script", mode="allow")
run.wait()"""
    )
    kernel.until_printed("asleep")
    kernel.manager.interrupt_kernel()

    cell = kernel.collect(request)
    kernel.run("waiting._Lent._report = report")

    assert cell.error.startswith("KeyboardInterrupt")
    assert kernel.run("print(run.status)").text == "succeeded\n"


def test_a_tool_of_the_notebook_is_called_in_it(kernel: BareKernel) -> None:
    kernel.run(
        "@lobu.tool(approval=False)\ndef double(number: int) -> int:\n    'Twice a number.'\n    return 2 * number * factor"
    )
    kernel.run("factor = 10")

    cell = kernel.run('%lobu --agent script --wait tool double {"number": 21}')

    assert cell.error == ""
    assert "420" in cell.text


def test_a_second_reader_goes_on_from_a_cursor(kernel: BareKernel) -> None:
    kernel.run("%lobu --agent script --new --wait say one two three")

    cell = kernel.run(
        "t = lobu.thread()\nall_ = list(t.events())\n"
        "rest = list(t.events(cursor=all_[2][0]))\nprint(all_[3:] == rest, [s for s, _ in all_] == list(range(1, len(all_) + 1)))"
    )

    assert cell.text == "True True\n"


def test_rest_is_signed_with_the_kernels_key(kernel: BareKernel) -> None:
    cell = kernel.run(
        "with lobu.rest() as api:\n    print(api.get('health').json()['status'], 'Authorization' in api.headers)"
    )

    assert cell.text == "ok False\n"


def test_a_threads_code_is_exported_as_a_notebook(kernel: BareKernel, tmp_path: Path) -> None:
    kernel.run("%lobu --agent script --new --wait --mode allow run exported = 1")
    file = tmp_path / "out.ipynb"

    cell = kernel.run(f"%lobu export {file}")

    assert "Wrote" in cell.text
    sources = ["".join(c["source"]) for c in json.loads(file.read_text())["cells"]]
    assert any("exported = 1" in source for source in sources)
    assert (
        kernel.run(f"%lobu export {file}").error == "" or "exists" in kernel.run(f"%lobu export {file}").text
    )


def test_the_gateway_and_its_store_end_with_the_kernel(tmp_path: Path) -> None:
    with bare_kernel(tmp_path / "home") as kernel:
        kernel.run("%lobu --agent script --wait say hello")
        children = psutil.Process(kernel.manager.provisioner.pid).children(recursive=True)  # pyright: ignore
        assert any("lobu_jupyter.server" in " ".join(child.cmdline()) for child in children)
        assert list((tmp_path / "home" / "tmp").glob("lobu-embedded-*"))

    wait_for("the gateway's end", lambda: not any(child.is_running() for child in children), 30)
    assert not list((tmp_path / "home" / "tmp").glob("lobu-embedded-*"))


def test_a_killed_kernel_leaves_nothing_running(tmp_path: Path) -> None:
    def seconds() -> float:
        with bare_kernel(tmp_path / uuid4().hex) as kernel:
            kernel.run("%lobu --agent script --wait say hello")
            process = psutil.Process(kernel.manager.provisioner.pid)  # pyright: ignore
            children = process.children(recursive=True)
            began = time.monotonic()
            process.kill()
            wait_for("the end of gateway and worker", lambda: not any(c.is_running() for c in children), 60)
            return time.monotonic() - began

    assert best_of(3, seconds, 4) < 4  # two seconds for each
