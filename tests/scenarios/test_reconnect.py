"""Promise one: whatever is cut, a reader that comes back with its cursor gets each event once, in order."""

from __future__ import annotations

import contextlib
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.servers import RealServer, wait_for

from .person import Event, Person, ends_of, text_of

NUMBERED = list[tuple[int, Event]]


def take(person: Person, started: dict[str, str], count: int, cursor: int) -> NUMBERED:
    """Attach at a cursor, read at most `count` events of a run, and cut the connection."""
    stream = person.stream(started["threadId"], runId=started["runId"], cursor=cursor)
    with contextlib.closing(stream):
        return list(itertools.islice(stream, count))


@pytest.mark.scenario("E3")
@pytest.mark.scenario("E16")
def test_leaving_and_coming_back_many_times_adds_up_to_the_journal(person: Person) -> None:
    thread = person.thread()
    started = person.start(thread, "slow 60 10\nsay done")

    seen: NUMBERED = []
    while not ends_of([event for _, event in seen]):
        seen += take(person, started, 3, seen[-1][0] if seen else 0)

    assert seen == person.journal(thread)
    assert [seq for seq, _ in seen] == list(range(1, len(seen) + 1))
    assert person.run(started["runId"])["status"] == "succeeded"


@pytest.mark.scenario("S3")
def test_a_run_goes_on_and_ends_with_nobody_watching(person: Person) -> None:
    thread = person.thread()
    started = person.start(thread, "slow 20 10\nsay it is finished")
    take(person, started, 4, 0)

    person.wait_until_seen(thread, "RUN_FINISHED")

    assert "it is finished" in text_of([event for _, event in person.journal(thread)])
    assert person.run(started["runId"])["status"] == "succeeded"


@pytest.mark.scenario("E5")
def test_attaching_after_the_end_gives_everything_and_one_terminal(person: Person) -> None:
    thread = person.thread()
    run = person.start(thread, "say hello")["runId"]
    person.wait_until_seen(thread, "RUN_FINISHED")

    told = person.finish(thread, run)

    assert "hello" in text_of(told)
    assert len(ends_of(told)) == 1
    assert person.snapshot(thread)["status"] == "idle"


@pytest.mark.scenario("E7")
@pytest.mark.scenario("E14")
def test_every_reader_gets_every_event_whenever_it_attached(person: Person) -> None:
    thread = person.thread()
    run = person.start(thread, "slow 80 5\nsay end")["runId"]
    wait_for("five events", lambda: len(person.journal(thread)) >= 5)

    with ThreadPoolExecutor(8) as pool:
        readers = [
            pool.submit(lambda c: list(person.stream(thread, runId=run, cursor=c)), c)
            for c in (0, 0, 1, 2, 5)
        ]
        told = [reader.result(60) for reader in readers]

    journal = person.journal(thread)
    end = next(seq for seq, event in journal if event["type"] == "RUN_FINISHED")
    for cursor, seen in zip((0, 0, 1, 2, 5), told, strict=True):
        assert seen == [(seq, event) for seq, event in journal if cursor < seq <= end]


@pytest.mark.scenario("E10")
def test_the_explicit_cursor_wins_and_the_event_at_the_cursor_is_not_sent_again(person: Person) -> None:
    thread = person.thread()
    person.start(thread, "say one two three")
    person.wait_until_seen(thread, "RUN_FINISHED")
    last = person.journal(thread)[-1][0]

    by_header = [seq for seq, _ in person.stream(thread, follow="false", last=last - 2)]
    by_both = [seq for seq, _ in person.stream(thread, follow="false", last=1, cursor=last - 1)]

    assert by_header == [last - 1, last]
    assert by_both == [last]


@pytest.mark.scenario("E11")
@pytest.mark.parametrize("cursor", ["999999", "x", "-1", "1.5"])
def test_a_cursor_that_cannot_be_is_refused_by_name(person: Person, cursor: str) -> None:
    thread = person.thread()

    reply = person.http.get(f"threads/{thread}/events", params={"cursor": cursor})

    assert reply.status_code == 422
    assert reply.json()["error"]["field"] == "cursor"


@pytest.mark.scenario("W15")
@pytest.mark.scenario("E8")
def test_a_reader_on_another_server_sees_the_same_events(two_servers: tuple[RealServer, RealServer]) -> None:
    here, there = Person(two_servers[0]), Person(two_servers[1])
    thread = here.thread()
    run = here.start(thread, "slow 60 10\nsay over")["runId"]

    with ThreadPoolExecutor(2) as pool:
        near = pool.submit(lambda: list(here.stream(thread, runId=run)))
        far = pool.submit(lambda: list(there.stream(thread, runId=run, cursor=2)))
        mine, theirs = near.result(60), far.result(60)

    assert "over" in text_of([event for _, event in mine])
    assert theirs == [(seq, event) for seq, event in there.journal(thread) if 2 < seq <= theirs[-1][0]]
    assert mine == [(seq, event) for seq, event in there.journal(thread) if seq >= mine[0][0]]


@pytest.mark.scenario("S6")
def test_cancel_through_the_other_server_stops_the_work_and_keeps_the_partial(
    two_servers: tuple[RealServer, RealServer],
) -> None:
    here, there = Person(two_servers[0]), Person(two_servers[1])
    thread = here.thread()
    run = here.start(thread, "slow 2000 10")["runId"]
    here.wait_until_seen(thread, "TEXT_MESSAGE_CONTENT")

    there.cancel(run)
    told = here.finish(thread, run)

    assert [end.get("outcome") for end in ends_of(told)] == [{"type": "cancelled"}]
    assert text_of(told)
    assert here.run(run)["status"] == "cancelled"
    after = here.start(thread, "say next")["runId"]
    assert "next" in text_of(here.finish(thread, after))
    assert len([e for _, e in here.journal(thread) if e["type"] == "RUN_FINISHED"]) == 2


@pytest.mark.scenario("S14")
def test_a_start_that_is_repeated_is_one_run_also_across_a_restart(server: RealServer) -> None:
    person = Person(server)
    thread = person.thread()
    first = person.start(thread, "ask Sure? | yes | no", clientRequestId="r-1")
    person.wait_until_seen(thread, "RUN_FINISHED")

    again = person.start(thread, "ask Sure? | yes | no", clientRequestId="r-1")
    server.restart()
    later = Person(server).start(thread, "ask Sure? | yes | no", clientRequestId="r-1")

    assert first == again == later
    assert len(Person(server).ok(person.http.get("runs", params={"threadId": thread}))["runs"]) == 1
