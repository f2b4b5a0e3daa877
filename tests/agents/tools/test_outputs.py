"""What a call prints and draws: whole to the person up to a cap, in few words to the model."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from lobu_jupyter.agents.tools.outputs import Outputs, pieces
from lobu_jupyter.agents.tools.seen import MAX_IMAGES
from lobu_jupyter.model.events import MAX_EVENT_BYTES, Event, encode
from lobu_jupyter.model.fold import Fold
from lobu_jupyter.worker.kernel.capture import Capture
from lobu_jupyter.worker.kernel.executor import _note_of  # pyright: ignore[reportPrivateUsage]


class Shown:
    """The events of a call, and what a page makes of them."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    async def emit(self, event: Event) -> None:
        assert len(encode(event)) <= min(MAX_EVENT_BYTES, 64 * 1024)
        self.events.append(event)

    @property
    def outputs(self) -> list[dict[str, Any]]:
        folding = Fold()
        start = {"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "run_code"}
        for seq, event in enumerate([start, *self.events], 1):
            folding.apply(seq, event)
        return folding.state()["items"][0]["outputs"]


@pytest.fixture
def shown() -> Shown:
    return Shown()


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def data(**mimes: Any) -> dict[str, Any]:
    found = {mime.replace("_", "/"): value for mime, value in mimes.items()}
    return {"output_type": "display_data", "data": found, "metadata": {}}


@pytest.mark.parametrize("text", ["a" * 200_000, "é\n\x00" * 60_000, "🙂" * 50_000])
def test_pieces_are_bounded_as_encoded_and_lose_nothing(text: str) -> None:
    cut = list(pieces(text))

    assert "".join(cut) == text
    assert all(len(encode({"": piece})) <= 64 * 1024 for piece in cut)


async def test_text_of_one_stream_is_one_output_and_streams_alternate(shown: Shown) -> None:
    outputs = Outputs(shown.emit, "c")
    for output in (stream("a"), stream("b"), stream("!", "stderr"), stream("c")):
        await outputs.take(output)
    await outputs.finish()

    assert [(o["name"], o["text"]) for o in shown.outputs] == [
        ("stdout", "ab"),
        ("stderr", "!"),
        ("stdout", "c"),
    ]
    assert (
        outputs.text == "!\nabc"
    )  # each stream is a terminal of its own: lines in the order of their last change


async def test_a_large_figure_travels_in_parts_and_arrives_whole(shown: Shown) -> None:
    png = base64.b64encode(b"\x89PNG" + bytes(300_000)).decode()
    outputs = Outputs(shown.emit, "c")

    await outputs.take(data(image_png=png, text_plain="<Figure>"))

    (arrived,) = shown.outputs
    assert arrived["data"] == {"image/png": png, "text/plain": "<Figure>"}
    assert len(shown.events) > 5
    assert outputs.images[0][0] == "image/png"
    assert "a figure" in outputs.text
    assert png[:50] not in outputs.text


async def test_output_past_the_cap_is_cut_visibly_and_its_size_told(shown: Shown) -> None:
    outputs = Outputs(shown.emit, "c", cap=100_000)

    for _ in range(10):
        await outputs.take(stream("x" * 40_000))
    await outputs.take(data(text_html="<p>" * 1000))
    await outputs.finish()

    text = "".join(o.get("text", "") for o in shown.outputs)
    assert text.count("x") == 100_000
    assert "output is cut here, after 97.7 kB" in text
    assert "of 393.6 kB are shown" in text


async def test_what_the_executor_did_not_keep_counts_as_cut(shown: Shown) -> None:
    capture = Capture("r", 0)
    capture.dropped = 5_000_000
    outputs = Outputs(shown.emit, "c")

    for output in [stream("some"), *_note_of(capture)]:
        await outputs.take(output)
    await outputs.finish()

    assert "of 4.8 MB are shown" in shown.outputs[-1]["text"]


async def test_the_model_gets_head_and_tail_and_the_error_without_colour(shown: Shown) -> None:
    outputs = Outputs(shown.emit, "c")

    await outputs.take(stream("begin" + "x" * 1_000_000 + "end"))
    error = {
        "output_type": "error",
        "ename": "KeyError",
        "evalue": "'m'",
        "traceback": ["\x1b[31mline 1\x1b[0m"],
    }
    await outputs.take(error)

    assert outputs.text.startswith("begin")
    assert "characters left out" in outputs.text
    assert outputs.text.endswith("line 1\nKeyError: 'm'")
    assert len(outputs.text) < 13_000
    assert shown.outputs[-1]["output_type"] == "error"


async def test_an_enormous_traceback_and_odd_text_still_fit(shown: Shown) -> None:
    outputs = Outputs(shown.emit, "c")

    await outputs.take(
        {"output_type": "error", "ename": "E", "evalue": "v" * 10**6, "traceback": ["t" * 10**5] * 50}
    )
    await outputs.take(stream("lone \ud800 surrogate"))
    await outputs.take(data(application_json={"rows": list(range(50_000))}, text_plain="big"))

    assert shown.outputs[0]["ename"] == "E"
    assert "lone ? surrogate" in shown.outputs[1]["text"]
    assert "too large to show" in str(shown.outputs[2]["data"])


async def test_only_a_few_figures_go_to_the_model(shown: Shown) -> None:
    outputs = Outputs(shown.emit, "c")

    for _ in range(MAX_IMAGES + 3):
        await outputs.take(data(image_png="aGk="))

    assert len(outputs.images) == MAX_IMAGES
    assert len(shown.outputs) == MAX_IMAGES + 3


async def test_json_that_nests_too_deep_is_shown_down_to_a_depth(shown: Shown) -> None:
    deep: dict[str, Any] = {}
    for _ in range(3000):
        deep = {"a": deep}
    outputs = Outputs(shown.emit, "call")

    await outputs.take(data(**{"application/json": deep}))

    assert "[nested too deep to show]" in outputs.text
