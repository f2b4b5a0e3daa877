"""A provider that points at a part of the chat gets the request once more without it, and the person is told."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from lobu_jupyter.agents.builtin.assistant import assistant
from lobu_jupyter.agents.models.keys import Settings
from lobu_jupyter.agents.tools.base import BoundTool, Call, Result
from lobu_jupyter.model.ports import LeftOut, ToolSpec
from tests.agents.bench import FakeKernel, policy, run, task_for
from tests.providers import Call as Made
from tests.providers import Provider, calls, says, the_only_provider
from tests.security.test_border import image, png

ALLOW = policy(run={"mode": "allow"})
MODELS = ["chat:test-model", "responses:test-model", "anthropic:test-model", "gemini:test-model"]
POISON = "the poison of this chat"
PICTURE = png(3, 5)


def paths(
    value: Any, wanted: Callable[[Any], bool], path: tuple[str | int, ...] = ()
) -> Iterator[tuple[str | int, ...]]:
    if wanted(value):
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield from paths(part, wanted, (*path, key))


def dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path))


def indexed(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def openai(path: tuple[str | int, ...]) -> dict[str, Any]:
    where = indexed(path)
    message = f"Invalid '{where}': this value is not acceptable."
    return {
        "error": {
            "message": message,
            "type": "invalid_request_error",
            "param": where,
            "code": "invalid_value",
        }
    }


def openai_dotted(path: tuple[str | int, ...]) -> dict[str, Any]:
    """As in "'x' is a required property - 'messages.[3].content'"."""
    where = ".".join(f"[{step}]" if isinstance(step, int) else step for step in path)
    return {
        "error": {
            "message": f"It is not acceptable - '{where}'",
            "type": "invalid_request_error",
            "param": None,
        }
    }


def fastapi(path: tuple[str | int, ...]) -> dict[str, Any]:
    """As vLLM and Mistral: the places of a validator."""
    return {"detail": [{"type": "value_error", "loc": ["body", *path], "msg": "not acceptable"}]}


def fastapi_as_text(path: tuple[str | int, ...]) -> dict[str, Any]:
    return {
        "object": "error",
        "message": f"[{{'type': 'value_error', 'loc': {('body', *path)}}}]",
        "code": 400,
    }


def anthropic(path: tuple[str | int, ...]) -> dict[str, Any]:
    """Its validator puts a block's type into the path."""
    where = list(path)
    if "content" in where and isinstance(where[-1], str) and where[-1] != "content":
        where.insert(where.index("content") + 2, "block")
    message = f"{dotted(tuple(where))}: this value is not acceptable"
    return {"type": "error", "error": {"type": "invalid_request_error", "message": message}}


def anthropic_message(path: tuple[str | int, ...]) -> dict[str, Any]:
    """As in "messages.5: all messages must have non-empty content"."""
    return {"type": "error", "error": {"type": "invalid_request_error", "message": f"{dotted(path[:2])}: no"}}


def gemini(path: tuple[str | int, ...]) -> dict[str, Any]:
    snake = tuple("function_declarations" if step == "functionDeclarations" else step for step in path)
    message = f"* GenerateContentRequest.{indexed(snake)}: should be acceptable\n"
    return {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}


def gemini_violation(path: tuple[str | int, ...]) -> dict[str, Any]:
    violation = {"field": indexed(path), "description": "Invalid value"}
    details = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}]
    return {
        "error": {"code": 400, "message": "Invalid value", "status": "INVALID_ARGUMENT", "details": details}
    }


SHAPES = [
    ("chat:test-model", openai),
    ("chat:test-model", openai_dotted),
    ("chat:test-model", fastapi),
    ("chat:test-model", fastapi_as_text),
    ("responses:test-model", openai),
    ("anthropic:test-model", anthropic),
    ("anthropic:test-model", anthropic_message),
    ("gemini:test-model", gemini),
    ("gemini:test-model", gemini_violation),
]
NAMES = [f"{model.partition(':')[0]}-{shape.__name__}" for model, shape in SHAPES]


def has_poison(value: Any) -> bool:
    return isinstance(value, str) and POISON in value


