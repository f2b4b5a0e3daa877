"""Promise three: whatever dies, the run ends in exactly one error that names it, and the next prompt works."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from tests.servers import RealServer, best_of, wait_for

from .person import Event, Person, ends_of, result_of, text_of, types_of


def busy_run(
    person: Person, kernel: str, code: str = "import time; print('in', flush=True); time.sleep(60)"
) -> tuple[str, str]:
    """A run whose approved code is running in `kernel`: (thread, run)."""
    thread = person.thread(kernelId=kernel)
    run = person.start(thread, f"run {code}", mode="allow")["runId"]
    person.wait_until_seen(thread, "lobu.output")
    return thread, run


def end_of(person: Person, thread: str, run: str) -> Event:
    """The run's one end, and a check that it has no second one."""
    told = person.finish(thread, run)
    (end,) = ends_of(told)
    assert types_of(told).count("TOOL_CALL_RESULT") == types_of(told).count("TOOL_CALL_START")
    return end


def next_prompt_works(person: Person, kernel: str, thread: str) -> None:
    told = person.finish(thread, person.start(thread, "run 40 + 2", mode="allow", kernelId=kernel)["runId"])
    assert "42" in result_of(told), told


def lives(pid: int) -> bool:
    """Whether a process runs: an orphan that nobody has reaped does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.scenario("W17")
def test_a_killed_kernel_is_one_error_within_two_seconds(person: Person, shared_server: RealServer) -> None:
    def kill_one() -> float:
        kernel = shared_server.start_kernel()
        thread, run = busy_run(person, kernel)
        pid = shared_server.kernel_pid(kernel)
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        end = end_of(person, thread, run)
        took = time.monotonic() - began
        assert (end["type"], end["code"]) == ("RUN_ERROR", "kernel_died")
        assert "kernel" in end["message"]
        assert "time.sleep" not in str(ends_of([e for _, e in person.journal(thread)])[1:])
        next_prompt_works(person, kernel, thread)
        return took

    assert best_of(3, kill_one, 2) < 2


@pytest.mark.scenario("W17")
def test_a_kernel_that_exits_by_itself_is_one_error(person: Person, shared_server: RealServer) -> None:
    kernel = shared_server.start_kernel()
    thread = person.thread(kernelId=kernel)
    run = person.start(thread, "run import os; os._exit(3)", mode="allow")["runId"]

    end = end_of(person, thread, run)

    assert end["code"] == "kernel_died"
    next_prompt_works(person, kernel, thread)


@pytest.mark.scenario("W17")
def test_a_restart_by_the_person_is_named_as_one(person: Person, shared_server: RealServer) -> None:
    kernel = shared_server.start_kernel()
    thread, run = busy_run(person, kernel)

    shared_server.restart_kernel(kernel)

    assert end_of(person, thread, run)["code"] == "kernel_restarted"
    next_prompt_works(person, kernel, thread)


@pytest.mark.scenario("W17")
def test_a_shutdown_is_named_as_one(person: Person, shared_server: RealServer) -> None:
    kernel = shared_server.start_kernel()
    thread, run = busy_run(person, kernel)

    shared_server.shut_down_kernel(kernel)

    assert end_of(person, thread, run)["code"] == "kernel_shutdown"
    next_prompt_works(person, shared_server.start_kernel(), thread)


@pytest.mark.scenario("W7")
def test_the_restart_of_a_kernel_without_a_run_says_nothing(
    person: Person, shared_server: RealServer
) -> None:
    kernel = shared_server.start_kernel()
    thread = person.thread(kernelId=kernel)
    person.finish(thread, person.start(thread, "say hi")["runId"])
    before = person.journal(thread)

    shared_server.restart_kernel(kernel)
    person.finish(thread, person.start(thread, "say again")["runId"])

    assert "lobu.kernel" not in str(person.journal(thread)[len(before) :])


@pytest.mark.scenario("W6")
def test_a_kernel_that_is_not_there_is_a_clear_error(person: Person) -> None:
    thread = person.thread(kernelId="no-such-kernel")

    told = person.finish(thread, person.start(thread, "run 1", mode="allow")["runId"])

    (end,) = ends_of(told)
    assert "kernel" in str(told).lower()
    assert end["type"] in ("RUN_FINISHED", "RUN_ERROR")


@pytest.mark.scenario("W5")
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_a_dead_worker_fails_its_run_and_the_next_one_finds_a_new_worker(
    server: RealServer, sign: signal.Signals
) -> None:
    person = Person(server)

    def kill_one() -> float:
        thread = person.thread()
        run = person.start(thread, "slow 5000 10")["runId"]
        person.wait_until_seen(thread, "TEXT_MESSAGE_CONTENT")
        (worker,) = server.worker_pids()
        began = time.monotonic()
        os.kill(worker, sign)
        end = end_of(person, thread, run)
        took = time.monotonic() - began
        assert (end["type"], end["code"]) == ("RUN_ERROR", "worker_died")
        assert "back" in text_of(person.finish(thread, person.start(thread, "say back")["runId"]))
        return took

    assert best_of(3, kill_one, 2) < 2


@pytest.mark.scenario("E19")
def test_a_killed_server_leaves_one_error_the_partial_text_and_nothing_twice(server: RealServer) -> None:
    person = Person(server)
    thread = person.thread()
    run = person.start(thread, "say partial words\nslow 5000 10")["runId"]
    seen: list[tuple[int, Event]] = []
    for entry in person.stream(thread, cursor=0):
        seen.append(entry)
        if len(seen) > 12:
            break
    workers = server.worker_pids()

    server.kill()
    wait_for("the worker to follow its server", lambda: not any(map(lives, workers)))
    server.restart()
    person = Person(server)
    rest = list(person.stream(thread, runId=run, cursor=seen[-1][0]))

    assert [seq for seq, _ in seen + rest] == list(range(1, len(seen + rest) + 1))
    (end,) = ends_of([e for _, e in seen + rest])
    assert end["code"] == "server_restarted"
    assert person.run(run)["status"] == "failed"
    assert text_of([e for _, e in person.journal(thread)]).count("partial") == 1
    assert "after" in text_of(person.finish(thread, person.start(thread, "say after")["runId"]))


@pytest.mark.scenario("E19")
def test_the_runs_of_another_live_server_go_on(two_servers: tuple[RealServer, RealServer]) -> None:
    here, there = Person(two_servers[0]), Person(two_servers[1])
    mine, theirs = here.thread(), there.thread()
    my_run = here.start(mine, "slow 5000 10")["runId"]
    their_run = there.start(theirs, "slow 150 20\nsay survived")["runId"]
    here.wait_until_seen(mine, "TEXT_MESSAGE_CONTENT")
    there.wait_until_seen(theirs, "TEXT_MESSAGE_CONTENT")

    two_servers[0].kill()
    two_servers[0].restart()

    assert end_of(there, mine, my_run)["code"] == "server_restarted"
    told = there.finish(theirs, their_run)
    assert "survived" in text_of(told)
    assert ends_of(told)[0]["type"] == "RUN_FINISHED"


@pytest.mark.scenario("S18")
def test_a_server_told_to_stop_ends_its_runs_and_its_workers_in_time(server: RealServer) -> None:
    person = Person(server)
    thread = person.thread()
    run = person.start(thread, "slow 5000 10")["runId"]
    person.wait_until_seen(thread, "TEXT_MESSAGE_CONTENT")
    workers = server.worker_pids()

    took = server.terminate()

    assert took < 10
    assert not any(map(lives, workers))
    server.restart()
    assert len(ends_of(Person(server).finish(thread, run))) == 1


@pytest.mark.scenario("S8")
@pytest.mark.parametrize(
    "code",
    ["import time; print('in', flush=True); time.sleep(60)", "print('in', flush=True)\n    while True: pass"],
)
def test_cancel_reaches_the_running_code_within_two_seconds(
    person: Person, shared_server: RealServer, code: str
) -> None:
    def cancel_one() -> float:
        thread, run = busy_run(person, shared_server.start_kernel(), code)
        began = time.monotonic()
        person.cancel(run)
        after = person.start(thread, "run 'free again'", mode="allow")["runId"]
        told = person.finish(thread, after)
        took = time.monotonic() - began
        assert "free again" in result_of(told)
        assert person.run(run)["status"] == "cancelled"
        return took

    assert best_of(3, cancel_one, 4) < 4  # two for the cancel, and as much for the next run


def test_code_that_ignores_the_interrupt_is_said_to_run_on(person: Person, shared_server: RealServer) -> None:
    code = (
        "import time; until = time.monotonic() + 12; print('in', flush=True)\n"
        "    while time.monotonic() < until:\n"
        "        try: time.sleep(1)\n"
        "        except KeyboardInterrupt: pass"
    )
    thread, run = busy_run(person, shared_server.start_kernel(), code)

    person.cancel(run)
    told = person.wait_until_seen(thread, "lobu.still_running")

    assert person.run(run)["status"] == "cancelled"
    assert told["value"]["runId"] == run
    assert "still running" in told["value"]["message"]
    assert "Restart the kernel" in told["value"]["message"]


@pytest.mark.scenario("W18")
@pytest.mark.scenario("S11")
def test_late_words_of_a_cancelled_run_change_nothing(person: Person) -> None:
    thread = person.thread()
    first = person.start(thread, "slow 3000 1")["runId"]
    person.wait_until_seen(thread, "TEXT_MESSAGE_CONTENT")

    second = person.start(thread, "say only me", ifRunning="cancel")["runId"]
    told = person.finish(thread, second)

    journal = [event for _, event in person.journal(thread)]
    assert text_of(told).count("only me") == 1
    assert len(ends_of(journal)) == 2
    ended = types_of(journal).index("RUN_FINISHED")
    assert first not in str(journal[ended + 1 :])


@pytest.mark.scenario("W20")
def test_two_browsers_and_a_program_are_one_person_on_a_server_without_users(server: RealServer) -> None:
    person = Person(server)
    thread = person.thread(title="mine")

    by_query = server.client(headers={}, params={"token": server.token})
    by_header = server.client()

    for client in (by_query, by_header):
        assert thread in [t["threadId"] for t in person.ok(client.get("threads"))["threads"]]


@pytest.mark.scenario("S19")
@pytest.mark.scenario("W1")
def test_a_worker_that_cannot_start_is_an_error_and_the_thread_is_free(tmp_path: Path) -> None:
    with RealServer(tmp_path / "broken", env={"LOBU_WORKER_COMMAND": "/bin/false"}) as server:
        person = Person(server)
        thread = person.thread()

        end = end_of(person, thread, person.start(thread, "say x")["runId"])

        assert end["type"] == "RUN_ERROR"
        assert end["code"] in ("worker_died", "worker_lost")
        assert person.snapshot(thread)["status"] == "idle"


def test_fifty_runs_at_once_all_end_once(person: Person) -> None:
    def one(number: int) -> list[Event]:
        thread = person.thread()
        return person.finish(thread, person.start(thread, f"say number {number}")["runId"])

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(one, range(50)))

    assert all(len(ends_of(events)) == 1 for events in told)
    assert all(f"number {n}" in text_of(events) for n, events in enumerate(told))


@pytest.mark.timeout(400)
@pytest.mark.scenario("W17")
def test_two_restarts_at_once_are_told_as_one_and_the_kernel_goes_on(
    person: Person, shared_server: RealServer
) -> None:
    kernel = shared_server.start_kernel()
    thread, run = busy_run(person, kernel)
    path = f"{shared_server.url}api/kernels/{kernel}/restart"

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: person.http.post(path).status_code, range(4)))
    end = end_of(person, thread, run)

    assert end["code"] == "kernel_restarted"
    # Jupyter may start two processes on the same ports: one of them dies, which is told, and is started again.
    wait_for("a kernel that answers", lambda: six_times_seven(person, kernel, thread), 120)
    assert f"kernel {kernel} start_failed" not in shared_server.log()


def six_times_seven(person: Person, kernel: str, thread: str) -> bool:
    """Whether the next prompt works; if not, its run says what happened to the kernel."""
    run = person.start(thread, "run 6 * 7", mode="allow", kernelId=kernel)["runId"]
    told = person.finish(thread, run)
    (end,) = ends_of(told)
    assert end["type"] == "RUN_FINISHED" or end["code"] in ("kernel_died", "kernel_restarted"), end
    return "42" in result_of(told)


class Outsider:
    """A worker that no server started: it registers, takes one run, and speaks the worker protocol by hand."""

    def __init__(self, person: Person) -> None:
        body = {"kind": "outsider", "agents": [{"name": "outsider", "description": "by hand"}]}
        made = person.ok(person.http.post("workers", json=body))
        self._path = f"workers/{made['workerId']}"
        self._auth = {"Authorization": f"Lobu-Worker {made['token']}"}
        self._sent = 0

    def take(self, person: Person) -> Event:
        """The task of the run that was started for it."""
        inbox = person.server.client(headers=self._auth).get(f"{self._path}/inbox", params={"wait": 10})
        (item,) = person.ok(inbox)["items"]
        return item["task"]

    def send(self, person: Person, task: Event, *events: Event) -> None:
        self._sent += 1
        batch = {"runId": task["runId"], "incarnation": task["incarnation"], "batch": self._sent}
        http = person.server.client(headers=self._auth)
        person.ok(http.post(f"{self._path}/events", json={**batch, "events": events}))


@pytest.mark.scenario("E19")
def test_after_a_crash_the_first_answer_knows_every_end_and_the_runs_of_others_go_on(
    two_servers: tuple[RealServer, RealServer],
) -> None:
    here, there = Person(two_servers[0]), Person(two_servers[1])
    lost = [here.start(here.thread(), "slow 5000 10") for _ in range(3)]
    theirs = there.start(there.thread(), "slow 300 20\nsay survived")
    for started, person in [*((one, here) for one in lost), (theirs, there)]:
        person.wait_until_seen(started["threadId"], "TEXT_MESSAGE_CONTENT")
    outsider = Outsider(here)
    outside = here.start(here.thread(), "go on", agent="outsider")
    task = outsider.take(here)
    words = {"messageId": "m1"}
    outsider.send(here, task, {"type": "TEXT_MESSAGE_START", "role": "assistant", **words})

    two_servers[0].kill()
    with ThreadPoolExecutor(1) as pool:
        restarting = pool.submit(two_servers[0].restart)
        first = [first_answer(here, f"runs/{one['runId']}") for one in lost]
        restarting.result(60)
    here = Person(two_servers[0])
    others = [here.run(run["runId"])["status"] for run in (theirs, outside)]
    delta = {"type": "TEXT_MESSAGE_CONTENT", "delta": "went on", **words}
    end = {"type": "RUN_FINISHED", "threadId": task["threadId"], "runId": task["runId"]}
    outsider.send(here, task, delta, {"type": "TEXT_MESSAGE_END", **words}, end)

    assert [(run["status"], run["error"]["code"]) for run in first] == [("failed", "server_restarted")] * 3
    assert others[0] in ("running", "succeeded")  # it goes on, and may have come to its end
    assert others[1] == "running"
    for one in lost:
        assert len(ends_of([e for _, e in here.journal(one["threadId"])])) == 1
    assert "went on" in text_of(here.finish(outside["threadId"], outside["runId"]))
    told = there.finish(theirs["threadId"], theirs["runId"])
    assert "survived" in text_of(told)
    assert ends_of(told)[0]["type"] == "RUN_FINISHED"


def first_answer(person: Person, path: str) -> Event:
    """What a server that is starting says as soon as it says anything."""

    def look() -> Event | None:
        try:
            return person.ok(person.http.get(path))
        except httpx.TransportError:
            return None

    return wait_for("the first answer", look, 60)
