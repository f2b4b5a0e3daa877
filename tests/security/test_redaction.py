"""A secret is redacted however it comes: in two pieces, in an address, in a header."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobu_jupyter.model.events import Event, decode, encode
from lobu_jupyter.model.logs import keep_addresses_out_of_logs
from lobu_jupyter.model.redaction import MAX_CONTEXT, MAX_HELD, REDACTED, Redactor
from lobu_jupyter.model.requests import ThreadsQuery
from lobu_jupyter.model.streamed import Streamed
from tests.gateway.rig import ME, QUIET, Rig, call, open_rig, result, success

KEY, OTHER, QUOTED = "sk-secret-0123456789", "abcabcabcd-token", 'pass"word\\1'
SETTINGS = replace(QUIET, redactor=Redactor([KEY, OTHER, QUOTED, "sk-secret-0123456789-longer"]))
BASIC = "dXNlcjpwYXNzd29yZA=="


@pytest.fixture
async def rig(store: Path) -> AsyncIterator[Rig]:
    async with open_rig(store, settings=SETTINGS) as opened:
        yield opened


# What is written, and what is left of it.
WRITTEN = [
    ("postgresql://ada:s3cret@db.example/x", f"postgresql://{REDACTED}@db.example/x"),
    ("see https://ada:p%40ss:w@rd@example.org:8443?a=b.", f"see https://{REDACTED}@example.org:8443?a=b."),
    ("redis://:s3cret@cache", f"redis://{REDACTED}@cache"),
    (
        "https://ghp_0123456789abcdefghij@github.com/a/b.git",
        f"https://{REDACTED}@github.com/a/b.git",
    ),
    (f"Authorization: Basic {BASIC}", f"Authorization: Basic {REDACTED}"),
    (f"authorization: basic {BASIC}, x", f"authorization: basic {REDACTED}, x"),
    ("{'Authorization': 'Bearer abc.def.ghi'}", f"{{'Authorization': 'Bearer {REDACTED}'}}"),
    ('-H "Authorization: token abcdefgh" u', f'-H "Authorization: token {REDACTED}" u'),
    ("(b'authorization', b'Bearer abc-def')", f"(b'authorization', b'Bearer {REDACTED}')"),
    (f"sent Basic {BASIC} to it", f"sent Basic {REDACTED} to it"),
    ("Bearer 0123456789abcdef.x-y_z\nok", f"Bearer {REDACTED}\nok"),
    ("PROXY-AUTHORIZATION: BEARER ABCDEF12", f"PROXY-AUTHORIZATION: BEARER {REDACTED}"),
]

# What reads alike and is none.
ORDINARY = [
    "http://localhost:8888/lab/tree/a@b.ipynb and mail me@example.org",
    "git@github.com:a/b.git, ssh://git@github.com/a/b",
    'f"postgresql://{user}:{password}@{host}/x"',
    "postgresql://$USER:$PASSWORD@$HOST and mysql://%s:%s@%s",
    "a basic understanding of bearer authentication, and basic blocks",
    'headers = {"Authorization": f"Bearer {token}"}',
    "// a: b @ c\n/usr/bin//x a/b",
]


@pytest.mark.parametrize(("text", "right"), WRITTEN)
def test_credentials_that_are_written_as_such_are_redacted(text: str, right: str) -> None:
    redactor = Redactor()

    assert redactor.text(text) == right
    assert json.loads(redactor.raw(json.dumps({"a": text}).encode())) == {"a": right}
    assert redactor.tree({"a": [text]}) == {"a": [right]}
    assert redactor.text(right) == right, "what is redacted stays as it is"


@pytest.mark.parametrize("text", ORDINARY)
def test_what_only_reads_alike_stays(text: str) -> None:
    redactor = Redactor([KEY])
    body = json.dumps({"a": text}).encode()

    assert redactor.text(text) == text
    assert redactor.raw(body) is body
    assert streamed(redactor, *text) == text


def streamed(redactor: Redactor, *pieces: str) -> str:
    told, left = "", ""
    for piece in pieces:
        now, left = redactor.split(left + piece, told[-MAX_CONTEXT:])
        assert len(left) <= MAX_HELD
        told += now
    before = told[-MAX_CONTEXT:]
    return told + redactor.text(before + left)[len(before) :]


@pytest.mark.parametrize(
    "text",
    [
        *(text for text, _ in WRITTEN),
        f"a {KEY} b",
        KEY,
        f"{KEY}{KEY}",
        f"abcabc{OTHER}",
        f"x {KEY}-longer y",
        f"x {KEY}-long y",
        f"the {OTHER}.",
        f"https://u:{KEY}@h/x",
    ],
)
def test_a_secret_in_any_two_or_in_all_pieces_is_redacted_as_in_one(text: str) -> None:
    redactor = SETTINGS.redactor

    for at in range(1, len(text)):
        assert streamed(redactor, text[:at], text[at:]) == redactor.text(text)
    assert streamed(redactor, *text) == redactor.text(text)


KNOWN = ("e3f1c2d4a5b60718293a", "ee-9c0b7a6d5e4f", "sk-ant-0123456789", "bearer-of-keys-7")
PIECES = st.sampled_from(
    [*KNOWN, "e", "ee", "sk-", "bear", "a", "b", "A", "/", " ", "\n", "code ", "idea", "https://", "ada:pw12@host/",
     "Authorization: ", "Bearer ", "basic ", "dXNlcjpwYXNzd29yZA==", "token-0123456789abcdef"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(PIECES, max_size=12), data=st.data())
def test_however_a_text_is_cut_no_secret_comes_through_a_stream(
    pieces: list[str], data: st.DataObject
) -> None:
    text = "".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    check_cut([text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)])


def test_a_context_that_reads_as_a_secret_when_it_is_cut_costs_no_text() -> None:
    check_cut(["Bearer ebearAuthorization: Bearer Authorization: e"])


def check_cut(deltas: list[str]) -> None:
    text, redactor = "".join(deltas), Redactor(KNOWN)
    stream, told = Streamed(redactor), list[bytes]()

    for delta in deltas:
        body = encode({"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": delta})
        stream.clear = redactor.clear(body)
        told += stream.delta("text", "m", delta, body)
    told += stream.end("text", "m")

    shown = "".join(decode(body)["delta"] for body in told)
    assert not [secret for secret in KNOWN if secret in shown]
    assert redactor.text(shown) == shown
    # All else is there. A cut may make a stream redact more than the whole text has: "xBearer abcd" after its x.
    assert re.fullmatch(".+".join(map(re.escape, shown.split(REDACTED))), text, re.DOTALL)


def test_what_is_held_back_is_bounded() -> None:
    redactor = Redactor([KEY])
    told, left = redactor.split("Authorization: Bearer " + "a" * 20_000)

    assert not left
    assert "aaaa" not in told
    assert redactor.split("x" * 50_000 + KEY[:9]) == ("x" * 50_000, KEY[:9])


def pieces(kind: str, *texts: str) -> list[Event]:
    if kind == "output":
        return [
            {
                "type": "CUSTOM",
                "name": "lobu.output",
                "value": {
                    "toolCallId": "c",
                    "index": 0,
                    "output": {"output_type": "stream", "name": "stdout", "text": text},
                },
            }
            for text in texts
        ]
    type_, member, name = {
        "text": ("TEXT_MESSAGE_CONTENT", "messageId", "m"),
        "reasoning": ("REASONING_MESSAGE_CONTENT", "messageId", "r"),
        "args": ("TOOL_CALL_ARGS", "toolCallId", "c"),
        "chunk": ("TEXT_MESSAGE_CHUNK", "messageId", "k"),
    }[kind]
    return [{"type": type_, member: name, "delta": text} for text in texts]


AROUND: dict[str, tuple[list[Event], list[Event]]] = {
    "text": (
        [{"type": "TEXT_MESSAGE_START", "messageId": "m", "role": "assistant"}],
        [{"type": "TEXT_MESSAGE_END", "messageId": "m"}, success()],
    ),
    "reasoning": (
        [{"type": "REASONING_MESSAGE_START", "messageId": "r", "role": "reasoning"}],
        [{"type": "REASONING_MESSAGE_END", "messageId": "r"}, success()],
    ),
    "args": (
        [{"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "f"}],
        [{"type": "TOOL_CALL_END", "toolCallId": "c"}, result("c"), success()],
    ),
    "chunk": ([], [success()]),
    "output": (call("c"), [result("c"), success()]),
}


def told(journal: list[Event], kind: str) -> str:
    if kind == "output":
        outputs = [e["value"]["output"] for e in journal if e.get("name") == "lobu.output"]
        return "".join(output["text"] for output in outputs)
    wanted = {"text": "TEXT", "chunk": "TEXT", "reasoning": "REASONING", "args": "TOOL_CALL_ARGS"}[kind]
    return "".join(e["delta"] for e in journal if e["type"].startswith(wanted) and "delta" in e)


@pytest.mark.parametrize("kind", AROUND)
@pytest.mark.parametrize("cut", [1, 3, 10, len(KEY) - 1])
async def test_a_secret_in_two_deltas_of_any_stream_is_redacted(rig: Rig, kind: str, cut: int) -> None:
    before, after = AROUND[kind]
    run = await rig.running()

    await rig.worker.emit(run.run_id, *before, *pieces(kind, f"so {KEY[:cut]}"))
    await rig.worker.emit(run.run_id, *pieces(kind, f"{KEY[cut:]} and on, then {OTHER[:5]}"))
    await rig.worker.emit(run.run_id, *after)

    journal = await rig.journal(run.thread_id)
    assert told(journal, kind) == f"so {REDACTED} and on, then {OTHER[:5]}"
    assert journal[-1]["type"] == "RUN_FINISHED"
    assert not await rig.rows("SELECT 1 FROM leases")


@pytest.mark.parametrize("kind", AROUND)
@pytest.mark.parametrize(
    "parts",
    [
        ("send B", "ear", "er ", "0123456789", "abcdef", ". So"),
        ("AUTHORIZ", "ATION: tok", "en abc", "def0. So"),
        ("at http:/", "/u", "ser:", "p@ss", "word@host/x. So"),
    ],
)
async def test_what_is_written_as_a_credential_in_pieces_is_redacted(
    rig: Rig, kind: str, parts: tuple[str, ...]
) -> None:
    before, after = AROUND[kind]
    run = await rig.running()
    if before:
        await rig.worker.emit(run.run_id, *before)

    for part in parts:
        await rig.worker.emit(run.run_id, *pieces(kind, part))
    await rig.worker.emit(run.run_id, *after)

    whole = Redactor().text("".join(parts))
    assert REDACTED in whole
    assert told(await rig.journal(run.thread_id), kind) == whole


async def test_what_a_message_holds_back_comes_before_its_end_and_can_be_searched(rig: Rig) -> None:
    run = await rig.running()
    before, after = AROUND["text"]

    await rig.worker.emit(run.run_id, *before, *pieces("text", "a word sk-sec"))
    assert told(await rig.journal(run.thread_id), "text") == "a word "
    await rig.worker.emit(run.run_id, *after)

    types = [event["type"] for event in await rig.journal(run.thread_id)]
    assert types[-4:] == ["TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "RUN_FINISHED"]
    (found,) = await rig.gateway.threads.list(ME, ThreadsQuery(search="sk-sec"))
    assert found.thread_id == run.thread_id


async def test_what_is_held_back_survives_a_gateway_that_forgot_it(rig: Rig) -> None:
    run = await rig.running()
    before, after = AROUND["text"]

    await rig.worker.emit(run.run_id, *before, *pieces("text", f"so {KEY[:9]}"))
    rig.gateway._ctx.slices.drop(run.run_id)  # pyright: ignore[reportPrivateUsage]
    await rig.worker.emit(run.run_id, *pieces("text", f"{KEY[9:]} and {OTHER[:4]}"))
    rig.gateway._ctx.slices.drop(run.run_id)  # pyright: ignore[reportPrivateUsage]
    await rig.worker.emit(run.run_id, *after)

    assert told(await rig.journal(run.thread_id), "text") == f"so {REDACTED} and {OTHER[:4]}"


@pytest.mark.parametrize("kind", ["text", "args", "output"])
async def test_what_is_held_back_is_told_when_the_run_is_ended_from_outside(rig: Rig, kind: str) -> None:
    run = await rig.running()
    await rig.worker.emit(run.run_id, *AROUND[kind][0], *pieces(kind, f"so {KEY[:9]}"))

    await rig.gateway.runs.cancel(ME, run.run_id)

    assert told(await rig.journal(run.thread_id), kind) == f"so {KEY[:9]}"


async def test_what_is_held_back_is_told_when_the_worker_fails_the_run(rig: Rig) -> None:
    run = await rig.running()
    end: dict[str, Any] = {"type": "RUN_ERROR", "code": "provider_error", "message": "429"}
    await rig.worker.emit(run.run_id, *AROUND["text"][0], *pieces("text", f"so {KEY[:9]}"), end)

    journal = await rig.journal(run.thread_id)
    assert told(journal, "text") == f"so {KEY[:9]}"
    assert journal[-1]["type"] == "RUN_ERROR"


async def test_streams_that_run_beside_each_other_keep_their_own(rig: Rig) -> None:
    run = await rig.running()
    before, after = AROUND["text"]
    image = {"output_type": "display_data", "data": {"text/plain": "figure"}, "metadata": {}}
    figure = {
        "type": "CUSTOM",
        "name": "lobu.output",
        "value": {"toolCallId": "c", "index": 1, "output": image},
    }

    await rig.worker.emit(run.run_id, *call("c"), *before)
    await rig.worker.emit(run.run_id, *pieces("text", f"so {KEY[:7]}"), *pieces("output", f"out {KEY[:5]}"))
    await rig.worker.emit(
        run.run_id, *pieces("text", f"{KEY[7:]}."), *pieces("output", f"{KEY[5:]} sk"), figure
    )
    await rig.worker.emit(run.run_id, result("c"), *after)

    journal = await rig.journal(run.thread_id)
    assert told(journal, "text") == f"so {REDACTED}."
    outputs = [e["value"]["output"] for e in journal if e.get("name") == "lobu.output"]
    assert [o.get("text", "figure") for o in outputs] == ["out ", f"{REDACTED} ", "sk", "figure"]


async def test_a_secret_with_quotes_is_redacted_in_arguments_that_stream(rig: Rig) -> None:
    run = await rig.running()
    before, after = AROUND["args"]
    args = json.dumps({"code": f"x = {QUOTED}"})
    at = args.index("word")

    await rig.worker.emit(run.run_id, *before, *pieces("args", args[:at]))
    await rig.worker.emit(run.run_id, *pieces("args", args[at:]), *after)

    assert json.loads(told(await rig.journal(run.thread_id), "args")) == {"code": f"x = {REDACTED}"}


async def test_without_secrets_each_delta_is_journaled_as_it_came(store: Path) -> None:
    async with open_rig(store, settings=replace(QUIET, redactor=Redactor())) as rig:
        run = await rig.running()
        before, after = AROUND["text"]
        deltas = pieces("text", "some ", "words. ", "x = y[0]", "\n")

        await rig.worker.emit(run.run_id, *before, *deltas, *after)

        journal = await rig.journal(run.thread_id)
        assert [e for e in journal if e["type"] == "TEXT_MESSAGE_CONTENT"] == deltas


def test_no_http_client_of_ours_writes_addresses_into_a_log(caplog: pytest.LogCaptureFixture) -> None:
    before = {name: logging.getLogger(name).level for name in ("httpx", "httpx2", "httpcore", "httpcore2")}
    try:
        with caplog.at_level(logging.INFO):
            keep_addresses_out_of_logs()
            for module in (httpx, httpx2):
                answer = module.MockTransport(lambda _, made=module: made.Response(200))  # pyright: ignore[reportUnknownLambdaType]
                module.Client(transport=answer).get("https://ada:s3cret@example.org/?key=0123456789")

        assert "example.org" not in caplog.text
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