def has_picture(value: Any) -> bool:
    encodings = base64.b64encode(PICTURE).decode(), base64.urlsafe_b64encode(PICTURE).decode()
    return isinstance(value, str) and value.endswith(encodings)


def refusing(shape: Callable[..., dict[str, Any]], *wanted: Callable[[Any], bool]) -> Any:
    """Refuse the first part of each kind, one in each answer."""

    def refuses(body: dict[str, Any]) -> dict[str, Any] | None:
        for one in wanted:
            for path in paths(body, one):
                return shape(path)
        return None

    return refuses


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    with the_only_provider(monkeypatch) as provider:
        provider.script = [says("Here I am.")]
        yield provider


@pytest.fixture
def settings(provider: Provider) -> Settings:
    key = "sk-secret-0123456789"
    return {
        "providers": {
            "chat": {"kind": "openai", "base_url": f"{provider.url}/v1", "api_key": key},
            "responses": {"kind": "openai-responses", "base_url": f"{provider.url}/v1", "api_key": key},
            "gemini": {"kind": "google", "base_url": provider.url, "api_key": key},
        },
        "keys": {"ANTHROPIC_API_KEY": key, "ANTHROPIC_BASE_URL": provider.url},
    }


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def called(arguments: str, result: str) -> list[dict[str, Any]]:
    call = {"id": "c1", "type": "function", "function": {"name": "run_code", "arguments": arguments}}
    return [
        {"role": "assistant", "content": "I run it.", "toolCalls": [call]},
        {"role": "tool", "toolCallId": "c1", "content": result},
    ]


HISTORIES: dict[str, list[dict[str, Any]]] = {
    "a message": [user("go"), *called("{}", "2"), user(POISON), {"role": "assistant", "content": "yes"}],
    "an answer": [user("go"), *called("{}", "2"), {"role": "assistant", "content": POISON}],
    "a result": [user("go"), *called("{}", POISON), {"role": "assistant", "content": "yes"}],
    "arguments": [
        user("go"),
        *called(json.dumps({"code": POISON}), "2"),
        {"role": "assistant", "content": "yes"},
    ],
}


def old(*messages: dict[str, Any], last: Any = "and now?") -> tuple[dict[str, Any], ...]:
    made = [{"id": f"m{index}", **message} for index, message in enumerate(messages)]
    return (*made, {"id": "last", "role": "user", "content": last})


@pytest.mark.parametrize(("model", "shape"), SHAPES, ids=NAMES)
@pytest.mark.parametrize("name", HISTORIES)
async def test_a_part_of_an_old_journal_that_is_refused_is_left_out(
    name: str, model: str, shape: Any, provider: Provider, settings: Settings
) -> None:
    provider.refuses = refusing(shape, has_poison)
    task = task_for("", agent="assistant", model=model, messages=old(*HISTORIES[name]))

    ended = await run(assistant(settings), task, FakeKernel())

    assert (ended.error, ended.text) == (None, "Here I am.")
    assert len(provider.requests) == 2
    sent = json.dumps(provider.requests[1].body)
    assert POISON not in sent
    assert "and now?" in sent
    assert "left out" in sent
    (told,) = ended.customs("lobu.left_out")
    assert "was left out" in told["message"]
    assert "The provider said: " in told["message"]


@pytest.mark.parametrize(("model", "shape"), SHAPES, ids=NAMES)
async def test_an_image_that_is_refused_costs_only_itself(
    model: str, shape: Any, provider: Provider, settings: Settings
) -> None:
    provider.refuses = refusing(shape, has_picture)
    content = [{"type": "text", "text": "what is this?"}, image(PICTURE)]
    task = task_for("", agent="assistant", model=model, messages=old(user("go"), last=content))

    ended = await run(assistant(settings), task, FakeKernel())

    assert (ended.error, ended.text) == (None, "Here I am.")
    assert "what is this?" in json.dumps(provider.requests[1].body)
    assert "an image" in ended.customs("lobu.left_out")[0]["message"]


