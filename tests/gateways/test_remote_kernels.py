"""Runs in kernels that no local port leads to, as behind a Kernel Gateway or an Enterprise Gateway."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.scenarios.person import Event, Person, ends_of, result_of
from tests.server.page import PageClient
from tests.servers import best_of

from .conftest import Place, whole

LOAD = "%load_ext lobu_jupyter\n"


def run_code(person: Person, thread: str, code: str) -> list[Event]:
    return person.finish(thread, person.start(thread, f"run {code}", mode="allow")["runId"])


def said(events: list[Event]) -> str:
    """What the code printed, as its card has it."""
    outputs = [e["value"]["output"] for e in events if e.get("name") == "lobu.output"]
    return "".join(output.get("text", "") for output in outputs)


def busy(person: Person, thread: str) -> str:
    """A run whose code prints `in` and then takes a minute."""
    code = "run import time; print('in', flush=True); time.sleep(60)"
    run = person.start(thread, code, mode="allow")["runId"]
    for _, event in person.stream(thread, runId=run):
        if event.get("name") == "lobu.output":
            return run
    raise AssertionError("the run ended")


def test_code_runs_with_its_outputs_errors_and_a_refused_input(place: Place, kernel: str) -> None:
    person = place.person
    thread = person.thread(kernelId=kernel)

    assert result_of(run_code(person, thread, "print(6 * 7); x = 8; x")) == "42\n8"
    assert "ZeroDivisionError" in result_of(run_code(person, thread, "1 / 0"))
    assert "ask_user" in result_of(run_code(person, thread, "input('who?')"))
    assert result_of(run_code(person, thread, "x + 1")) == "9"


def test_a_cancel_interrupts_the_code_and_nothing_else(place: Place, kernel: str) -> None:
    person = place.person
    thread = person.thread(kernelId=kernel)

    def stop_one() -> float:
        run = busy(person, thread)
        began = time.monotonic()
        person.cancel(run)
        person.finish(thread, run)
        assert result_of(run_code(person, thread, "'free'")) == "'free'"
        return time.monotonic() - began

    assert best_of(3, stop_one, 2) < 2  # with a whole run after it


@pytest.mark.scenario("W17")
def test_a_restart_a_death_and_a_shutdown_are_told_as_what_they_are(place: Place) -> None:
    person, kernel = place.person, place.kernel()
    thread = person.thread(kernelId=kernel)

    run = busy(person, thread)
    place.server.restart_kernel(kernel)
    assert ends_of(person.finish(thread, run))[0]["code"] == "kernel_restarted"
    run = busy(person, thread)
    began = time.monotonic()
    os.kill(place.gateway.kernel_pid(kernel), signal.SIGKILL)
    assert ends_of(person.finish(thread, run))[0]["code"] == "kernel_died"
    assert time.monotonic() - began < 10  # the gateway itself looks each 3 s
    assert result_of(run_code(person, thread, "'again'")) == "'again'"
    run = busy(person, thread)
    place.server.shut_down_kernel(kernel)
    assert ends_of(person.finish(thread, run))[0]["code"] == "kernel_shutdown"


async def test_lobu_in_a_remote_kernel_speaks_to_the_persons_server_and_waits_inline(
    place: Place, kernel: str
) -> None:
    if place.kind == "enterprise":
        pytest.skip(
            "the Enterprise Gateway's environment cannot have lobu_jupyter: it needs jupyter_client 8"
        )
    async with PageClient(place.server, kernel) as page:
        await page.run("here = 'remote'")
        await page.run(LOAD + "%lobu --wait --agent script --mode allow run there = here + ' kernel'", 60)
        waited = await page.run("print(there)")
        found = await page.run("import lobu_jupyter.notebook.session as s\nprint(s.current().found.url)")

    assert waited == "remote kernel\n"
    assert found.strip() == place.server.url


@whole
def test_a_gateway_that_is_away_is_not_a_dead_kernel(place: Place, kernel: str) -> None:
    person = place.person
    thread = person.thread(kernelId=kernel)
    code = "run import time; print('in', flush=True); time.sleep(9); print('late')"
    run = person.start(thread, code, mode="allow")["runId"]
    events: list[Event] = []
    for _, event in person.stream(thread, runId=run):
        events.append(event)
        note = event["value"].get("text") if event.get("name") == "lobu.note" else None
        if event.get("name") == "lobu.output" and "in" in event["value"]["output"].get("text", ""):
            place.gateway.signal(signal.SIGSTOP)
        elif note and "gateway" in note:
            place.gateway.signal(signal.SIGCONT)

    assert "your kernel's gateway does not answer" in str(events)
    assert "late" in result_of(events)
    assert ends_of(events)[0]["outcome"]["type"] == "success"


@whole
def test_ten_megabytes_of_output_come_with_each_line(place: Place, kernel: str) -> None:
    person = place.person
    thread = person.thread(kernelId=kernel)
    lines = 100_000
    code = f"for n in range({lines}): print(f'{{n:06}}', 'x' * 93)"

    told = said(run_code(person, thread, code)).splitlines()

    assert [int(line[:6]) for line in told] == list(range(lines))


@whole
def test_flushed_lines_and_displays_are_not_dropped(place: Place, kernel: str) -> None:
    person = place.person
    thread = person.thread(kernelId=kernel)

    told = said(run_code(person, thread, "for n in range(4000): print(n, flush=True)"))
    shown = run_code(person, thread, "for n in range(1500): display(n)")

    assert [int(line) for line in told.split()] == list(range(4000))
    outputs = [e for e in shown if e.get("name") == "lobu.output"]
    assert len(outputs) == 1500
