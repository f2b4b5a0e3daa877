"""fold(all) == fold(snapshot) + fold(tail), wherever the cut is."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobu_jupyter.model.events import Event, custom, encode, run_finished, run_started
from lobu_jupyter.model.fold import fold
from lobu_jupyter.model.runs import Entry

from .scripts import scripts


@pytest.mark.scenario("E30")
@given(data=st.data(), parts=st.lists(scripts(), min_size=1, max_size=3))
def test_a_snapshot_and_its_tail_are_the_whole(data: st.DataObject, parts: list[list[Event]]) -> None:
    events: list[Event] = [custom("lobu.title", {"title": "t"})]
    for number, part in enumerate(parts):
        run = f"run{number}"
        message = {"id": f"u{number}", "role": "user", "content": "go"}
        outcome = {"type": data.draw(st.sampled_from(["success", "cancelled"]))}
        events += [run_started("t", run, [message]), *part, run_finished("t", run, outcome)]
    entries = [Entry(seq, encode(event)) for seq, event in enumerate(events, 1)]
    cut = data.draw(st.integers(0, len(entries)))

    snapshot = copy.deepcopy(fold(entries[:cut]))

    assert fold(entries[cut:], snapshot) == fold(entries)
    assert fold(entries[max(0, cut - 3) :], copy.deepcopy(fold(entries[:cut]))) == fold(entries)
