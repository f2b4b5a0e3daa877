"""A kernel of a Jupyter server, run by a person on a page: found by its own signature, no token needed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.servers import RealServer

from .cells import ServedKernel

LOAD = "%load_ext lobu_jupyter\nimport lobu_jupyter as lobu"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with RealServer(tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture
def kernel(server: RealServer, request: pytest.FixtureRequest) -> Iterator[ServedKernel]:
    kernel = ServedKernel(server, f"{request.node.name[:40]}.ipynb")
    kernel.run(LOAD)
    yield kernel
    kernel.close()
    server.shut_down_kernel(kernel.kernel_id)


def test_the_kernel_finds_the_server_that_started_it(kernel: ServedKernel) -> None:
    text = kernel.run("%lobu doctor").text

    assert kernel.server.url in text
    assert f"process {kernel.server.pid}" in text
    assert kernel.server.token not in text


def test_a_prompt_belongs_to_the_notebooks_thread(kernel: ServedKernel) -> None:
    first = kernel.run("%lobu --agent script --wait say one")
    second = kernel.run("%lobu --agent script --wait say two")
    new = kernel.run("%lobu --agent script --new --wait say three")

    ids = [cell.threads[0]["threadId"] for cell in (first, second, new)]
    assert ids[0] == ids[1] != ids[2]
    listed = kernel.run("%lobu threads").text
    assert "test_a_prompt_belongs" in listed


def test_what_a_prompt_wrote_is_taken_back_with_the_code_of_its_preview(kernel: ServedKernel) -> None:
    kernel.run("%lobu --agent script --mode allow --wait write undone.txt hello")
    file = kernel.server.root / "undone.txt"
    assert file.exists()

    preview = kernel.run("%lobu undo").text
    wrong = kernel.run("%lobu undo 0123456789").text
    assert file.exists()
    command = preview.splitlines()[-1].partition("To restore this: ")[2]
    done = kernel.run(command).text

    assert "undone.txt is removed." in preview
    assert "Preview again" in wrong
    assert "1 change was restored." in done
    assert not file.exists()


def test_an_output_goes_on_by_itself_after_its_cell(kernel: ServedKernel) -> None:
    cell = kernel.run("%lobu --agent script slow 6 200")

    kernel.more(cell, "Done.")

    assert "… " in cell.outputs[0]["data"]["text/plain"]  # it returned before the run had ended
    ids = {update["transient"]["display_id"] for update in cell.updates}
    assert ids == {cell.outputs[0]["transient"]["display_id"]}
    first, last = (datetime.fromisoformat(cell.update_dates[at]) for at in (0, -1))
    assert (
        len(cell.updates) <= 4 * (last - first).total_seconds() + 3
    )  # at most four a second, and one at the end


def test_a_decision_is_made_in_a_cell_and_reaches_the_first_output(kernel: ServedKernel) -> None:
    cell = kernel.run("%lobu --agent script run print(6 * 7)")
    kernel.more(cell, "Answer with run.approve()")

    kernel.run("%lobu approve")
    kernel.more(cell, "  | 42")

    assert "approved" in cell.updates[-1]["data"]["text/plain"]


@pytest.mark.scenario("P6")
def test_without_a_page_of_ours_a_waiting_call_is_refused_and_not_stuck(kernel: ServedKernel) -> None:
    cell = kernel.run("%lobu --agent script --wait run print(1)")

    assert "nobody can be asked here" in cell.updates[-1]["data"]["text/plain"]


def test_the_inbox_shows_what_waits_over_all_threads(kernel: ServedKernel) -> None:
    kernel.run("lobu.ask('run print(1)', agent='script').wait()")

    assert "run_code" in kernel.run("%lobu inbox").text
    kernel.run("%lobu reject no")
    kernel.run("%lobu wait")
    assert "All caught up." in kernel.run("%lobu inbox").text


def test_attach_shows_another_thread_here(kernel: ServedKernel) -> None:
    kernel.run("%lobu --agent script --thread other --wait say from the other thread")

    cell = kernel.run("%lobu attach other")

    assert "from the other thread" in cell.text


def test_an_agent_can_look_while_the_first_cell_still_runs(kernel: ServedKernel) -> None:
    cell = kernel.run(
        "import time\n"
        "run, end = lobu.ask('tool list_variables {}', agent='script'), time.monotonic() + 30\n"
        "while run.status != 'succeeded' and time.monotonic() < end:\n"
        "    time.sleep(0.05)\n"
        "print(run.status)"
    )

    assert "succeeded" in cell.text


def test_commands_that_only_look_make_no_thread(kernel: ServedKernel) -> None:
    told = kernel.run("%lobu runs").text
    refused = [kernel.run(f"%lobu {word}").text for word in ("wait", "cancel", "approve", "rebuild")]

    assert "No runs" in told
    assert ["No chat in this notebook yet" in said for said in refused] == [True] * 4
    threads = kernel.server.client().get("threads", params={"kernelId": kernel.kernel_id}).json()["threads"]
    assert threads == []


def test_an_agent_that_is_not_there_is_refused_with_the_one_that_was_meant(kernel: ServedKernel) -> None:
    cell = kernel.run("%lobu --agent scrpt say hello")

    assert "there is no agent 'scrpt' here; did you mean script?" in cell.error


def restart(kernel: ServedKernel) -> None:
    """As a person does it: another page, and the extension loaded again."""
    kernel.server.restart_kernel(kernel.kernel_id)
    kernel.run(LOAD)


ALLOWED = "%lobu --agent script --mode allow --wait run"


@pytest.mark.scenario("W17")
def test_a_rebuild_from_a_cell_runs_the_code_again_after_one_approval(kernel: ServedKernel) -> None:
    for code in ("numbers = [1, 2, 3]", "1 / 0", "total = sum(numbers)"):
        kernel.run(f"{ALLOWED} {code}")
    restart(kernel)
    assert "NameError" in kernel.run("total").error

    shown = kernel.run("%lobu rebuild")
    kernel.more(shown, "Answer with run.approve()")
    kernel.run("%lobu approve")
    kernel.more(shown, "All 2 pieces of code ran again.")

    assert kernel.run("print(total)").text == "6\n"


@pytest.mark.scenario("W17")
def test_a_rebuild_from_a_cell_stops_at_the_first_error(kernel: ServedKernel) -> None:
    for code in ("first = 1", "given = person", "last = 1"):
        kernel.run("person = 1")
        kernel.run(f"{ALLOWED} {code}")
    restart(kernel)

    shown = kernel.run("lobu.thread().rebuild().show()")
    kernel.more(shown, "Answer with run.approve()")
    kernel.run("%lobu approve")
    kernel.more(shown, "It stopped at an error in piece 2 of 3")

    assert kernel.run("print(first)").text == "1\n"
    assert "NameError" in kernel.run("last").error
