"""Drive tasks through the product: a real server, worker and kernel, and a person who approves what is asked."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lobu_jupyter.model.recording import Recording, parse
from tests.providers import Call, Provider, Reply
from tests.scenarios.person import Person, ends_of, text_of
from tests.servers import RealServer

from .check import Result, spoiled, wrong_of
from .endpoint import Endpoint
from .kernel import Kernel, read_notebook, write_notebook
from .meter import Meter, metering
from .task import Task

RECORDINGS = Path(__file__).parent / "recordings"
SCRIPT = "script"
MOST_QUESTIONS = 30


@dataclass(frozen=True)
class Outcome:
    """How a task went. ``wall``: seconds less those of the model. ``blind``: checks that took a wrong result."""

    name: str
    wrong: tuple[str, ...]
    blind: tuple[str, ...]
    requests: int
    tokens: int
    tools: int
    approvals: int
    wall: float
    model: float
    recording: dict[str, Any]


@dataclass
class Stage:
    """A server with a model behind a meter. ``script``: what gives the written answers, if they answer."""

    server: RealServer
    meter: Meter
    model: str
    script: Provider | None


@contextmanager
def stage(home: Path, endpoint: Endpoint | None = None) -> Iterator[Stage]:
    """Yield a server whose model is a real one, or the written answers."""
    with Provider() as provider, metering(endpoint.url if endpoint else f"{provider.url}/v1") as meter:
        name, model = ("model", endpoint.model) if endpoint else (SCRIPT, "answers")
        key = endpoint.key if endpoint else "none"
        given = {"kind": "openai", "base_url": meter.url, "api_key": key}
        options = [f"--LobuApp.providers={json.dumps({name: given})}", "--ServerApp.log_level=WARN"]
        env = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
        with RealServer(home / "server", options=options, env=env) as server:
            yield Stage(server, meter, f"{name}:{model}", None if endpoint else provider)


def recording_of(task: Task) -> Recording:
    path = RECORDINGS / f"{task.name}.recording.json"
    return parse(path.read_text("utf-8"), path.name)


def replies(recording: Recording) -> list[Reply]:
    """Return a recording's answers as a provider gives them, and one more that says that none is left."""
    found: list[Reply] = []
    for exchange in recording.exchanges:
        parts = exchange.response.parts
        text = "".join(part["content"] for part in parts if part["part_kind"] == "text")
        made = [part for part in parts if part["part_kind"] == "tool-call"]
        found.append(Reply(text, tuple(Call(p["tool_name"], p["args"], p["tool_call_id"]) for p in made)))
    return [*found, Reply("(The written answers are at their end.)")]


def drive(stage: Stage, task: Task) -> Outcome:
    """Do one task on a kernel and a notebook of its own."""
    folder = stage.server.root / task.name
    folder.mkdir()
    for name, text in task.files.items():
        (folder / name).write_text(text, "utf-8")
    notebook, place = folder / "work.ipynb", f"{task.name}/work.ipynb"
    write_notebook(notebook, task.cells, [])
    kernel_id = stage.server.start_kernel(place)
    kernel = Kernel(stage.server.connection_file(kernel_id))
    try:
        ran = task.cells if task.asked is None else task.cells[: task.asked]
        write_notebook(notebook, task.cells, [kernel.cell(source) for source in ran])
        if stage.script is not None:
            stage.script.script = replies(recording_of(task))
        return _done(stage, task, kernel, kernel_id, place)
    finally:
        kernel.close()
        stage.server.shut_down_kernel(kernel_id)


def _done(stage: Stage, task: Task, kernel: Kernel, kernel_id: str, place: str) -> Outcome:
    person = Person(stage.server)
    stage.meter.reset()
    thread = person.thread(kernelId=kernel_id, notebookPath=place)
    began = time.monotonic()
    prompt = task.prompt.replace("{folder}", task.name)
    asked = {"agent": "assistant", "model": stage.model}
    events = person.finish(thread, person.start(thread, prompt, **asked)["runId"])
    approvals, decides = 0, list(task.decides)
    for _ in range(MOST_QUESTIONS):
        waiting = person.interrupts(thread)
        if not waiting:
            break
        approvals += sum(each["toolName"] != "ask_user" for each in waiting)
        given = [decides.pop(0) if decides else {"approved": True} for _ in waiting]
        events = person.finish(thread, person.ok(person.resume(thread, *given))["runId"])
    wall = time.monotonic() - began
    sent, seconds = list(stage.meter.sent), sum(each.seconds for each in stage.meter.sent)
    (end,) = ends_of(events)
    result = Result(kernel.holds, *read_notebook(stage.server.root / place), answer=text_of(events))
    wrong = wrong_of(task, result)
    if end["type"] == "RUN_ERROR":
        wrong.insert(0, f"run: {end['message']}")
    blind = [] if wrong else spoiled(task, result, kernel.execute)
    recording = {} if wrong else person.ok(person.http.post(f"threads/{thread}/export", json={"format": "recording"}))  # fmt: skip
    return Outcome(task.name, tuple(wrong), tuple(blind), len(sent), sum(s.tokens for s in sent),
                   max((s.tools for s in sent), default=0), approvals, wall - seconds, seconds, recording)  # fmt: skip
