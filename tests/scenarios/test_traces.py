"""Traces of real runs, as a collector of OpenTelemetry's protocol receives them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.collector import Collector, collecting
from tests.providers import Call, Provider, calls, says
from tests.scenarios.person import Person, ends_of, result_of, text_of
from tests.servers import RealServer, wait_for

EXTENDING = Path(__file__).parents[1] / "extending"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
FROM = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=1"}
KEY = "sk-the-key-of-the-model-12345"
CODE = "total = 6 * 7\nprint('marker-' + 'zebra')"


def served(home: Path, provider: Provider, *options: str, env: dict[str, str] | None = None) -> RealServer:
    chat = {"kind": "openai", "base_url": f"{provider.url}/v1", "api_key": KEY}
    providers = f"--LobuApp.providers={json.dumps({'chat': chat})}"
    return RealServer(home / "server", options=[providers, *options], env=env)


def a_decided_run(server: RealServer, provider: Provider, **headers: str) -> str:
    """One run that asks before it runs code, and its continuation after a yes. Returns the thread."""
    person = Person(server)
    provider.script = [calls(Call("run_code", json.dumps({"code": CODE}))), says("It is 42, zebra.")]
    thread = person.thread(kernelId=server.start_kernel())
    body = {"prompt": f"What about the zebra? My key is {KEY}", "agent": "assistant", "model": "chat:m"}
    started = person.ok(person.http.post(f"threads/{thread}/runs", json=body, headers=headers))
    person.finish(thread, started["runId"])
    events = person.finish(thread, person.approve(thread)["runId"])
    assert text_of(events) == "It is 42, zebra."
    return thread


def sent(collector: Collector) -> str:
    return b"".join(collector.raw).decode("utf-8", "replace")


def test_one_trace_from_the_caller_over_the_decision_to_the_kernel(tmp_path: Path) -> None:
    with Provider() as provider, collecting() as collector:
        server = served(tmp_path, provider, f"--LobuApp.traces={collector.url}").start()
        try:
            thread = a_decided_run(server, provider, **FROM)
            wait_for("both runs", lambda: len(collector.named("run assistant")) == 2)
            kernel = collector.one("execute code")
        finally:
            server.stop()

    first, second = sorted(collector.named("run assistant"), key=lambda span: span.begun)
    wait = collector.one("wait for decision")
    chats = [s for s in collector.spans if s.attributes.get("gen_ai.operation.name") == "chat"]
    tools = [s for s in collector.spans if s.attributes.get("gen_ai.operation.name") == "execute_tool"]
    assert {span.trace for span in collector.spans} == {TRACE}
    assert (first.parent, first.state) == (SPAN, "vendor=1")
    assert second.parent == wait.parent == first.id
    assert wait.begun <= wait.ended <= second.begun
    assert (wait.attributes["lobu.decision"], wait.attributes["gen_ai.tool.name"]) == ("approve", "run_code")
    assert first.attributes["gen_ai.conversation.id"] == thread
    assert [s.attributes["lobu.outcome"] for s in (first, second)] == ["interrupt", "success"]
    assert len(chats) == 2
    assert chats[0].attributes["gen_ai.request.model"] == "m"
    assert chats[0].attributes["gen_ai.usage.input_tokens"] > 0
    assert {s.attributes["gen_ai.tool.name"] for s in tools} == {"run_code"}
    assert kernel.parent in {s.id for s in tools}
    assert first.resource["service.name"] == "lobu"
    assert "zebra" not in sent(collector)  # neither the prompt, the code, its output nor the answer
    assert KEY not in sent(collector)


def test_content_is_sent_if_a_setting_says_so_and_never_a_secret(tmp_path: Path) -> None:
    with Provider() as provider, collecting() as collector:
        options = (f"--LobuApp.traces={collector.url}", "--LobuApp.trace_content=True")
        server = served(tmp_path, provider, *options).start()
        try:
            a_decided_run(server, provider, traceparent="not-a-traceparent")
            wait_for("both runs", lambda: len(collector.named("run assistant")) == 2)
            kernel = collector.one("execute code")
        finally:
            server.stop()

    first = min(collector.named("run assistant"), key=lambda span: span.begun)
    assert first.parent == ""  # as the standard says, a malformed header counts as none
    assert {span.trace for span in collector.spans} == {first.trace}
    assert kernel.attributes["lobu.kernel.code"] == CODE
    assert "What about the zebra?" in sent(collector)
    assert "[redacted]" in sent(collector)
    assert KEY not in sent(collector)


def test_the_standard_variables_are_used_and_their_headers_kept_from_kernels(tmp_path: Path) -> None:
    with Provider() as provider, collecting() as collector:
        env = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_HEADERS": "x-team=hush%20the-secret-of-traces",
            "OTEL_SERVICE_NAME": "notebooks",
        }
        server = served(tmp_path, provider, "--LobuApp.traces=env", env=env).start()
        try:
            person = Person(server)
            thread = person.thread(kernelId=server.start_kernel())
            look = "import os; print([v for n, v in os.environ.items() if n.startswith('OTEL')])"
            started = person.start(thread, f"run {look}", mode="allow")
            events = person.finish(thread, started["runId"])
            span = collector.one("run script")
        finally:
            server.stop()

    assert "notebooks" in json.dumps(events)
    assert "hush" not in json.dumps(events)
    assert span.resource["service.name"] == "notebooks"
    assert collector.headers[0]["x-team"] == "hush the-secret-of-traces"


def test_mcp_servers_and_outside_agents_get_the_trace(tmp_path: Path) -> None:
    mcp = {"numbers": {"command": [sys.executable, str(EXTENDING / "mcp_server.py")]}}
    log = tmp_path / "log"
    robot = [
        sys.executable,
        str(EXTENDING / "acp_agent.py"),
        "--sessions",
        str(tmp_path / "s"),
        "--log",
        str(log),
    ]
    with Provider() as provider, collecting() as collector:
        options = (
            f"--LobuApp.traces={collector.url}",
            f"--LobuApp.mcp_servers={json.dumps(mcp)}",
            f"--LobuApp.acp_agents={json.dumps({'robot': {'command': robot}})}",
        )
        server = served(tmp_path, provider, *options).start()
        try:
            person = Person(server)
            thread = person.thread()
            body = {"prompt": "tool numbers__told {}", "agent": "script", "mode": "allow"}
            started = person.ok(person.http.post(f"threads/{thread}/runs", json=body, headers=FROM))
            told = json.loads(result_of(person.finish(thread, started["runId"])))
            thread = person.thread()
            body = {"prompt": "say hello", "agent": "robot"}
            started = person.ok(person.http.post(f"threads/{thread}/runs", json=body, headers=FROM))
            person.finish(thread, started["runId"])
            run = collector.one("run robot")
        finally:
            server.stop()

    (prompt,) = [e for e in map(json.loads, log.read_text().splitlines()) if e["what"] == "prompt"]
    assert told["traceparent"].split("-")[1] == TRACE
    assert told["traceparent"].split("-")[2] in {span.id for span in collector.spans}
    assert prompt["meta"]["traceparent"] == f"00-{TRACE}-{run.id}-01"
    assert prompt["meta"]["tracestate"] == "vendor=1"


def test_a_failed_run_says_why(tmp_path: Path) -> None:
    with Provider() as provider, collecting() as collector:
        server = served(tmp_path, provider, f"--LobuApp.traces={collector.url}").start()
        try:
            person = Person(server)
            thread = person.thread()
            started = person.start(thread, "go", agent="assistant", model="unknown:m")
            (end,) = ends_of(person.finish(thread, started["runId"]))
            span = collector.one("run assistant")
        finally:
            server.stop()

    assert span.failed
    assert span.attributes["error.type"] == end["code"]


@pytest.mark.parametrize("silent", [True, False])
def test_a_dead_address_neither_delays_nor_fails_a_run(tmp_path: Path, silent: bool) -> None:
    with Provider() as provider, socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        if not silent:
            listener.close()  # then nobody listens; else it takes connections and never answers
        server = served(tmp_path, provider, f"--LobuApp.traces=http://127.0.0.1:{port}").start()
        try:
            person = Person(server)
            provider.script = [says("Hello.")]
            thread = person.thread()
            took = 0.0
            for _ in range(5):
                began = time.monotonic()
                started = person.start(thread, "go", agent="assistant", model="chat:m")
                (end,) = ends_of(person.finish(thread, started["runId"]))
                took = time.monotonic() - began
                assert end["type"] == "RUN_FINISHED"
            assert took < 4  # the exporter waits five seconds for an answer
            assert server.terminate() < 10
        finally:
            server.stop()


OFF = """
import asyncio, sys
from lobu_jupyter.agents import tracing
from lobu_jupyter.agents.builtin.demo.agent import demo
from lobu_jupyter.model.redaction import Redactor
from lobu_jupyter.worker import host, traced_kernel
from tests.agents.bench import run, task_for, FakeKernel

tracing.configure({settings}, Redactor())
asyncio.run(run(demo(), task_for("hello"), FakeKernel()))
loaded = [name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter", "google.protobuf"))]
print(len(loaded), tracing.carried(), traced_kernel.traced(None, None))
"""


def printed(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    ).stdout.strip()


def test_without_the_setting_nothing_is_imported() -> None:
    assert printed(OFF.format(settings="None")) == "0 {} None"
    assert not printed(OFF.format(settings='{"address": "http://127.0.0.1:9"}')).startswith("0 ")


def test_the_server_imports_nothing_of_opentelemetry() -> None:
    code = "import sys, lobu_jupyter.server.app; print([n for n in sys.modules if 'opentelemetry' in n])"
    assert printed(code) == "[]"


@pytest.mark.parametrize("address", ["collector:4318", "ftp://a", "http://u:p@a", "http://[", "http://"])
def test_an_address_that_cannot_be_used_is_refused_at_the_start(address: str) -> None:
    from traitlets import TraitError

    from lobu_jupyter.server.app import LobuApp

    with pytest.raises(TraitError, match=r"LobuApp\.traces must"):
        LobuApp(traces=address)