@pytest.mark.parametrize(("model", "shape"), SHAPES, ids=NAMES)
async def test_a_tool_that_is_refused_costs_only_itself(
    model: str, shape: Any, provider: Provider, settings: Settings
) -> None:
    async def ran(work: Any, call: Call) -> Result:
        return Result(f"{call.id} ran")

    def made(name: str) -> BoundTool:
        schema = {"type": "object", "properties": {"a": {"type": "string", "description": name}}}
        return BoundTool(ToolSpec(name=name, description=name, parameters=schema, approval=False), ran)

    class Source:
        async def tools(self, work: Any) -> list[BoundTool]:
            return [made("good"), made("bad"), made("fine")]

    settings["tool_sources"] = (Source(),)  # pyright: ignore[reportGeneralTypeIssues]
    provider.refuses = refusing(shape, lambda value: value == {"type": "string", "description": "bad"})
    provider.script = [calls(Made("fine", '{"a": "x"}')), says("Done.")]
    task = task_for("go", agent="assistant", model=model, policy=ALLOW)

    ended = await run(assistant(settings), task, FakeKernel())

    assert (ended.error, ended.text) == (None, "Done.")
    assert len(provider.requests) == 3
    sent = json.dumps(provider.requests[1].body)
    assert '"bad"' not in sent
    assert '"good"' in sent
    (told,) = ended.customs("lobu.left_out")
    assert "the tool bad" in told["message"]


def refusal(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None}}


IMAGE_WORDS = [
    ("anthropic:test-model", "Could not process image"),
    ("chat:test-model", "You uploaded an unsupported image. Please make sure your image is valid."),
    ("chat:test-model", "unknown variant `image_url`, expected `text`"),
    ("responses:test-model", "Invalid image data."),
    ("gemini:test-model", "Unable to process input image. Please retry."),
]


@pytest.mark.parametrize(("model", "words"), IMAGE_WORDS)
async def test_an_error_that_speaks_of_an_image_costs_the_images(
    model: str, words: str, provider: Provider, settings: Settings
) -> None:
    others = png(4, 4)
    provider.refuses = lambda body: refusal(words) if list(paths(body, has_picture)) else None
    messages = old(
        user([image(PICTURE), {"type": "text", "text": "one"}]),
        {"role": "assistant", "content": "I see."},
        user([image(others), {"type": "text", "text": "two"}]),
        {"role": "assistant", "content": "I see."},
    )

    task = task_for("", agent="assistant", model=model, messages=messages)
    ended = await run(assistant(settings), task, FakeKernel())

    assert (ended.error, ended.text) == (None, "Here I am.")
    assert len(provider.requests) == 2
    (told,) = ended.customs("lobu.left_out")
    assert told["message"].startswith(
        "The model's provider refused an image and did not say which, so all images were left out."
    )


NAMING_CALLS = [
    ("responses:test-model", "No tool output found for function call call_abcdefgh."),
    ("anthropic:test-model", "`tool_use` ids were found without `tool_result` blocks: call_abcdefgh"),
]


@pytest.mark.parametrize(("model", "words"), NAMING_CALLS)
async def test_an_error_that_names_a_call_costs_that_call(
    model: str, words: str, provider: Provider, settings: Settings
) -> None:
    made = json.loads(json.dumps(called('{"code": "1"}', "2")).replace('"c1"', '"call_abcdefgh"'))
    provider.refuses = lambda body: refusal(words) if "call_abcdefgh" in json.dumps(body) else None
    messages = old(user("go"), *made, {"role": "assistant", "content": "yes"})

    task = task_for("", agent="assistant", model=model, messages=messages)
    ended = await run(assistant(settings), task, FakeKernel())

    assert (ended.error, ended.text) == (None, "Here I am.")
    assert "a call and its result, so it was left out." in ended.customs("lobu.left_out")[0]["message"]


async def test_an_error_that_names_a_tool_costs_that_tool(provider: Provider, settings: Settings) -> None:
    words = "Failed to compile the grammar of tool 'read_file'"
    provider.refuses = lambda body: refusal(words) if '"read_file"' in json.dumps(body) else None

    task = task_for("go", agent="assistant", model=MODELS[0])
    ended = await run(assistant(settings), task, FakeKernel())

    assert (ended.error, ended.text) == (None, "Here I am.")
    assert "the tool read_file, so it was left out." in ended.customs("lobu.left_out")[0]["message"]


