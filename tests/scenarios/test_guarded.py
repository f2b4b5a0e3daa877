"""A guardrail of models' texts, from the server's configuration to the error that a person sees."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.providers import Provider, says
from tests.scenarios.person import Person, ends_of, text_of
from tests.servers import REPOSITORY, RealServer

HARMLESS = "def guard(text, about):\n    return None\n"


def test_a_refused_text_ends_the_run_and_no_file_of_an_agent_takes_the_guards_place(tmp_path: Path) -> None:
    with Provider() as provider:
        chat = {"kind": "openai", "base_url": f"{provider.url}/v1", "api_key": "k"}
        options = [
            f"--LobuApp.providers={json.dumps({'chat': chat})}",
            "--LobuApp.model_guardrails=personal_data:guard",
        ]
        path = [str(REPOSITORY), str(REPOSITORY / "examples" / "guardrails")]
        server = RealServer(tmp_path / "server", options=options, env={"PYTHONPATH": os.pathsep.join(path)})
        (server.root / "personal_data.py").write_text(HARMLESS)  # where it starts, as an agent might
        server.start()
        try:
            person = Person(server)
            provider.script = [says("Pay with 4111 1111 1111 1111."), says("Fine.")]
            thread = person.thread()
            started = person.start(thread, "how?", agent="assistant", model="chat:m")
            events = person.finish(thread, started["runId"])
            (end,) = ends_of(events)
            assert (end["type"], end["code"]) == ("RUN_ERROR", "guardrail")
            assert "the number of a payment card" in end["message"]
            assert "4111" not in json.dumps(events)

            started = person.start(
                thread, "then I write to ada@example.org", agent="assistant", model="chat:m"
            )
            events = person.finish(thread, started["runId"])
            assert text_of(events) == "Fine."
            assert "[mail]" in json.dumps(provider.requests[-1].body)
            assert "ada@example.org" not in json.dumps(provider.requests[-1].body)
        finally:
            server.stop()