async def test_several_faults_are_left_out_one_after_the_other(
    provider: Provider, settings: Settings
) -> None:
    provider.refuses = refusing(openai, has_poison, has_picture)
    messages = old(*HISTORIES["a result"], user([{"type": "text", "text": "see"}, image(PICTURE)]))
    task = task_for("", agent="assistant", model=MODELS[0], messages=messages)

    ended = await run(assistant(settings), task, FakeKernel())

    assert (ended.error, ended.text) == (None, "Here I am.")
    assert len(provider.requests) == 3


async def test_a_later_request_of_the_run_is_not_refused_again(
    provider: Provider, settings: Settings
) -> None:
    provider.refuses = refusing(openai, has_poison)
    provider.script = [calls(Made("list_variables")), says("Done.")]
    task = task_for(
        "", agent="assistant", model=MODELS[0], messages=old(*HISTORIES["a message"]), policy=ALLOW
    )

    ended = await run(assistant(settings), task, FakeKernel())

    assert (ended.error, ended.text) == (None, "Done.")
    assert len(provider.requests) == 3
    assert len(ended.customs("lobu.left_out")) == 1


@pytest.mark.parametrize(("model", "shape"), SHAPES, ids=NAMES)
@pytest.mark.parametrize("name", ["a result", "a message"])
async def test_a_later_run_of_the_thread_leaves_it_out_at_once_and_silently(
    name: str, model: str, shape: Any, provider: Provider, settings: Settings
) -> None:
    provider.refuses = refusing(shape, has_poison)
    task = task_for("", agent="assistant", model=model, messages=old(*HISTORIES[name]))
    (told,) = (await run(assistant(settings), task, FakeKernel())).customs("lobu.left_out")
    left_out = (LeftOut(model=told["model"], parts=tuple(map(tuple, told["parts"]))),)
    provider.requests.clear()

    again = await run(assistant(settings), msgspec.structs.replace(task, left_out=left_out), FakeKernel())

    assert (again.error, again.text) == (None, "Here I am.")
    assert again.customs("lobu.left_out") == []
    assert len(provider.requests) == 1
    assert POISON not in json.dumps(told)


async def test_another_model_gets_the_part_that_one_refused(provider: Provider, settings: Settings) -> None:
    provider.refuses = refusing(openai, has_poison)
    task = task_for("", agent="assistant", model=MODELS[0], messages=old(*HISTORIES["a message"]))
    (told,) = (await run(assistant(settings), task, FakeKernel())).customs("lobu.left_out")
    left_out = (LeftOut(model=told["model"], parts=tuple(map(tuple, told["parts"]))),)
    provider.refuses = lambda _: None
    provider.requests.clear()

    await run(
        assistant(settings), msgspec.structs.replace(task, model=MODELS[2], left_out=left_out), FakeKernel()
    )

    assert POISON in json.dumps(provider.requests[0].body)


async def test_what_the_person_asks_now_is_never_left_out(provider: Provider, settings: Settings) -> None:
    provider.refuses = refusing(openai, has_poison)
    task = task_for("", agent="assistant", model=MODELS[0], messages=old(user("go"), last=POISON))

    ended = await run(assistant(settings), task, FakeKernel())

    assert ended.error is not None
    assert "not acceptable" in ended.error.message
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "messages[99].content is not acceptable", "param": "messages[99]"}},
        {"error": {"message": "Something is wrong with messages", "param": None}},
        {"error": {"message": "messages[0].content", "param": "messages[" + "9" * 5000 + "]"}},
        {"error": "messages[-1]"},
        {"error": {"a": [[[[[[[[[[[[["messages[1]"]]]]]]]]]]]]]}},
        {"error": {"message": "messages" + "[1]" * 4000}},
    ],
    ids=str,
)
async def test_an_error_that_points_nowhere_ends_the_run_as_it_is(
    body: dict[str, Any], provider: Provider, settings: Settings
) -> None:
    provider.refuses = lambda _: body
    task = task_for("", agent="assistant", model=MODELS[0], messages=old())

    ended = await run(assistant(settings), task, FakeKernel())

    assert ended.error is not None
    assert len(provider.requests) <= 2
